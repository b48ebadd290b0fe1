/* Files of engines and clusters that lie outside the host's configuration directories, and what an operator exported
 * from a cluster. They are read as configuration is: by the structured readers and by the scanner. */
#include "audit/collect_objects.h"
#include "audit/collect_telemetry.h"
#include "audit/object_store.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define FILES 100000u /* of one exported directory */

static void use_path(OkseCollection *collection, const char *path)
{
    OkseCollectFiles files = {.collection = collection, .shown = path};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, OKSE_COLLECT_FILE_LIMIT, &error);

    if (bytes != NULL)
        okse_collect_files_use(&files, "", bytes);
    else if (!g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        okse_collect_files_partial(&files, "", error->message);
}

/* An engine pulls from the registry that is compiled in unless an image names another. Source: docs.docker.com. */
static void add_default_registry(OkseCollection *collection)
{
    const json_t *engines = json_object_get(collection->objects->fields, "default_registry"), *row;
    size_t i;

    json_array_foreach(engines, i, row)
    {
        const char *program = okse_json_peek_text(row, "program");
        g_auto(GStrv) found = okse_collect_glob(collection, program, NULL);

        if (found[0] == NULL)
            continue;
        okse_facts_endpoint(collection->facts,
                            &(OkseEndpointFact){.host = okse_json_peek_text(row, "host"),
                                                .tls = -1,
                                                .direction = "out",
                                                .role = "registry",
                                                .state = "default",
                                                .source = okse_facts_source(&(OkseSourceFact){
                                                    .collector = "workloads", .path = program, .via = "structured"})});
    }
}

void okse_collect_host_objects(OkseCollection *collection)
{
    const json_t *patterns = json_object_get(collection->objects->fields, "host_files"), *pattern;
    size_t i;

    json_array_foreach(patterns, i, pattern)
    {
        g_autofree char *missed = NULL;
        g_auto(GStrv) found = okse_collect_glob(collection, json_string_value(pattern), &missed);

        for (char **path = found; *path != NULL; path++)
            use_path(collection, *path);
        if (missed != NULL) {
            g_autofree char *reason = g_strdup_printf("%s: %s", json_string_value(pattern), missed);

            okse_facts_coverage(collection->facts, "workloads", OKSE_PARTIAL, reason);
        }
    }
    add_default_registry(collection);
}

static void use_export(OkseCollection *collection, const char *path, int fd)
{
    OkseCollectFiles files = {.collection = collection, .shown = path};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_read_fd(fd, OKSE_LIMIT_DOCUMENT, path, &error);

    if (bytes != NULL)
        okse_collect_files_use(&files, "", bytes);
    else
        okse_collect_files_partial(&files, "", error->message);
}

void okse_collect_cluster(OkseCollection *collection)
{
    const OkseCluster *cluster = collection->cluster;
    OkseCollectFiles all = {.collection = collection, .shown = cluster->url};

    if (cluster->gaps->len > 0) /* of several reasons the first is kept */
        okse_collect_files_partial(&all, "", cluster->gaps->str);
    for (guint i = 0; i < cluster->files->len && !okse_interrupted(); i++) {
        const OkseClusterFile *file = g_ptr_array_index(cluster->files, i);
        OkseCollectFiles files = {.collection = collection, .shown = file->path};

        okse_collect_files_use(&files, "", file->bytes);
    }
    if (okse_interrupted())
        okse_collect_files_partial(&all, "", OKSE_OUT_OF_TIME);
    collection->objects->policies_unknown = !cluster->policies;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void walk_export(OkseCollection *collection, const char *shown, int fd, unsigned depth)
{
    OkseCollectFiles files = {.collection = collection, .shown = shown};
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;
    bool whole = directory != NULL;

    while (whole && (whole = okse_directory_next(directory, &entry, shown, NULL)) && entry != NULL &&
           names->len < FILES)
        g_ptr_array_add(names, g_strdup(entry->d_name));
    if (!whole || names->len == FILES)
        okse_collect_files_partial(&files, "", "could not be listed as a whole");
    if (directory != NULL)
        closedir(directory);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_strconcat(shown, "/", name, NULL);
        okse_autofd child = okse_open_beneath(fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
        struct stat info;

        if (child < 0 || fstat(child, &info) < 0)
            okse_collect_files_partial(&files, name, "could not be read");
        else if (S_ISDIR(info.st_mode) && depth < OKSE_LIMIT_DEPTH)
            walk_export(collection, path, child, depth + 1);
        else
            use_export(collection, path, child);
    }
}

bool okse_collect_export_of_cluster(OkseCollection *collection, const char *path, GError **error)
{
    okse_autofd fd = okse_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, error);
    g_autofree char *shown = g_strdup(path);
    struct stat info;

    if (fd < 0)
        return false;
    if (fstat(fd, &info) < 0)
        return okse_fail_errno(error, "read %s", path);
    while (strlen(shown) > 1 && g_str_has_suffix(shown, "/"))
        shown[strlen(shown) - 1] = '\0';
    if (S_ISDIR(info.st_mode))
        walk_export(collection, shown, fd, 0);
    else
        use_export(collection, shown, fd);
    return true;
}
