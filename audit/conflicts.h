#pragma once

#include "audit/applicability.h"
#include "audit/law.h"

/* The rules of manifests/conflicts.yaml, checked: a new list of them as written. NULL with issues.
 * Source: docs/formats/controls.md, "Conflicts". */
json_t *okse_conflict_rules_read(GBytes *yaml, const char *origin, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;

/* Controls and parameters that the rules name and that there are not. */
void okse_conflict_rules_lint(const OkseLaw *law, OkseIssues *issues);

/* What provisions that apply to the target ask of each other that cannot be met together, by rule, then in the order of
 * the law:
 *   {"rule", "kind", "controls": [two], "provisions": [{"jurisdiction", "provision", "instrument", "article",
 * "control", "value", "confidence"}, the same], "message": texts} A new list. */
json_t *okse_conflicts(const OkseLaw *law, const OkseTarget *target, gint64 at) G_GNUC_WARN_UNUSED_RESULT;
