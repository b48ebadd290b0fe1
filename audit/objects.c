/* One structured file and the places in it. A structured reader says more about a place than the scanner, which looks
 * at the same bytes afterwards: what was told with its role is claimed by line and host, and the scanner does not tell
 * it a second time. */
#include "audit/objects.h"

#include "audit/redact.h"
#include "audit/scan_rules.h"
#include "audit/target.h"
#include "core/digest.h"
#include "core/limits.h"

#include <string.h>

#define SHOWN 4096u /* bytes of a value that facts keep */

static bool begins_json(GBytes *bytes)
{
    gsize length;
    const char *at = g_bytes_get_data(bytes, &length), *end = length > 0 ? at + length : at;

    while (at < end && g_ascii_isspace(*at))
        at++;
    return at < end && (*at == '{' || *at == '[');
}

void okse_object_file_init(OkseObjectFile *file, OkseCollection *collection, const OkseScanFile *scanned,
                           const char *collector)
{
    *file = (OkseObjectFile){.collection = collection,
                             .file = scanned,
                             .collector = collector,
                             .lines = true,
                             .json = begins_json(scanned->bytes)};
}

/* JSON may hold characters as they are that YAML has no place for (controls), or takes for the end of a line. */
static bool is_foreign_to_yaml(gunichar c)
{
    return (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

/* The same JSON with escapes in their place, line by line; they can stand in strings only. */
static GBytes *escaped(GBytes *bytes)
{
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length), *plain = text;
    GString *written = NULL;

    if (!g_utf8_validate_len(text, length, NULL))
        return g_bytes_ref(bytes);
    for (const char *at = text; at < text + length; at += g_utf8_skip[(guchar)*at]) {
        gunichar c = (guchar)*at < 0x7f ? 0 : g_utf8_get_char(at);

        if (!is_foreign_to_yaml(c))
            continue;
        if (written == NULL)
            written = g_string_sized_new(length + 64);
        g_string_append_len(written, plain, at - plain);
        g_string_append_printf(written, "\\u%04x", c);
        plain = at + g_utf8_skip[(guchar)*at];
    }
    if (written == NULL)
        return g_bytes_ref(bytes);
    g_string_append_len(written, plain, text + length - plain);
    return g_string_free_to_bytes(written);
}

OkseYaml *okse_object_read(OkseObjectFile *file, GError **error)
{
    g_autoptr(GError) first = NULL;
    g_autoptr(json_t) value = NULL;
    g_autoptr(GBytes) given = file->json ? escaped(file->file->bytes) : g_bytes_ref(file->file->bytes);
    g_autoptr(GBytes) whole = NULL, again = NULL;
    OkseYaml *yaml = okse_yaml_read_foreign(given, file->file->path, &first);
    char *text;

    if (yaml != NULL)
        return yaml;
    if (file->json)
        value = okse_json_read(given, OKSE_LIMIT_DOCUMENT, file->file->path, NULL);
    if (value == NULL) {
        g_propagate_error(error, g_steal_pointer(&first));
        return NULL;
    }
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY); /* without pairs of surrogates */
    whole = g_bytes_new_with_free_func(text, strlen(text), free, text);
    again = escaped(whole);
    file->lines = false;
    return okse_yaml_read_foreign(again, file->file->path, error);
}

const char *okse_object_template(GBytes *bytes)
{
    gsize length;
    const char *at = g_bytes_get_data(bytes, &length), *end = length > 0 ? at + length : at;

    /* "{{" inside quotes is a text that a later program fills in (Prometheus rules, Grafana) */
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;
        g_autofree char *line = g_strndup(at, MIN((size_t)(stop - at), 1024u));
        const char *start = line + strspn(line, " \t-"), *colon = strstr(start, ": {{");

        if (g_str_has_prefix(start, "{{") || g_str_has_prefix(start, "{%"))
            return "is a template that was not rendered; only the scanner read it";
        if (colon != NULL && memchr(start, '"', (size_t)(colon - start)) == NULL && *start != '#' &&
            strpbrk(start, "'\"") == NULL)
            return "is a template that was not rendered; only the scanner read it";
        at = stop + 1;
    }
    return NULL;
}

OkseObjectPlace okse_object_place(const OkseObjectFile *file, const OkseNode *node, const char *key)
{
    OksePlace place = node != NULL ? okse_node_place(node) : (OksePlace){0};

    return (OkseObjectPlace){.line = file->lines ? place.line : 0,
                             .column = file->lines ? place.column : 0,
                             .key = key,
                             .text = node != NULL ? okse_node_text(node) : NULL};
}

json_t *okse_object_text(const OkseObjectFile *file, const char *name, const char *value)
{
    g_autofree char *cut = NULL, *masked = NULL;

    if (value == NULL)
        return json_null();
    if (name != NULL && okse_redact_key(name) && *value != '\0')
        return json_string("***");
    cut = g_strndup(value, strnlen(value, SHOWN));
    masked = okse_collect_mask(file->collection, cut);
    return json_string(masked);
}

json_t *okse_object_source(const OkseObjectFile *file, const OkseObjectPlace *place)
{
    const char *dot = place->key != NULL ? strrchr(place->key, '.') : NULL, *name = dot != NULL ? dot + 1 : place->key;
    g_autoptr(json_t) value = okse_object_text(file, name, place->text);
    const char *text = json_string_value(value);
    g_autofree char *excerpt = text == NULL || name == NULL ? g_strdup(text) : g_strdup_printf("%s: %s", name, text);

    return okse_facts_source(&(OkseSourceFact){.collector = file->collector,
                                               .path = file->file->path,
                                               .line = place->line,
                                               .column = place->column,
                                               .key = place->key,
                                               .digest = okse_collect_digest(file->collection, file->file),
                                               .excerpt = excerpt,
                                               .component = file->file->component,
                                               .via = "structured"});
}

void okse_object_claim(const OkseObjectFile *file, unsigned line, const char *host)
{
    if (file->collection->claims != NULL && line > 0)
        g_hash_table_add(file->collection->claims, g_strdup_printf("%s|%u|%s", file->file->path, line, host));
}

void okse_object_endpoint(const OkseObjectFile *file, const OkseObjectPlace *place, const OkseObjectEndpoint *endpoint)
{
    g_autofree char *valid = g_utf8_make_valid(endpoint->host, -1), *host = g_ascii_strdown(valid, -1);

    if (*host == '\0' || strlen(host) > 253)
        return;
    okse_object_claim(file, place->line, host);
    okse_facts_endpoint(
        file->collection->facts,
        &(OkseEndpointFact){.host = host,
                            .port = endpoint->port > 0 ? endpoint->port : okse_scheme_port(endpoint->scheme),
                            .protocol = endpoint->scheme,
                            .tls = okse_scheme_tls(endpoint->scheme),
                            .direction = endpoint->direction != NULL ? endpoint->direction : "out",
                            .role = endpoint->role,
                            .state = endpoint->state != NULL ? endpoint->state : "configured",
                            .source = okse_object_source(file, place)});
}

bool okse_object_address(const OkseObjectFile *file, const OkseObjectPlace *place, const char *value, const char *role)
{
    static GRegex *shape;
    static gsize once;
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *scheme = NULL, *host = NULL, *bracketed = NULL, *port = NULL, *lower = NULL;
    guint64 number = 0;

    if (g_once_init_enter(&once)) {
        shape = g_regex_new("^(?:([a-zA-Z][a-zA-Z0-9+.-]{0,20})://)?(?:[^/@\\s]*@)?(?:\\[([0-9a-fA-F:.]{2,45})\\]|"
                            "([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})))(?::(\\d{1,5}))?(?:[/?#].*)?$",
                            G_REGEX_RAW | G_REGEX_DOLLAR_ENDONLY, 0, NULL);
        g_once_init_leave(&once, 1);
    }
    if (value == NULL || strlen(value) > SHOWN || !g_regex_match(shape, value, 0, &match))
        return false;
    scheme = g_match_info_fetch(match, 1);
    bracketed = g_match_info_fetch(match, 2);
    host = g_match_info_fetch(match, 3);
    port = g_match_info_fetch(match, 4);
    lower = g_ascii_strdown(scheme != NULL ? scheme : "", -1);
    if (port != NULL && *port != '\0' && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        return false;
    if (role == NULL)
        role = okse_scanner_role(file->collection->scanner, place->key, file->file->name, *lower != '\0' ? lower : NULL,
                                 host);
    okse_object_endpoint(file, place,
                         &(OkseObjectEndpoint){.host = bracketed != NULL && *bracketed != '\0' ? bracketed : host,
                                               .port = (unsigned)number,
                                               .scheme = *lower != '\0' ? lower : NULL,
                                               .role = role});
    return true;
}

typedef struct {
    const OkseObjectFile *file;
    const OkseObjectPlace *place;
    bool every_line;
    unsigned span; /* lines of the file over which the text may be folded */
} Inner;

static void on_endpoint(void *context, const OkseScanEndpoint *found)
{
    const Inner *inner = context;
    OkseObjectPlace place = *inner->place;

    if (found->noise != NULL)
        return;
    if (inner->every_line && place.line > 0)
        place.line += found->line_number - 1;
    place.column = 0;
    place.text = found->line;
    place.key = found->key != NULL ? found->key : place.key;
    for (unsigned i = 1; i <= inner->span; i++)
        okse_object_claim(inner->file, place.line + i, found->host);
    okse_object_endpoint(inner->file, &place,
                         &(OkseObjectEndpoint){.host = found->host,
                                               .port = found->port,
                                               .scheme = found->scheme,
                                               .direction = found->direction,
                                               .role = found->role});
}

static void on_setting(void *context, const OkseScanSetting *found)
{
    (void)context;
    (void)found;
}

/* False when not all of the text was looked at, and then said so. */
static bool scan_inner(const OkseObjectFile *file, const Inner *inner, const char *name, const char *text)
{
    OkseScanSink sink = {on_endpoint, on_setting, (void *)(uintptr_t)inner};

    if (okse_scan_text(file->collection->scanner, name, text, strlen(text), &sink))
        return true;
    okse_object_partial(file, "has a text with lines that hold more than is looked at (8 KiB, 256 places)");
    return false;
}

/* A line of the file; owned, "" behind its end. */
static char *line_at(const OkseObjectFile *file, unsigned number)
{
    gsize length;
    const char *at = g_bytes_get_data(file->file->bytes, &length), *end = length > 0 ? at + length : at;

    for (unsigned i = 1; at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline != NULL ? newline : end;

        if (i == number)
            return g_strndup(at, (gsize)(stop - at));
        at = stop + 1;
    }
    return g_strdup("");
}

bool okse_object_is_inline(const OkseObjectFile *file, const OkseObjectPlace *place, const char *text)
{
    g_autofree char *line = place->line == 0 ? NULL : line_at(file, place->line);

    return file->json || (line != NULL && strstr(line, text) != NULL);
}

bool okse_object_is_block(const OkseObjectFile *file, const OkseObjectPlace *place, const char *text)
{
    g_autofree char *first = g_strndup(text, strcspn(text, "\n")), *line = NULL;

    if (file->json || place->line == 0)
        return false;
    line = line_at(file, place->line + 1);
    return g_str_has_suffix(g_strchomp(line), g_strchomp(first));
}

void okse_object_scan_text(const OkseObjectFile *file, const OkseObjectPlace *place, const char *name, const char *text)
{
    Inner inner = {file, place, okse_object_is_block(file, place, text), 0};
    OkseObjectPlace at = *place;

    at.line += inner.every_line;
    for (const char *line = text; !inner.every_line && !file->json && line != NULL; line = strchr(line + 1, '\n'))
        inner.span += 2; /* a quoted text is folded: an empty line for each of its own */
    inner.place = &at;
    if (scan_inner(file, &inner, name, text) && file->json)
        okse_object_claim(file, place->line, OKSE_OBJECT_WHOLE_LINE);
}

void okse_object_scan(const OkseObjectFile *file, const OkseObjectPlace *place, const char *value)
{
    const char *dot = place->key != NULL ? strrchr(place->key, '.') : NULL;
    g_autofree char *line = NULL, *flat = NULL;
    Inner inner = {file, place, false, 0};

    if (file->quiet || (strchr(value, '\n') != NULL && !file->json))
        return;
    flat = g_strdelimit(g_strdup(value), "\r\n", ' ');
    line = place->key != NULL ? g_strdup_printf("%s=\"%s\"", dot != NULL ? dot + 1 : place->key, flat) : g_strdup(flat);
    scan_inner(file, &inner, file->file->name, line);
}

void okse_object_partial(const OkseObjectFile *file, const char *why)
{
    g_autofree char *reason = g_strdup_printf("%s %s", file->file->path, why);

    okse_facts_coverage(file->collection->facts, file->collector, OKSE_PARTIAL, reason);
}

/* A first part with a dot or a port is a host. */
static bool names_registry(const char *first, size_t length)
{
    return memchr(first, '.', length) != NULL || memchr(first, ':', length) != NULL ||
           (length == 9 && strncmp(first, "localhost", 9) == 0);
}

json_t *okse_object_image(const char *reference)
{
    g_autofree char *text = g_utf8_make_valid(reference, -1), *whole = g_strdup(text);
    char *digest = strstr(text, "@"), *slash, *colon, *registry = text, *path = text;

    if (digest != NULL)
        *digest++ = '\0';
    if (g_str_has_prefix(path, "docker://"))
        path += strlen("docker://");
    registry = path;
    slash = strchr(path, '/');
    if (slash != NULL && names_registry(path, (size_t)(slash - path))) {
        *slash = '\0';
        path = slash + 1;
    } else {
        registry = NULL;
    }
    colon = strrchr(path, ':');
    if (colon != NULL)
        *colon++ = '\0';
    return json_pack("{s:s,s:s,s:b,s:s,s:s?,s:s?}", "name", whole, "registry",
                     registry != NULL ? registry : "docker.io", "default", registry == NULL, "repository", path, "tag",
                     colon, "digest", digest);
}

void okse_object_registry(const OkseObjectFile *file, const OkseObjectPlace *place, const json_t *image)
{
    g_autofree char *host = g_strdup(okse_json_peek_text(image, "registry"));
    char *colon = strrchr(host, ':');
    guint64 port = 0;

    if (colon != NULL) {
        *colon = '\0';
        g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL);
    }
    okse_object_endpoint(
        file, place,
        &(OkseObjectEndpoint){.host = host,
                              .port = (unsigned)port,
                              .role = "registry",
                              .state = json_is_true(json_object_get(image, "default")) ? "default" : "configured"});
}
