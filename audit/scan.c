/* One pass over the lines of a text. Structure is kept as far as it decides a role: the keys above a line by
 * indentation, the directive at its start. Everything that looks like a destination is reported; what is surely none (a
 * comment, a namespace) is reported as such and not dropped. */
#include "audit/scan.h"

#include "audit/place.h"
#include "core/yaml.h"

#include <string.h>

#define LINE_LIMIT 8192u
#define DEPTH 32u
#define SPANS 256u

enum { URL, FORWARD, DIRECTIVE, KEYED, IMAGE, HOST_PORT, ADDRESS, BARE, SHAPES };

/* Groups: 1 the host; 2 the port; URL: 1 scheme, 2 host, 3 port. Tried in this order; a byte is claimed once. */
static const char *const shapes[SHAPES] = {
    "([a-zA-Z][a-zA-Z0-9+.-]{1,20})://(?:[^/"
    "\\s\"'<>]*@)?(\\[[0-9a-fA-F:.]{2,45}\\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)"
    "(?::(\\d{1,5}))?",
    "(?:^|\\s)@@?(?:\\([a-z0-9]+\\))?(\\[[0-9a-fA-F:.]{2,45}\\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\\d{1,5}"
    "))?",
    "(?:^|[{;])\\s*(?:server|pool|peer|nameserver|target|remote|host|Host)(?:\\s+|=)[\"']?(\\[[0-9a-fA-F:.]{2,45}\\]|["
    "0-9a-fA-F:]*:[0-9a-"
    "fA-F:.]+|"
    "[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)[\"']?(?::(\\d{1,5}))?",
    "(?i)(?:[\\w.-]*(?:host|hostname|server|address|addr|endpoint|broker|brokers|externalname|target|ntp)[\"']?\\s*[:=]"
    "\\s*|"
    "--[\\w-]*(?:host|server|address|addr|endpoint|url)(?:=|\\s+))[\"']?"
    "((?:[a-z0-9-]+\\.)+[a-z0-9-]+)(?::(\\d{1,5}))?(?![\\w./@-])",
    "[\"'\\s=]((?:[A-Za-z0-9-]+\\.)+[A-Za-z0-9-]+)(?::(\\d{1,5}))?/[a-z0-9][\\w./-]*(?::[\\w.-]+|@sha256:[0-9a-f]{64})",
    "(?<![\\w.@/-])(\\[[0-9a-fA-F:.]{2,45}\\]|[A-Za-z0-9](?:[A-Za-z0-9-]*\\.)+[A-Za-z0-9-]+):(\\d{1,5})(?![\\w.])",
    "(?<![\\w.:/-])(\\d{1,3}(?:\\.\\d{1,3}){3}|(?:[0-9a-fA-F]{1,4}:){2,7}[0-9a-fA-F:]*[0-9a-fA-F])(?![\\w.:/-])",
    "(?<=[\\s=])((?:[A-Za-z0-9-]+\\.)+[A-Za-z0-9-]+)(?=\\s|$)()", /* only under keys that hold lists of hosts */
};

typedef struct {
    GRegex *key, *file, *scheme, *host; /* NULL: any */
    const char *role;                   /* of the rows */
} RoleRow;

struct OkseScanner {
    GRegex *shapes[SHAPES];
    GRegex *yaml_key, *variable, *named;
    json_t *rules, *rows;
    GArray *roles; /* RoleRow */
};

typedef struct {
    const OkseScanner *scanner;
    const OkseScanSink *sink;
    const char *file;
    const char *line; /* NUL-terminated copy */
    unsigned number;
    char *key;     /* path of keys; owned */
    char *pending; /* of a list of {name, value}: the name that the next value belongs to; owned */
    bool cut;      /* something on some line was more than is looked at */
    const char *noise;
    gint spans[SPANS][2]; /* bytes already claimed */
    unsigned span_count;
    struct {
        unsigned indent;
        char *name;
    } parents[DEPTH];
    unsigned depth;
} Scan;

static void unref_regex(GRegex *regex)
{
    if (regex != NULL)
        g_regex_unref(regex);
}

void okse_scanner_free(OkseScanner *scanner)
{
    if (scanner == NULL)
        return;
    for (unsigned i = 0; i < SHAPES; i++)
        unref_regex(scanner->shapes[i]);
    unref_regex(scanner->yaml_key);
    unref_regex(scanner->variable);
    unref_regex(scanner->named);
    for (guint i = 0; scanner->roles != NULL && i < scanner->roles->len; i++) {
        const RoleRow *row = &g_array_index(scanner->roles, RoleRow, i);

        unref_regex(row->key);
        unref_regex(row->file);
        unref_regex(row->scheme);
        unref_regex(row->host);
    }
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

static bool compile_member(const json_t *row, const char *member, GRegex **regex, GError **error)
{
    const char *text = okse_json_peek_text(row, member);
    g_autoptr(GError) cause = NULL;

    if (text == NULL)
        return true;
    *regex = g_regex_new(text, G_REGEX_CASELESS | G_REGEX_RAW, 0, &cause);
    return *regex != NULL ? true
                          : okse_fail(error, OKSE_ERROR_INVALID, "manifests/endpoint-roles.yaml: %s", cause->message);
}

static bool compile_roles(OkseScanner *scanner, GError **error)
{
    scanner->roles = g_array_new(FALSE, TRUE, sizeof(RoleRow));
    for (size_t i = 0; i < json_array_size(scanner->rows); i++) {
        const json_t *json = json_array_get(scanner->rows, i);
        RoleRow row = {.role = okse_json_text(json, "role", "manifests/endpoint-roles.yaml", error)};
        bool good = row.role != NULL && compile_member(json, "key", &row.key, error) &&
                    compile_member(json, "file", &row.file, error) &&
                    compile_member(json, "scheme", &row.scheme, error) &&
                    compile_member(json, "host", &row.host, error);

        g_array_append_val(scanner->roles, row);
        if (!good)
            return false;
    }
    return true;
}

OkseScanner *okse_scanner_new(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseScanner) scanner = g_new0(OkseScanner, 1);

    for (unsigned i = 0; i < SHAPES; i++) {
        scanner->shapes[i] = g_regex_new(shapes[i], G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);
        g_assert(scanner->shapes[i] != NULL);
    }
    scanner->yaml_key = g_regex_new(
        "^(\\s*(?:-\\s+)*(?:export\\s+)?)[\"']?([A-Za-z_][\\w./-]*)[\"']?\\s*[:=](?:\\s|$|[\"'\\[{]|(?=\\S))",
        G_REGEX_RAW, 0, NULL);
    scanner->variable =
        g_regex_new("(?:^|[\\s\"'-])([A-Z][A-Z0-9_]{2,})(?:\\s*:\\s+|=)[\"']?([^\"'\\s]*)", G_REGEX_RAW, 0, NULL);
    /* a variable or a command-line flag in front of a value */
    scanner->named =
        g_regex_new("(?:(?<![\\w.])([A-Z][A-Z0-9_]{2,})=|--([a-z][\\w-]+)(?:=|\\s))", G_REGEX_RAW, 0, NULL);
    g_assert(scanner->yaml_key != NULL && scanner->variable != NULL && scanner->named != NULL);
    scanner->rules = read_table(resources, "manifests/scan.yaml", error);
    if (scanner->rules == NULL)
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

static bool matches(GRegex *regex, const char *text)
{
    return regex == NULL || (text != NULL && g_regex_match(regex, text, 0, NULL));
}

static const char *role_of(const Scan *scan, const char *key, const char *scheme, const char *host)
{
    for (guint i = 0; i < scan->scanner->roles->len; i++) {
        const RoleRow *row = &g_array_index(scan->scanner->roles, RoleRow, i);

        if (matches(row->key, key) && matches(row->file, scan->file) && matches(row->scheme, scheme) &&
            matches(row->host, host))
            return row->role;
    }
    return "unknown";
}

static bool listed(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (g_strcmp0(json_string_value(json_array_get(list, i)), word) == 0)
            return true;
    return false;
}

/* A name with a domain's last label, or an address; "model.safetensors" and "1.4.0" are neither. */
static bool plausible(const Scan *scan, const char *host, bool is_url)
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
    return strlen(last) >= 2 && g_ascii_isalpha(*last) &&
           !listed(json_object_get(scan->scanner->rules, "file_endings"), last);
}

static bool claim(Scan *scan, gint start, gint end)
{
    for (unsigned i = 0; i < scan->span_count; i++)
        if (start < scan->spans[i][1] && end > scan->spans[i][0])
            return false;
    if (scan->span_count >= SPANS) {
        scan->cut = true;
        return false;
    }
    scan->spans[scan->span_count][0] = start;
    scan->spans[scan->span_count++][1] = end;
    return true;
}

static const char *direction_of(const Scan *scan)
{
    static const char *const inward[] = {"ports", "listen", "bind", NULL};
    const char *dot = scan->key == NULL ? NULL : strrchr(scan->key, '.');
    const char *last = dot != NULL ? dot + 1 : scan->key;

    if (g_str_has_prefix(scan->line + strspn(scan->line, " \t"), "listen"))
        return "in";
    return last != NULL && g_strv_contains(inward, last) ? "in" : "out";
}

/* The key that decides the role: the path, and the variable or flag that stands right in front on the line. */
static char *key_at(const Scan *scan, gint position)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *name = NULL;

    g_regex_match(scan->scanner->named, scan->line, 0, &match);
    while (g_match_info_matches(match)) {
        gint start = 0;

        g_match_info_fetch_pos(match, 0, &start, NULL);
        if (start >= position)
            break;
        g_free(name);
        name = g_match_info_fetch(match, 1);
        if (name == NULL || *name == '\0') {
            g_free(name);
            name = g_match_info_fetch(match, 2);
        }
        if (!g_match_info_next(match, NULL))
            break;
    }
    if (name == NULL || (scan->key != NULL && g_str_has_suffix(scan->key, name)))
        return g_strdup(scan->key);
    return scan->key == NULL ? g_strdup(name) : g_strconcat(scan->key, ".", name, NULL);
}

static bool holds_hosts(const char *key)
{
    static const char *const lists[] = {"NTP", "FallbackNTP", "DNS", "FallbackDNS", "brokers", "nameservers", NULL};
    const char *dot = key == NULL ? NULL : strrchr(key, '.');

    return key != NULL && g_strv_contains(lists, dot != NULL ? dot + 1 : key);
}

/* Why a find is no destination: a trailing comment, a version, a link to documentation, an example's name space. */
static const char *noise_at(const Scan *scan, const char *key, const char *host, gint position)
{
    const char *comment = strstr(scan->line, " #"), *dot = key == NULL ? NULL : strrchr(key, '.');
    g_autofree char *last = key == NULL ? NULL : g_ascii_strdown(dot != NULL ? dot + 1 : key, -1);

    if (scan->noise != NULL)
        return scan->noise;
    if (comment != NULL && comment - scan->line < position)
        return "comment";
    if (last != NULL && (strcmp(last, "documentation") == 0 || strcmp(last, "homepage") == 0))
        return "documentation";
    if (last != NULL && strstr(last, "version") != NULL)
        return "version";
    return listed(json_object_get(scan->scanner->rules, "namespaces"), host) ? "namespace" : NULL;
}

static void report(Scan *scan, unsigned shape, const GMatchInfo *match)
{
    bool is_url = shape == URL;
    g_autofree char *scheme_raw = is_url ? g_match_info_fetch(match, 1) : NULL;
    g_autofree char *raw = g_match_info_fetch(match, is_url ? 2 : 1), *port = g_match_info_fetch(match, is_url ? 3 : 2);
    g_autofree char *scheme = scheme_raw == NULL ? NULL : g_ascii_strdown(scheme_raw, -1), *host = NULL;
    g_autofree char *key = NULL;
    guint64 number = 0;
    gint start = 0, end = 0, host_start = 0;

    g_match_info_fetch_pos(match, 0, &start, &end);
    g_match_info_fetch_pos(match, is_url ? 2 : 1, &host_start, NULL);
    if (port != NULL && *port != '\0' && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        return;
    if (*raw == '[')
        host = g_strndup(raw + 1, strlen(raw) - 2);
    else
        host = g_ascii_strdown(raw, -1);
    if ((shape == BARE && !holds_hosts(scan->key)) || !plausible(scan, host, is_url) || !claim(scan, start, end))
        return;
    key = key_at(scan, host_start);
    scan->sink->endpoint(scan->sink->context,
                         &(OkseScanEndpoint){.host = host,
                                             .port = (unsigned)number,
                                             .scheme = scheme,
                                             .key = key,
                                             .role = role_of(scan, key, shape == IMAGE ? "oci" : scheme, host),
                                             .direction = direction_of(scan),
                                             .noise = noise_at(scan, key, host, host_start),
                                             .line = scan->line,
                                             .line_number = scan->number,
                                             .column = (unsigned)host_start + 1});
}

/* The path of keys: indentation closes what is not above this line any more. */
static void follow_keys(Scan *scan)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GString) path = g_string_new(NULL);
    unsigned indent = (unsigned)strspn(scan->line, " \t");
    g_autofree char *lead = NULL, *name = NULL;
    bool found = g_regex_match(scan->scanner->yaml_key, scan->line, 0, &match);

    if (found) {
        lead = g_match_info_fetch(match, 1);
        name = g_match_info_fetch(match, 2);
        indent = (unsigned)strcspn(lead, "e"); /* "export" indents nothing */
    }
    if (scan->line[strspn(scan->line, " \t")] != '\0' && scan->noise == NULL)
        while (scan->depth > 0 && scan->parents[scan->depth - 1].indent >= indent + (found ? 0 : 1))
            g_free(scan->parents[--scan->depth].name);
    if (found && scan->noise == NULL && scan->depth < DEPTH) {
        scan->parents[scan->depth].indent = indent;
        scan->parents[scan->depth++].name = g_steal_pointer(&name);
    }
    for (unsigned i = 0; i < scan->depth; i++)
        g_string_append_printf(path, "%s%s", i > 0 ? "." : "", scan->parents[i].name);
    if (scan->pending != NULL && g_str_has_suffix(path->str, ".value"))
        g_string_append_printf(path, ".%s", scan->pending);
    if (g_str_has_suffix(path->str, ".name")) {
        const char *value = strchr(scan->line, ':');

        g_free(scan->pending);
        scan->pending = value == NULL ? NULL : g_strstrip(g_strdup(value + 1));
    }
    g_free(scan->key);
    scan->key = path->len > 0 ? g_strdup(path->str) : NULL;
}

static void report_settings(Scan *scan)
{
    g_autoptr(GMatchInfo) match = NULL;

    g_regex_match(scan->scanner->variable, scan->line, 0, &match);
    for (unsigned i = 0; g_match_info_matches(match) && i < SPANS; i++) {
        g_autofree char *name = g_match_info_fetch(match, 1), *value = g_match_info_fetch(match, 2);

        scan->sink->setting(scan->sink->context, &(OkseScanSetting){name, value, scan->line, scan->number});
        if (!g_match_info_next(match, NULL))
            break;
    }
}

static void scan_line(Scan *scan)
{
    const char *start = scan->line + strspn(scan->line, " \t");

    scan->noise = *start == '#' || *start == ';' || g_str_has_prefix(start, "//") ? "comment" : NULL;
    scan->span_count = 0;
    follow_keys(scan);
    if (scan->noise == NULL)
        report_settings(scan);
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        g_autoptr(GMatchInfo) match = NULL;

        g_regex_match(scan->scanner->shapes[shape], scan->line, 0, &match);
        for (unsigned i = 0; g_match_info_matches(match) && i < SPANS; i++) {
            report(scan, shape, match);
            if (!g_match_info_next(match, NULL))
                break;
            scan->cut = scan->cut || i + 1 == SPANS;
        }
    }
}

bool okse_scan_text(const OkseScanner *scanner, const char *file, const char *text, size_t length,
                    const OkseScanSink *sink)
{
    Scan scan = {.scanner = scanner, .sink = sink, .file = file};
    bool whole = true;

    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t size = end != NULL ? (size_t)(end - text) - at : length - at;
        g_autofree char *raw = g_strndup(text + at, MIN(size, LINE_LIMIT));
        g_autofree char *line = g_utf8_make_valid(raw, -1);

        whole = whole && size <= LINE_LIMIT;
        if (g_str_has_suffix(line, "\r"))
            line[strlen(line) - 1] = '\0';
        scan.line = line;
        scan.number++;
        scan_line(&scan);
        at += size + 1;
    }
    while (scan.depth > 0)
        g_free(scan.parents[--scan.depth].name);
    g_free(scan.key);
    g_free(scan.pending);
    return whole && !scan.cut;
}
