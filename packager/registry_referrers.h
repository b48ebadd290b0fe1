#pragma once

#include "packager/referrers.h"
#include "packager/registry.h"

/* What refers to a manifest in a repository: by the referrers API, and by the index under the tag "sha256-HEX", which
 * whoever pushes keeps where a registry has no such API. Both are looked at. */

/* Adds to referrers. *api: the registry answers the API. Errors: INVALID, REFUSED, SYSTEM, CANCELLED. */
bool okse_registry_referrers(OkseRegistry *registry, const OkseSha256 *subject, GPtrArray *referrers, bool *api,
                             GError **error);

/* Put a descriptor into the index under the tag, unless it is there. Read, changed and written, with nobody to keep
 * others from doing the same: so read again afterwards, and done again when it is missing. Errors: as above. */
bool okse_registry_refer(OkseRegistry *registry, const OkseSha256 *subject, const json_t *descriptor, GError **error);
