/* Configuration is somebody else's: whatever has another form than expected is passed over, never believed. */
#include "audit/tools.h"

#include "core/yaml.h"

#include <string.h>

#define OF_A_FILE 200u
#define WORDS_MOST 256u
#define EMBEDDED_LIMIT (1u << 20) /* bytes of a document in a text */

struct OkseToolRules {
    GPtrArray *fetched; /* GRegex */
    GStrv interpreters, valued, modules, roots;
};

void okse_tool_rules_free(OkseToolRules *rules)
{
    if (rules == NULL)
        return;
    g_ptr_array_unref(rules->fetched);
    g_strfreev(rules->interpreters);
    g_strfreev(rules->valued);
    g_strfreev(rules->modules);
    g_strfreev(rules->roots);
    g_free(rules);
}

static void read_fetched(OkseToolRules *rules, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a rule", issues);
    OksePlace at = okse_node_place(node);
    const char *kind = NULL, *pattern = "";
    g_autoptr(GError) cause = NULL;
    GRegex *regex;

    okse_map_take_text(map, "kind", OKSE_REQUIRED, &kind);
    okse_map_take_text(map, "pattern", OKSE_REQUIRED, &pattern);
    okse_map_end(map);
    regex = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &cause);
    if (regex == NULL)
        okse_issue(issues, &at, "pattern: %s", cause->message);
    else
        g_ptr_array_add(rules->fetched, regex);
}

static GStrv take_texts(OkseMap *map, const char *key, OkseIssues *issues)
{
    g_autoptr(GStrvBuilder) texts = g_strv_builder_new();
    const OkseNode *list = NULL;

    okse_map_take_list(map, key, OKSE_REQUIRED, &list);
    for (unsigned i = 0; list != NULL && i < okse_node_count(list); i++) {
        OksePlace at = okse_node_place(okse_node_item(list, i));

        if (okse_node_text(okse_node_item(list, i)) == NULL)
            okse_issue(issues, &at, "must be a text");
        else
            g_strv_builder_add(texts, okse_node_text(okse_node_item(list, i)));
    }
    return g_strv_builder_end(texts);
}

OkseToolRules *okse_tool_rules_read(const OkseResources *resources, GError **error)
{
    static const char path[] = "manifests/tools.yaml";
    g_autofree char *origin = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseToolRules) rules = g_new0(OkseToolRules, 1);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *list = NULL;
    const char *form = NULL;
    OkseMap *map;

    rules->fetched = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);
    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "the table of tools", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &form);
    if (okse_map_take_list(map, "fetched", OKSE_REQUIRED, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_fetched(rules, okse_node_item(list, i), issues);
    rules->interpreters = take_texts(map, "interpreters", issues);
    rules->valued = take_texts(map, "valued_options", issues);
    rules->modules = take_texts(map, "module_options", issues);
    rules->roots = take_texts(map, "roots", issues);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? g_steal_pointer(&rules) : NULL;
}

char *okse_tool_fetched(const OkseToolRules *rules, const char *command)
{
    for (guint i = 0; i < rules->fetched->len; i++) {
        g_autoptr(GMatchInfo) match = NULL;

        if (g_regex_match(g_ptr_array_index(rules->fetched, i), command, 0, &match))
            return g_match_info_fetch(match, 1);
    }
    return NULL;
}

static bool has(const GStrv words, const char *word)
{
    return g_strv_contains((const char *const *)words, word);
}

const char *okse_tool_program(const OkseToolRules *rules, const char *const *words)
{
    g_autofree char *base = *words != NULL ? g_path_get_basename(*words) : NULL;

    if (base == NULL || !has(rules->interpreters, base))
        return *words;
    for (words++; *words != NULL; words++) {
        if (has(rules->modules, *words))
            return NULL;
        if (has(rules->valued, *words) && words[1] != NULL)
            words++;
        else if (**words != '-' && strchr(*words, '=') == NULL) /* env NAME=value python3 … names another program */
            return strcmp(base, "env") == 0 ? okse_tool_program(rules, words) : *words;
    }
    return NULL;
}

const char *okse_tool_below_root(const OkseToolRules *rules, const char *path)
{
    for (char *const *root = rules->roots; *root != NULL; root++) {
        size_t length = strlen(*root);

        if (strncmp(path, *root, length) == 0 && path[length] == '/')
            return path + length + 1;
    }
    return NULL;
}

/* One file while it is walked. */
typedef struct {
    const char *file;
    OkseToolFound found;
    void *context; /* of found */
    unsigned count, base;
    bool inside, lost; /* in a text of another document; something speaks of servers and could not be read */
} Walk;

static const char *text_at(const OkseNode *map, const char *key)
{
    const OkseNode *node = okse_node_get(map, key);

    return node != NULL && okse_node_kind(node) == OKSE_NODE_TEXT ? okse_node_text(node) : NULL;
}

static const char *first_text(const OkseNode *map, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (text_at(map, *keys) != NULL)
            return text_at(map, *keys);
    return NULL;
}

static void add_word(GPtrArray *words, const OkseNode *node)
{
    if (words->len < WORDS_MOST && node != NULL && okse_node_text(node) != NULL)
        g_ptr_array_add(words, g_strdup(okse_node_text(node)));
}

static void add_words(GPtrArray *words, const OkseNode *node)
{
    if (node == NULL || okse_node_kind(node) != OKSE_NODE_LIST)
        return;
    for (unsigned i = 0; i < okse_node_count(node); i++)
        add_word(words, okse_node_item(node, i));
}

/* A command that is one text with its arguments is split as a shell would. */
static void add_command(GPtrArray *words, const OkseNode *node)
{
    const char *text = okse_node_kind(node) == OKSE_NODE_TEXT ? okse_node_text(node) : NULL;
    g_auto(GStrv) parts = NULL;

    if (text == NULL || strchr(text, ' ') == NULL || !g_shell_parse_argv(text, NULL, &parts, NULL)) {
        add_word(words, text != NULL ? node : NULL);
        add_words(words, node);
        return;
    }
    for (char **part = parts; *part != NULL && words->len < WORDS_MOST; part++)
        g_ptr_array_add(words, g_strdup(*part));
}

static const char *transport_of(const OkseNode *server, bool command, const char *url)
{
    static const char *const keys[] = {"type", "transport", NULL};
    static const char *const words[][2] = {{"stdio", "stdio"},
                                           {"sse", "sse"},
                                           {"http", "http"},
                                           {"streamable-http", "http"},
                                           {"streamable_http", "http"},
                                           {"streamableHttp", "http"},
                                           {"openapi", "http"},
                                           {"mcp", "http"},
                                           {"ws", "websocket"},
                                           {"websocket", "websocket"}};
    const char *said = first_text(server, keys);

    for (size_t i = 0; said != NULL && i < G_N_ELEMENTS(words); i++)
        if (strcmp(said, words[i][0]) == 0)
            return words[i][1];
    if (url != NULL)
        return g_str_has_suffix(url, "/sse") ? "sse" : "http";
    return command ? "stdio" : "unknown";
}

static void see_server(Walk *walk, const OkseNode *server, const char *name, const char *form, OksePlace at)
{
    static const char *const urls[] = {"url", "serverUrl", "server_url", "httpUrl", "uri", "endpoint", NULL};
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    OkseTool tool = {.name = name, .form = form, .url = first_text(server, urls), .line = walk->base + at.line};

    if (walk->count++ >= OF_A_FILE) {
        walk->lost = true;
        return;
    }
    if (okse_node_get(server, "command") != NULL) {
        add_command(words, okse_node_get(server, "command"));
        add_words(words, okse_node_get(server, "args"));
    }
    tool.transport = transport_of(server, words->len > 0, tool.url);
    g_ptr_array_add(words, NULL);
    tool.words = words->len > 1 ? (const char *const *)words->pdata : NULL;
    walk->found(walk->context, &tool);
}

/* A map of names, or a list whose items may have one. */
static void see_servers(Walk *walk, const OkseNode *servers, const char *form)
{
    static const char *const names[] = {"name", "server_name", "alias", "id", NULL};
    bool map = okse_node_kind(servers) == OKSE_NODE_MAP;

    if (!map && okse_node_kind(servers) != OKSE_NODE_LIST)
        return;
    for (unsigned i = 0; i < okse_node_count(servers); i++) {
        const OkseNode *server = okse_node_item(servers, i), *info = okse_node_get(server, "info");
        const char *name = map ? okse_node_key(servers, i) : first_text(server, names);

        if (name == NULL)
            name = first_text(info, names);
        if (okse_node_kind(server) == OKSE_NODE_MAP)
            see_server(walk, server, name != NULL ? name : "", form,
                       map ? okse_node_key_place(servers, i) : okse_node_place(server));
    }
}

static void walk_node(Walk *walk, const OkseNode *node, const char *key);

static bool speaks_of_servers(const char *text, size_t length)
{
    static const char *const words[] = {"mcpServers", "mcp_servers", "TOOL_SERVER_CONNECTIONS"};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (memmem(text, length, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

/* A document inside a text; lines are counted from where the text begins. */
static void walk_text(Walk *walk, const char *text, OksePlace at, bool connections)
{
    size_t length = strlen(text);
    g_autoptr(GBytes) bytes = length > EMBEDDED_LIMIT ? NULL : g_bytes_new_static(text, length);
    g_autoptr(OkseYaml) yaml = bytes == NULL || walk->inside ? NULL : okse_yaml_read_foreign(bytes, walk->file, NULL);

    if (yaml == NULL) {
        walk->lost = true;
        return;
    }
    walk->inside = true;
    walk->base += at.line - (at.line > 0);
    for (unsigned i = 0; i < okse_yaml_documents(yaml); i++) {
        if (connections)
            see_servers(walk, okse_yaml_document(yaml, i), "connections");
        else
            walk_node(walk, okse_yaml_document(yaml, i), NULL);
    }
    walk->base -= at.line - (at.line > 0);
    walk->inside = false;
}

static void see_text(Walk *walk, const OkseNode *node, const char *key)
{
    static const char variable[] = "TOOL_SERVER_CONNECTIONS";
    const char *text = okse_node_text(node);

    if (g_strcmp0(key, variable) == 0)
        walk_text(walk, text, okse_node_place(node), true);
    else if (g_str_has_prefix(text, variable) && text[strlen(variable)] == '=')
        walk_text(walk, text + strlen(variable) + 1, okse_node_place(node), true);
    else if (speaks_of_servers(text, strlen(text)) && strchr(text, ':') != NULL)
        walk_text(walk, text, okse_node_place(node), false);
}

static bool is_editor(const Walk *walk, const char *parent)
{
    g_autofree char *name = g_path_get_basename(walk->file);

    return strcmp(name, "mcp.json") == 0 || g_strcmp0(parent, "mcp") == 0;
}

static void walk_map(Walk *walk, const OkseNode *node, const char *parent)
{
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *value = okse_node_item(node, i);
        const char *key = okse_node_key(node, i);
        /* Kubernetes: {name: VARIABLE, value: …} */
        bool variable = strcmp(key, "value") == 0 && g_strcmp0(text_at(node, "name"), "TOOL_SERVER_CONNECTIONS") == 0;

        if (strcmp(key, "mcpServers") == 0)
            see_servers(walk, value, "mcpServers");
        else if (strcmp(key, "mcp_servers") == 0)
            see_servers(walk, value, "mcp_servers");
        else if (strcmp(key, "servers") == 0 && okse_node_kind(value) == OKSE_NODE_MAP && is_editor(walk, parent))
            see_servers(walk, value, "servers");
        else if (strcmp(key, "connections") == 0 && g_strcmp0(parent, "tool_server") == 0)
            see_servers(walk, value, "connections");
        else
            walk_node(walk, value, variable ? text_at(node, "name") : key);
    }
}

static void walk_node(Walk *walk, const OkseNode *node, const char *key)
{
    if (okse_node_kind(node) == OKSE_NODE_MAP)
        walk_map(walk, node, key);
    else if (okse_node_kind(node) == OKSE_NODE_LIST && g_strcmp0(key, "TOOL_SERVER_CONNECTIONS") == 0)
        see_servers(walk, node, "connections");
    else if (okse_node_kind(node) == OKSE_NODE_LIST)
        for (unsigned i = 0; i < okse_node_count(node); i++)
            walk_node(walk, okse_node_item(node, i), NULL);
    else if (okse_node_kind(node) == OKSE_NODE_TEXT)
        see_text(walk, node, key);
}

bool okse_tools_of(GBytes *bytes, const char *file, OkseToolFound found, void *context)
{
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);
    g_autofree char *name = g_path_get_basename(file);
    bool spoken = length > 0 && (speaks_of_servers(text, length) || memmem(text, length, "tool_server", 11) != NULL ||
                                 memmem(text, length, "\"mcp\"", 5) != NULL || strcmp(name, "mcp.json") == 0);
    g_autoptr(OkseYaml) yaml = spoken ? okse_yaml_read_foreign(bytes, file, NULL) : NULL;
    Walk walk = {.file = file, .found = found, .context = context};

    if (!spoken)
        return true;
    for (unsigned i = 0; yaml != NULL && i < okse_yaml_documents(yaml); i++)
        walk_node(&walk, okse_yaml_document(yaml, i), NULL);
    return yaml != NULL && !walk.lost;
}
