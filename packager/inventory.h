#pragma once

#include "packager/source.h"

/* What a component's own files say about it, read once while a build is planned: packages, license texts, the model's
 * architecture. A file that says nothing is passed over; nothing is guessed. */
typedef struct {
    char *path;
    char *text; /* UTF-8, made safe to show, new lines kept */
} OkseLicenseText;

typedef struct {
    GPtrArray *texts; /* OkseLicenseText, by path; the stack's `license.file` first */
    json_t *packages; /* [{"path", "type", "name", "version", "license"?}], by path */
    json_t *model;    /* {"model_type"?, "architecture"?} of config.json, or NULL */
} OkseInventory;

/* names: manifests/license-files.yaml. Errors: those of okse_source_copy(). */
OkseInventory *okse_inventory_of(const OkseSource *source, const json_t *names,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_inventory_free(OkseInventory *inventory);

/* Put the text of `license.file` in front. bytes: of that file. */
void okse_inventory_add_license(OkseInventory *inventory, const char *path, GBytes *bytes);

#define OKSE_LIMIT_LICENSE 262144u /* bytes of one license text */
