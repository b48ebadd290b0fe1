#pragma once

#include "core/fd.h"
#include "packager/layout.h"

/* Writes a placed plan into an open file: payload by workers, each blob at its own offset, then everything whose
 * content follows from digests. */

/* Copy every payload blob and set digests (and fs-verity digests) in the plan.
 * Errors: INVALID when a source changed or an image's layer is not what its manifest says; SYSTEM; CANCELLED. */
bool okse_bundle_write_payload(OksePlan *plan, const OkseLayout *layout, int fd, unsigned threads,
                               OkseProgress *progress, GError **error);

/* Render the manifests with the digests now known and write metadata, headers, index.json and the end.
 * Errors: INVALID when two stored blobs turn out equal; SYSTEM. */
bool okse_bundle_write_metadata(OksePlan *plan, const OkseLayout *layout, int fd, GError **error);
