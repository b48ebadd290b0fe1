/* Reading tables of scenarios: a row is the complete target with changes, and what is then. */
#include "audit/scenario.h"

#include "audit/law_read.h"
#include "core/json.h"
#include "core/limits.h"

#include <string.h>

#define DIRECTORY "manifests/scenarios"
#define TARGET "manifests/scenario-target.yaml"

static const char *const statuses[] = {"pass", "fail", "inconclusive", "not-applicable", NULL};
static const char *const verdicts[] = {"compliant", "non-compliant", "inconclusive", NULL};

static void expectation_free(gpointer data)
{
    OkseExpectation *expectation = data;

    g_free(expectation->provision);
    g_free(expectation->status);
    g_free(expectation);
}

static void row_free(gpointer data)
{
    OkseScenario *row = data;

    g_free(row->name);
    g_free(row->article);
    json_decref(row->target);
    g_ptr_array_unref(row->expectations);
    g_free(row->overall);
    g_free(row);
}

void okse_scenarios_free(OkseScenarios *scenarios)
{
    if (scenarios == NULL)
        return;
    g_free(scenarios->origin);
    g_free(scenarios->country);
    g_free(scenarios->home);
    g_ptr_array_unref(scenarios->rows);
    g_free(scenarios);
}

static void scenarios_free(gpointer data)
{
    okse_scenarios_free(data);
}

json_t *okse_scenario_target(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, TARGET, error);
    g_autofree char *origin = okse_resources_name(resources, TARGET);
    g_autoptr(OkseYaml) document = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    const OkseNode *root = document == NULL ? NULL : okse_yaml_root(document);
    const OkseNode *target = okse_node_get(root, "target");

    if (document == NULL)
        return NULL;
    if (g_strcmp0(okse_node_text(okse_node_get(root, "okse")), "scenario-target/v1") == 0 && target != NULL &&
        okse_node_kind(target) == OKSE_NODE_MAP)
        return okse_node_to_json(target);
    okse_fail(error, OKSE_ERROR_INVALID, "%s:1:1: must begin with 'okse: scenario-target/v1' and have 'target'",
              origin);
    return NULL;
}

/* What an item of a list may say. */
typedef struct {
    const char *key;
    OkseNodeKind kind; /* TEXT, FLAG or LIST */
    OksePresence presence;
} Member;

static const Member destination[] = {
    {"role", OKSE_NODE_TEXT, OKSE_REQUIRED},     {"country", OKSE_NODE_TEXT, OKSE_REQUIRED},
    {"declared", OKSE_NODE_FLAG, OKSE_OPTIONAL}, {"observed", OKSE_NODE_FLAG, OKSE_OPTIONAL},
    {"tls", OKSE_NODE_FLAG, OKSE_OPTIONAL},      {NULL, OKSE_NODE_NULL, OKSE_OPTIONAL}};
static const Member store[] = {{"place", OKSE_NODE_TEXT, OKSE_REQUIRED},     {"path", OKSE_NODE_TEXT, OKSE_OPTIONAL},
                               {"encrypted", OKSE_NODE_FLAG, OKSE_OPTIONAL}, {"remote", OKSE_NODE_FLAG, OKSE_OPTIONAL},
                               {"declared", OKSE_NODE_FLAG, OKSE_OPTIONAL},  {NULL, OKSE_NODE_NULL, OKSE_OPTIONAL}};
static const Member resource[] = {{"region", OKSE_NODE_TEXT, OKSE_OPTIONAL},
                                  {"country", OKSE_NODE_TEXT, OKSE_OPTIONAL},
                                  {"replicates_to", OKSE_NODE_LIST, OKSE_OPTIONAL},
                                  {"several_regions", OKSE_NODE_FLAG, OKSE_OPTIONAL},
                                  {NULL, OKSE_NODE_NULL, OKSE_OPTIONAL}};

static void check_item(const OkseNode *node, const char *what, const Member *members, const char *origin,
                       OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, what, issues);
    const char *text;
    bool flag;

    for (; members->key != NULL; members++) {
        if (members->kind == OKSE_NODE_FLAG)
            okse_map_take_flag(map, members->key, members->presence, &flag);
        else if (members->kind == OKSE_NODE_LIST)
            g_ptr_array_unref(okse_law_take_words(map, members->key, members->presence, origin, issues));
        else
            okse_map_take_text(map, members->key, members->presence, &text);
    }
    okse_map_end(map);
}

static void check_items(OkseMap *map, const char *key, const char *what, const Member *members, const char *origin,
                        OkseIssues *issues)
{
    const OkseNode *list = NULL;

    if (okse_map_take_list(map, key, OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            check_item(okse_node_item(list, i), what, members, origin, issues);
}

static void check_texts(OkseMap *map, const char *key, const char *origin, OkseIssues *issues)
{
    g_ptr_array_unref(okse_law_take_words(map, key, OKSE_OPTIONAL, origin, issues));
}

/* One word or a list of them. */
static void check_sector(OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;

    if (!okse_map_take_node(map, "sector", OKSE_OPTIONAL, &node) || okse_node_kind(node) == OKSE_NODE_LIST ||
        okse_node_kind(node) == OKSE_NODE_TEXT)
        return;
    OksePlace at = okse_law_place(okse_node_place(node), origin);
    okse_issue(issues, &at, "'sector' must be a word or a list of them, not %s", okse_node_kind_name(node));
}

static void check_documents(OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;

    if (!okse_map_take_map(map, "documents", OKSE_OPTIONAL, &node))
        return;
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *fields = okse_node_item(node, i);
        OksePlace at = okse_law_place(okse_node_place(fields), origin);

        if (okse_node_kind(fields) != OKSE_NODE_MAP)
            okse_issue(issues, &at, "documents: the fields of '%s' must be a map", okse_node_key(node, i));
    }
}

static void check_at(OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;
    gint64 time;

    if (!okse_map_take_node(map, "at", OKSE_OPTIONAL, &node))
        return;
    OksePlace at = okse_law_place(okse_node_place(node), origin);
    if (okse_node_text(node) == NULL || !okse_law_is_date(okse_node_text(node), &time))
        okse_issue(issues, &at, "at: must be a day (2026-01-31)");
}

/* What a target is made of; the rest of a row is left in the map. */
static void check_target(OkseMap *map, const char *origin, OkseIssues *issues)
{
    static const char *const maps[] = {"contacts", "accounts", "collectors"};
    static const char *const lists[] = {"data", "without", "reach", "use"};
    static const char *const texts[] = {"purpose", "vendor"};
    const OkseNode *node = NULL;
    const char *text = NULL;

    check_items(map, "storage", "a store", store, origin, issues);
    check_items(map, "egress", "a destination", destination, origin, issues);
    check_items(map, "resources", "a resource", resource, origin, issues);
    check_sector(map, origin, issues);
    check_documents(map, origin, issues);
    check_at(map, origin, issues);
    for (unsigned i = 0; i < G_N_ELEMENTS(maps); i++)
        okse_map_take_map(map, maps[i], OKSE_OPTIONAL, &node);
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++)
        check_texts(map, lists[i], origin, issues);
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
        okse_map_take_text(map, texts[i], OKSE_OPTIONAL, &text);
}

static void read_expectations(OkseScenario *row, OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;

    if (!okse_map_take_map(map, "expect", OKSE_REQUIRED, &node))
        return;
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        OkseExpectation *one = g_new0(OkseExpectation, 1);
        const char *status = okse_node_text(okse_node_item(node, i));

        one->place = okse_law_place(okse_node_key_place(node, i), origin);
        one->provision = g_strdup(okse_node_key(node, i));
        one->status = g_strdup(status != NULL ? status : "");
        g_ptr_array_add(row->expectations, one);
        if (okse_law_word(one->status, statuses) < 0)
            okse_issue(issues, &one->place, "expect: %s is none of pass, fail, inconclusive, not-applicable",
                       one->provision);
    }
    if (row->expectations->len == 0)
        okse_issue(issues, &row->place, "expect: names no provision");
}

/* Documents are changed by type and field, everything else is replaced. */
static json_t *merged(const json_t *complete, const json_t *changes)
{
    json_t *value = json_deep_copy(complete), *changed;
    const char *key, *type;

    json_object_foreach((json_t *)(uintptr_t)changes, key, changed)
    {
        json_t *documents = json_object_get(value, key), *fields;

        if (strcmp(key, "documents") != 0 || documents == NULL) {
            json_object_set(value, key, changed);
            continue;
        }
        json_object_foreach(changed, type, fields)
        {
            if (json_object_get(documents, type) == NULL)
                json_object_set_new(documents, type, json_object());
            json_object_update(json_object_get(documents, type), fields);
        }
    }
    return value;
}

static void read_row(OkseScenarios *scenarios, const OkseNode *node, const json_t *complete, OkseIssues *issues)
{
    OkseScenario *row = g_new0(OkseScenario, 1);
    OkseMap *map = okse_map_open(node, "a scenario", issues);
    g_autoptr(json_t) changes = okse_node_to_json(node);
    const char *text = NULL;

    row->place = okse_law_place(okse_node_place(node), scenarios->origin);
    row->expectations = g_ptr_array_new_with_free_func(expectation_free);
    if (okse_map_take_text(map, "case", OKSE_REQUIRED, &text))
        row->name = g_strdup(text);
    if (okse_map_take_text(map, "article", OKSE_REQUIRED, &text))
        row->article = g_strdup(text);
    read_expectations(row, map, scenarios->origin, issues);
    if (okse_map_take_text(map, "overall", OKSE_OPTIONAL, &text)) {
        row->overall = g_strdup(text);
        if (okse_law_word(text, verdicts) < 0)
            okse_issue(issues, &row->place, "overall: '%s' is none of compliant, non-compliant, inconclusive", text);
    }
    check_target(map, scenarios->origin, issues);
    okse_map_end(map);
    row->target = merged(complete, changes);
    g_ptr_array_add(scenarios->rows, row);
}

static char *take_country(const OkseScenarios *scenarios, OkseMap *map, const char *key, OksePresence presence,
                          OkseIssues *issues)
{
    const char *text = NULL;

    if (!okse_map_take_text(map, key, presence, &text))
        return NULL;
    if (!okse_law_is_country(text))
        okse_issue(issues, &scenarios->place, "%s: '%s' is no country code (ISO 3166-1 alpha-2)", key, text);
    return g_strdup(text);
}

/* The table's own complete target: that of all tables, with what lacks nothing in this country. */
static json_t *complete_of(const OkseScenarios *scenarios, OkseMap *map, const json_t *target, OkseIssues *issues)
{
    const OkseNode *node = NULL;
    g_autoptr(json_t) changes = NULL;
    OkseMap *complete;

    if (!okse_map_take_map(map, "complete", OKSE_OPTIONAL, &node))
        return json_deep_copy(target);
    complete = okse_map_open(node, "complete", issues);
    check_target(complete, scenarios->origin, issues);
    okse_map_end(complete);
    changes = okse_node_to_json(node);
    return merged(target, changes);
}

OkseScenarios *okse_scenarios_read(GBytes *yaml, const char *origin, const json_t *target, OkseIssues *issues)
{
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "scenarios/v1", issues);
    g_autoptr(json_t) complete = NULL;
    OkseScenarios *scenarios;
    const OkseNode *list = NULL;
    const char *kind = NULL;
    OkseMap *map;

    if (document == NULL)
        return NULL;
    scenarios = g_new0(OkseScenarios, 1);
    scenarios->origin = g_strdup(origin);
    scenarios->rows = g_ptr_array_new_with_free_func(row_free);
    scenarios->place = okse_law_place(okse_node_place(okse_yaml_root(document)), scenarios->origin);
    map = okse_map_open(okse_yaml_root(document), "a table of scenarios", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    scenarios->country = take_country(scenarios, map, "country", OKSE_REQUIRED, issues);
    scenarios->home = take_country(scenarios, map, "home", OKSE_OPTIONAL, issues);
    if (scenarios->home == NULL)
        scenarios->home = g_strdup(scenarios->country);
    complete = complete_of(scenarios, map, target, issues);
    if (okse_map_take_list(map, "rows", OKSE_REQUIRED, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_row(scenarios, okse_node_item(list, i), complete, issues);
    okse_map_end(map);
    if (scenarios->rows->len == 0)
        okse_issue(issues, &scenarios->place, "no scenario");
    return scenarios;
}

GPtrArray *okse_scenarios_load(const OkseResources *resources, GError **error)
{
    g_auto(GStrv) names = okse_resources_list(resources, DIRECTORY, error);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(scenarios_free);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(json_t) target = NULL;

    if (names == NULL || (*names != NULL && (target = okse_scenario_target(resources, error)) == NULL))
        return NULL;
    for (char **name = names; *name != NULL; name++) {
        g_autofree char *path = g_strdup_printf(DIRECTORY "/%s", *name);
        g_autofree char *origin = okse_resources_name(resources, path);
        g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
        OkseScenarios *one;

        if (bytes == NULL)
            return NULL;
        one = okse_scenarios_read(bytes, origin, target, issues);
        if (one != NULL)
            g_ptr_array_add(all, one);
    }
    return okse_issues_none(issues, error) ? g_steal_pointer(&all) : NULL;
}
