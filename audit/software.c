/* Reading manifests/software/. */
#include "audit/software.h"

#include "audit/config_tree.h"
#include "audit/fact_kinds.h"
#include "core/globs.h"
#include "core/yaml.h"

#include <string.h>

struct OkseSoftware {
    GPtrArray *programs;      /* OkseProgram */
    OkseGlobs *paths, *names; /* of their files: OkseProgramFile */
};

static void condition_free(gpointer data)
{
    OkseCondition *condition = data;

    g_free(condition->path);
    g_strfreev(condition->patterns);
    g_free(condition);
}

static void find_free(gpointer data)
{
    OkseFind *find = data;

    g_ptr_array_unref(find->when);
    g_ptr_array_unref(find->unless);
    g_free(find->at);
    g_free(find->url);
    g_free(find->host);
    g_free(find->literal);
    g_free(find->setting);
    g_free(find->tls);
    g_free(find->mention);
    g_free(find->used);
    g_free(find->as);
    g_free(find->unused);
    if (find->match != NULL)
        g_regex_unref(find->match);
    g_free(find->port);
    g_free(find->protocol);
    g_free(find->value);
    g_free(find->split);
    g_free(find->locals);
    g_free(find->scheme);
    g_free(find->role);
    g_free(find->direction);
    g_free(find->state);
    g_free(find);
}

static void file_free(gpointer data)
{
    OkseProgramFile *file = data;

    g_ptr_array_unref(file->paths);
    g_ptr_array_unref(file->names);
    g_ptr_array_unref(file->finds);
    g_strfreev(file->has);
    g_free(file->format);
    g_free(file);
}

static void default_free(gpointer data)
{
    OkseProgramDefault *one = data;

    g_ptr_array_unref(one->when);
    g_ptr_array_unref(one->unless);
    g_free(one->host);
    g_free(one->role);
    g_free(one->scheme);
    g_free(one);
}

static void program_free(gpointer data)
{
    OkseProgram *program = data;

    g_free(program->name);
    g_free(program->collector);
    g_strfreev(program->installed);
    g_ptr_array_unref(program->files);
    g_ptr_array_unref(program->defaults);
    g_free(program);
}

void okse_software_free(OkseSoftware *software)
{
    if (software == NULL)
        return;
    g_ptr_array_unref(software->programs);
    okse_globs_free(software->paths);
    okse_globs_free(software->names);
    g_free(software);
}

/* The texts of a list, or of one text. */
static GStrv texts_of(const OkseNode *node, OkseIssues *issues)
{
    GPtrArray *texts = g_ptr_array_new();
    bool list = node != NULL && okse_node_kind(node) == OKSE_NODE_LIST;

    for (unsigned i = 0; node != NULL && i < (list ? okse_node_count(node) : 1); i++) {
        const OkseNode *item = list ? okse_node_item(node, i) : node;
        OksePlace at = okse_node_place(item);

        if (okse_node_text(item) == NULL)
            okse_issue(issues, &at, "must be a text");
        else
            g_ptr_array_add(texts, g_strdup(okse_node_text(item)));
    }
    g_ptr_array_add(texts, NULL);
    return (GStrv)g_ptr_array_free(texts, FALSE);
}

static GStrv take_texts(OkseMap *map, const char *key, OkseIssues *issues)
{
    const OkseNode *node = NULL;

    okse_map_take_node(map, key, OKSE_OPTIONAL, &node);
    return texts_of(node, issues);
}

static char *take_text(OkseMap *map, const char *key, OksePresence presence)
{
    const char *text = NULL;

    okse_map_take_text(map, key, presence, &text);
    return g_strdup(text);
}

static unsigned take_port(OkseMap *map, const char *key)
{
    guint64 port = 0;

    okse_map_take_unsigned(map, key, OKSE_OPTIONAL, &port);
    return (unsigned)MIN(port, 65535);
}

static GPtrArray *take_conditions(OkseMap *map, const char *key, OkseIssues *issues)
{
    GPtrArray *conditions = g_ptr_array_new_with_free_func(condition_free);
    const OkseNode *node = NULL;

    if (!okse_map_take_map(map, key, OKSE_OPTIONAL, &node))
        return conditions;
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        OkseCondition *condition = g_new0(OkseCondition, 1);

        condition->path = g_strdup(okse_node_key(node, i));
        condition->patterns = texts_of(okse_node_item(node, i), issues);
        g_ptr_array_add(conditions, condition);
    }
    return conditions;
}

static GRegex *take_regex(OkseMap *map, const char *key, OkseIssues *issues)
{
    g_autoptr(GError) cause = NULL;
    const OkseNode *node = NULL;
    OksePlace at;
    GRegex *regex;

    if (!okse_map_take_node(map, key, OKSE_OPTIONAL, &node) || okse_node_text(node) == NULL)
        return NULL;
    at = okse_node_place(node);
    regex = g_regex_new(okse_node_text(node), G_REGEX_CASELESS | G_REGEX_RAW, 0, &cause);
    if (regex == NULL)
        okse_issue(issues, &at, "%s: %s", key, cause->message);
    else if (g_regex_get_capture_count(regex) == 0)
        okse_issue(issues, &at, "%s: group 1 is the target; there is no group", key);
    return regex;
}

static const char *const tls_words[] = {"protocols", "minimum", "ciphers", "kex", "macs", "certificate", NULL};

static void read_find(GPtrArray *finds, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a find", issues);
    OksePlace at = okse_node_place(node);
    OkseFind *find = g_new0(OkseFind, 1);
    unsigned kinds;

    find->at = take_text(map, "at", OKSE_REQUIRED);
    find->when = take_conditions(map, "when", issues);
    find->unless = take_conditions(map, "unless", issues);
    find->url = take_text(map, "url", OKSE_OPTIONAL);
    find->host = take_text(map, "host", OKSE_OPTIONAL);
    find->literal = take_text(map, "literal", OKSE_OPTIONAL);
    find->setting = take_text(map, "setting", OKSE_OPTIONAL);
    find->tls = take_text(map, "tls", OKSE_OPTIONAL);
    find->mention = take_text(map, "mention", OKSE_OPTIONAL);
    find->as = take_text(map, "as", OKSE_OPTIONAL);
    find->used = take_text(map, "used", OKSE_OPTIONAL);
    find->unused = take_text(map, "unused", OKSE_OPTIONAL);
    find->match = take_regex(map, "match", issues);
    find->port = take_text(map, "port", OKSE_OPTIONAL);
    find->protocol = take_text(map, "protocol", OKSE_OPTIONAL);
    find->value = take_text(map, "value", OKSE_OPTIONAL);
    find->split = take_text(map, "split", OKSE_OPTIONAL);
    find->locals = take_text(map, "locals", OKSE_OPTIONAL);
    find->scheme = take_text(map, "scheme", OKSE_OPTIONAL);
    find->role = take_text(map, "role", OKSE_OPTIONAL);
    find->direction = take_text(map, "direction", OKSE_OPTIONAL);
    find->state = take_text(map, "state", OKSE_OPTIONAL);
    okse_map_take_flag(map, "pairs", OKSE_OPTIONAL, &find->pairs);
    find->fallback = take_port(map, "default_port");
    okse_map_end(map);
    kinds = (find->url != NULL) + (find->host != NULL) + (find->literal != NULL) + (find->setting != NULL) +
            (find->tls != NULL);
    if (kinds != 1)
        okse_issue(issues, &at, "a find has exactly one of url, host, literal, setting and tls");
    if (find->tls != NULL && !g_strv_contains(tls_words, find->tls))
        okse_issue(issues, &at, "tls: '%s' is none of protocols, minimum, ciphers, kex, macs, certificate", find->tls);
    if (find->setting == NULL && find->tls == NULL && find->mention == NULL && find->role == NULL)
        okse_issue(issues, &at, "a find needs the role of what it finds");
    if (find->as != NULL && (find->match == NULL || strstr(find->as, "{1}") == NULL))
        okse_issue(issues, &at, "as: needs a match, and {1} for its group 1");
    if (find->mention != NULL && find->url == NULL && find->host == NULL)
        okse_issue(issues, &at, "a mention is of a url or a host");
    g_ptr_array_add(finds, find);
}

static GPtrArray *patterns_of(OkseMap *map, const char *key, OkseIssues *issues)
{
    GPtrArray *patterns = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) texts = take_texts(map, key, issues);

    for (char **text = texts; *text != NULL; text++)
        g_ptr_array_add(patterns, g_strdup(*text));
    return patterns;
}

static GPtrArray *take_finds(OkseMap *map, OkseIssues *issues)
{
    GPtrArray *finds = g_ptr_array_new_with_free_func(find_free);
    const OkseNode *list = NULL;

    if (okse_map_take_list(map, "finds", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_find(finds, okse_node_item(list, i), issues);
    return finds;
}

/* shared: the finds of a file that has none of its own. */
static void read_file(OkseProgram *program, const OkseNode *node, GPtrArray *shared, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a file", issues);
    OkseProgramFile *file = g_new0(OkseProgramFile, 1);
    OksePlace at = okse_node_place(node);

    file->program = program;
    file->paths = patterns_of(map, "paths", issues);
    file->names = patterns_of(map, "names", issues);
    file->format = take_text(map, "format", OKSE_REQUIRED);
    file->has = take_texts(map, "has", issues);
    file->finds = take_finds(map, issues);
    okse_map_end(map);
    if (file->finds->len == 0) {
        g_ptr_array_unref(file->finds);
        file->finds = g_ptr_array_ref(shared);
    }
    if (file->format != NULL && !g_strv_contains(okse_config_formats, file->format))
        okse_issue(issues, &at, "'%s' is no format of configuration", file->format);
    for (guint i = 0; i < file->paths->len; i++)
        if (*(const char *)g_ptr_array_index(file->paths, i) != '/')
            okse_issue(issues, &at, "paths: '%s' is not absolute", (const char *)g_ptr_array_index(file->paths, i));
    for (guint i = 0; i < file->finds->len; i++)
        program->tls = program->tls || ((const OkseFind *)g_ptr_array_index(file->finds, i))->tls != NULL;
    g_ptr_array_add(program->files, file);
}

static void read_default(OkseProgram *program, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a default", issues);
    OkseProgramDefault *one = g_new0(OkseProgramDefault, 1);

    one->when = take_conditions(map, "when", issues);
    one->unless = take_conditions(map, "unless", issues);
    one->host = take_text(map, "host", OKSE_REQUIRED);
    one->role = take_text(map, "role", OKSE_REQUIRED);
    one->scheme = take_text(map, "scheme", OKSE_OPTIONAL);
    one->port = take_port(map, "port");
    okse_map_end(map);
    g_ptr_array_add(program->defaults, one);
}

static OkseProgram *read_program(const OkseNode *root, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(root, "a program", issues);
    OkseProgram *program = g_new0(OkseProgram, 1);
    g_autoptr(GPtrArray) shared = take_finds(map, issues);
    const OkseNode *list = NULL;
    const char *ignored, *form = NULL;
    OksePlace at = okse_node_place(root);

    program->files = g_ptr_array_new_with_free_func(file_free);
    program->defaults = g_ptr_array_new_with_free_func(default_free);
    if (okse_map_take_text(map, "okse", OKSE_REQUIRED, &form) && strcmp(form, "software/v1") != 0)
        okse_issue(issues, &at, "okse: must be software/v1");
    program->name = take_text(map, "name", OKSE_REQUIRED);
    program->collector = take_text(map, "collector", OKSE_REQUIRED);
    okse_map_take_text(map, "source", OKSE_REQUIRED, &ignored); /* for who reads the table */
    okse_map_take_text(map, "confidence", OKSE_REQUIRED, &ignored);
    program->installed = take_texts(map, "installed", issues);
    if (okse_map_take_list(map, "files", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_file(program, okse_node_item(list, i), shared, issues);
    if (okse_map_take_list(map, "defaults", OKSE_OPTIONAL, &list))
        for (unsigned i = 0; i < okse_node_count(list); i++)
            read_default(program, okse_node_item(list, i), issues);
    okse_map_end(map);
    if (program->collector != NULL && okse_collector_kind(program->collector) == NULL)
        okse_issue(issues, &at, "collector: '%s' is no collector", program->collector);
    return program;
}

/* Where the program's files may be found. */
static void add_places(const OkseSoftware *software, const OkseProgram *program)
{
    for (guint i = 0; i < program->files->len; i++) {
        OkseProgramFile *file = g_ptr_array_index(program->files, i);

        for (guint k = 0; k < file->paths->len; k++)
            okse_globs_add(software->paths, g_ptr_array_index(file->paths, k), OKSE_GLOB_WHOLE, file);
        for (guint k = 0; k < file->names->len; k++) {
            const char *pattern = g_ptr_array_index(file->names, k);

            okse_globs_add(software->names, pattern, strchr(pattern, '/') == NULL ? OKSE_GLOB_NAME : OKSE_GLOB_END,
                           file);
        }
    }
}

OkseSoftware *okse_software_read(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseSoftware) software = g_new0(OkseSoftware, 1);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_auto(GStrv) names = okse_resources_list(resources, "manifests/software", error);

    software->programs = g_ptr_array_new_with_free_func(program_free);
    software->paths = okse_globs_new();
    software->names = okse_globs_new();
    if (names == NULL)
        return NULL;
    for (char **name = names; *name != NULL; name++) {
        g_autofree char *path = g_strconcat("manifests/software/", *name, NULL);
        g_autofree char *origin = okse_resources_name(resources, path);
        g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
        g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);

        if (yaml == NULL)
            return NULL;
        g_ptr_array_add(software->programs, read_program(okse_yaml_root(yaml), issues));
        if (!okse_issues_none(issues, error))
            return NULL;
        add_places(software, g_ptr_array_index(software->programs, software->programs->len - 1));
    }
    return g_steal_pointer(&software);
}

unsigned okse_software_count(const OkseSoftware *software)
{
    return software->programs->len;
}

const OkseProgram *okse_software_get(const OkseSoftware *software, unsigned index)
{
    return g_ptr_array_index(software->programs, index);
}

GPtrArray *okse_software_files(const OkseSoftware *software, const char *path)
{
    return okse_globs_match(*path == '/' ? software->paths : software->names, path); /* a host has its own places */
}
