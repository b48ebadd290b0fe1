#pragma once

#include "audit/evaluate.h"
#include "audit/law.h"

/* What of the loaded law begins or ends after a day, by date:
 *   {"events": [{"date", "kind": "begins" | "ends" | "instrument", "jurisdiction", "instrument", "provision",
 * "article", "title", "severity", "confidence", "controls": [{"control", "parameters"}], "not_checkable"}], "unknown":
 * [the same with date null]} An instrument's own date has no provision to controls. A new value. */
json_t *okse_policy_calendar(const OkseLaw *law, gint64 from) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    const OkseLaw *law;
    const json_t *facts; /* checked */
    gint64 from, until;  /* days, both of them looked at */
    const OkseEvaluateLimits *limits;
} OkseForecastRequest;

/* The same facts under the law of each day: one entry a day on which a finding changes, and the first day:
 *   {"date", "verdict", "changes": [{"id", "jurisdiction", "provision", "control", "severity", "was", "is", "reason",
 *                                    "evidence": [texts]}]}
 * Between the days on which the law changes or a document ends, the day of a change is searched for; a change that is
 * undone between two looks is not seen. A new list. Errors: SYSTEM. */
json_t *okse_policy_forecast(const OkseForecastRequest *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;
