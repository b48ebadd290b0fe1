/* From the statements of the host's configuration to facts. A line whose key is understood is spoken for; the scanner
 * looks at all others, so that what a form or table misses shows as an endpoint without a role, never as silence. */
#include "audit/collect_host_files.h"

#include "audit/host_files.h"
#include "audit/target.h"
#include "core/digest.h"
#include "core/text.h"
#include "core/text_decode.h"

#include <string.h>

#define FILE_LIMIT (1u << 20)

typedef struct {
    OkseCollection *collection;
    const OkseHostFile *row;
    const char *path, *own; /* own: "on NAME." of this host, for DRBD */
    char digest[OKSE_SHA256_TEXT];
    GStrv lines;
    GHashTable *claimed; /* numbers of lines */
    GHashTable *routes;  /* key up to its last part → Route */
} Look;

typedef struct {
    char *destination, *gateway;
    unsigned line;
} Route;

static void route_free(gpointer data)
{
    Route *route = data;

    g_free(route->destination);
    g_free(route->gateway);
    g_free(route);
}

static json_t *source_of(const Look *look, unsigned line, const char *key)
{
    const char *raw = line > 0 && line <= g_strv_length(look->lines) ? look->lines[line - 1] : "";
    g_autofree char *valid = g_utf8_make_valid(raw, -1);
    g_autofree char *excerpt = okse_collect_mask(look->collection, g_strstrip(valid));

    return okse_facts_source(&(OkseSourceFact){.collector = look->row->collector,
                                               .path = look->path,
                                               .line = line,
                                               .key = key,
                                               .digest = look->digest,
                                               .excerpt = excerpt,
                                               .via = "structured"});
}

static bool add_word(const Look *look, const OkseHostTake *take, const OkseStatement *statement, const char *word,
                     const char *next)
{
    g_auto(OkseDestination) found = {0};
    unsigned port;

    if (!okse_destination_read(word, next, take->statement ? OKSE_WRITTEN_PAIR : take->written, &found))
        return false;
    port = found.port > 0                       ? found.port
           : okse_scheme_port(found.scheme) > 0 ? okse_scheme_port(found.scheme)
                                                : take->port;
    okse_facts_endpoint(look->collection->facts,
                        &(OkseEndpointFact){.host = found.host,
                                            .port = port,
                                            .protocol = found.scheme != NULL ? found.scheme : take->protocol,
                                            .tls = take->tls >= 0 ? take->tls : okse_scheme_tls(found.scheme),
                                            .direction = "out",
                                            .role = take->role,
                                            .state = "configured",
                                            .source = source_of(look, statement->line, statement->key)});
    return true;
}

static GStrv words_of(const char *value)
{
    g_autofree char *text = g_strdup(value);

    return g_strsplit(g_strdelimit(text, " \t,;\"'|", ' '), " ", -1);
}

static void add_destinations(const Look *look, const OkseHostTake *take, const OkseStatement *statement)
{
    g_auto(GStrv) words = words_of(statement->value);
    unsigned seen = 0;
    bool found = false;

    if (take->statement) { /* "192.0.2.1 port 53" */
        bool port = words[0] != NULL && strcmp(words[0], "port") == 0;

        add_word(look, take, statement, statement->name, port ? words[1] : NULL);
        return;
    }
    for (char **word = words;
         *word != NULL && **word != '#' && !(found && (take->first || take->written == OKSE_WRITTEN_PAIR)); word++) {
        if (**word == '\0' || seen++ < take->skip)
            continue;
        found = add_word(look, take, statement, *word, word[1]) || found;
    }
}

static Route *route_at(const Look *look, const char *key, unsigned line)
{
    const char *dot = strrchr(key, '.');
    g_autofree char *above = g_strndup(key, dot != NULL ? (gsize)(dot - key) : 0);
    Route *route = g_hash_table_lookup(look->routes, above);

    if (route == NULL) {
        route = g_new0(Route, 1);
        route->line = line;
        g_hash_table_insert(look->routes, g_steal_pointer(&above), route);
    }
    return route;
}

static void add_route(const Look *look, const char *destination, const char *gateway, unsigned line)
{
    const char *all = gateway != NULL && strchr(gateway, ':') != NULL ? "::/0" : "0.0.0.0/0";
    const char *to = destination == NULL || strcmp(destination, "default") == 0 ? all : destination;

    okse_collect_route(look->collection, &(OkseRouteFact){.destination = to,
                                                          .gateway = gateway,
                                                          .state = "configured",
                                                          .source = source_of(look, line, NULL)});
}

/* "10.0.0.0/8,192.0.2.1,100" of a keyfile; "ip route add 10.0.0.0/8 via 192.0.2.1" of interfaces(5). */
static void add_written_route(const Look *look, const OkseHostTake *take, const OkseStatement *statement)
{
    g_auto(GStrv) words = words_of(statement->value);
    const char *to = NULL, *via = NULL;
    bool pair = take->route == OKSE_ROUTE_PAIR;
    unsigned seen = 0;

    for (char **word = words; *word != NULL; word++) {
        if (**word == '\0')
            continue;
        if (pair && seen == 0)
            to = *word;
        else if (pair && seen == 1)
            via = *word;
        else if (!pair && strcmp(*word, "add") == 0 && word[1] != NULL)
            to = word[1];
        else if (!pair && (strcmp(*word, "via") == 0 || strcmp(*word, "gw") == 0) && word[1] != NULL)
            via = word[1];
        seen++;
    }
    if (to != NULL && (via != NULL || !pair) &&
        strcmp(okse_atlas_scope(via != NULL ? via : "0.0.0.0"), "unresolved") != 0)
        add_route(look, to, via, statement->line);
}

static void use_route(const Look *look, const OkseHostTake *take, const OkseStatement *statement)
{
    g_auto(GStrv) words = words_of(statement->value);
    Route *route;

    if (take->route == OKSE_ROUTE_PAIR || take->route == OKSE_ROUTE_COMMAND) {
        add_written_route(look, take, statement);
        return;
    }
    if (*words == NULL || **words == '\0')
        return;
    route = route_at(look, statement->key, statement->line);
    if (take->route == OKSE_ROUTE_GATEWAY) {
        g_free(route->gateway);
        route->gateway = g_strdup(*words);
        route->line = statement->line;
    } else {
        g_free(route->destination);
        route->destination = g_strdup(*words);
    }
}

static bool own_block(const Look *look, const OkseHostTake *take, const char *key)
{
    return take->not_own && look->own != NULL && strstr(key, look->own) != NULL;
}

static void on_statement(void *context, const OkseStatement *statement)
{
    Look *look = context;

    for (guint i = 0; i < look->row->takes->len; i++) {
        const OkseHostTake *take = g_ptr_array_index(look->row->takes, i);

        if (!g_regex_match(take->key, statement->key, 0, NULL))
            continue;
        g_hash_table_add(look->claimed, GUINT_TO_POINTER(statement->line));
        if (take->route != OKSE_ROUTE_NONE)
            use_route(look, take, statement);
        else if (!own_block(look, take, statement->key))
            add_destinations(look, take, statement);
        return;
    }
    if (strcmp(statement->key, "#") == 0 ||
        (look->row->known != NULL && g_regex_match(look->row->known, statement->key, 0, NULL)))
        g_hash_table_add(look->claimed, GUINT_TO_POINTER(statement->line));
}

static void end_routes(const Look *look)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(look->routes), (GCompareFunc)strcmp);

    for (const GList *key = keys; key != NULL; key = key->next) {
        const Route *route = g_hash_table_lookup(look->routes, key->data);

        if (route->gateway != NULL && strcmp(okse_atlas_scope(route->gateway), "unresolved") != 0)
            add_route(look, route->destination, route->gateway, route->line);
    }
}

static void read_one(OkseCollection *collection, const OkseHostFile *row, const char *path, const char *shown,
                     GBytes *bytes)
{
    bool whole = true;
    g_autoptr(GBytes) plain = okse_text_decode(bytes, &whole);
    g_autofree char *text = okse_text_of_bytes(plain), *name = g_utf8_make_valid(path, -1);
    const char *host = okse_json_peek_text(okse_facts_peek(collection->facts, "host"), "hostname");
    g_autofree char *own = host == NULL ? NULL : g_strdup_printf("on %s.", host);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GHashTable) claimed = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) routes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, route_free);
    Look look = {collection, row, shown != NULL ? shown : name, own, "", lines, claimed, routes};
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    const char *why = NULL;

    okse_sha256_text(&digest, look.digest);
    if (!okse_form_read(row->form, g_bytes_get_data(plain, NULL), g_bytes_get_size(plain), on_statement, &look, &why) ||
        !whole) {
        g_autofree char *reason = g_strdup_printf("%s: %s", look.path, why != NULL ? why : OKSE_COLLECT_NO_TEXT);

        okse_facts_coverage(collection->facts, row->collector, OKSE_PARTIAL, reason);
    }
    end_routes(&look);
    okse_collect_scan_rest(collection, &(OkseScanFile){row->collector, look.path, look.path, NULL, plain, false, bytes},
                           claimed);
}

static void read_file(OkseCollection *collection, const OkseHostFile *row, const char *path, OkseHostLook *look)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, FILE_LIMIT, &error);

    if (bytes != NULL) {
        look->found = true;
        read_one(collection, row, path, NULL, bytes);
    } else if (!g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        look->readable = false;
    }
}

bool okse_collect_host_bytes(OkseCollection *collection, const char *like, const char *shown, GBytes *bytes)
{
    for (guint i = 0; i < collection->host_files->files->len; i++) {
        const OkseHostFile *row = g_ptr_array_index(collection->host_files->files, i);

        for (char **pattern = row->files; *pattern != NULL; pattern++) {
            if (strcmp(*pattern, like) != 0)
                continue;
            read_one(collection, row, like, shown, bytes);
            return true;
        }
    }
    return false;
}

/* What was compiled in counts where no file says otherwise. Its own configuration often shows it in a comment. */
static void add_compiled_in(OkseCollection *collection, const OkseCompiledIn *one, const char *program)
{
    g_autofree char *pattern =
        one->comment == NULL ? NULL : g_strdup_printf("^[ \\t]*#[ \\t]*%s[ \\t]*=(.*)$", one->comment);
    g_autoptr(GRegex) shown = pattern == NULL ? NULL : g_regex_new(pattern, G_REGEX_RAW, 0, NULL);
    bool told = false;

    for (char **file = one->files; shown != NULL && *file != NULL && !told; file++) {
        g_autoptr(GBytes) bytes = okse_collect_read(collection, *file, FILE_LIMIT, NULL);
        g_autofree char *text =
            bytes == NULL ? g_strdup("") : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (unsigned i = 0; lines[i] != NULL; i++) {
            g_autoptr(GMatchInfo) match = NULL;
            g_autofree char *value = NULL;
            g_auto(GStrv) hosts = NULL;

            if (!g_regex_match(shown, lines[i], 0, &match))
                continue;
            told = true;
            value = g_match_info_fetch(match, 1);
            hosts = g_strsplit(g_strstrip(value), " ", -1);
            okse_collect_defaults(collection, one, (const char *const *)hosts, *file, i + 1);
        }
    }
    if (!told)
        okse_collect_defaults(collection, one, (const char *const *)one->hosts, program, 0);
}

void okse_collect_defaults(OkseCollection *collection, const OkseCompiledIn *one, const char *const *hosts,
                           const char *path, unsigned line)
{
    for (; *hosts != NULL; hosts++) {
        g_auto(OkseDestination) found = {0};

        if (!okse_destination_read(*hosts, NULL, OKSE_WRITTEN_HASH, &found))
            continue;
        okse_facts_endpoint(
            collection->facts,
            &(OkseEndpointFact){.host = found.host,
                                .port = one->port,
                                .protocol = one->protocol,
                                .tls = -1,
                                .direction = "out",
                                .role = one->role,
                                .state = "default",
                                .source = okse_facts_source(&(OkseSourceFact){.collector = one->collector,
                                                                              .path = path,
                                                                              .line = line,
                                                                              .key = line > 0 ? one->comment : NULL,
                                                                              .via = "structured"})});
    }
}

static bool replaced(const OkseCollection *collection, const OkseCompiledIn *one)
{
    bool readable = true;

    for (char **file = one->files; one->unless != NULL && *file != NULL; file++) {
        g_autoptr(GPtrArray) paths = okse_collect_matches(collection, *file, &readable, NULL);

        for (guint i = 0; i < paths->len; i++) {
            g_autoptr(GBytes) bytes = okse_collect_read(collection, g_ptr_array_index(paths, i), FILE_LIMIT, NULL);
            gsize length = bytes == NULL ? 0 : g_bytes_get_size(bytes);

            if (length > 0 &&
                g_regex_match_full(one->unless, g_bytes_get_data(bytes, NULL), (gssize)length, 0, 0, NULL, NULL))
                return true;
        }
    }
    return false;
}

static void use_default(OkseCollection *collection, const OkseCompiledIn *one, OkseHostLook *look)
{
    for (char **program = one->programs; *program != NULL; program++) {
        if (!okse_collect_exists(collection, *program))
            continue;
        look->found = true;
        if (!replaced(collection, one))
            add_compiled_in(collection, one, *program);
        return;
    }
}

void okse_collect_host_files(OkseCollection *collection, const char *collector, OkseHostLook *look)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < collection->host_files->files->len; i++) {
        const OkseHostFile *row = g_ptr_array_index(collection->host_files->files, i);

        for (char **pattern = row->files; strcmp(row->collector, collector) == 0 && *pattern != NULL; pattern++) {
            g_autoptr(GPtrArray) paths = okse_collect_matches(collection, *pattern, &look->readable, NULL);

            for (guint k = 0; k < paths->len; k++)
                if (g_hash_table_add(seen, g_strdup(g_ptr_array_index(paths, k))))
                    read_file(collection, row, g_ptr_array_index(paths, k), look);
        }
    }
    for (guint i = 0; i < collection->host_files->defaults->len; i++) {
        const OkseCompiledIn *one = g_ptr_array_index(collection->host_files->defaults, i);

        if (strcmp(one->collector, collector) == 0)
            use_default(collection, one, look);
    }
}

void okse_collect_host_coverage(OkseCollection *collection, const char *collector, const OkseHostLook *look,
                                const char *unreadable, const char *none)
{
    if (!look->readable)
        okse_facts_coverage(collection->facts, collector, OKSE_PARTIAL, unreadable);
    else
        okse_facts_coverage(collection->facts, collector, look->found ? OKSE_COMPLETE : OKSE_ABSENT,
                            look->found ? NULL : none);
}
