/* Patterns of paths below the sysroot, one element after the other; links are followed inside it. */
#include "audit/collect_host_files.h"
#include "audit/storage_chain.h"
#include "core/fd.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool okse_collect_on_network(const OkseCollection *collection, const char *path)
{
    const char *host = NULL, *type = NULL;

    okse_storage_of_path(collection, path, &host, &type);
    return type != NULL && (okse_mount_is_remote(type) || g_str_has_prefix(type, "fuse"));
}

bool okse_collect_exists(const OkseCollection *collection, const char *path)
{
    okse_autofd fd = okse_collect_on_network(collection, path)
                         ? -1
                         : okse_open_in_root(collection->sysroot_fd, path + 1, O_PATH, NULL);

    return fd >= 0;
}

static void match_in(const OkseCollection *collection, const char *directory, const char *pattern, GPtrArray *found,
                     bool *readable)
{
    g_autoptr(GError) error = NULL;
    bool far = okse_collect_on_network(collection, directory);
    okse_autofd fd = far ? -1
                         : okse_open_in_root(collection->sysroot_fd, *directory != '\0' ? directory + 1 : ".",
                                             O_RDONLY | O_DIRECTORY, &error);
    DIR *stream = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    const struct dirent *entry = NULL;
    bool whole = true;

    if (stream == NULL) {
        *readable = *readable && !far && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return;
    }
    while ((whole = okse_directory_next(stream, &entry, directory, NULL)) && entry != NULL) {
        if (!g_pattern_match_simple(pattern, entry->d_name) || (*entry->d_name == '.' && *pattern != '.'))
            continue;
        if (found->len < OKSE_LIMIT_MATCHES)
            g_ptr_array_add(found, g_strconcat(directory, "/", entry->d_name, NULL));
        else
            *readable = false;
    }
    *readable = *readable && whole;
    closedir(stream);
}

/* Keep of the paths those that are there. */
static void keep_present(const OkseCollection *collection, GPtrArray *paths, bool *readable)
{
    for (guint i = paths->len; i > 0; i--) {
        const char *path = g_ptr_array_index(paths, i - 1);
        g_autoptr(GError) error = NULL;
        bool far = okse_collect_on_network(collection, path);
        okse_autofd fd = far ? -1 : okse_open_in_root(collection->sysroot_fd, path + 1, O_PATH, &error);

        if (fd >= 0)
            continue;
        *readable = *readable && !far && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        g_ptr_array_remove_index(paths, i - 1);
    }
}

GPtrArray *okse_collect_matches(const OkseCollection *collection, const char *pattern, bool *readable)
{
    g_auto(GStrv) words = g_strsplit(pattern + 1, "/", -1);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(paths, g_strdup(""));
    for (char **word = words; *word != NULL; word++) {
        g_autoptr(GPtrArray) next = g_ptr_array_new_with_free_func(g_free);
        bool wild = strpbrk(*word, "*?") != NULL;

        for (guint i = 0; i < paths->len; i++) {
            const char *path = g_ptr_array_index(paths, i);

            if (wild)
                match_in(collection, path, *word, next, readable);
            else
                g_ptr_array_add(next, g_strconcat(path, "/", *word, NULL));
        }
        g_clear_pointer(&paths, g_ptr_array_unref);
        paths = g_steal_pointer(&next);
    }
    keep_present(collection, paths, readable);
    g_ptr_array_sort(paths, compare_names);
    return g_steal_pointer(&paths);
}

bool okse_collect_is_file(const OkseCollection *collection, const char *path)
{
    okse_autofd fd = okse_collect_on_network(collection, path)
                         ? -1
                         : okse_open_in_root(collection->sysroot_fd, path + 1, O_PATH, NULL);
    struct stat info;

    return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}
