#pragma once

#include "audit/objects.h"

/* Which fields of an object say where data goes: manifests/object-fields.yaml. */

/* The table; a new value. Errors: those of reading the data; INVALID. */
json_t *okse_object_fields_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Find the fields of the rows of `family` ("kubernetes", "terraform") for `kind` below node: their endpoints
 * become facts; their values come back as [{"path","value","line"}], a new reference. */
json_t *okse_object_fields(const OkseObjectFile *file, const char *family, const char *kind,
                           const OkseNode *node) G_GNUC_WARN_UNUSED_RESULT;
