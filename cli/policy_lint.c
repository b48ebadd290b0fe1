/* okse policy lint. Without a path it looks at everything there is; with paths, at these files against the rest. */
#include "audit/law.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/policy_files.h"
#include "core/json.h"
#include "core/limits.h"

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

/* Scenarios name provisions of a law that is not among the files. */
static void lint_scenarios(const OksePolicyFiles *files)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseLaw) law = okse_policy_files_law(files, &cause);

    if (cause != NULL)
        okse_issue(files->issues, NULL, "%s", cause->message);
    for (guint i = 0; law != NULL && i < files->scenarios->len; i++)
        okse_scenarios_check(g_ptr_array_index(files->scenarios, i), law, files->issues);
}

static int lint_paths(const OkseInvocation *invocation, const OkseResources *resources, GError **error)
{
    g_auto(OksePolicyFiles) files = {0};

    if (!okse_policy_files_read(&files, invocation, resources, error))
        return 2;
    for (guint i = 0; i < files.controls->len; i++)
        okse_control_lint(g_ptr_array_index(files.controls, i), files.schema, files.issues);
    lint_scenarios(&files);
    return report_issues(invocation, files.issues, invocation->count, error);
}

static int lint_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(GPtrArray) scenarios = NULL;

    if (resources == NULL)
        return 2;
    if (invocation->count > 0)
        return lint_paths(invocation, resources, error);
    law = okse_law_load(resources, NULL, error);
    scenarios = law == NULL ? NULL : okse_scenarios_load(resources, error);
    if (scenarios == NULL)
        return 2;
    okse_law_lint(law, issues);
    for (guint i = 0; i < scenarios->len; i++)
        okse_scenarios_check(g_ptr_array_index(scenarios, i), law, issues);
    if (!okse_law_words_lint_all(resources, issues, error))
        return 3;
    return report_issues(invocation, issues, law->controls->len + law->jurisdictions->len + scenarios->len, error);
}

const OkseCommand okse_command_policy_lint = {
    .name = "policy lint",
    .arguments = "[PATH…]",
    .maximum = G_MAXUINT,
    .summary = "Check controls, jurisdictions, profiles and scenarios: syntax, words, links, tests, translations.",
    .takes_policy = true,
    .run = lint_run,
};
