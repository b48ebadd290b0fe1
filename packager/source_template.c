/* Rendered files as a source: they are there in memory once the source is open. */
#include "packager/source_template.h"

#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/source_internal.h"
#include "packager/template.h"

#include <string.h>

#define BUILT_IN "templates/infra"
#define OF_A_LIBRARY 4096u /* files beside a template that can be imported */

static bool is_template(const char *path)
{
    return g_str_has_suffix(path, ".jsonnet") || g_str_has_suffix(path, ".libsonnet") ||
           g_str_has_suffix(path, ".json");
}

static bool add_built_in(OkseTemplates *templates, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) paths = okse_resources_tree(resources, BUILT_IN, error);

    for (char **path = paths; path != NULL && *path != NULL; path++) {
        g_autofree char *name = g_strconcat(BUILT_IN "/", *path, NULL), *known = g_strconcat("okse/", *path, NULL);
        GBytes *bytes = is_template(*path) ? okse_resources_read(resources, name, error) : NULL;

        if (is_template(*path) && (bytes == NULL || !okse_templates_add(templates, known, bytes, error)))
            return false;
    }
    return paths != NULL;
}

/* The entries directly in templates/infra are what a stack can name. */
static bool check_name(const char *name, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) files = okse_resources_list(resources, BUILT_IN, error);
    g_autofree char *wanted = g_strconcat(name, ".jsonnet", NULL), *all = NULL, *near = NULL;
    const char *found;

    if (files == NULL || g_strv_contains((const char *const *)files, wanted))
        return files != NULL;
    found = okse_text_nearest(wanted, (const char *const *)files);
    near = found == NULL ? g_strdup("") : g_strdup_printf("; did you mean %.*s?", (int)strcspn(found, "."), found);
    for (char **file = files; *file != NULL; file++)
        (*file)[strcspn(*file, ".")] = '\0';
    all = g_strjoinv(", ", files);
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "no template '%s' (there is: %s%s; a file of your own is named DIRECTORY/FILE.jsonnet)", name, all,
                     near);
}

/* A library has a directory of its own: the stack's may hold a model beside it. */
static bool add_own(OkseTemplates *templates, int dir_fd, const char *name, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(name);
    g_autoptr(OkseSource) source = NULL;

    if (strcmp(directory, ".") == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "a template lies in a directory of its own, such as templates/%s",
                         name);
    source = okse_source_open_directory(dir_fd, directory, directory, error);
    if (source == NULL)
        return false;
    if (okse_source_count(source) > OF_A_LIBRARY)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u files beside a template", directory,
                         OF_A_LIBRARY);
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        GBytes *bytes;

        if (entry->kind != OKSE_ENTRY_FILE || !is_template(entry->path))
            continue;
        if (g_str_has_prefix(entry->path, "okse/"))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: okse/ is where the templates of Okse are", directory);
        bytes = okse_source_read(source, entry->path, OKSE_LIMIT_DOCUMENT, error);
        if (bytes == NULL || !okse_templates_add(templates, entry->path, bytes, error))
            return false;
    }
    return true;
}

static void contents_free(gpointer contents)
{
    g_ptr_array_unref(contents);
}

static void add_file(OkseSource *source, const char *path, const json_t *text)
{
    OkseEntry *entry = g_new0(OkseEntry, 1);
    GPtrArray *contents = source->detail;
    GBytes *bytes = g_bytes_new(json_string_value(text), json_string_length(text));

    entry->kind = OKSE_ENTRY_FILE;
    entry->path = g_strdup(path);
    entry->size = g_bytes_get_size(bytes);
    entry->executable = g_str_has_prefix(json_string_value(text), "#!");
    entry->digest = okse_sha256_of_bytes(bytes);
    entry->has_digest = true;
    entry->object = contents->len;
    g_ptr_array_add(contents, bytes);
    g_ptr_array_add(source->entries, entry);
}

static bool copy(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context, GError **error)
{
    const GPtrArray *contents = source->detail;

    for (unsigned i = 0; i < source->entries->len; i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        GBytes *bytes = g_ptr_array_index(contents, entry->object);

        if (wanted != NULL && !wanted[i])
            continue;
        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (entry->size > 0 && !sink(context, i, g_bytes_get_data(bytes, NULL), entry->size, error))
            return false;
    }
    return true;
}

static OkseSource *source_of(const json_t *files, const char *origin, GError **error)
{
    g_autoptr(OkseSource) source = source_new(origin, -1, copy);
    const char *path;
    json_t *text;

    source->sequential = true;
    source->detail = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    source->detail_free = contents_free;
    json_object_foreach((json_t *)(uintptr_t)files, path, text) add_file(source, path, text);
    return source_finish(source, error) ? g_steal_pointer(&source) : NULL;
}

OkseSource *okse_source_open_template(int dir_fd, const char *name, const char *origin, const json_t *arguments,
                                      const OkseResources *resources, GError **error)
{
    g_autoptr(OkseTemplates) templates = okse_templates_new();
    bool own = g_str_has_suffix(name, ".jsonnet");
    g_autofree char *entry = own ? g_path_get_basename(name) : g_strdup_printf("okse/%s.jsonnet", name);
    g_autofree char *digest = NULL;
    g_autoptr(json_t) files = NULL;
    g_autoptr(GBytes) written = okse_json_write(arguments);
    OkseSha256 inputs = okse_sha256_of_bytes(written);
    char text[OKSE_SHA256_TEXT];
    OkseSource *source;

    if (!add_built_in(templates, resources, error) || (!own && !check_name(name, resources, error)) ||
        (own && !add_own(templates, dir_fd, name, error)))
        return NULL;
    files = okse_template_render(templates, entry, arguments, error);
    source = files == NULL ? NULL : source_of(files, origin, error);
    if (source == NULL)
        return NULL;
    digest = okse_templates_digest(templates);
    source->provenance =
        json_pack("{s:s,s:s,s:s}", "name", name, "templates", digest, "inputs", okse_sha256_text(&inputs, text));
    return source;
}
