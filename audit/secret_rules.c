#include "audit/secret_rules.h"

#include "core/yaml.h"

#include <string.h>

static const char file_name[] = "manifests/secrets.yaml";

static void patterns_free(gpointer data)
{
    g_pattern_spec_free(data);
}

static void kind_free(gpointer data)
{
    OkseSecretKind *kind = data;

    g_free(kind->id);
    g_free(kind->title);
    g_free(kind->shown);
    g_clear_pointer(&kind->pattern, g_regex_unref);
    g_clear_pointer(&kind->files, g_ptr_array_unref);
    g_clear_pointer(&kind->except, g_ptr_array_unref);
    g_free(kind);
}

static void head_clear(gpointer data)
{
    OkseSecretHead *head = data;

    g_clear_pointer(&head->name, g_pattern_spec_free);
}

void okse_secret_rules_free(OkseSecretRules *rules)
{
    if (rules == NULL)
        return;
    okse_literals_free(rules->finder);
    g_ptr_array_unref(rules->kinds);
    g_array_unref(rules->literals);
    g_array_unref(rules->kind_of);
    g_ptr_array_unref(rules->texts);
    g_array_unref(rules->heads);
    g_clear_pointer(&rules->placeholder, g_regex_unref);
    g_free(rules);
}

static OkseSecretRules *rules_new(void)
{
    OkseSecretRules *rules = g_new0(OkseSecretRules, 1);

    rules->kinds = g_ptr_array_new_with_free_func(kind_free);
    rules->literals = g_array_new(FALSE, TRUE, sizeof(OkseLiteral));
    rules->kind_of = g_array_new(FALSE, FALSE, sizeof(unsigned));
    rules->texts = g_ptr_array_new_with_free_func(g_free);
    rules->heads = g_array_new(FALSE, TRUE, sizeof(OkseSecretHead));
    g_array_set_clear_func(rules->heads, head_clear);
    return rules;
}

static GRegex *take_regex(const char *text, GRegexCompileFlags flags, const OksePlace *at, OkseIssues *issues)
{
    g_autoptr(GError) cause = NULL;
    GRegex *regex = g_regex_new(text, G_REGEX_RAW | G_REGEX_OPTIMIZE | flags, 0, &cause);

    if (regex == NULL)
        okse_issue(issues, at, "%s", cause->message);
    return regex;
}

static GPtrArray *take_globs(OkseMap *map, const char *key)
{
    const OkseNode *list = NULL;
    GPtrArray *globs;

    if (!okse_map_take_list(map, key, OKSE_OPTIONAL, &list))
        return NULL;
    globs = g_ptr_array_new_with_free_func(patterns_free);
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const char *text = okse_node_text(okse_node_item(list, i));

        g_ptr_array_add(globs, g_pattern_spec_new(text != NULL ? text : ""));
    }
    return globs;
}

/* "30 0d 06": any bytes, where a text cannot hold them. */
static uint8_t *bytes_of(const char *text, bool hex, size_t *length)
{
    g_autofree uint8_t *bytes = g_malloc0(strlen(text) + 1);

    *length = 0;
    if (!hex) {
        *length = strlen(text);
        memcpy(bytes, text, *length);
        return g_steal_pointer(&bytes);
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == ' ')
            continue;
        if (!g_ascii_isxdigit(at[0]) || !g_ascii_isxdigit(at[1]))
            return NULL;
        bytes[(*length)++] = (uint8_t)(g_ascii_xdigit_value(at[0]) << 4 | g_ascii_xdigit_value(at[1]));
        at++;
    }
    return g_steal_pointer(&bytes);
}

static void add_literal(OkseSecretRules *rules, const OkseNode *node, bool hex, bool caseless, OkseIssues *issues)
{
    OksePlace at = okse_node_place(node);
    const char *text = okse_node_text(node);
    OkseLiteral literal = {.caseless = caseless};
    unsigned kind = rules->kinds->len - 1;
    uint8_t *bytes = text == NULL ? NULL : bytes_of(text, hex, &literal.length);

    if (bytes == NULL || literal.length < OKSE_LITERAL_MINIMUM || literal.length > OKSE_LITERAL_MAXIMUM) {
        okse_issue(issues, &at, "a literal has %u to %u bytes", OKSE_LITERAL_MINIMUM, OKSE_LITERAL_MAXIMUM);
        g_free(bytes);
        return;
    }
    g_ptr_array_add(rules->texts, bytes);
    literal.bytes = bytes;
    g_array_append_val(rules->literals, literal);
    g_array_append_val(rules->kind_of, kind);
}

static void take_literals(OkseSecretRules *rules, OkseMap *map, const OksePlace *at, OkseIssues *issues)
{
    const OkseNode *list = NULL;
    bool caseless = false, any;

    okse_map_take_flag(map, "caseless", OKSE_OPTIONAL, &caseless);
    any = okse_map_take_list(map, "literals", OKSE_OPTIONAL, &list);
    for (unsigned i = 0; any && i < okse_node_count(list); i++)
        add_literal(rules, okse_node_item(list, i), false, caseless, issues);
    if (okse_map_take_list(map, "hex", OKSE_OPTIONAL, &list)) {
        any = true;
        for (unsigned i = 0; i < okse_node_count(list); i++)
            add_literal(rules, okse_node_item(list, i), true, false, issues);
    }
    if (!any)
        okse_issue(issues, at, "a kind needs 'literals' or 'hex': it is found by them");
}

static unsigned take_reach(OkseMap *map, const char *key, unsigned usual, const OksePlace *at, OkseIssues *issues)
{
    guint64 value = usual;

    okse_map_take_unsigned(map, key, OKSE_OPTIONAL, &value);
    if (value > OKSE_SECRET_REACH)
        okse_issue(issues, at, "%s: at most %u", key, OKSE_SECRET_REACH);
    return (unsigned)MIN(value, OKSE_SECRET_REACH);
}

static void take_checks(OkseSecretKind *kind, OkseMap *map, const OksePlace *at, OkseIssues *issues)
{
    const OkseNode *entropy = NULL;
    const char *text = NULL;

    if (okse_map_take_text(map, "check", OKSE_OPTIONAL, &text) && !okse_secret_check_read(text, &kind->check))
        okse_issue(issues, at, "check: '%s' is not known", text);
    okse_map_take_flag(map, "weaker", OKSE_OPTIONAL, &kind->weaker);
    kind->placeholders = true;
    okse_map_take_flag(map, "placeholders", OKSE_OPTIONAL, &kind->placeholders);
    if (okse_map_take_node(map, "entropy", OKSE_OPTIONAL, &entropy)) {
        text = okse_node_text(entropy);
        kind->entropy = text == NULL ? -1 : g_ascii_strtod(text, NULL);
        if (!(kind->entropy >= 0 && kind->entropy <= 8))
            okse_issue(issues, at, "entropy: from 0 to 8 bits");
    }
}

static void read_kind(OkseSecretRules *rules, const OkseNode *node, OkseIssues *issues)
{
    OksePlace at = okse_node_place(node);
    OkseMap *map = okse_map_open(node, "kind", issues);
    OkseSecretKind *kind = g_new0(OkseSecretKind, 1);
    const char *id = "", *title = "", *severity = "", *pattern = "", *shown = "";

    g_ptr_array_add(rules->kinds, kind);
    okse_map_take_text(map, "id", OKSE_REQUIRED, &id);
    okse_map_take_text(map, "title", OKSE_REQUIRED, &title);
    okse_map_take_text(map, "severity", OKSE_REQUIRED, &severity);
    okse_map_take_text(map, "pattern", OKSE_REQUIRED, &pattern);
    okse_map_take_text(map, "shown", OKSE_OPTIONAL, &shown);
    kind->id = g_strdup(id);
    kind->title = g_strdup(title);
    kind->shown = g_strdup(shown);
    kind->critical = strcmp(severity, "critical") == 0;
    if (!kind->critical && strcmp(severity, "warning") != 0)
        okse_issue(issues, &at, "severity: '%s' is none of critical, warning", severity);
    kind->pattern = take_regex(pattern, 0, &at, issues);
    kind->before = take_reach(map, "before", 64, &at, issues);
    kind->after = take_reach(map, "after", 512, &at, issues);
    take_checks(kind, map, &at, issues);
    take_literals(rules, map, &at, issues);
    kind->files = take_globs(map, "files");
    kind->except = take_globs(map, "except");
    okse_map_end(map);
}

static void read_head(OkseSecretRules *rules, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "head", issues);
    OkseSecretHead head = {0};
    const char *name = "";

    okse_map_take_text(map, "name", OKSE_REQUIRED, &name);
    okse_map_take_flag(map, "safetensors", OKSE_OPTIONAL, &head.safetensors);
    okse_map_take_unsigned(map, "bytes", OKSE_REQUIRED, &head.size);
    okse_map_take_unsigned(map, "from", OKSE_OPTIONAL, &head.from);
    head.name = g_pattern_spec_new(name);
    g_array_append_val(rules->heads, head);
    okse_map_end(map);
}

static void read_placeholders(OkseSecretRules *rules, const OkseNode *list, OkseIssues *issues)
{
    g_autoptr(GString) all = g_string_new(NULL);
    OksePlace at = okse_node_place(list);

    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const char *text = okse_node_text(okse_node_item(list, i));

        g_string_append_printf(all, "%s(?:%s)", i > 0 ? "|" : "", text != NULL ? text : "");
    }
    if (all->len == 0)
        okse_issue(issues, &at, "placeholders: none are named");
    rules->placeholder = take_regex(all->str, G_REGEX_CASELESS, &at, issues);
}

static void read_all(OkseSecretRules *rules, const OkseNode *root, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(root, file_name, issues);
    const OkseNode *list = NULL;
    const char *kind = "";
    OksePlace at = okse_node_place(root);

    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    if (strcmp(kind, "secrets/v1") != 0)
        okse_issue(issues, &at, "okse: '%s' is not secrets/v1", kind);
    if (okse_map_take_list(map, "placeholders", OKSE_REQUIRED, &list))
        read_placeholders(rules, list, issues);
    if (okse_map_take_list(map, "heads", OKSE_REQUIRED, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_head(rules, okse_node_item(list, i), issues);
    if (okse_map_take_list(map, "kinds", OKSE_REQUIRED, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_kind(rules, okse_node_item(list, i), issues);
    okse_map_end(map);
}

OkseSecretRules *okse_secret_rules_read(const OkseResources *resources, GError **error)
{
    g_autofree char *name = okse_resources_name(resources, file_name);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, file_name, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseSecretRules) rules = NULL;

    if (yaml == NULL)
        return NULL;
    rules = rules_new();
    read_all(rules, okse_yaml_root(yaml), issues);
    if (!okse_issues_none(issues, error))
        return NULL;
    rules->finder = okse_literals_new((const OkseLiteral *)(void *)rules->literals->data, rules->literals->len, false);
    return g_steal_pointer(&rules);
}
