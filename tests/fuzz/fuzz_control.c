/* Reading a control never crashes; one without objections evaluates to a program, and its expressions are accepted
 * again. */
#include "audit/control.h"
#include "audit/evaluate.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char schema_text[] =
        "{\"properties\":{\"endpoints\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/e\"}}},"
        "\"$defs\":{\"e\":{\"type\":\"object\",\"properties\":{\"role\":{\"type\":\"string\"},"
        "\"location\":{\"type\":\"object\",\"properties\":{\"country\":{\"type\":\"string\"}}}}}}}";
    json_t *schema = json_loads(schema_text, 0, NULL);
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseIssues) lint = okse_issues_new();
    g_autoptr(OkseControl) control = okse_control_read(bytes, "fuzz", schema, issues);

    g_assert(control != NULL || okse_issues_count(issues) > 0);
    if (control != NULL && okse_issues_count(issues) == 0) {
        OkseTask task = {.control = control, .country = "VN"};
        g_autofree char *program = NULL;

        task.parameters = json_object();
        program = okse_evaluate_program(&task, 1);
        g_assert(g_utf8_validate(program, -1, NULL));
        okse_control_lint(control, schema, lint);
        json_decref(task.parameters);
    }
    json_decref(schema);
    return 0;
}
