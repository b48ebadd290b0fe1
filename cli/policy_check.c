/* okse policy lint, test. Without a path they look at everything there is; with paths, at these files against the
 * built-in rest. */
#include "audit/law.h"
#include "audit/law_words.h"
#include "audit/policy_coverage.h"
#include "audit/policy_test.h"
#include "audit/profile.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"

#include <string.h>

static void control_free(gpointer data)
{
    okse_control_free(data);
}

/* A profile is held against the law that it is for. */
static bool lint_profile(const char *path, GBytes *bytes, const OkseResources *resources, OkseIssues *issues)
{
    g_autoptr(OkseIssues) mine = okse_issues_new();
    g_autoptr(OkseProfile) profile = okse_profile_read(bytes, path, mine);
    g_autoptr(GError) cause = NULL;

    if (!okse_issues_none(mine, &cause) || !okse_profile_apply(profile, resources, NULL, &cause))
        okse_issue(issues, NULL, "%s", cause->message);
    return true;
}

/* What files are read against, and what becomes of them: controls are kept, everything else is only checked. */
typedef struct {
    const OkseResources *resources;
    const json_t *schema;
    const OkseLawWords *words;
    GPtrArray *controls;
    OkseIssues *issues;
} Reading;

static bool read_file(const char *path, const Reading *reading, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);
    g_autoptr(OkseYaml) peek = NULL;
    const char *kind;
    OkseControl *control;

    if (bytes == NULL)
        return false;
    peek = okse_yaml_read(bytes, path, NULL);
    kind = peek == NULL ? NULL : okse_node_text(okse_node_get(okse_yaml_root(peek), "okse"));
    okse_law_words_lint(reading->words, bytes, path, reading->issues);
    if (g_strcmp0(kind, "profile/v1") == 0)
        return lint_profile(path, bytes, reading->resources, reading->issues);
    if (g_strcmp0(kind, "jurisdiction/v1") == 0) {
        okse_jurisdiction_free(okse_jurisdiction_read(bytes, path, reading->issues));
        return true;
    }
    control = okse_control_read(bytes, path, reading->schema, reading->issues);
    if (control != NULL)
        g_ptr_array_add(reading->controls, control);
    return true;
}

static int report_issues(const OkseInvocation *invocation, const OkseIssues *issues, guint files, GError **error)
{
    g_autoptr(json_t) value = NULL;
    json_t *list = json_array();
    guint kept = MIN(okse_issues_count(issues), OKSE_LIMIT_ISSUES);

    for (guint i = 0; i < kept; i++)
        json_array_append_new(list, json_string(okse_issues_get(issues, i)));
    value = json_pack("{s:s, s:o, s:i}", "schema", "okse.policy.lint.v1", "issues", list, "count",
                      (int)okse_issues_count(issues));
    if (invocation->json && !okse_print_json(value, error))
        return 3;
    for (guint i = 0; !invocation->json && i < kept; i++)
        okse_print("%s\n", okse_issues_get(issues, i));
    if (!invocation->json)
        okse_print("%u files, %u objections\n", files, okse_issues_count(issues));
    return okse_issues_count(issues) > 0 ? 1 : 0;
}

static int lint_paths(const OkseInvocation *invocation, const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) schema = okse_law_schema(resources, error);
    g_autoptr(OkseLawWords) words = schema == NULL ? NULL : okse_law_words_read(resources, error);
    g_autoptr(GPtrArray) controls = g_ptr_array_new_with_free_func(control_free);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const Reading reading = {resources, schema, words, controls, issues};

    if (words == NULL)
        return 2;
    for (unsigned i = 0; i < invocation->count; i++)
        if (!read_file(invocation->arguments[i], &reading, error))
            return 2;
    for (guint i = 0; i < controls->len; i++)
        okse_control_lint(g_ptr_array_index(controls, i), schema, issues);
    return report_issues(invocation, issues, invocation->count, error);
}

static int lint_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseLaw) law = NULL;

    if (resources == NULL)
        return 2;
    if (invocation->count > 0)
        return lint_paths(invocation, resources, error);
    law = okse_law_load(resources, NULL, error);
    if (law == NULL)
        return 2;
    okse_law_lint(law, issues);
    if (!okse_law_words_lint_all(resources, issues, error))
        return 3;
    return report_issues(invocation, issues, law->controls->len + law->jurisdictions->len, error);
}

static void print_test(const json_t *test)
{
    if (!json_is_true(json_object_get(test, "ok")))
        okse_print("FAIL %s / %s: %s\n", okse_json_peek_text(test, "control"), okse_json_peek_text(test, "name"),
                   okse_json_peek_text(test, "message"));
}

static void print_reached(const json_t *provisions, const char *jurisdiction)
{
    g_autoptr(GString) missed = g_string_new(NULL);
    unsigned all = 0, reached = 0;
    const json_t *one;
    size_t i;

    json_array_foreach(provisions, i, one)
    {
        bool good = json_is_true(json_object_get(one, "reached"));

        if (strcmp(okse_json_peek_text(one, "jurisdiction"), jurisdiction) != 0)
            continue;
        all++;
        reached += good;
        if (!good)
            g_string_append_printf(missed, "%s %s", missed->len > 0 ? "," : "; not",
                                   okse_json_peek_text(one, "provision"));
    }
    okse_print("  %s: tests reach %u of %u provisions with controls%s\n", jurisdiction, reached, all, missed->str);
}

static void print_coverage(const json_t *coverage)
{
    const json_t *provisions = json_object_get(coverage, "provisions"), *one;
    json_t *tests = json_object_get(coverage, "tests"), *counts;
    const char *control, *last = "";
    size_t i;

    json_object_foreach(tests, control, counts)
        okse_print("  %-28s  %" JSON_INTEGER_FORMAT " pass, %" JSON_INTEGER_FORMAT " fail, %" JSON_INTEGER_FORMAT
                   " inconclusive, %" JSON_INTEGER_FORMAT " not applicable\n",
                   control, json_integer_value(json_object_get(counts, "pass")),
                   json_integer_value(json_object_get(counts, "fail")),
                   json_integer_value(json_object_get(counts, "inconclusive")),
                   json_integer_value(json_object_get(counts, "not-applicable")));
    json_array_foreach(provisions, i, one)
    {
        const char *jurisdiction = okse_json_peek_text(one, "jurisdiction");

        if (strcmp(jurisdiction, last) != 0)
            print_reached(provisions, jurisdiction);
        last = jurisdiction;
    }
}

static int report_tests(const OkseInvocation *invocation, json_t *report, json_t *coverage, GError **error)
{
    json_int_t failed = json_integer_value(json_object_get(report, "failed"));
    json_int_t passed = json_integer_value(json_object_get(report, "passed"));
    const json_t *test;
    size_t i;

    if (coverage != NULL)
        json_object_set_new(report, "coverage", coverage);
    json_object_set_new(report, "schema", json_string("okse.policy.test.v1"));
    if (invocation->json && !okse_print_json(report, error))
        return 3;
    if (!invocation->json) {
        json_array_foreach(json_object_get(report, "tests"), i, test) print_test(test);
        okse_print("%" JSON_INTEGER_FORMAT " tests passed, %" JSON_INTEGER_FORMAT " failed\n", passed, failed);
        if (coverage != NULL)
            print_coverage(coverage);
        if (coverage != NULL)
            okse_print("%" JSON_INTEGER_FORMAT " controls; %" JSON_INTEGER_FORMAT
                       " provisions with controls, %" JSON_INTEGER_FORMAT " not technically checkable\n",
                       json_integer_value(json_object_get(coverage, "controls")),
                       json_integer_value(json_object_get(coverage, "provisions_with_controls")),
                       json_integer_value(json_object_get(coverage, "provisions_not_checkable")));
    }
    return failed > 0 || passed == 0 ? 1 : 0;
}

static int test_paths(const OkseInvocation *invocation, const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) schema = okse_law_schema(resources, error);
    g_autoptr(OkseLawWords) words = schema == NULL ? NULL : okse_law_words_read(resources, error);
    g_autoptr(GPtrArray) controls = g_ptr_array_new_with_free_func(control_free);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const Reading reading = {resources, schema, words, controls, issues};
    g_autoptr(json_t) report = NULL;

    if (words == NULL)
        return 2;
    for (unsigned i = 0; i < invocation->count; i++)
        if (!read_file(invocation->arguments[i], &reading, error))
            return 2;
    if (!okse_issues_none(issues, error))
        return 2;
    report = okse_policy_test(controls, schema, error);
    return report == NULL ? 3 : report_tests(invocation, report, NULL, error);
}

static int test_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(json_t) report = NULL;

    if (resources == NULL)
        return 2;
    if (invocation->count > 0)
        return test_paths(invocation, resources, error);
    law = okse_law_load(resources, NULL, error);
    if (law == NULL)
        return 2;
    report = okse_policy_test(law->controls, law->schema, error);
    return report == NULL ? 3 : report_tests(invocation, report, okse_policy_test_coverage(law), error);
}

const OkseCommand okse_command_policy_lint = {
    .name = "policy lint",
    .arguments = "[PATH…]",
    .maximum = G_MAXUINT,
    .summary = "Check controls and jurisdictions: syntax, paths, links, tests, translations.",
    .takes_policy = true,
    .run = lint_run,
};

const OkseCommand okse_command_policy_test = {
    .name = "policy test",
    .arguments = "[PATH…]",
    .maximum = G_MAXUINT,
    .summary = "Run the tests that the controls carry.",
    .takes_policy = true,
    .run = test_run,
};
