#pragma once

#include "core/resource.h"
#include "packager/contents.h"

/* Licenses of what would be installed, or is: what the stack, texts, model cards, configurations and GGUF headers say,
 * with the terms of the table and where the lineage of each model leads. docs/licenses.md. */
typedef struct OkseLicenses OkseLicenses;

/* The tables and known texts. Errors: those of reading the files; INVALID. */
OkseLicenses *okse_licenses_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_licenses_free(OkseLicenses *licenses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLicenses, okse_licenses_free)

/* {"claims": [CLAIM], "incomplete": [TEXT]}: a CLAIM is a fact of `licenses` (docs/formats/facts.md) without "id" and
 * "source", but with "key", which tells it from all others, and "path", "line" (0: none) of where it was made.
 * incomplete: what could not be read, and why. root: the install's, when the contents are those of one: then what
 * cannot be read is no error. A new reference. Errors: those of okse_contents_visit(). */
json_t *okse_licenses_of(const OkseLicenses *licenses, const OkseContents *contents, const char *root,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
