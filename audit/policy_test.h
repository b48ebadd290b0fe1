#pragma once

#include "audit/law.h"

/* Run the tests that controls carry, through the same evaluation and the same verdicts as an audit. A test's facts are
 * members that replace those of empty facts (every collector complete, every list empty); in each fact what is left out
 * is filled from the `default` values of the facts' schema.
 * Returns {"tests": [{"control","name","expected","status","ok","message"}], "passed": n, "failed": n}, in the order of
 * the controls; a new value. Errors: SYSTEM. */
json_t *okse_policy_test(const GPtrArray *controls, const json_t *schema, GError **error) G_GNUC_WARN_UNUSED_RESULT;
