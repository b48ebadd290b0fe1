/* Paths below the sysroot and patterns of them, one element after the other; links are followed inside it, and nothing
 * on the way onto a network file system is touched. */
#include "audit/collect_host_files.h"
#include "audit/storage_chain.h"
#include "core/fd.h"

#include <dirent.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS 40u /* as many as the kernel follows (MAXSYMLINKS) */

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The root itself is no such place: a system that was started from the network lives on it. */
static bool is_far(const json_t *mount)
{
    const char *type = okse_json_peek_text(mount, "fstype");

    return type != NULL && strcmp(okse_json_peek_text(mount, "path"), "/") != 0 &&
           (okse_mount_is_remote(type) || g_str_has_prefix(type, "fuse"));
}

bool okse_collect_on_network(const OkseCollection *collection, const char *path)
{
    return is_far(okse_storage_mount_of(collection, path));
}

static bool any_on_network(const OkseCollection *collection)
{
    const json_t *mount;
    size_t i;

    json_array_foreach(okse_facts_peek(collection->facts, "mounts"), i, mount)
    {
        if (is_far(mount) && okse_json_peek_text(mount, "namespace") == NULL)
            return true;
    }
    return false;
}

/* The elements of a path, before those that are there already: the first comes last. */
static void push_elements(GPtrArray *rest, const char *path)
{
    g_auto(GStrv) words = g_strsplit(path, "/", -1);

    for (guint i = g_strv_length(words); i > 0; i--)
        if (*words[i - 1] != '\0' && strcmp(words[i - 1], ".") != 0)
            g_ptr_array_add(rest, g_strdup(words[i - 1]));
}

/* The path without links, found as the kernel would inside the sysroot, but asking the table of mounts before each
 * step: whoever only looks at the root of a mount whose server is gone waits. NULL: the way leads onto one, *at. */
static char *resolve(const OkseCollection *collection, const char *path, char **at)
{
    g_autoptr(GPtrArray) rest = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) real = g_string_new("");
    unsigned links = 0;

    push_elements(rest, path);
    while (rest->len > 0) {
        g_autofree char *element = g_ptr_array_steal_index(rest, rest->len - 1);
        gsize before = real->len;
        char target[4096];
        ssize_t length;

        if (strcmp(element, "..") == 0) {
            const char *slash = strrchr(real->str, '/');

            g_string_truncate(real, slash != NULL ? (gsize)(slash - real->str) : 0);
            continue;
        }
        g_string_append_printf(real, "/%s", element);
        if (okse_collect_on_network(collection, real->str)) {
            *at = g_string_free(g_steal_pointer(&real), FALSE);
            return NULL;
        }
        length = links < LINKS ? readlinkat(collection->sysroot_fd, real->str + 1, target, sizeof target - 1) : -1;
        if (length <= 0)
            continue; /* no link, or what the kernel will say of it */
        links++;
        target[length] = '\0';
        g_string_truncate(real, *target == '/' ? 0 : before);
        push_elements(rest, target);
    }
    return g_string_free(g_steal_pointer(&real), FALSE);
}

int okse_collect_open(const OkseCollection *collection, const char *path, int flags, GError **error)
{
    g_autofree char *at = NULL, *real = NULL;

    path += *path == '/';
    if (!any_on_network(collection))
        return okse_open_in_root(collection->sysroot_fd, *path != '\0' ? path : ".", flags, error);
    real = resolve(collection, path, &at);
    if (real == NULL) {
        okse_fail(error, OKSE_ERROR_SYSTEM, "%s: %s is a network file system, which is not touched", path, at);
        return -1;
    }
    return okse_open_in_root(collection->sysroot_fd, *real != '\0' ? real + 1 : ".", flags, error);
}

char *okse_collect_resolved(const OkseCollection *collection, const char *path)
{
    g_autofree char *at = NULL;

    return resolve(collection, path, &at);
}

char *okse_collect_real(const OkseCollection *collection, const char *path)
{
    return any_on_network(collection) ? okse_collect_resolved(collection, path) : NULL;
}

bool okse_collect_exists(const OkseCollection *collection, const char *path)
{
    okse_autofd fd = okse_collect_open(collection, path, O_PATH, NULL);

    return fd >= 0;
}

/* One pattern while it is followed. */
typedef struct {
    const OkseCollection *collection;
    char **missed;
    bool whole;
} Search;

static void miss(Search *search, const char *why)
{
    search->whole = false;
    if (search->missed != NULL && *search->missed == NULL)
        *search->missed = g_strdup(why);
}

static void miss_unless_absent(Search *search, const GError *error)
{
    if (!g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        miss(search, error->message);
}

static void match_in(Search *search, const char *directory, const char *pattern, GPtrArray *found)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = okse_collect_open(search->collection, directory, O_RDONLY | O_DIRECTORY | O_NONBLOCK, &error);
    DIR *stream = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    const struct dirent *entry = NULL;

    if (error != NULL)
        miss_unless_absent(search, error);
    while (stream != NULL && okse_directory_next(stream, &entry, directory, &error) && entry != NULL) {
        if (fnmatch(pattern, entry->d_name, FNM_PERIOD) != 0)
            continue;
        if (found->len < OKSE_LIMIT_MATCHES)
            g_ptr_array_add(found, g_strconcat(directory, "/", entry->d_name, NULL));
        else
            miss(search, "more paths fit a pattern than are looked at");
    }
    if (stream != NULL) {
        closedir(stream);
        if (error != NULL)
            miss(search, error->message);
    }
}

/* Keep of the paths those that are there. */
static void keep_present(Search *search, GPtrArray *paths)
{
    for (guint i = paths->len; i > 0; i--) {
        g_autoptr(GError) error = NULL;
        okse_autofd fd = okse_collect_open(search->collection, g_ptr_array_index(paths, i - 1), O_PATH, &error);

        if (fd >= 0)
            continue;
        miss_unless_absent(search, error);
        g_ptr_array_remove_index(paths, i - 1);
    }
}

GPtrArray *okse_collect_matches(const OkseCollection *collection, const char *pattern, bool *readable, char **missed)
{
    g_auto(GStrv) words = g_strsplit(pattern + (*pattern == '/'), "/", -1);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    Search search = {collection, missed, true};

    g_ptr_array_add(paths, g_strdup(""));
    for (char **word = words; *word != NULL; word++) {
        g_autoptr(GPtrArray) next = g_ptr_array_new_with_free_func(g_free);
        bool wild = strpbrk(*word, "*?[") != NULL;

        for (guint i = 0; i < paths->len; i++) {
            const char *path = g_ptr_array_index(paths, i);

            if (wild)
                match_in(&search, path, *word, next);
            else
                g_ptr_array_add(next, g_strconcat(path, "/", *word, NULL));
        }
        g_clear_pointer(&paths, g_ptr_array_unref);
        paths = g_steal_pointer(&next);
    }
    keep_present(&search, paths);
    g_ptr_array_sort(paths, compare_names);
    *readable = *readable && search.whole;
    return g_steal_pointer(&paths);
}

bool okse_collect_is_file(const OkseCollection *collection, const char *path)
{
    okse_autofd fd = okse_collect_open(collection, path, O_PATH, NULL);
    struct stat info;

    return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}
