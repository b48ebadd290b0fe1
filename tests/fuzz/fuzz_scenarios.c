/* Reading scenarios never crashes; a table without objections has rows that expect something, and facts that an audit
 * accepts. */
#include "audit/facts_read.h"
#include "audit/scenario.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseResources *resources;
    static json_t *target, *schema;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseScenarios) scenarios = NULL;

    if (resources == NULL) {
        resources = okse_resources_open(NULL, NULL);
        target = okse_scenario_target(resources, NULL);
        schema = okse_law_schema(resources, NULL);
    }
    scenarios = okse_scenarios_read(bytes, "fuzz", target, issues);
    g_assert(scenarios != NULL || okse_issues_count(issues) > 0);
    if (scenarios == NULL || okse_issues_count(issues) > 0)
        return 0;
    g_assert(scenarios->rows->len > 0 && scenarios->country != NULL && scenarios->home != NULL);
    for (guint i = 0; i < scenarios->rows->len; i++) {
        const OkseScenario *row = g_ptr_array_index(scenarios->rows, i);
        g_autoptr(json_t) facts = okse_scenario_facts(row, scenarios, schema);

        g_assert(row->name != NULL && row->article != NULL && row->expectations->len > 0);
        g_assert(okse_audit_facts_check(facts, "fuzz", NULL));
    }
    return 0;
}
