/* Reading the rules by which provisions conflict. */
#include "audit/conflicts.h"
#include "audit/law_read.h"
#include "core/json.h"

#include <string.h>

static const char *const kinds[] = {"conflict", "tension", NULL};
static const char *const relations[] = {"greater", "disjoint", "outside", "inside", "differ", NULL};

static void read_ask(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "one that asks", issues);
    const OkseNode *condition = NULL;
    const char *text = NULL;

    okse_map_take_text(map, "control", OKSE_REQUIRED, &text);
    okse_map_take_map(map, "when", OKSE_OPTIONAL, &condition);
    okse_map_take_map(map, "unless", OKSE_OPTIONAL, &condition);
    okse_map_take_text(map, "value", OKSE_REQUIRED, &text);
    okse_map_end(map);
}

static void read_side(OkseMap *map, const char *key, const OksePlace *at, OkseIssues *issues)
{
    const OkseNode *list = NULL;

    if (!okse_map_take_list(map, key, OKSE_REQUIRED, &list))
        return;
    if (okse_node_count(list) == 0)
        okse_issue(issues, at, "%s: nobody asks", key);
    for (unsigned i = 0; i < okse_node_count(list); i++)
        read_ask(okse_node_item(list, i), issues);
}

static void read_rule(const OkseNode *node, const char *origin, OkseIssues *issues)
{
    OksePlace at = okse_law_place(okse_node_place(node), origin);
    OkseMap *map = okse_map_open(node, "a rule", issues);
    const char *id = NULL;

    if (okse_map_take_text(map, "id", OKSE_REQUIRED, &id) && !okse_law_is_id(id))
        okse_issue(issues, &at, "'%s' cannot be a rule's id", id);
    g_free(okse_law_take_word(map, "kind", kinds, &at, issues));
    g_free(okse_law_take_word(map, "relation", relations, &at, issues));
    read_side(map, "first", &at, issues);
    read_side(map, "second", &at, issues);
    json_decref(okse_law_take_texts(map, "message", OKSE_REQUIRED, origin, issues));
    okse_map_end(map);
}

json_t *okse_conflict_rules_read(GBytes *yaml, const char *origin, OkseIssues *issues)
{
    unsigned before = okse_issues_count(issues);
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "conflicts/v1", issues);
    const OkseNode *rules = NULL;
    const char *kind = NULL;
    OkseMap *map;

    if (document == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(document), "conflicts", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    if (okse_map_take_list(map, "rules", OKSE_REQUIRED, &rules))
        for (unsigned i = 0; i < okse_node_count(rules); i++)
            read_rule(okse_node_item(rules, i), origin, issues);
    okse_map_end(map);
    return okse_issues_count(issues) > before ? NULL : okse_node_to_json(rules);
}

static void lint_names(const OkseControl *control, const char *rule, json_t *conditions, OkseIssues *issues)
{
    const char *name;
    json_t *value;

    json_object_foreach(conditions, name, value) if (okse_control_parameter(control, name) == NULL)
        okse_issue(issues, NULL, "conflicts.yaml: %s: control %s has no parameter '%s'", rule, control->id, name);
}

static bool is_anywhere(const OkseLaw *law, const char *parameter)
{
    for (guint i = 0; i < law->controls->len; i++)
        if (okse_control_parameter(g_ptr_array_index(law->controls, i), parameter) != NULL)
            return true;
    return false;
}

/* What a control has no parameter for is never so; a name that no control at all knows is a slip. */
static void lint_exceptions(const OkseLaw *law, const char *rule, json_t *conditions, OkseIssues *issues)
{
    const char *name;
    json_t *value;

    json_object_foreach(conditions, name, value) if (!is_anywhere(law, name))
        okse_issue(issues, NULL, "conflicts.yaml: %s: no control has a parameter '%s'", rule, name);
}

static void lint_ask(const OkseLaw *law, const char *rule, const json_t *ask, OkseIssues *issues)
{
    const char *id = okse_json_peek_text(ask, "control"), *value = okse_json_peek_text(ask, "value");
    const OkseControl *control = okse_law_control(law, id);

    if (control == NULL) {
        okse_issue(issues, NULL, "conflicts.yaml: %s: no control '%s'", rule, id);
        return;
    }
    if (strcmp(value, "country") != 0 && okse_control_parameter(control, value) == NULL)
        okse_issue(issues, NULL, "conflicts.yaml: %s: control %s has no parameter '%s'", rule, id, value);
    lint_names(control, rule, json_object_get(ask, "when"), issues);
    lint_exceptions(law, rule, json_object_get(ask, "unless"), issues);
}

void okse_conflict_rules_lint(const OkseLaw *law, OkseIssues *issues)
{
    static const char *const sides[] = {"first", "second"};
    const json_t *rule, *ask;
    size_t i, k;

    json_array_foreach(law->conflicts, i, rule) for (unsigned side = 0; side < G_N_ELEMENTS(sides); side++)
        json_array_foreach(json_object_get(rule, sides[side]), k, ask)
            lint_ask(law, okse_json_peek_text(rule, "id"), ask, issues);
}
