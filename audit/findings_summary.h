#pragma once

#include "audit/applicability.h"
#include "audit/law.h"

/* From the findings of a document to what stands above them: adds `jurisdictions`, `summary` and `verdict`. */
void okse_findings_summarize(json_t *document, const OkseLaw *law, const OkseTarget *target, gint64 at);
