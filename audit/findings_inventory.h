#pragma once

#include "core/json.h"

/* What was audited, for the findings document; new values. */
json_t *okse_findings_target(const json_t *facts) G_GNUC_WARN_UNUSED_RESULT;
/* results: of okse_evaluate(); what their controls looked at is not "unpoliced". */
json_t *okse_findings_inventory(const json_t *facts, const json_t *results) G_GNUC_WARN_UNUSED_RESULT;
