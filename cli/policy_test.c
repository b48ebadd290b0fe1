/* okse policy test: the tests that controls carry, and the scenarios beside the law. Without a path, all there are;
 * with paths, those of these files against the rest. */
#include "audit/policy_test.h"
#include "audit/policy_coverage.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/policy_files.h"
#include "core/fd.h"
#include "core/json.h"

#include <string.h>

static void print_test(const json_t *test)
{
    if (!json_is_true(json_object_get(test, "ok")))
        okse_print("FAIL %s / %s: %s\n", okse_json_peek_text(test, "control"), okse_json_peek_text(test, "name"),
                   okse_json_peek_text(test, "message"));
}

static bool is_reached(const json_t *provision)
{
    return json_is_true(json_object_get(provision, "reached"));
}

static bool is_in_scenarios(const json_t *provision)
{
    return json_object_size(json_object_get(provision, "scenarios")) > 0;
}

/* "WHAT 3 of 5 provisions with controls; not a, b", counted over one jurisdiction. */
static void print_share(const json_t *provisions, const char *jurisdiction, const char *what,
                        bool (*covers)(const json_t *))
{
    g_autoptr(GString) missed = g_string_new(NULL);
    unsigned all = 0, covered = 0;
    const json_t *one;
    size_t i;

    json_array_foreach(provisions, i, one)
    {
        bool good = covers(one);

        if (strcmp(okse_json_peek_text(one, "jurisdiction"), jurisdiction) != 0)
            continue;
        all++;
        covered += good;
        if (!good)
            g_string_append_printf(missed, "%s %s", missed->len > 0 ? "," : "; not",
                                   okse_json_peek_text(one, "provision"));
    }
    if (covered > 0 || covers == is_reached)
        okse_print("  %s: %s %u of %u provisions with controls%s\n", jurisdiction, what, covered, all, missed->str);
}

/* tests_too: those of all controls were run. */
static void print_coverage(const json_t *coverage, bool tests_too)
{
    const json_t *provisions = json_object_get(coverage, "provisions"), *one;
    json_t *tests = json_object_get(coverage, "tests"), *counts;
    const char *control, *last = "";
    size_t i;

    json_object_foreach(tests, control, counts) if (tests_too)
        okse_print("  %-28s  %" JSON_INTEGER_FORMAT " pass, %" JSON_INTEGER_FORMAT " fail, %" JSON_INTEGER_FORMAT
                   " inconclusive, %" JSON_INTEGER_FORMAT " not applicable\n",
                   control, json_integer_value(json_object_get(counts, "pass")),
                   json_integer_value(json_object_get(counts, "fail")),
                   json_integer_value(json_object_get(counts, "inconclusive")),
                   json_integer_value(json_object_get(counts, "not-applicable")));
    json_array_foreach(provisions, i, one)
    {
        const char *jurisdiction = okse_json_peek_text(one, "jurisdiction");

        if (strcmp(jurisdiction, last) != 0 && tests_too)
            print_share(provisions, jurisdiction, "tests reach", is_reached);
        if (strcmp(jurisdiction, last) != 0)
            print_share(provisions, jurisdiction, "scenarios name", is_in_scenarios);
        last = jurisdiction;
    }
}

static void print_scenario(const json_t *row)
{
    const char *provision = okse_json_peek_text(row, "provision");

    if (!json_is_true(json_object_get(row, "ok")))
        okse_print("FAIL %s: %s (%s): %s is %s, expected %s\n", okse_json_peek_text(row, "place"),
                   okse_json_peek_text(row, "case"), okse_json_peek_text(row, "article"),
                   provision != NULL ? provision : "the verdict", okse_json_peek_text(row, "status"),
                   okse_json_peek_text(row, "expected"));
}

static json_int_t sum_of(const json_t *tables, const char *key)
{
    const json_t *table;
    json_int_t sum = 0;
    size_t i;

    json_array_foreach(tables, i, table) sum += json_integer_value(json_object_get(table, key));
    return sum;
}

static void print_scenarios(const json_t *tables)
{
    const json_t *table, *row;
    size_t i, k;

    json_array_foreach(tables, i, table) json_array_foreach(json_object_get(table, "results"), k, row)
        print_scenario(row);
    if (json_array_size(tables) > 0)
        okse_print("%" JSON_INTEGER_FORMAT " scenarios: %" JSON_INTEGER_FORMAT
                   " expectations hold, %" JSON_INTEGER_FORMAT " do not\n",
                   sum_of(tables, "rows"), sum_of(tables, "passed"), sum_of(tables, "failed"));
}

static void print_totals(const json_t *coverage)
{
    okse_print("%" JSON_INTEGER_FORMAT " controls; %" JSON_INTEGER_FORMAT
               " provisions with controls, of which scenarios name %" JSON_INTEGER_FORMAT "; %" JSON_INTEGER_FORMAT
               " not technically checkable\n",
               json_integer_value(json_object_get(coverage, "controls")),
               json_integer_value(json_object_get(coverage, "provisions_with_controls")),
               json_integer_value(json_object_get(coverage, "provisions_in_scenarios")),
               json_integer_value(json_object_get(coverage, "provisions_not_checkable")));
}

/* law: what coverage is counted over; NULL: over nothing. */
static int report_tests(const OkseInvocation *invocation, json_t *report, const OkseLaw *law, GError **error)
{
    const json_t *tables = json_object_get(report, "scenarios"), *test;
    json_int_t failed = json_integer_value(json_object_get(report, "failed"));
    json_int_t passed = json_integer_value(json_object_get(report, "passed"));
    json_t *coverage = law == NULL ? NULL : okse_policy_test_coverage(law, tables);
    size_t i;

    if (coverage != NULL)
        json_object_set_new(report, "coverage", coverage);
    json_object_set_new(report, "schema", json_string("okse.policy.test.v1"));
    if (invocation->json && !okse_print_json(report, error))
        return 3;
    if (!invocation->json) {
        json_array_foreach(json_object_get(report, "tests"), i, test) print_test(test);
        if (passed + failed > 0 || json_array_size(tables) == 0)
            okse_print("%" JSON_INTEGER_FORMAT " tests passed, %" JSON_INTEGER_FORMAT " failed\n", passed, failed);
        print_scenarios(tables);
        if (coverage != NULL)
            print_coverage(coverage, invocation->count == 0);
        if (coverage != NULL && invocation->count == 0)
            print_totals(coverage);
    }
    failed += sum_of(tables, "failed");
    passed += sum_of(tables, "passed");
    return failed > 0 || passed == 0 ? 1 : 0;
}

/* Adds what became of the tables to the report. law: of their countries; NULL when there is no table. */
static bool run_scenarios(const GPtrArray *tables, const OkseLaw *law, const OkseResources *resources, json_t *report,
                          GError **error)
{
    json_t *list = json_array();

    json_object_set_new(report, "scenarios", list);
    for (guint i = 0; i < tables->len; i++) {
        json_t *one = okse_scenarios_run(g_ptr_array_index(tables, i), law, resources, error);

        if (one == NULL)
            return false;
        json_array_append_new(list, one);
    }
    return true;
}

static int test_paths(const OkseInvocation *invocation, const OkseResources *resources, GError **error)
{
    g_auto(OksePolicyFiles) files = {0};
    g_autoptr(json_t) report = NULL;
    g_autoptr(OkseLaw) law = NULL;

    if (!okse_policy_files_read(&files, invocation, resources, error) || !okse_issues_none(files.issues, error))
        return 2;
    law = okse_policy_files_law(&files, error);
    if (law == NULL && files.scenarios->len > 0)
        return 2;
    report = okse_policy_test(files.controls, files.schema, error);
    return report != NULL && run_scenarios(files.scenarios, law, resources, report, error)
               ? report_tests(invocation, report, law, error)
               : 3;
}

static int test_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(GPtrArray) scenarios = NULL;
    g_autoptr(json_t) report = NULL;

    if (resources == NULL)
        return 2;
    if (invocation->count > 0)
        return test_paths(invocation, resources, error);
    law = okse_law_load(resources, NULL, error);
    scenarios = law == NULL ? NULL : okse_scenarios_load(resources, error);
    if (scenarios == NULL)
        return 2;
    report = okse_policy_test(law->controls, law->schema, error);
    return report != NULL && run_scenarios(scenarios, law, resources, report, error)
               ? report_tests(invocation, report, law, error)
               : 3;
}

const OkseCommand okse_command_policy_test = {
    .name = "policy test",
    .arguments = "[PATH…]",
    .maximum = G_MAXUINT,
    .summary = "Run the tests that controls carry and the scenarios beside the law.",
    .details = "PATH is a control or a table of scenarios (docs/formats/scenarios.md). Exit status 1: one does not "
               "hold, or there\n"
               "was none.",
    .takes_policy = true,
    .run = test_run,
};
