#include "audit/fetches.h"

#include "core/digest.h"
#include "core/yaml.h"

#include <string.h>

#define LINE_LIMIT 16384u /* bytes of a line that is looked at */
#define WHAT_LIMIT 200u   /* bytes of it that are told */
#define OF_A_FILE 200u    /* lines of a file that are told */

typedef struct {
    char *kind;
    GRegex *pattern;
    bool pins; /* about what is pinned, not about what a start fetches */
} Rule;

struct OkseFetchRules {
    GPtrArray *rules; /* Rule */
};

static void rule_free(gpointer data)
{
    Rule *rule = data;

    g_free(rule->kind);
    g_clear_pointer(&rule->pattern, g_regex_unref);
    g_free(rule);
}

void okse_fetch_rules_free(OkseFetchRules *rules)
{
    if (rules == NULL)
        return;
    g_ptr_array_unref(rules->rules);
    g_free(rules);
}

static void read_rule(OkseFetchRules *rules, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a rule", issues);
    OksePlace at = okse_node_place(node);
    const char *kind = "", *pattern = "";
    g_autoptr(GError) cause = NULL;
    Rule *rule = g_new0(Rule, 1);

    okse_map_take_text(map, "kind", OKSE_REQUIRED, &kind);
    okse_map_take_text(map, "pattern", OKSE_REQUIRED, &pattern);
    okse_map_take_flag(map, "pins", OKSE_OPTIONAL, &rule->pins);
    okse_map_end(map);
    rule->kind = g_strdup(kind);
    rule->pattern = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &cause);
    g_ptr_array_add(rules->rules, rule);
    if (rule->pattern == NULL)
        okse_issue(issues, &at, "pattern: %s", cause->message);
    else if (g_regex_get_capture_count(rule->pattern) != 1)
        okse_issue(issues, &at, "pattern: it must have one group, which is what is fetched");
}

OkseFetchRules *okse_fetch_rules_read(const OkseResources *resources, GError **error)
{
    static const char path[] = "manifests/fetches.yaml";
    g_autofree char *origin = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseFetchRules) rules = g_new0(OkseFetchRules, 1);
    g_autoptr(OkseIssues) issues = okse_issues_new();

    rules->rules = g_ptr_array_new_with_free_func(rule_free);
    if (yaml == NULL)
        return NULL;
    for (unsigned i = 0; i < okse_node_count(okse_yaml_root(yaml)); i++)
        read_rule(rules, okse_node_item(okse_yaml_root(yaml), i), issues);
    return okse_issues_none(issues, error) ? g_steal_pointer(&rules) : NULL;
}

char *okse_fetch_rules_find(const OkseFetchRules *rules, const char *command)
{
    for (guint i = 0; i < rules->rules->len; i++) {
        const Rule *rule = g_ptr_array_index(rules->rules, i);
        g_autoptr(GMatchInfo) match = NULL;

        if (g_regex_match(rule->pattern, command, 0, &match))
            return g_match_info_fetch(match, 1);
    }
    return NULL;
}

static bool is_comment(const char *line)
{
    const char *first = line + strspn(line, " \t");

    return *first == '#' || *first == ';' || g_str_has_prefix(first, "//");
}

/* One file while it is looked at. */
typedef struct {
    OkseCollection *collection;
    const OkseScanFile *file;
    char digest[OKSE_SHA256_TEXT]; /* of the file, once something was found; "" before */
    unsigned found;
    GHashTable *lines; /* numbers of lines that were told */
} Look;

/* What was not looked at to its end holds a pass back. */
static void partial(const Look *look, const char *why)
{
    g_autofree char *reason = g_strdup_printf("%s: %s", look->file->path, why);

    okse_facts_coverage(look->collection->facts, look->file->collector, OKSE_PARTIAL, reason);
}

static void add_fetch(Look *look, const Rule *rule, const char *what, const char *line, unsigned number)
{
    const OkseScanFile *file = look->file;
    g_autofree char *key = g_strdup_printf("%s|%u", file->path, number);
    g_autofree char *trimmed = g_strstrip(g_strdup(line)), *excerpt = okse_collect_mask(look->collection, trimmed);
    g_autofree char *whole =
        okse_collect_mask(look->collection, what); /* before it is cut: half a secret looks like none */
    g_autofree char *cut = g_strndup(whole, WHAT_LIMIT), *masked = g_utf8_make_valid(g_strstrip(cut), -1);
    json_t *source;

    g_hash_table_add(look->lines, GUINT_TO_POINTER(number));
    if (look->found++ == 0) {
        OkseSha256 hash = okse_sha256_of_bytes(file->original != NULL ? file->original : file->bytes);

        okse_sha256_text(&hash, look->digest);
    }
    source = okse_facts_source(&(OkseSourceFact){.collector = file->collector,
                                                 .path = file->path,
                                                 .line = number,
                                                 .digest = look->digest,
                                                 .excerpt = excerpt,
                                                 .component = file->component,
                                                 .via = "sweep"});
    okse_facts_add(look->collection->facts, "fetches", key,
                   json_pack("{s:s,s:s,s:s,s:o,s:s}", "component", file->component, "kind", rule->kind, "what", masked,
                             "source", source, "state", "configured"));
}

static void look_at(Look *look, const char *line, unsigned number)
{
    const GPtrArray *rules = look->collection->fetches->rules;

    for (guint i = 0; i < rules->len; i++) {
        const Rule *rule = g_ptr_array_index(rules, i);
        g_autoptr(GMatchInfo) match = NULL;
        g_autoptr(GError) cause = NULL;
        g_autofree char *what = NULL;
        bool asked = rule->pins || !look->file->pins_only;
        bool matches = asked && g_regex_match_full(rule->pattern, line, -1, 0, 0, &match, &cause);

        if (cause != NULL) /* the engine gave up, which is no "no" */
            partial(look, "a line is too entangled to be looked at for what it fetches");
        if (!matches)
            continue;
        what = g_match_info_fetch(match, 1);
        add_fetch(look, rule, what, line, number);
        return;
    }
}

/* A command that is written over several lines, one word each: it is looked at as the one line that will be started. */
typedef struct {
    GString *line;
    unsigned first, last; /* lines of the file */
} Command;

static void add_words(Command *command, const OkseNode *node)
{
    if (okse_node_kind(node) == OKSE_NODE_LIST) {
        for (unsigned i = 0; i < okse_node_count(node); i++)
            if (okse_node_text(okse_node_item(node, i)) != NULL)
                add_words(command, okse_node_item(node, i));
        return;
    }
    if (okse_node_text(node) == NULL)
        return;
    command->first = MIN(command->first, okse_node_place(node).line);
    command->last = MAX(command->last, okse_node_place(node).line);
    if (command->line->len < LINE_LIMIT)
        g_string_append_printf(command->line, "%s%s", command->line->len > 0 ? " " : "", okse_node_text(node));
}

static bool was_told(const Look *look, const Command *command)
{
    for (unsigned number = command->first; number <= command->last; number++)
        if (g_hash_table_contains(look->lines, GUINT_TO_POINTER(number)))
            return true;
    return false;
}

static void look_at_commands(Look *look, const OkseNode *node)
{
    static const char *const keys[] = {"entrypoint", "command", "cmd", "args"};
    bool map = okse_node_kind(node) == OKSE_NODE_MAP;
    g_autoptr(GString) line = g_string_new(NULL);
    Command command = {line, G_MAXUINT, 0};

    if (!map && okse_node_kind(node) != OKSE_NODE_LIST)
        return;
    for (unsigned k = 0; map && k < G_N_ELEMENTS(keys); k++)
        if (okse_node_get(node, keys[k]) != NULL)
            add_words(&command, okse_node_get(node, keys[k]));
    if (command.last > command.first && !was_told(look, &command))
        look_at(look, line->str, command.first);
    if (line->len >= LINE_LIMIT)
        partial(look, "a command is too long to be looked at for what it fetches");
    for (unsigned i = 0; i < okse_node_count(node) && look->found < OF_A_FILE; i++)
        look_at_commands(look, okse_node_item(node, i));
}

static bool is_structured(const char *path)
{
    return g_str_has_suffix(path, ".yaml") || g_str_has_suffix(path, ".yml") || g_str_has_suffix(path, ".json");
}

/* A file that is no YAML after all was looked at line by line. */
static void look_at_documents(Look *look)
{
    g_autoptr(OkseYaml) yaml =
        is_structured(look->file->path) ? okse_yaml_read_foreign(look->file->bytes, look->file->path, NULL) : NULL;

    for (unsigned i = 0; yaml != NULL && i < okse_yaml_documents(yaml); i++)
        look_at_commands(look, okse_yaml_document(yaml, i));
}

void okse_collect_fetches(OkseCollection *collection, const OkseScanFile *file)
{
    g_autoptr(GHashTable) lines = g_hash_table_new(NULL, NULL);
    Look look = {collection, file, "", 0, lines};
    gsize length;
    const char *at = g_bytes_get_data(file->bytes, &length), *end = length > 0 ? at + length : at;

    for (unsigned number = 1; at < end && look.found < OF_A_FILE; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;
        g_autofree char *line = g_strndup(at, MIN((size_t)(stop - at), LINE_LIMIT));

        if ((size_t)(stop - at) > LINE_LIMIT)
            partial(&look, "a line is too long to be looked at for what it fetches");
        if (!is_comment(line))
            look_at(&look, line, number);
        at = stop + 1;
    }
    if (!file->pins_only)
        look_at_documents(&look);
    if (look.found == OF_A_FILE)
        partial(&look, "more lines fetch something than are told");
}
