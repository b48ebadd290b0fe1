#pragma once

#include "audit/law.h"

/* A control in words, made of what it is: its texts, its parameters, the facts that its expressions read, and who uses
 * it how:
 *   {"id", "family", "title", "description", "remediation", "waivable", "needs": […],
 *    "reads": {list of facts: [fields]}, "country": bool, "time": bool,
 *    "parameters": [{"name", "type", "words", "default"}], "tests": {verdict: how many},
 *    "used_by": [{"jurisdiction", "provision", "article", "title", "severity", "confidence", "parameters"}]}
 * A new value. */
json_t *okse_policy_explain(const OkseLaw *law, const OkseControl *control) G_GNUC_WARN_UNUSED_RESULT;

/* How many of a control's tests expect which verdict. */
json_t *okse_policy_tests(const OkseControl *control) G_GNUC_WARN_UNUSED_RESULT;
