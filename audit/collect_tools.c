/* Tool servers that configuration names: each with where it comes from, as far as the package tells. */
#include "audit/collector.h"
#include "audit/fetches.h"
#include "audit/place.h"
#include "audit/tools.h"
#include "core/digest.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define FILE_LIMIT (4u << 20) /* bytes of a configuration file */

typedef struct {
    const OkseCollectPart *part;
    const char *path;  /* of the file in its component */
    const char *shown; /* as sources show it */
    char digest[OKSE_SHA256_TEXT];
} Look;

/* Where a server comes from: the vocabulary of `origin` in docs/formats/facts.md. */
typedef struct {
    const char *origin;
    char *what; /* owned; or NULL */
    int pinned; /* 1, 0, or -1 where it makes no sense */
} Origin;

static bool wants(void *context, const char *path, uint64_t size)
{
    static const char *const kinds[] = {"infra", "service", "runtime", "source", "driver", NULL};
    static const char *const endings[] = {".json", ".yaml", ".yml", ".jsonc"};
    const OkseCollectPart *part = context;
    g_autofree char *shown = NULL, *reason = NULL;
    bool named = false;

    if (!g_strv_contains(kinds, okse_contents_kind(part->contents, part->component)))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++)
        named = named || g_str_has_suffix(path, endings[i]);
    if (!named || size <= FILE_LIMIT)
        return named;
    shown = okse_collect_part_path(part, path);
    reason = g_strdup_printf("%s: is larger than 4 MiB and was not read", shown);
    okse_facts_coverage(part->collection->facts, "tools", OKSE_PARTIAL, reason);
    return false;
}

/* "exact" versions: NAME@1.2.3, NAME==1.2.3, IMAGE@sha256:… */
static bool is_pinned(const char *command)
{
    return g_regex_match_simple("(?:@v?[0-9]+(?:\\.[0-9]+)+|==[0-9]|@sha256:[0-9a-f]{64}|@[0-9a-f]{40})", command, 0,
                                0);
}

/* A path below the place of an install: NAME/… is a file of the component NAME. */
static Origin of_component(const Look *look, const char *below)
{
    const OkseContents *contents = look->part->contents;
    const char *slash = strchr(below, '/');
    g_autofree char *name = g_strndup(below, slash != NULL ? (size_t)(slash - below) : strlen(below));

    for (unsigned i = 0; slash != NULL && i < okse_contents_count(contents); i++)
        if (strcmp(okse_contents_name(contents, i), name) == 0 && okse_contents_has(contents, i, slash + 1))
            return (Origin){"bundle", g_strdup(below), 1};
    return (Origin){"missing", g_strdup(below), -1};
}

/* A relative path is meant from where the configuration lies. */
static Origin of_relative(const Look *look, const char *program)
{
    g_autofree char *directory = g_path_get_dirname(look->path);
    g_autofree char *absolute = g_strconcat("/", strcmp(directory, ".") == 0 ? "" : directory, NULL);
    g_autofree char *whole = g_canonicalize_filename(program, absolute);

    if (okse_contents_has(look->part->contents, look->part->component, whole + 1))
        return (Origin){"bundle", g_strdup(whole + 1), 1};
    return (Origin){"unknown", NULL, -1};
}

static Origin origin_of_command(const Look *look, const char *const *words)
{
    const OkseCollection *collection = look->part->collection;
    g_autofree char *line = g_strjoinv(" ", (char **)(uintptr_t)words);
    char *fetched = okse_fetch_rules_find(collection->fetches, line);
    const char *program, *below;

    if (fetched == NULL)
        fetched = okse_tool_fetched(collection->tools, line);
    if (fetched != NULL)
        return (Origin){"fetched", fetched, is_pinned(line)};
    program = okse_tool_program(collection->tools, words);
    if (program == NULL || strchr(program, '$') != NULL)
        return (Origin){"unknown", NULL, -1};
    below = okse_tool_below_root(collection->tools, program);
    if (below == NULL && collection->root != NULL) {
        g_autofree char *current = g_strconcat(collection->root, "/current/", NULL);

        below = g_str_has_prefix(program, current) ? program + strlen(current) : NULL;
    }
    if (below != NULL)
        return of_component(look, below);
    if (*program == '/')
        return (Origin){"path", g_strdup(program), -1};
    return program != *words || strchr(program, '/') != NULL ? of_relative(look, program)
                                                             : (Origin){"unknown", NULL, -1};
}

static char *host_of(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *host = uri == NULL ? NULL : g_uri_get_host(uri);

    return host == NULL || *host == '\0' ? NULL : g_ascii_strdown(host, -1);
}

static Origin origin_of_url(const char *host)
{
    const char *scope = host == NULL ? NULL : okse_atlas_scope(host);
    bool cluster = host != NULL && g_str_has_suffix(host, ".svc.cluster.local");

    if (host == NULL)
        return (Origin){"unknown", NULL, -1};
    if (strcmp(scope, "loopback") == 0 || cluster)
        return (Origin){"local", NULL, -1};
    return (Origin){"remote", NULL, -1};
}

static json_t *text_or_null(const char *text)
{
    g_autofree char *shown = text == NULL ? NULL : okse_text_show(text, -1, false);

    return shown != NULL ? json_string(shown) : json_null();
}

static void found(void *context, const OkseTool *tool)
{
    const Look *look = context;
    OkseCollection *collection = look->part->collection;
    g_autofree char *command = tool->words == NULL ? NULL : g_strjoinv(" ", (char **)(uintptr_t)tool->words);
    g_autofree char *host = tool->url == NULL ? NULL : host_of(tool->url);
    Origin origin = tool->words != NULL ? origin_of_command(look, tool->words) : origin_of_url(host);
    const char *component = okse_contents_name(look->part->contents, look->part->component);
    g_autofree char *key = g_strdup_printf("%s|%s|%u", look->shown, tool->name, tool->line);
    g_autoptr(json_t) fact = json_pack(
        "{s:s,s:o,s:s,s:s,s:o,s:o,s:o,s:s,s:o,s:s}", "component", component, "name", text_or_null(tool->name), "form",
        tool->form, "transport", tool->transport, "command", text_or_null(command), "url", text_or_null(tool->url),
        "host", text_or_null(host), "origin", origin.origin, "what", text_or_null(origin.what), "state", "configured");
    json_t *masked;

    json_object_set_new(fact, "pinned", origin.pinned < 0 ? json_null() : json_boolean(origin.pinned));
    masked = okse_collect_mask_texts(collection, fact);
    json_object_set_new(masked, "source",
                        okse_facts_source(&(OkseSourceFact){.collector = "tools",
                                                            .path = look->shown,
                                                            .line = tool->line,
                                                            .digest = look->digest,
                                                            .component = component,
                                                            .via = "structured"}));
    okse_facts_add(collection->facts, "tools", key, masked);
    g_free(origin.what);
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const OkseCollectPart *part = context;
    g_autofree char *shown = okse_collect_part_path(part, path);
    Look look = {.part = part, .path = path, .shown = shown};
    OkseSha256 digest = okse_sha256_of_bytes(bytes);

    okse_sha256_text(&digest, look.digest);
    if (!okse_tools_of(bytes, path, found, &look)) {
        g_autofree char *reason = g_strdup_printf("%s: names tool servers and could not be read as a whole", shown);

        okse_facts_coverage(part->collection->facts, "tools", OKSE_PARTIAL, reason);
    }
}

static const OkseCollectParts parts = {"tools", NULL, {wants, use, NULL}};

bool okse_collect_tools(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    return okse_collect_parts(collection, contents, &parts, error);
}

void okse_collect_installed_tools(OkseCollection *collection, const char *why_not)
{
    okse_collect_installed_parts(collection, &parts, why_not);
}
