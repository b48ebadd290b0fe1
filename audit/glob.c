#include "audit/glob.h"

#include "core/fd.h"

#include <dirent.h>
#include <fnmatch.h>
#include <string.h>

typedef struct {
    int sysroot_fd;
    OkseGlobFound found;
    void *context;
    unsigned count;
    bool whole;
} Glob;

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The entries of a directory that match, or none when it is not there. */
static GPtrArray *matching(Glob *glob, const char *directory, const char *element)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    okse_autofd fd = okse_open_in_root(glob->sysroot_fd, *directory == '\0' ? "." : directory + 1,
                                       O_RDONLY | O_DIRECTORY | O_NONBLOCK, &error);
    DIR *stream = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    const struct dirent *entry = NULL;
    bool good = true;

    if (stream == NULL) {
        glob->whole = glob->whole && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return names;
    }
    while (names->len < OKSE_GLOB_LIMIT && (good = okse_directory_next(stream, &entry, directory, NULL)) &&
           entry != NULL)
        if (fnmatch(element, entry->d_name, FNM_PERIOD) == 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    glob->whole = glob->whole && good && names->len < OKSE_GLOB_LIMIT;
    closedir(stream);
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the pattern has elements */
static void expand(Glob *glob, const char *done, const char *rest)
{
    size_t length = strcspn(rest, "/");
    g_autofree char *element = g_strndup(rest, length), *plain = NULL;
    const char *more = rest[length] == '/' ? rest + length + 1 : NULL;
    g_autoptr(GPtrArray) names = NULL;

    if (strpbrk(element, "*?[") == NULL) {
        plain = g_strconcat(done, "/", element, NULL);
        if (more != NULL) {
            expand(glob, plain, more);
        } else {
            g_autoptr(GError) error = NULL;
            okse_autofd fd = okse_open_in_root(glob->sysroot_fd, plain + 1, O_PATH, &error);

            if (fd >= 0)
                glob->found(glob->context, plain);
            else
                glob->whole = glob->whole && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        }
        return;
    }
    names = matching(glob, done, element);
    for (guint i = 0; i < names->len && glob->whole; i++) {
        g_autofree char *path = g_strconcat(done, "/", (const char *)g_ptr_array_index(names, i), NULL);

        glob->whole = ++glob->count <= OKSE_GLOB_LIMIT;
        if (more != NULL)
            expand(glob, path, more);
        else
            glob->found(glob->context, path);
    }
}

bool okse_glob(int sysroot_fd, const char *pattern, OkseGlobFound found, void *context)
{
    Glob glob = {sysroot_fd, found, context, 0, true};

    expand(&glob, "", pattern + (*pattern == '/'));
    return glob.whole;
}
