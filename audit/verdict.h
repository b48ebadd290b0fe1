#pragma once

#include "audit/applicability.h"
#include "audit/control.h"

/* From what an evaluation found to a verdict; the rules of docs/formats/controls.md, "Verdicts". */
typedef enum {
    OKSE_STATUS_PASS,
    OKSE_STATUS_FAIL,
    OKSE_STATUS_INCONCLUSIVE,
    OKSE_STATUS_NOT_APPLICABLE,
    OKSE_STATUS_WAIVED,
} OkseStatus;

/* "pass", "fail", … */
const char *okse_status_name(OkseStatus status);

typedef struct {
    OkseStatus status;
    json_t *reason;    /* language → text, owned; NULL where the status speaks for itself */
    bool out_of_scope; /* not applicable because its collectors do not belong to the audit's scope */
} OkseVerdict;

void okse_verdict_clear(OkseVerdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseVerdict, okse_verdict_clear)

/* The verdict of a control alone. result: one entry of okse_evaluate(). */
OkseVerdict okse_verdict_of(const OkseControl *control, const json_t *facts, const json_t *result);

/* The same under a provision: a doubtful one fails nothing by itself, and one that may not apply decides nothing.
 * applies, reason: of okse_applies(), not OKSE_APPLIES_NOT. Must a lawyer check? */
bool okse_verdict_soften(OkseVerdict *verdict, const OkseProvision *provision, OkseApplies applies, json_t *reason);

/* A reason in English and Korean; the formats take the same arguments. */
json_t *okse_reason(const char *english, const char *korean, ...) G_GNUC_WARN_UNUSED_RESULT;
