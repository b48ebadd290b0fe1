#pragma once

#include "audit/finding_evidence.h"

/* What was audited, for the findings document; new values. */
json_t *okse_findings_target(const json_t *facts) G_GNUC_WARN_UNUSED_RESULT;
/* index: of these facts; what results looked at (okse_fact_index_look()) is not "unpoliced". */
json_t *okse_findings_inventory(const json_t *facts, const OkseFactIndex *index) G_GNUC_WARN_UNUSED_RESULT;
