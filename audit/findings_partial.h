#pragma once

#include "audit/law.h"

/* An audit that asks some controls only (okse audit --only): what the engineer runs after a repair. It says what those
 * controls say and never that the whole is compliant. Decision: docs/decisions/0044-partial-audits.md. */

/* "a,b" words → sorted ids, each once, ends with NULL; g_strfreev(). Errors: INVALID for a control that does not exist,
 * or that nothing in this law asks. */
char **okse_only_read(char *const *words, const OkseLaw *law, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* True when the control is asked: it is in the list, or there is no list. */
bool okse_only_has(const char *const *only, const char *control);

/* Mark a document that is being built as partial ({"only":[…]} and a warning), and, when it is summarized, say what
 * became of what was asked ("result": "pass", "fail" or "inconclusive"). */
void okse_partial_begin(json_t *document, const char *const *only);
void okse_partial_end(json_t *document);

/* 0 pass, 1 fail, 4 inconclusive. */
int okse_partial_exit_status(const json_t *findings);
