/* What kind of law a file is says its first line. */
#include "cli/policy_files.h"

#include "audit/profile.h"
#include "core/fd.h"
#include "core/limits.h"

#include <string.h>

static void control_free(gpointer data)
{
    okse_control_free(data);
}

static void scenarios_free(gpointer data)
{
    okse_scenarios_free(data);
}

void okse_policy_files_clear(OksePolicyFiles *files)
{
    g_clear_pointer(&files->schema, json_decref);
    g_clear_pointer(&files->words, okse_law_words_free);
    g_clear_pointer(&files->target, json_decref);
    g_clear_pointer(&files->law, okse_law_free);
    g_clear_pointer(&files->controls, g_ptr_array_unref);
    g_clear_pointer(&files->scenarios, g_ptr_array_unref);
    g_clear_pointer(&files->issues, okse_issues_free);
}

/* A profile is held against the law that it is for. */
static void read_profile(const OksePolicyFiles *files, const char *path, GBytes *bytes)
{
    g_autoptr(OkseIssues) mine = okse_issues_new();
    g_autoptr(OkseProfile) profile = okse_profile_read(bytes, path, mine);
    g_autoptr(GError) cause = NULL;

    if (!okse_issues_none(mine, &cause) || !okse_profile_apply(profile, files->resources, NULL, &cause))
        okse_issue(files->issues, NULL, "%s", cause->message);
}

/* Most tests have no scenarios, and a law of older days has no target for them. */
static bool read_scenarios(OksePolicyFiles *files, const char *path, GBytes *bytes, GError **error)
{
    OkseScenarios *scenarios;

    if (files->target == NULL && (files->target = okse_scenario_target(files->resources, error)) == NULL)
        return false;
    scenarios = okse_scenarios_read(bytes, path, files->target, files->issues);
    if (scenarios != NULL)
        g_ptr_array_add(files->scenarios, scenarios);
    return true;
}

/* Against the controls that it maps to. */
static bool read_jurisdiction(OksePolicyFiles *files, const char *path, GBytes *bytes, GError **error)
{
    static const char *const none[] = {NULL};
    g_autoptr(OkseJurisdiction) jurisdiction = okse_jurisdiction_read(bytes, path, files->issues);

    if (files->law == NULL && (files->law = okse_law_load(files->resources, none, error)) == NULL)
        return false;
    if (jurisdiction != NULL) {
        okse_law_link(files->law, jurisdiction, files->issues);
        okse_law_lint_languages(jurisdiction, files->issues);
    }
    return true;
}

static bool read_file(OksePolicyFiles *files, const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_DOCUMENT, error);
    g_autoptr(OkseYaml) peek = NULL;
    const char *kind;
    OkseControl *control;

    if (bytes == NULL)
        return false;
    peek = okse_yaml_read(bytes, path, NULL);
    kind = peek == NULL ? NULL : okse_node_text(okse_node_get(okse_yaml_root(peek), "okse"));
    okse_law_words_lint(files->words, bytes, path, files->issues);
    if (g_strcmp0(kind, "scenarios/v1") == 0)
        return read_scenarios(files, path, bytes, error);
    if (g_strcmp0(kind, "profile/v1") == 0) {
        read_profile(files, path, bytes);
        return true;
    }
    if (g_strcmp0(kind, "jurisdiction/v1") == 0)
        return read_jurisdiction(files, path, bytes, error);
    control = okse_control_read(bytes, path, files->schema, files->issues);
    if (control != NULL)
        g_ptr_array_add(files->controls, control);
    return true;
}

bool okse_policy_files_read(OksePolicyFiles *files, const OkseInvocation *invocation, const OkseResources *resources,
                            GError **error)
{
    files->resources = resources;
    files->schema = okse_law_schema(resources, error);
    files->words = files->schema == NULL ? NULL : okse_law_words_read(resources, error);
    files->controls = g_ptr_array_new_with_free_func(control_free);
    files->scenarios = g_ptr_array_new_with_free_func(scenarios_free);
    files->issues = okse_issues_new();
    if (files->words == NULL)
        return false;
    for (unsigned i = 0; i < invocation->count; i++)
        if (!read_file(files, invocation->arguments[i], error))
            return false;
    return true;
}

OkseLaw *okse_policy_files_law(const OksePolicyFiles *files, GError **error)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();

    for (guint i = 0; i < files->scenarios->len; i++) {
        const OkseScenarios *one = g_ptr_array_index(files->scenarios, i);

        if (one->country != NULL && !g_ptr_array_find_with_equal_func(wanted, one->country, g_str_equal, NULL))
            g_ptr_array_add(wanted, one->country);
    }
    if (wanted->len == 0)
        return NULL;
    g_ptr_array_add(wanted, NULL);
    return okse_law_load(files->resources, (const char *const *)wanted->pdata, error);
}
