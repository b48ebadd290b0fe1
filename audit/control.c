/* Control files, from YAML to a struct. Everything is copied out of the YAML, so that a control outlives its file. */
#include "audit/control.h"

#include "audit/fact_kinds.h"
#include "audit/law_read.h"
#include "core/text.h"

#include <string.h>

const char *const okse_expression_names[OKSE_EXPRESSIONS] = {"violations", "unknown", "applies", "subjects"};

/* Variables of every program, beside its parameters. */
static const char *const given_variables[] = {"country", "at", NULL};

static const char *const parameter_kinds[] = {"countries", "text", "integer", "number", "flag", "texts", NULL};

static void parameter_free(gpointer data)
{
    OkseParameter *parameter = data;

    g_free(parameter->name);
    json_decref(parameter->fallback);
    g_free(parameter);
}

static void test_free(gpointer data)
{
    OkseControlTest *test = data;

    g_free(test->name);
    g_free(test->country);
    g_free(test->at);
    g_free(test->expect);
    json_decref(test->facts);
    json_decref(test->parameters);
    g_free(test);
}

void okse_control_free(OkseControl *control)
{
    if (control == NULL)
        return;
    g_free(control->id);
    g_free(control->family);
    json_decref(control->title);
    json_decref(control->description);
    json_decref(control->remediation);
    json_decref(control->applies_reason);
    g_ptr_array_unref(control->needs);
    g_ptr_array_unref(control->parameters);
    g_ptr_array_unref(control->tests);
    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++)
        g_free(control->expressions[i]);
    g_free(control->origin);
    g_free(control);
}

static bool value_is_countries(const json_t *value)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(value, i, entry) if (!okse_law_is_country(json_string_value(entry))) return false;
    return json_array_size(value) > 0;
}

static bool value_is_texts(const json_t *value)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(value, i, entry) if (!json_is_string(entry) || json_string_length(entry) == 0) return false;
    return json_array_size(value) > 0;
}

static bool value_fits(OkseParameterKind kind, const json_t *value)
{
    switch (kind) {
    case OKSE_PARAMETER_COUNTRIES:
        return value_is_countries(value);
    case OKSE_PARAMETER_TEXT:
        return json_is_string(value) && json_string_length(value) > 0;
    case OKSE_PARAMETER_INTEGER:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case OKSE_PARAMETER_NUMBER:
        return json_is_number(value);
    case OKSE_PARAMETER_FLAG:
        return json_is_boolean(value);
    case OKSE_PARAMETER_TEXTS:
        return value_is_texts(value);
    }
    return false;
}

static const char *kind_wants(OkseParameterKind kind)
{
    static const char *const wants[] = {
        "a list of country codes that is not empty", "a text", "a whole number from 0", "a number", "true or false",
        "a list of texts that is not empty"};

    return wants[kind];
}

const char *okse_parameter_type(const OkseParameter *parameter)
{
    return parameter_kinds[parameter->kind];
}

const char *okse_parameter_words(const OkseParameter *parameter)
{
    return kind_wants(parameter->kind);
}

static void read_parameter(OkseControl *control, const OkseNode *node, const char *name, const OksePlace *place,
                           OkseIssues *issues)
{
    OkseParameter *parameter = g_new0(OkseParameter, 1);
    OkseMap *map = okse_map_open(node, "a parameter", issues);
    const OkseNode *fallback = NULL;
    const char *type = NULL;
    int kind = -1;

    parameter->name = g_strdup(name);
    parameter->place = *place;
    if (okse_map_take_text(map, "type", OKSE_REQUIRED, &type))
        kind = okse_law_word(type, parameter_kinds);
    if (type != NULL && kind < 0)
        okse_issue(issues, place, "parameter '%s': unknown type '%s'", name, type);
    parameter->kind = kind < 0 ? OKSE_PARAMETER_TEXT : (OkseParameterKind)kind;
    if (okse_map_take_node(map, "default", OKSE_OPTIONAL, &fallback))
        parameter->fallback = okse_node_to_json(fallback);
    if (parameter->fallback != NULL && kind >= 0 && !value_fits(parameter->kind, parameter->fallback))
        okse_issue(issues, place, "parameter '%s': the default must be %s", name, kind_wants(parameter->kind));
    okse_map_end(map);
    g_ptr_array_add(control->parameters, parameter);
}

static void read_parameters(OkseControl *control, const OkseNode *node, OkseIssues *issues)
{
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        OksePlace place = okse_law_place(okse_node_key_place(node, i), control->origin);
        const char *name = okse_node_key(node, i);

        if (!okse_law_is_name(name) || g_strv_contains(given_variables, name))
            okse_issue(issues, &place, "'%s' cannot be the name of a parameter", name);
        else
            read_parameter(control, okse_node_item(node, i), name, &place, issues);
    }
}

static void read_needs(OkseControl *control, const OkseNode *list, OkseIssues *issues)
{
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *entry = okse_node_item(list, i);
        const char *name = okse_node_text(entry);
        OksePlace at = okse_law_place(okse_node_place(entry), control->origin);

        if (name == NULL || okse_collector_kind(name) == NULL)
            okse_issue(issues, &at, "needs: '%s' is no collector", name != NULL ? name : "…");
        else
            g_ptr_array_add(control->needs, g_strdup(name));
    }
}

static void read_count(OkseMap *map, const char *key, gint64 *count)
{
    guint64 value;

    if (okse_map_take_unsigned(map, key, OKSE_OPTIONAL, &value))
        *count = (gint64)MIN(value, G_MAXINT64);
}

static void read_test(OkseControl *control, const OkseNode *node, OkseIssues *issues)
{
    static const char *const verdicts[] = {"pass", "fail", "inconclusive", "not-applicable", NULL};
    OkseControlTest *test = g_new0(OkseControlTest, 1);
    OkseMap *map = okse_map_open(node, "a test", issues);
    const OkseNode *facts = NULL, *parameters = NULL;
    const char *name = NULL, *expect = NULL, *country = "VN", *at = NULL;
    gint64 time;

    test->place = okse_law_place(okse_node_place(node), control->origin);
    test->violations = test->unknown = -1;
    okse_map_take_text(map, "name", OKSE_REQUIRED, &name);
    okse_map_take_text(map, "country", OKSE_OPTIONAL, &country);
    okse_map_take_text(map, "at", OKSE_OPTIONAL, &at);
    okse_map_take_text(map, "expect", OKSE_REQUIRED, &expect);
    okse_map_take_map(map, "facts", OKSE_OPTIONAL, &facts);
    okse_map_take_map(map, "parameters", OKSE_OPTIONAL, &parameters);
    read_count(map, "violations", &test->violations);
    read_count(map, "unknown", &test->unknown);
    okse_map_end(map);
    if (expect != NULL && okse_law_word(expect, verdicts) < 0)
        okse_issue(issues, &test->place, "a test cannot expect '%s'", expect);
    test->name = g_strdup(name != NULL ? name : "");
    test->country = g_strdup(country);
    if (at != NULL && okse_text_time_parse(at, &time))
        test->at = okse_text_time(time);
    else if (at != NULL)
        okse_issue(issues, &test->place, "at: '%s' is no date or RFC 3339 time with an offset", at);
    test->expect = g_strdup(expect != NULL ? expect : "");
    test->facts = facts != NULL ? okse_node_to_json(facts) : json_object();
    test->parameters = parameters != NULL ? okse_node_to_json(parameters) : json_object();
    g_ptr_array_add(control->tests, test);
}

static GPtrArray *variables_of(const OkseControl *control)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < control->parameters->len; i++)
        g_ptr_array_add(names, ((const OkseParameter *)g_ptr_array_index(control->parameters, i))->name);
    for (const char *const *name = given_variables; *name != NULL; name++)
        g_ptr_array_add(names, (gpointer)(uintptr_t)*name);
    g_ptr_array_add(names, NULL);
    return names;
}

static void check_expressions(const OkseControl *control, const json_t *schema, GBytes *source, OkseExpressionUse *use,
                              OkseIssues *issues)
{
    g_autoptr(GPtrArray) variables = variables_of(control);
    OkseExpressionRules rules = {schema, (const char *const *)variables->pdata, source};

    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++)
        if (control->expressions[i] != NULL)
            okse_expression_check(control->expressions[i], &rules, okse_expression_names[i], &control->places[i], use,
                                  issues);
}

static void read_body(OkseControl *control, OkseMap *map, OkseIssues *issues)
{
    const OkseNode *needs = NULL, *parameters = NULL, *tests = NULL, *node = NULL;

    control->title = okse_law_take_texts(map, "title", OKSE_REQUIRED, control->origin, issues);
    control->description = okse_law_take_texts(map, "description", OKSE_REQUIRED, control->origin, issues);
    control->remediation = okse_law_take_texts(map, "remediation", OKSE_REQUIRED, control->origin, issues);
    control->applies_reason = okse_law_take_texts(map, "applies_reason", OKSE_OPTIONAL, control->origin, issues);
    if (okse_map_take_list(map, "needs", OKSE_REQUIRED, &needs))
        read_needs(control, needs, issues);
    control->waivable = true;
    okse_map_take_flag(map, "waivable", OKSE_OPTIONAL, &control->waivable);
    if (okse_map_take_map(map, "parameters", OKSE_OPTIONAL, &parameters))
        read_parameters(control, parameters, issues);
    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++) {
        const char *text = NULL;

        if (!okse_map_take_text(map, okse_expression_names[i],
                                i <= OKSE_EXPRESSION_UNKNOWN ? OKSE_REQUIRED : OKSE_OPTIONAL, &text))
            continue;
        okse_map_take_node(map, okse_expression_names[i], OKSE_OPTIONAL, &node);
        control->expressions[i] = g_strdup(text);
        control->places[i] = okse_law_place(okse_node_place(node), control->origin);
    }
    if (okse_map_take_list(map, "tests", OKSE_OPTIONAL, &tests))
        for (unsigned i = 0; i < okse_node_count(tests); i++)
            read_test(control, okse_node_item(tests, i), issues);
}

/* The file is named for its control, so that a list of names is a list of controls. */
static void check_name(const OkseControl *control, OkseIssues *issues)
{
    g_autofree char *base = g_path_get_basename(control->origin);
    g_autofree char *expected = g_strconcat(control->id, ".yaml", NULL);

    if (!okse_law_is_id(control->id))
        okse_issue(issues, &control->place, "'%s' cannot be a control's id", control->id);
    else if (g_str_has_suffix(base, ".yaml") && strcmp(base, expected) != 0)
        okse_issue(issues, &control->place, "id is '%s', but the file is '%s'", control->id, base);
}

OkseControl *okse_control_read(GBytes *yaml, const char *origin, const json_t *schema, OkseIssues *issues)
{
    g_autoptr(OkseYaml) document = okse_law_open(yaml, origin, "control/v1", issues);
    OkseControl *control;
    const char *kind = NULL, *id = NULL, *family = NULL;
    OkseMap *map;

    if (document == NULL)
        return NULL;
    control = g_new0(OkseControl, 1);
    control->origin = g_strdup(origin);
    control->needs = g_ptr_array_new_with_free_func(g_free);
    control->parameters = g_ptr_array_new_with_free_func(parameter_free);
    control->tests = g_ptr_array_new_with_free_func(test_free);
    control->place = okse_law_place(okse_node_place(okse_yaml_root(document)), control->origin);
    map = okse_map_open(okse_yaml_root(document), "a control", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    okse_map_take_text(map, "id", OKSE_REQUIRED, &id);
    okse_map_take_text(map, "family", OKSE_REQUIRED, &family);
    control->id = g_strdup(id != NULL ? id : "");
    control->family = g_strdup(family != NULL ? family : "");
    read_body(control, map, issues);
    okse_map_end(map);
    if (id != NULL)
        check_name(control, issues);
    check_expressions(control, schema, yaml, NULL, issues);
    return control;
}

const OkseParameter *okse_control_parameter(const OkseControl *control, const char *name)
{
    for (guint i = 0; i < control->parameters->len; i++) {
        const OkseParameter *parameter = g_ptr_array_index(control->parameters, i);

        if (strcmp(parameter->name, name) == 0)
            return parameter;
    }
    return NULL;
}

/* jq allows space between a variable's sign and its name. */
static bool names_country(const char *expression)
{
    for (const char *at = strchr(expression, '$'); at != NULL; at = strchr(at + 1, '$'))
        if (g_str_has_prefix(at + 1 + strspn(at + 1, " \t\r\n"), "country"))
            return true;
    return false;
}

bool okse_control_reads_country(const OkseControl *control)
{
    for (unsigned i = 0; i < OKSE_EXPRESSIONS; i++)
        if (control->expressions[i] != NULL && names_country(control->expressions[i]))
            return true;
    return false;
}

json_t *okse_control_bind(const OkseControl *control, const json_t *given, const OksePlace *at, OkseIssues *issues)
{
    json_t *bound = json_object(), *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)given, name, value) if (okse_control_parameter(control, name) == NULL)
        okse_issue(issues, at, "control %s has no parameter '%s'", control->id, name);
    for (guint i = 0; i < control->parameters->len; i++) {
        const OkseParameter *parameter = g_ptr_array_index(control->parameters, i);

        value = json_object_get(given, parameter->name);
        if (value == NULL)
            value = parameter->fallback;
        if (value == NULL)
            okse_issue(issues, at, "control %s needs the parameter '%s'", control->id, parameter->name);
        else if (!value_fits(parameter->kind, value))
            okse_issue(issues, at, "control %s: '%s' must be %s", control->id, parameter->name,
                       kind_wants(parameter->kind));
        else
            json_object_set(bound, parameter->name, value);
    }
    return bound;
}

/* Which collector fills a member of the facts document; NULL: several, and any of them will do. */
static const char *collector_of(const char *domain)
{
    static const char *const members[] = {"install", "site", "host", NULL};
    const OkseFactKind *kind = okse_fact_kind(domain);

    if (g_strv_contains(members, domain))
        return domain;
    return kind != NULL ? kind->collector : strcmp(domain, "approvers") == 0 ? "documents" : NULL;
}

static bool is_needed(const OkseControl *control, const char *collector)
{
    for (guint i = 0; i < control->needs->len; i++)
        if (strcmp(g_ptr_array_index(control->needs, i), collector) == 0)
            return true;
    return false;
}

static void lint_tests(const OkseControl *control, OkseIssues *issues)
{
    static const char *const wanted[] = {"pass", "fail", "inconclusive", NULL};

    for (const char *const *verdict = wanted; *verdict != NULL; verdict++) {
        bool found = false;

        for (guint i = 0; i < control->tests->len; i++) {
            const OkseControlTest *test = g_ptr_array_index(control->tests, i);

            found = found || strcmp(test->expect, *verdict) == 0;
        }
        if (!found)
            okse_issue(issues, &control->place, "no test expects '%s'", *verdict);
    }
    if (control->tests->len < 4)
        okse_issue(issues, &control->place, "fewer than four tests (pass, fail, inconclusive and a tricky one)");
}

OkseExpressionUse *okse_control_use(const OkseControl *control, const json_t *schema)
{
    OkseExpressionUse *use = okse_expression_use_new();
    g_autoptr(OkseIssues) known = okse_issues_new();

    check_expressions(control, schema, NULL, use, known);
    return use;
}

void okse_control_lint(const OkseControl *control, const json_t *schema, OkseIssues *issues)
{
    g_autoptr(OkseExpressionUse) use = okse_control_use(control, schema);
    g_autoptr(GList) domains = NULL;

    for (guint i = 0; i < control->parameters->len; i++) {
        const OkseParameter *parameter = g_ptr_array_index(control->parameters, i);

        if (!g_hash_table_contains(use->variables, parameter->name))
            okse_issue(issues, &parameter->place, "no expression reads the parameter '%s'", parameter->name);
    }
    domains = g_list_sort(g_hash_table_get_keys(use->domains), (GCompareFunc)strcmp);
    for (const GList *domain = domains; domain != NULL; domain = domain->next) {
        const char *collector = collector_of(domain->data);

        if (collector != NULL && !is_needed(control, collector))
            okse_issue(issues, &control->place, "reads '.%s' without needing the collector '%s'",
                       (const char *)domain->data, collector);
    }
    if (control->needs->len == 0)
        okse_issue(issues, &control->place, "needs no collector, so nothing could make it inconclusive");
    if (control->expressions[OKSE_EXPRESSION_APPLIES] != NULL && control->applies_reason == NULL)
        okse_issue(issues, &control->place, "'applies' without 'applies_reason'");
    okse_law_lint_language(control->title, "title", "ko", &control->place, issues);
    okse_law_lint_language(control->remediation, "remediation", "ko", &control->place, issues);
    okse_law_lint_language(control->description, "description", "ko", &control->place, issues);
    if (control->applies_reason != NULL)
        okse_law_lint_language(control->applies_reason, "applies_reason", "ko", &control->place, issues);
    lint_tests(control, issues);
}
