#pragma once

#include "core/json.h"
#include "core/resource.h"

/* What a file is, by its name: lists of {pattern, …} as data (manifests/modelpack-filetypes.yaml, scaffold.yaml). */

/* One data file as JSON. Errors: those of reading it; INVALID. */
json_t *okse_patterns_read(const OkseResources *resources, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The first row whose `pattern` matches the lower-cased last element of path, or NULL; borrowed. */
const json_t *okse_patterns_find(const json_t *rows, const char *path);
