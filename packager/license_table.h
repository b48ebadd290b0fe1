#pragma once

#include "core/resource.h"

#include <jansson.h>

/* What licenses allow and under which ones model families are published, as data: manifests/licenses.yaml and
 * manifests/model-families.yaml. Immutable after reading. */
typedef struct OkseLicenseTable OkseLicenseTable;

/* The uses there are: what terms permit and stack.yaml declares; NULL-terminated. */
extern const char *const okse_license_uses[];

/* Errors: those of reading the files; INVALID when a row is not what docs/licenses.md says. */
OkseLicenseTable *okse_license_table_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_license_table_free(OkseLicenseTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLicenseTable, okse_license_table_free)

/* The id that somebody calls by this word ("exaone", "apache-2.0", "MIT"), in any case; NULL when nobody does. */
const char *okse_license_named(const OkseLicenseTable *table, const char *word);

/* The id under which a model of this name ("LGAI-EXAONE/EXAONE-4.0-1.2B") is published, or NULL. */
const char *okse_license_of_model(const OkseLicenseTable *table, const char *model);

/* The terms of a parsed expression (packager/spdx.h): of one id its row; of AND the strictest of each; of OR those of
 * the alternative that allows most. NULL when they are not known. A new reference. */
json_t *okse_license_terms(const OkseLicenseTable *table, const json_t *expression) G_GNUC_WARN_UNUSED_RESULT;

/* The same for one id. */
json_t *okse_license_terms_of(const OkseLicenseTable *table, const char *id) G_GNUC_WARN_UNUSED_RESULT;

/* All rows, by id; borrowed. */
const json_t *okse_license_rows(const OkseLicenseTable *table);
