#pragma once

#include "core/resource.h"
#include "packager/contents.h"

/* How the models of a stack, a bundle or an install scored, as the files beside them say: what was measured, by which
 * harness, graded by whom and where; whether the files that were measured are those that are here, and whether an index
 * follows from its parts. docs/evaluations.md. */

/* {"records": [RECORD], "incomplete": [TEXT]}: a RECORD is okse_evaluation_read()'s (packager/evaluation_read.h) with
 *  "component", "kind", "path" (as it is shown), "digest" of the file;
 *  "about": names of the weights components it speaks of, as far as that is certain;
 *  in each of "subjects" and "outputs" "shipped": the digest of what is here under that name, or null;
 *  in each of "scores" "judged": another model takes part in that evaluation;
 *  in each of "indices" what okse_indices_recompute() adds; scores that are an index have become one;
 *  "covered": another record names this file as its output.
 * root: the install's, when the contents are those of one: then what cannot be read is no error.
 * A new reference. Errors: those of okse_contents_visit() and of reading the data. */
json_t *okse_evaluations_of(const OkseResources *resources, const OkseContents *contents, const char *root,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is a record certain to speak of this weights component? */
bool okse_evaluation_is_about(const json_t *record, const char *component);
