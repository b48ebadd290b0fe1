#pragma once

#include "core/resource.h"

#include <jansson.h>

/* SPDX license expressions: "(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0".
 * Source: SPDX specification 2.3, annex D. */

/* {"id": "MIT"}, with "exception" behind WITH, or {"any" | "all": [at least two of these]}. Operators are upper case,
 * as the annex wants them; ids keep their spelling. At most 1,024 bytes and OKSE_LIMIT_DEPTH brackets. A new reference.
 * Errors: INVALID with what was expected. */
json_t *okse_spdx_parse(const char *expression, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The identifiers there are (manifests/spdx-licenses.yaml). */
typedef struct OkseSpdxIds OkseSpdxIds;
OkseSpdxIds *okse_spdx_ids_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_spdx_ids_free(OkseSpdxIds *ids);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSpdxIds, okse_spdx_ids_free)

/* Every identifier of a parsed expression is one of SPDX, or LicenseRef-… (also behind DocumentRef-…:), in SPDX's own
 * spelling. Errors: INVALID, naming the first that is not and the one that was probably meant. */
bool okse_spdx_check(const OkseSpdxIds *ids, const json_t *parsed, GError **error);
