/* From what is known about programs (manifests/software/) and their files to endpoints and settings. A file that its
 * format does not read makes the program's collector partial; the scanner reads the same bytes all the same. */
#include "audit/collect_software.h"

#include "audit/collect_tls.h"

#include "audit/config_tree.h"
#include "audit/target.h"
#include "core/fd.h"
#include "core/text.h"

#include <string.h>

/* What was seen of a program. */
typedef struct {
    char *path;         /* one of its files, or of `installed` */
    bool seen;          /* a file was read */
    GHashTable *unless; /* OkseProgramDefault that a file switched off, borrowed */
    GHashTable *when;   /* … or whose condition a file meets */
} Seen;

struct OkseSoftwareSeen {
    GHashTable *programs; /* OkseProgram → Seen */
};

typedef struct {
    OkseCollection *collection;
    const OkseScanFile *file;
    const OkseProgram *program;
    const OkseFind *find;
    const OkseConfig *config;
    GHashTable *claims, *locals; /* locals: texts, or NULL */
    GHashTable *pairs;           /* of the node at hand, or NULL */
    char **lines;
    guint line_count;
    const char *digest;
} Look;

static void seen_free(gpointer data)
{
    Seen *seen = data;

    g_free(seen->path);
    g_hash_table_unref(seen->unless);
    g_hash_table_unref(seen->when);
    g_free(seen);
}

OkseSoftwareSeen *okse_software_seen_new(void)
{
    OkseSoftwareSeen *seen = g_new0(OkseSoftwareSeen, 1);

    seen->programs = g_hash_table_new_full(NULL, NULL, NULL, seen_free);
    return seen;
}

void okse_software_seen_free(OkseSoftwareSeen *seen)
{
    if (seen == NULL)
        return;
    g_hash_table_unref(seen->programs);
    g_free(seen);
}

static Seen *seen_of(OkseCollection *collection, const OkseProgram *program, const char *path)
{
    Seen *seen = g_hash_table_lookup(collection->programs->programs, program);

    if (seen == NULL) {
        seen = g_new0(Seen, 1);
        seen->path = g_strdup(path);
        seen->unless = g_hash_table_new(NULL, NULL);
        seen->when = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(collection->programs->programs, (gpointer)(uintptr_t)program, seen);
    }
    return seen;
}

/* Components are the business of `configuration`; the domains' collectors speak of the host. */
static const char *collector_of(const OkseProgram *program, const OkseScanFile *file)
{
    return file->component != NULL ? file->collector : program->collector;
}

static bool matches_any(const GStrv patterns, const char *value)
{
    for (char **pattern = patterns; *pattern != NULL; pattern++)
        if (**pattern == '\0' ? value == NULL : value != NULL && g_pattern_match_simple(*pattern, value))
            return true;
    return false;
}

static const char *value_at(const OkseConfigNode *node, const char *path)
{
    const OkseConfigNode *found = okse_config_find(node, path);

    return found == NULL ? NULL : found->value != NULL ? found->value : "{}";
}

/* How many of the conditions hold. */
static guint held(const OkseConfigNode *node, const GPtrArray *conditions)
{
    guint count = 0;

    for (guint i = 0; i < conditions->len; i++) {
        const OkseCondition *condition = g_ptr_array_index(conditions, i);

        count += matches_any(condition->patterns, value_at(node, condition->path));
    }
    return count;
}

typedef struct {
    const char *name;
    bool any, found;
} Using;

static bool on_use(void *context, const OkseConfigNode *node)
{
    Using *using = context;

    using->any = using->any || node->value != NULL;
    using->found = using->found || g_strcmp0(node->value, using->name) == 0;
    return true;
}

/* Whether the file uses what it defines under the node's key. */
static bool is_used(const Look *look, const OkseConfigNode *node)
{
    const char *path = look->find->used != NULL ? look->find->used : look->find->unused;
    Using using = {.name = node->key};

    if (path == NULL)
        return true;
    okse_config_each(okse_config_root(look->config), path, on_use, &using);
    return using.any && using.found == (look->find->used != NULL);
}

static bool holds(const Look *look, const OkseConfigNode *node)
{
    const OkseFind *find = look->find;

    return held(node, find->when) == find->when->len && held(node, find->unless) == 0 && is_used(look, node);
}

static json_t *source_of(const Look *look, const OkseConfigNode *at)
{
    const char *line = at->line >= 1 && at->line <= look->line_count ? look->lines[at->line - 1] : "";
    g_autofree char *text = g_strstrip(g_utf8_make_valid(line, MIN((gssize)strlen(line), 4096)));
    g_autofree char *masked = okse_collect_mask(look->collection, text);

    return okse_facts_source(&(OkseSourceFact){.collector = collector_of(look->program, look->file),
                                               .path = look->file->path,
                                               .line = at->line,
                                               .column = at->column,
                                               .key = look->find->at,
                                               .digest = look->digest,
                                               .excerpt = masked,
                                               .component = look->file->component,
                                               .via = "structured"});
}

/* A member of the node, or of its pairs. */
static const char *member(const Look *look, const OkseConfigNode *node, const char *path)
{
    if (path == NULL)
        return NULL;
    return look->pairs != NULL ? g_hash_table_lookup(look->pairs, path) : value_at(node, path);
}

/* Programs that name UDP as their way send bare datagrams. */
static int tls_of(const char *scheme)
{
    return g_strcmp0(scheme, "udp") == 0 ? 0 : okse_scheme_tls(scheme);
}

static void claim(const Look *look, const OkseConfigNode *at, const char *host)
{
    g_autofree char *lower = g_ascii_strdown(host, -1); /* as the scanner finds it */

    g_hash_table_add(look->claims, okse_software_claim(at->line, lower));
}

char *okse_software_claim(unsigned line, const char *host)
{
    return g_strdup_printf("%u|%s", line, host);
}

static void add_target(const Look *look, const OkseConfigNode *node, const OkseConfigNode *at, OkseTarget *target)
{
    const OkseFind *find = look->find;
    const char *protocol = member(look, node, find->protocol), *port = member(look, node, find->port);
    g_autofree char *scheme = target->scheme != NULL ? g_strdup(target->scheme)
                              : protocol != NULL     ? g_ascii_strdown(protocol, -1)
                                                     : g_strdup(find->scheme);
    guint64 number = target->port;

    if (number == 0 && port != NULL)
        g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL);
    number = number > 0 ? number : find->fallback; /* some programs have one of their own, whatever the scheme */
    number = number > 0 ? number : okse_scheme_port(scheme);
    claim(look, at, target->host);
    okse_facts_endpoint(look->collection->facts,
                        &(OkseEndpointFact){.host = target->host,
                                            .port = (unsigned)number,
                                            .protocol = scheme,
                                            .tls = tls_of(scheme),
                                            .direction = find->direction != NULL ? find->direction : "out",
                                            .role = find->role,
                                            .state = find->state != NULL ? find->state : "configured",
                                            .source = source_of(look, at)});
}

/* What is understood and no place to which data goes: an own address, who may come in. */
static void add_mention(const Look *look, const OkseConfigNode *at, const char *host)
{
    g_autofree char *key = g_strdup_printf("%s|%u|%u|%s", look->file->path, at->line, at->column, host);

    claim(look, at, host);
    okse_facts_add(
        look->collection->facts, "mentions", key,
        json_pack("{s:s,s:s,s:o}", "host", host, "noise", look->find->mention, "source", source_of(look, at)));
}

static void add_text(const Look *look, const OkseConfigNode *node, const OkseConfigNode *at, const char *text)
{
    OkseTarget target;
    OkseTargetKind kind;

    if (look->locals != NULL && g_hash_table_contains(look->locals, text)) {
        claim(look, at, text); /* a name of the file's own */
        return;
    }
    kind = okse_target_read(text, &target);
    if (kind == OKSE_TARGET_READ && look->locals != NULL && g_hash_table_contains(look->locals, target.host)) {
        claim(look, at, target.host);
        okse_target_clear(&target);
        return;
    }
    if (kind == OKSE_TARGET_READ && look->find->mention != NULL)
        add_mention(look, at, target.host);
    else if (kind == OKSE_TARGET_READ)
        add_target(look, node, at, &target);
    if (look->find->mention == NULL && kind == OKSE_TARGET_VARIABLE) {
        g_autofree char *reason =
            g_strdup_printf("%s:%u: a variable stands where a host is named", look->file->path, at->line);

        okse_facts_coverage(look->collection->facts, collector_of(look->program, look->file), OKSE_PARTIAL, reason);
    }
    okse_target_clear(&target);
}

typedef struct {
    const Look *look;
    const OkseConfigNode *node;
} Values;

/* The parts of a value that are targets. */
static void add_matches(const Look *look, const OkseConfigNode *node, const OkseConfigNode *at, const char *value)
{
    g_autoptr(GMatchInfo) match = NULL;

    for (bool more = g_regex_match(look->find->match, value, 0, &match); more; more = g_match_info_next(match, NULL)) {
        g_autofree char *text = g_match_info_fetch(match, 1), *port = g_match_info_fetch(match, 2);
        g_autofree char *whole = port == NULL || *port == '\0' ? g_strdup(text) : g_strconcat(text, ":", port, NULL);

        if (text != NULL && *text != '\0' && look->find->as != NULL) {
            g_auto(GStrv) around = g_strsplit(look->find->as, "{1}", -1);

            g_free(whole);
            whole = g_strjoinv(text, around);
        }
        if (text != NULL && *text != '\0')
            add_text(look, node, at, whole);
    }
}

/* One value, or several of them. */
static void add_values(const Look *look, const OkseConfigNode *node, const OkseConfigNode *at, const char *value)
{
    g_auto(GStrv) parts = NULL;

    if (value == NULL)
        return;
    if (look->find->match != NULL) {
        add_matches(look, node, at, value);
        return;
    }
    if (look->find->split == NULL) {
        add_text(look, node, at, value);
        return;
    }
    parts = g_strsplit_set(value, look->find->split, 4096);
    for (char **part = parts; *part != NULL; part++)
        if (*g_strstrip(*part) != '\0')
            add_text(look, node, at, *part);
}

static bool on_value(void *context, const OkseConfigNode *at)
{
    const Values *values = context;

    add_values(values->look, values->node, at, at->value);
    return true;
}

static bool on_key(void *context, const OkseConfigNode *at)
{
    const Values *values = context;

    add_values(values->look, values->node, at, at->key);
    return true;
}

/* "s3.{region}.amazonaws.com": NULL when a part is not said. at: the node of the first part, where it stands. */
static char *filled(const Look *look, const OkseConfigNode *node, const char *literal, const OkseConfigNode **at)
{
    g_autoptr(GString) text = g_string_new(NULL);

    while (*literal != '\0') {
        gsize plain = strcspn(literal, "{"), name = plain + strcspn(literal + plain, "}");
        g_autofree char *path = literal[plain] == '{' ? g_strndup(literal + plain + 1, name - plain - 1) : NULL;
        const char *value = member(look, node, path);

        g_string_append_len(text, literal, (gssize)plain);
        if (path == NULL)
            break;
        if (value == NULL)
            return NULL;
        if (*at == node && look->pairs == NULL)
            *at = okse_config_find(node, path);
        g_string_append(text, value);
        literal += name + (literal[name] == '}');
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* "host=a port=5432 password='x y'": libpq's form, and what looks like it. */
static GHashTable *pairs_of(const char *value)
{
    GHashTable *pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (const char *at = value + strspn(value, " \t"); *at != '\0'; at += strspn(at, " \t,;")) {
        gsize key = strcspn(at, "= \t"), length, quotes = 0;
        const char *start = at + key + strspn(at + key, " \t");
        char quote;

        if (*start != '=')
            break;
        start += 1 + strspn(start + 1, " \t");
        quote = *start == '\'' || *start == '"' ? *start : '\0';
        while (quote != '\0' && quotes < 2 && *start == quote) { /* doubled inside quotes of the file's own */
            start++;
            quotes++;
        }
        length = quote != '\0' ? strcspn(start, quote == '"' ? "\"" : "'")
                               : strcspn(start, " \t;"); /* libpq: several hosts in one */
        g_hash_table_replace(pairs, g_ascii_strdown(at, (gssize)key), g_strndup(start, length));
        for (at = start + length; quotes > 0 && *at == quote; quotes--)
            at++;
    }
    return pairs;
}

static void add_tls(const Look *look, const OkseConfigNode *at, const char *value)
{
    if (strcmp(look->find->tls, "certificate") != 0)
        okse_collect_tls_setting(look->collection, &(OkseTlsSetting){.program = look->program->name,
                                                                     .what = look->find->tls,
                                                                     .value = value,
                                                                     .path = look->file->path,
                                                                     .line = at->line,
                                                                     .source = source_of(look, at)});
    else if (look->file->component == NULL && *value != '\0')
        okse_collect_certificate_named(look->collection, look->program->name, look->file->path, value);
}

/* All of a value, or group 1 of each match. */
static bool on_tls(void *context, const OkseConfigNode *at)
{
    const Look *look = context;
    g_autoptr(GMatchInfo) match = NULL;

    if (at->value == NULL)
        return true;
    if (look->find->match == NULL) {
        add_tls(look, at, at->value);
        return true;
    }
    for (bool more = g_regex_match(look->find->match, at->value, 0, &match); more;
         more = g_match_info_next(match, NULL)) {
        g_autofree char *text = g_match_info_fetch(match, 1);

        add_tls(look, at, text);
    }
    return true;
}

static void add_setting(const Look *look, const OkseConfigNode *node)
{
    const OkseConfigNode *at = look->find->value != NULL ? okse_config_find(node, look->find->value) : node;
    g_autofree char *masked = NULL, *key = NULL;

    if (at == NULL || at->value == NULL)
        return;
    masked = okse_collect_mask(look->collection, at->value);
    key = g_strdup_printf("%s|%u|%s", look->file->path, at->line, look->find->setting);
    okse_facts_add(look->collection->facts, "settings", key,
                   json_pack("{s:s,s:s,s:o,s:s}", "name", look->find->setting, "value", masked, "source",
                             source_of(look, at), "state", "configured"));
}

static bool on_node(void *context, const OkseConfigNode *node)
{
    Look *look = context;
    const OkseFind *find = look->find;
    const char *path = find->url != NULL ? find->url : find->host;
    Values values = {look, node};

    look->pairs = find->pairs && node->value != NULL ? pairs_of(node->value) : NULL;
    if (!holds(look, node)) {
        g_clear_pointer(&look->pairs, g_hash_table_unref);
        return true;
    }
    if (find->setting != NULL) {
        add_setting(look, node);
    } else if (find->tls != NULL) {
        okse_config_each(node, find->value != NULL ? find->value : ".", on_tls, look);
    } else if (find->literal != NULL) {
        const OkseConfigNode *at = node;
        g_autofree char *host = filled(look, node, find->literal, &at);

        add_values(look, node, at, host);
    } else if (look->pairs != NULL) {
        add_values(look, node, node, member(look, node, path));
    } else if (g_str_has_suffix(path, "@key")) { /* the host is what the key is called */
        g_autofree char *of = g_strndup(path, strlen(path) - (g_str_has_suffix(path, "/@key") ? 5 : 4));

        okse_config_each(node, of, on_key, &values);
    } else {
        okse_config_each(node, path, on_value, &values);
    }
    g_clear_pointer(&look->pairs, g_hash_table_unref);
    return true;
}

static bool keep_local(void *context, const OkseConfigNode *node)
{
    if (node->value != NULL)
        g_hash_table_add(context, g_strdup(node->value));
    return true;
}

static bool root_has(const OkseConfig *config, const OkseProgramFile *kind)
{
    bool found = *kind->has == NULL;

    for (char **path = kind->has; *path != NULL && !found; path++)
        found = okse_config_find(okse_config_root(config), *path) != NULL;
    return found;
}

static void look_into(Look *look, const OkseProgramFile *kind, Seen *seen)
{
    for (guint i = 0; i < kind->finds->len; i++) {
        g_autoptr(GHashTable) locals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

        look->find = g_ptr_array_index(kind->finds, i);
        look->locals = look->find->locals != NULL ? locals : NULL;
        if (look->locals != NULL)
            okse_config_each(okse_config_root(look->config), look->find->locals, keep_local, locals);
        okse_config_each(okse_config_root(look->config), look->find->at, on_node, look);
    }
    for (guint i = 0; i < look->program->defaults->len; i++) {
        OkseProgramDefault *one = g_ptr_array_index(look->program->defaults, i);

        if (held(okse_config_root(look->config), one->unless) > 0)
            g_hash_table_add(seen->unless, one);
        if (held(okse_config_root(look->config), one->when) > 0)
            g_hash_table_add(seen->when, one);
    }
}

/* False when the file is not that kind after all. */
static bool read_as(OkseCollection *collection, const OkseScanFile *file, const OkseProgram *program,
                    const OkseProgramFile *kind, GHashTable *claims)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseConfig) config = okse_config_read(kind->format, file->bytes, file->path, &error);
    g_autofree char *text = okse_text_of_bytes(file->bytes);
    g_auto(GStrv) lines = NULL;
    Look look = {.collection = collection, .file = file, .program = program, .config = config, .claims = claims};
    Seen *seen;

    if (config == NULL) {
        /* in a component, what only a name speaks for may be something else; on a host the place is the program's own
         */
        if (*kind->has == NULL || file->component == NULL)
            okse_facts_coverage(collection->facts, collector_of(program, file), OKSE_PARTIAL, error->message);
        if (program->tls && file->component == NULL)
            okse_facts_coverage(collection->facts, "tls", OKSE_PARTIAL, error->message);
        return *kind->has == NULL;
    }
    if (!root_has(config, kind))
        return false;
    lines = g_strsplit(text, "\n", -1);
    look.lines = lines;
    look.line_count = g_strv_length(lines);
    look.digest = okse_collect_digest(collection, file);
    seen = seen_of(collection, program, file->path);
    seen->seen = true;
    look_into(&look, kind, seen);
    return true;
}

bool okse_collect_software(OkseCollection *collection, const OkseScanFile *file, GHashTable *claims)
{
    bool known = false;

    for (unsigned i = 0; i < okse_software_count(collection->software); i++) {
        const OkseProgram *program = okse_software_get(collection->software, i);

        for (guint k = 0; k < program->files->len; k++) {
            const OkseProgramFile *kind = g_ptr_array_index(program->files, k);

            if (okse_program_file_matches(kind, file->name))
                known = read_as(collection, file, program, kind, claims) || known;
        }
    }
    return known;
}

/* Of the files that prove a program, the first that is there. One that could not be looked at proves nothing. */
static const char *installed_as(const OkseCollection *collection, const OkseProgram *program)
{
    for (char **path = program->installed; *path != NULL; path++) {
        g_autoptr(GError) error = NULL;
        okse_autofd fd = okse_collect_open(collection, *path, O_PATH, &error);

        if (fd >= 0)
            return *path;
        if (!g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
            okse_facts_coverage(collection->facts, program->collector, OKSE_PARTIAL, error->message);
        if (program->tls && !g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
            okse_facts_coverage(collection->facts, "tls", OKSE_PARTIAL, error->message);
    }
    return NULL;
}

static void add_defaults(OkseCollection *collection, const OkseProgram *program, const Seen *seen)
{
    for (guint i = 0; i < program->defaults->len; i++) {
        const OkseProgramDefault *one = g_ptr_array_index(program->defaults, i);

        if (g_hash_table_contains(seen->unless, one) || (one->when->len > 0 && !g_hash_table_contains(seen->when, one)))
            continue;
        okse_facts_endpoint(
            collection->facts,
            &(OkseEndpointFact){.host = one->host,
                                .port = one->port,
                                .protocol = one->scheme,
                                .tls = tls_of(one->scheme),
                                .direction = "out",
                                .role = one->role,
                                .state = "default",
                                .source = okse_facts_source(&(OkseSourceFact){
                                    .collector = program->collector, .path = seen->path, .via = "structured"})});
    }
}

void okse_collect_software_finish(OkseCollection *collection, bool host)
{
    for (unsigned i = 0; i < okse_software_count(collection->software); i++) {
        const OkseProgram *program = okse_software_get(collection->software, i);
        const char *installed = host ? installed_as(collection, program) : NULL;
        const Seen *seen = g_hash_table_lookup(collection->programs->programs, program);

        if (seen == NULL && installed != NULL)
            seen = seen_of(collection, program, installed);
        if (seen != NULL)
            add_defaults(collection, program, seen);
        if (host)
            okse_facts_coverage(collection->facts, "tls", seen != NULL && program->tls ? OKSE_COMPLETE : OKSE_ABSENT,
                                seen != NULL && program->tls ? NULL
                                                             : "no program that is known to speak TLS was found");
        if (host && seen != NULL)
            okse_facts_coverage(collection->facts, program->collector, OKSE_COMPLETE, NULL);
        else if (host)
            okse_facts_coverage(collection->facts, program->collector, OKSE_ABSENT,
                                "no program of this kind that is known was found");
    }
}
