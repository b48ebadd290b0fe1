/* The shapes and tables; the line pass that uses them is audit/scan.c. */
#include "audit/scan_rules.h"

#include "audit/place.h"
#include "core/yaml.h"

#include <string.h>

#define V6 "\\[[0-9a-fA-F:.]{2,45}\\]"
#define NAME "[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
#define PORT "(?::(\\d{1,5}))?"

/* Groups: 1 the host; 2 the port; URL: 1 scheme, 2 host, 3 port. User information ends at the last @ before the path
 * (RFC 3986), or, where what follows its colon can be no port, at the last @ at all. */
static const char *const shapes[OKSE_SHAPES] = {
    [OKSE_SHAPE_URL] = ("([a-zA-Z][a-zA-Z0-9+.-]{1,20})://(?:https?://)?" /* s3://https://host:port/bucket of Triton */
                        "(?:(?:[^\\s/\"'<>:@]*:(?!\\d{1,5}[/?#])[^\\s\"'<>]*|[^/?#\\s\"'<>]*)@)?(" V6
                        "|[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)" PORT),
    [OKSE_SHAPE_TARGET] = ("(?:^|[\\s(])[Tt]arget\\s*=\\s*\"(" V6 "|" NAME ")\""),
    [OKSE_SHAPE_FORWARD] = ("(?:^|\\s)@@?(?:\\([a-z0-9]+\\))?(" V6 "|" NAME ")" PORT),
    [OKSE_SHAPE_HOST_LINE] = ("^\\s*[Hh]ost\\s+(" V6 "|" NAME ")\\s*$"),
    [OKSE_SHAPE_DIRECTIVE] = ("(?:^|[{;])\\s*(?:server|pool|peer|nameserver|target|remote)(?:\\s+|=)[\"']?(" V6
                              "|[0-9a-fA-F:]*:[0-9a-fA-F:.]+|" NAME ")[\"']?" PORT),
    [OKSE_SHAPE_IMAGE] =
        ("[\"'\\s=]((?:[A-Za-z0-9-]+\\.)+[A-Za-z0-9-]+)" PORT "/[a-z0-9][\\w./-]*(?::[\\w.-]+|@sha256:[0-9a-f]{64})"),
    [OKSE_SHAPE_HOST_PORT] =
        ("(?<![\\w.@/-])(" V6 "|[A-Za-z0-9](?:[A-Za-z0-9-]*\\.)+[A-Za-z0-9-]+):(\\d{1,5})(?![\\w.])"),
    [OKSE_SHAPE_HOST_KEY] = ("(?i)(?<![\\w.])[\\w.-]{0,64}(?:host|hostname|server|endpoint|externalname|address|addr|"
                             "broker|upstream)s?[\"']?"
                             "\\s*(?:=|:(?=[\\s\"']))\\s*[\"']?((?:[a-z0-9_-]+\\.)+[a-z][a-z0-9-]*)" PORT
                             "(?=[\"']?\\s*(?:$|[\\s,;#}\\])]))"),
    [OKSE_SHAPE_ADDRESS] =
        ("(?<![\\w.:/-])(\\d{1,3}(?:\\.\\d{1,3}){3}|(?:[0-9a-fA-F]{1,4}:){2,7}[0-9a-fA-F:]*[0-9a-fA-F])"
         "(?![\\w.:-])"),
};

static const char *const patterns[OKSE_PATTERNS] = {
    [OKSE_PATTERN_VARIABLE] = ("(?:^|[\\s\"'=-])([A-Z][A-Z0-9_]{2,})(?:\\s*:\\s+|=)[\"']?([^\"'\\s]*)"),
    [OKSE_PATTERN_ASSIGNMENT] = ("(?:^|[\\s\"'{,;(])(?:--?([A-Za-z][\\w-]*)=|--?([A-Za-z][\\w-]*)\\s+[\"']?|"
                                 "([A-Za-z_][\\w.-]{0,63})[\"']?\\s*(?:=|:(?=[\\s\"'])))"),
    [OKSE_PATTERN_NAMED] = ("^(\\s*(?:-\\s+)?)[\"']?name[\"']?\\s*:\\s*[\"']?([A-Z][A-Z0-9_]+)[\"']?,?\\s*$"),
    [OKSE_PATTERN_NAMED_FLOW] = ("[\"']?name[\"']?\\s*:\\s*[\"']?([A-Z][A-Z0-9_]+)[\"']?\\s*,"),
    [OKSE_PATTERN_LIST] = ("^\\s*(?:Fallback)?(?:NTP|DNS)\\s*=\\s*(.*)$"),
    [OKSE_PATTERN_PORT_PARAMETER] = ("[Pp]ort\\s*=\\s*\"(\\d{1,5})\""),
    [OKSE_PATTERN_PORT_LINE] = ("(?:^|\\n)\\s*[Pp]ort\\s+(\\d{1,5})"),
};

static const char *const role_members[OKSE_ROLE_MEMBERS] = {"key", "file", "scheme", "host"};

typedef struct {
    GRegex *members[OKSE_ROLE_MEMBERS]; /* NULL: any */
    const char *role;                   /* of the rows */
} RoleRow;

static void unref_regex(GRegex *regex)
{
    if (regex != NULL)
        g_regex_unref(regex);
}

void okse_scanner_free(OkseScanner *scanner)
{
    if (scanner == NULL)
        return;
    for (unsigned i = 0; i < OKSE_SHAPES; i++)
        unref_regex(scanner->shapes[i]);
    for (unsigned i = 0; i < OKSE_PATTERNS; i++)
        unref_regex(scanner->patterns[i]);
    unref_regex(scanner->version_keys);
    unref_regex(scanner->list_files);
    unref_regex(scanner->host_line_files);
    unref_regex(scanner->literal_hash_files);
    unref_regex(scanner->host_keys);
    unref_regex(scanner->block_comment_files);
    for (guint i = 0; scanner->roles != NULL && i < scanner->roles->len; i++) {
        const RoleRow *row = &g_array_index(scanner->roles, RoleRow, i);

        for (unsigned k = 0; k < OKSE_ROLE_MEMBERS; k++)
            unref_regex(row->members[k]);
    }
    for (unsigned k = 0; k < OKSE_ROLE_MEMBERS; k++)
        unref_regex(scanner->any_role[k]);
    g_clear_pointer(&scanner->roles, g_array_unref);
    json_decref(scanner->rules);
    json_decref(scanner->rows);
    g_free(scanner);
}

static json_t *read_table(const OkseResources *resources, const char *path, GError **error)
{
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);

    return yaml == NULL ? NULL : okse_node_to_json(okse_yaml_root(yaml));
}

static bool compile(const char *text, const char *name, GRegex **regex, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *regex = g_regex_new(text, G_REGEX_CASELESS | G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &cause);
    return *regex != NULL ? true : okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", name, cause->message);
}

static bool compile_member(const json_t *row, const char *name, const char *member, GRegex **regex, GError **error)
{
    const char *text = okse_json_peek_text(row, member);

    return text == NULL || compile(text, name, regex, error);
}

/* Most of what is found has no role, which is known when none of the rows' expressions matches. */
static bool compile_any(OkseScanner *scanner, const char *name, GError **error)
{
    for (unsigned k = 0; k < OKSE_ROLE_MEMBERS; k++) {
        g_autoptr(GString) all = g_string_new(NULL);

        for (size_t i = 0; i < json_array_size(scanner->rows); i++) {
            const char *text = okse_json_peek_text(json_array_get(scanner->rows, i), role_members[k]);

            if (text != NULL)
                g_string_append_printf(all, "%s(?:%s)", all->len > 0 ? "|" : "", text);
        }
        if (all->len > 0 && !compile(all->str, name, &scanner->any_role[k], error))
            return false;
    }
    return true;
}

static bool compile_roles(OkseScanner *scanner, GError **error)
{
    static const char name[] = "manifests/endpoint-roles.yaml";

    scanner->roles = g_array_new(FALSE, TRUE, sizeof(RoleRow));
    for (size_t i = 0; i < json_array_size(scanner->rows); i++) {
        const json_t *json = json_array_get(scanner->rows, i);
        RoleRow row = {.role = okse_json_text(json, "role", name, error)};
        bool good = row.role != NULL;

        for (unsigned k = 0; good && k < OKSE_ROLE_MEMBERS; k++)
            good = compile_member(json, name, role_members[k], &row.members[k], error);
        g_array_append_val(scanner->roles, row);
        if (!good)
            return false;
    }
    return compile_any(scanner, name, error);
}

static bool compile_rules(OkseScanner *scanner, GError **error)
{
    static const char name[] = "manifests/scan.yaml";

    return compile_member(scanner->rules, name, "version_keys", &scanner->version_keys, error) &&
           compile_member(scanner->rules, name, "list_files", &scanner->list_files, error) &&
           compile_member(scanner->rules, name, "host_line_files", &scanner->host_line_files, error) &&
           compile_member(scanner->rules, name, "literal_hash_files", &scanner->literal_hash_files, error) &&
           compile_member(scanner->rules, name, "block_comment_files", &scanner->block_comment_files, error) &&
           compile_member(scanner->rules, name, "host_keys", &scanner->host_keys, error);
}

OkseScanner *okse_scanner_new(const OkseResources *resources, bool plain, GError **error)
{
    g_autoptr(OkseScanner) scanner = g_new0(OkseScanner, 1);

    scanner->plain = plain;
    for (unsigned i = 0; i < OKSE_SHAPES; i++) {
        scanner->shapes[i] = g_regex_new(shapes[i], G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);
        g_assert(scanner->shapes[i] != NULL);
    }
    for (unsigned i = 0; i < OKSE_PATTERNS; i++) {
        scanner->patterns[i] = g_regex_new(patterns[i], G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);
        g_assert(scanner->patterns[i] != NULL);
    }
    scanner->rules = read_table(resources, "manifests/scan.yaml", error);
    if (scanner->rules == NULL || !compile_rules(scanner, error))
        return NULL;
    scanner->rows = read_table(resources, "manifests/endpoint-roles.yaml", error);
    if (scanner->rows == NULL || !compile_roles(scanner, error))
        return NULL;
    return g_steal_pointer(&scanner);
}

const json_t *okse_scanner_rules(const OkseScanner *scanner)
{
    return scanner->rules;
}

static bool matches(const GRegex *regex, const char *text)
{
    return text != NULL && g_regex_match(regex, text, 0, NULL);
}

const char *okse_scanner_role(const OkseScanner *scanner, const char *key, const char *file, const char *scheme,
                              const char *host)
{
    const char *const texts[OKSE_ROLE_MEMBERS] = {key, file, scheme, host};
    bool any[OKSE_ROLE_MEMBERS];

    for (unsigned k = 0; k < OKSE_ROLE_MEMBERS; k++)
        any[k] = scanner->any_role[k] != NULL && matches(scanner->any_role[k], texts[k]);
    for (guint i = 0; i < scanner->roles->len; i++) {
        const RoleRow *row = &g_array_index(scanner->roles, RoleRow, i);
        bool all = true;

        for (unsigned k = 0; all && k < OKSE_ROLE_MEMBERS; k++)
            all = row->members[k] == NULL || (any[k] && matches(row->members[k], texts[k]));
        if (all)
            return row->role;
    }
    return "unknown";
}

bool okse_scanner_lists(const OkseScanner *scanner, const char *rule, const char *word)
{
    const json_t *list = json_object_get(scanner->rules, rule);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (g_strcmp0(json_string_value(json_array_get(list, i)), word) == 0)
            return true;
    return false;
}

bool okse_scanner_plausible(const OkseScanner *scanner, const char *host, bool is_url)
{
    g_autofree char *address = NULL, *last = NULL;
    const char *dot = strrchr(host, '.');

    if (okse_atlas_address(host, &address))
        return true;
    if (strchr(host, ':') != NULL || strlen(host) > 253)
        return false;
    if (dot == NULL)
        return is_url && strcmp(host, "localhost") != 0; /* a service name inside a network of containers */
    last = g_ascii_strdown(dot + 1, -1);
    return strlen(last) >= 2 && g_ascii_isalpha(*last) && !okse_scanner_lists(scanner, "file_endings", last);
}
