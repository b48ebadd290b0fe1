#include "audit/host_files.h"

#include "core/issue.h"
#include "core/yaml.h"

#include <string.h>

static void take_free(gpointer data)
{
    OkseHostTake *take = data;

    g_clear_pointer(&take->key, g_regex_unref);
    g_free(take->role);
    g_free(take->protocol);
    g_free(take);
}

static void file_free(gpointer data)
{
    OkseHostFile *file = data;

    g_free(file->collector);
    g_strfreev(file->files);
    g_ptr_array_unref(file->takes);
    g_clear_pointer(&file->known, g_regex_unref);
    g_free(file);
}

static void default_free(gpointer data)
{
    OkseCompiledIn *one = data;

    g_free(one->collector);
    g_free(one->role);
    g_free(one->protocol);
    g_strfreev(one->programs);
    g_strfreev(one->hosts);
    g_strfreev(one->files);
    g_clear_pointer(&one->unless, g_regex_unref);
    g_free(one->comment);
    g_free(one);
}

void okse_host_files_free(OkseHostFiles *files)
{
    if (files == NULL)
        return;
    g_ptr_array_unref(files->files);
    g_ptr_array_unref(files->defaults);
    json_decref(files->residue);
    g_free(files);
}

static GRegex *regex_of(const char *pattern, GRegexCompileFlags flags, const OksePlace *at, OkseIssues *issues)
{
    g_autoptr(GError) cause = NULL;
    GRegex *regex = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_CASELESS | G_REGEX_OPTIMIZE | flags, 0, &cause);

    if (regex == NULL)
        okse_issue(issues, at, "%s", cause->message);
    return regex;
}

static GRegex *whole_regex(const char *pattern, const OksePlace *at, OkseIssues *issues)
{
    g_autofree char *anchored = g_strdup_printf("^(?:%s)$", pattern);

    return regex_of(anchored, 0, at, issues);
}

static GStrv texts_of(OkseMap *map, const char *key, OksePresence presence)
{
    const OkseNode *list = NULL;
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    okse_map_take_list(map, key, presence, &list);
    for (unsigned i = 0; i < okse_node_count(list); i++)
        g_strv_builder_add(
            builder, okse_node_text(okse_node_item(list, i)) != NULL ? okse_node_text(okse_node_item(list, i)) : "");
    return g_strv_builder_end(builder);
}

static OkseRoutePart route_of(const char *name, const OksePlace *at, OkseIssues *issues)
{
    static const char *const names[] = {"", "gateway", "destination", "pair", "command"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i], name) == 0)
            return (OkseRoutePart)i;
    okse_issue(issues, at, "route: '%s' is none of gateway, destination, pair, command", name);
    return OKSE_ROUTE_NONE;
}

static OkseHostTake *read_take(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a key", issues);
    OksePlace at = okse_node_place(node);
    OkseHostTake *take = g_new0(OkseHostTake, 1);
    const char *key = "", *role = "", *protocol = NULL, *written = "plain", *route = "";
    guint64 port = 0, skip = 0;
    bool tls = false;

    okse_map_take_text(map, "key", OKSE_REQUIRED, &key);
    okse_map_take_text(map, "role", OKSE_OPTIONAL, &role);
    okse_map_take_text(map, "protocol", OKSE_OPTIONAL, &protocol);
    okse_map_take_text(map, "written", OKSE_OPTIONAL, &written);
    okse_map_take_text(map, "route", OKSE_OPTIONAL, &route);
    okse_map_take_unsigned(map, "port", OKSE_OPTIONAL, &port);
    okse_map_take_unsigned(map, "skip", OKSE_OPTIONAL, &skip);
    okse_map_take_flag(map, "first", OKSE_OPTIONAL, &take->first);
    okse_map_take_flag(map, "not_own", OKSE_OPTIONAL, &take->not_own);
    okse_map_take_flag(map, "statement", OKSE_OPTIONAL, &take->statement);
    take->tls = okse_map_take_flag(map, "tls", OKSE_OPTIONAL, &tls) ? tls : -1;
    okse_map_end(map);
    take->key = whole_regex(key, &at, issues);
    take->role = g_strdup(role);
    take->protocol = g_strdup(protocol);
    take->written = okse_written_of(written);
    take->port = (unsigned)port;
    take->skip = (unsigned)skip;
    take->route = route_of(route, &at, issues);
    if (take->written == OKSE_WRITTENS)
        okse_issue(issues, &at, "written: '%s' is none of plain, hash, pair, login, url", written);
    if ((*role == '\0') == (take->route == OKSE_ROUTE_NONE) || port > 65535)
        okse_issue(issues, &at, "a key has a role or a route, and a port up to 65535");
    return take;
}

static void read_file(OkseHostFiles *files, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a row", issues);
    OksePlace at = okse_node_place(node);
    OkseHostFile *file = g_new0(OkseHostFile, 1);
    const char *collector = "", *form = "", *known = NULL;
    const OkseNode *takes = NULL;

    okse_map_take_text(map, "collector", OKSE_REQUIRED, &collector);
    okse_map_take_text(map, "form", OKSE_REQUIRED, &form);
    okse_map_take_text(map, "known", OKSE_OPTIONAL, &known);
    okse_map_take_list(map, "take", OKSE_REQUIRED, &takes);
    file->files = texts_of(map, "files", OKSE_REQUIRED);
    okse_map_end(map);
    file->collector = g_strdup(collector);
    file->form = okse_form_of(form);
    file->known = known == NULL ? NULL : whole_regex(known, &at, issues);
    file->takes = g_ptr_array_new_with_free_func(take_free);
    for (unsigned i = 0; i < okse_node_count(takes); i++)
        g_ptr_array_add(file->takes, read_take(okse_node_item(takes, i), issues));
    if (file->form == OKSE_FORMS)
        okse_issue(issues, &at, "form: '%s' is none of ini, words, blocks, yaml", form);
    g_ptr_array_add(files->files, file);
}

static void read_default(OkseHostFiles *files, const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a row", issues);
    OksePlace at = okse_node_place(node);
    OkseCompiledIn *one = g_new0(OkseCompiledIn, 1);
    const char *collector = "", *role = "", *protocol = NULL, *unless = NULL, *comment = NULL;
    guint64 port = 0;

    okse_map_take_text(map, "collector", OKSE_REQUIRED, &collector);
    okse_map_take_text(map, "role", OKSE_REQUIRED, &role);
    okse_map_take_text(map, "protocol", OKSE_OPTIONAL, &protocol);
    okse_map_take_text(map, "unless", OKSE_OPTIONAL, &unless);
    okse_map_take_text(map, "comment", OKSE_OPTIONAL, &comment);
    okse_map_take_unsigned(map, "port", OKSE_OPTIONAL, &port);
    one->programs = texts_of(map, "programs", OKSE_REQUIRED);
    one->hosts = texts_of(map, "hosts", OKSE_REQUIRED);
    one->files = texts_of(map, "files", OKSE_OPTIONAL);
    okse_map_end(map);
    one->collector = g_strdup(collector);
    one->role = g_strdup(role);
    one->protocol = g_strdup(protocol);
    one->comment = g_strdup(comment);
    one->port = (unsigned)port;
    one->unless = unless == NULL ? NULL : regex_of(unless, G_REGEX_MULTILINE, &at, issues);
    if (port > 65535)
        okse_issue(issues, &at, "port: more than 65535");
    g_ptr_array_add(files->defaults, one);
}

static bool read_table(OkseHostFiles *files, const OkseResources *resources, const char *path,
                       void (*read)(OkseHostFiles *, const OkseNode *, OkseIssues *), GError **error)
{
    g_autofree char *origin = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();

    for (unsigned i = 0; yaml != NULL && i < okse_node_count(okse_yaml_root(yaml)); i++)
        read(files, okse_node_item(okse_yaml_root(yaml), i), issues);
    return yaml != NULL && okse_issues_none(issues, error);
}

/* Each row of settings has a pattern and a kind, each of paths a path and a kind. */
static void check_residue(const OkseNode *root, OkseIssues *issues)
{
    static const char *const members[][2] = {{"settings", "name"}, {"paths", "path"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
        const OkseNode *rows = okse_node_get(root, members[i][0]);

        for (unsigned k = 0; k < okse_node_count(rows); k++) {
            const OkseNode *row = okse_node_item(rows, k);
            OkseMap *map = okse_map_open(row, "a row", issues);
            OksePlace at = okse_node_place(row);
            const char *what = "", *kind = "";

            okse_map_take_text(map, members[i][1], OKSE_REQUIRED, &what);
            okse_map_take_text(map, "kind", OKSE_REQUIRED, &kind);
            okse_map_end(map);
            if (i == 0) {
                GRegex *regex = whole_regex(what, &at, issues);

                g_clear_pointer(&regex, g_regex_unref);
            } else if (*what != '/')
                okse_issue(issues, &at, "path: '%s' is not absolute", what);
        }
    }
}

static bool read_residue(OkseHostFiles *files, const OkseResources *resources, GError **error)
{
    static const char path[] = "manifests/residue.yaml";
    g_autofree char *origin = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();

    if (yaml == NULL)
        return false;
    check_residue(okse_yaml_root(yaml), issues);
    files->residue = okse_node_to_json(okse_yaml_root(yaml));
    return okse_issues_none(issues, error);
}

OkseHostFiles *okse_host_files_read(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseHostFiles) files = g_new0(OkseHostFiles, 1);

    files->files = g_ptr_array_new_with_free_func(file_free);
    files->defaults = g_ptr_array_new_with_free_func(default_free);
    if (!read_table(files, resources, "manifests/host-files.yaml", read_file, error) ||
        !read_table(files, resources, "manifests/compiled-in.yaml", read_default, error) ||
        !read_residue(files, resources, error))
        return NULL;
    return g_steal_pointer(&files);
}
