/* The tables beside the law (rules of conflicts, directions of parameters): refused with an issue, or what an audit
 * relies on. */
#include "audit/conflicts.h"
#include "audit/policy_diff.h"
#include "core/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(json_t) rules = okse_conflict_rules_read(bytes, "fuzz", issues);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) directions = okse_policy_directions(bytes, "fuzz", &error);
    const json_t *rule;
    size_t i;

    g_assert_true((rules == NULL) == (okse_issues_count(issues) > 0));
    g_assert_true((directions == NULL) == (error != NULL));
    json_array_foreach(rules, i, rule)
    {
        g_assert_nonnull(okse_json_peek_text(rule, "id"));
        g_assert_nonnull(okse_json_peek_text(rule, "relation"));
        g_assert_cmpuint(json_array_size(json_object_get(rule, "first")), >, 0);
        g_assert_cmpuint(json_array_size(json_object_get(rule, "second")), >, 0);
        g_assert_nonnull(okse_json_peek_text(json_object_get(rule, "message"), "en"));
    }
    return 0;
}
