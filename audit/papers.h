#pragma once

#include "core/resource.h"
#include "core/yaml.h"

/* The types of compliance documents and their fields: manifests/compliance-documents.yaml. Contract for people:
 * docs/compliance-documents.md. */
typedef struct OksePapers OksePapers;

/* Errors: those of reading the data; INVALID with every place. */
OksePapers *okse_papers_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_papers_free(OksePapers *papers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OksePapers, okse_papers_free)

/* Check a document (okse: document/v1) against its type: unknown types and fields, values of another kind, required
 * fields that are blank. A blank (null or "") is a field that is not there. */
void okse_papers_check(const OksePapers *papers, const OkseNode *document, OkseIssues *issues);

/* The rows as they are in the file, in its order; borrowed. */
const json_t *okse_papers_rows(const OksePapers *papers);
/* The row of a type, or NULL. */
const json_t *okse_papers_row(const OksePapers *papers, const char *type);

/* A document of that type to be filled in: every field blank, with what belongs there. why: comment lines without '#',
 * or NULL. */
char *okse_papers_draft(const json_t *row, const char *why) G_GNUC_WARN_UNUSED_RESULT;
