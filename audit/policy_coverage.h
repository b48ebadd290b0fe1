#pragma once

#include "audit/law.h"

/* Every provision of the loaded law, with its controls or the reason why there is none:
 *   {"jurisdictions": [{"iso", "framework", "name", "as_of", "confidence", "provisions": [{"id", "instrument",
 * "article", "title", "effective", "until", "severity", "confidence", "controls": [ids], "not_checkable"}], "totals":
 * {…}}], "totals": {"provisions", "with_controls", "not_checkable", "mandatory", "mandatory_with_controls", "high",
 * "medium", "low", "coming"}} A new value. */
json_t *okse_policy_coverage(const OkseLaw *law, gint64 at) G_GNUC_WARN_UNUSED_RESULT;

/* What the tests that the controls carry cover:
 *   {"controls", "provisions_with_controls", "provisions_not_checkable",
 *    "tests": {control: {verdict: how many tests expect it}},
 *    "provisions_in_scenarios",
 *    "provisions": [{"jurisdiction", "provision", "reached", "tests", "scenarios": {verdict: how many rows expect
 * it}}]} A provision with controls is reached when tests make each of its controls pass and fail. scenarios: list of
 * what okse_scenarios_run() gave. A new value. */
json_t *okse_policy_test_coverage(const OkseLaw *law, const json_t *scenarios) G_GNUC_WARN_UNUSED_RESULT;
