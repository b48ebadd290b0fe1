#pragma once

#include "audit/evaluate.h"
#include "audit/law.h"
#include "audit/waiver.h"

/* Everything that an audit's findings are a function of. */
typedef struct {
    const json_t *facts; /* okse.facts.v1, checked */
    const OkseLaw *law;  /* the jurisdictions asked for, in that order */
    gint64 at;           /* the law of this moment: seconds since 1970 */
    const json_t *geo;   /* {"digest","description"} of the address database, or NULL */
    const OkseEvaluateLimits *limits;
    OkseWaivers *waivers;    /* applied to what fails; may be NULL */
    const char *const *only; /* ids of controls: ask these and no other (okse_only_read()); NULL: all */
    const json_t *previous;  /* earlier findings of this target (okse_previous_check()), or NULL */
    const char *programs;    /* a directory to make and to write what is asked into (okse_tasks_write()), or NULL */
} OkseAuditRequest;

/* Evaluate, and build the okse.findings.v1 document; a new value. Same request, same bytes when written by
 * okse_json_write(), unless a control had to be stopped. Errors: SYSTEM.
 * Source: docs/formats/findings.md. */
json_t *okse_findings(const OkseAuditRequest *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The `findings` of each of several facts documents (a list) under one request, whose own facts are not looked at: a
 * new list of lists. For asking "what if" many times: they share processes. Errors: SYSTEM. */
json_t *okse_findings_of_each(const OkseAuditRequest *request, const json_t *facts,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Exit status of a findings document: 0 compliant, 1 non-compliant, 4 inconclusive. Of a partial one (`only`): 0 what
 * was asked passes, 1 some of it fails, 4 some of it is open; its verdict is never "compliant". */
int okse_findings_exit_status(const json_t *findings);
