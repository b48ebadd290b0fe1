#include "packager/install_root.h"

#include "core/fd.h"
#include "core/worker.h"
#include "packager/generation.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define CURRENT "current"
#define CURRENT_NEXT ".current.next"
#define GENERATIONS "generations/"

static bool make_root(const char *path, GError **error)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return okse_fail_errno(error, "make directory %s", path);
    return true;
}

int okse_root_open(const char *path, bool create, GError **error)
{
    okse_autofd fd = -1;
    g_autoptr(GError) cause = NULL;
    g_autofree char *current = NULL;

    if (create && !make_root(path, error))
        return -1;
    fd = okse_open_directory(path, error);
    if (fd < 0)
        return -1;
    current = okse_root_current(fd, &cause);
    if (cause != NULL) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "%s: ", path);
        return -1;
    }
    if (create && mkdirat(fd, "generations", 0755) < 0 && errno != EEXIST) {
        okse_fail_errno(error, "make directory %s/generations", path);
        return -1;
    }
    return okse_fd_steal(&fd);
}

int okse_root_lock(int root_fd, bool wait, GError **error)
{
    okse_autofd fd = okse_open_beneath(root_fd, ".lock", O_RDWR | O_CREAT, 0644, error);

    if (fd < 0)
        return -1;
    while (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK && !wait)
            return -1;
        if (errno != EINTR || okse_interrupted()) {
            okse_fail_errno(error, "lock the install root");
            return -1;
        }
    }
    return okse_fd_steal(&fd);
}

char *okse_root_current(int root_fd, GError **error)
{
    char target[256];
    ssize_t length = readlinkat(root_fd, CURRENT, target, sizeof target - 1);

    if (length < 0 && errno == ENOENT)
        return NULL;
    if (length < 0 && errno != EINVAL) {
        okse_fail_errno(error, CURRENT);
        return NULL;
    }
    if (length > 0) {
        target[length] = '\0';
        if (g_str_has_prefix(target, GENERATIONS) && okse_generation_matches(target + strlen(GENERATIONS), NULL))
            return g_strdup(target + strlen(GENERATIONS));
    }
    okse_fail(error, OKSE_ERROR_INVALID, "'current' is not a link to a generation; this is no install of okse");
    return NULL;
}

char *okse_root_current_of(const char *root, int root_fd, GError **error)
{
    g_autoptr(GError) cause = NULL;
    char *current = okse_root_current(root_fd, &cause);

    if (cause != NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    else if (current == NULL)
        okse_fail(error, OKSE_ERROR_NOT_FOUND, "%s: nothing is installed here yet (okse install)", root);
    return current;
}

int okse_root_generation(int root_fd, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat(GENERATIONS, name, NULL);

    return okse_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0, error);
}

bool okse_root_switch(int root_fd, const char *name, GError **error)
{
    g_autofree char *target = g_strconcat(GENERATIONS, name, NULL);

    if (unlinkat(root_fd, CURRENT_NEXT, 0) < 0 && errno != ENOENT)
        return okse_fail_errno(error, "remove " CURRENT_NEXT);
    if (symlinkat(target, root_fd, CURRENT_NEXT) < 0 || renameat(root_fd, CURRENT_NEXT, root_fd, CURRENT) < 0 ||
        fsync(root_fd) < 0)
        return okse_fail_errno(error, "switch to generation %s", name);
    return true;
}

static bool clean_generations(int fd, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;
    bool good;

    if (directory == NULL)
        return okse_fail_errno(error, "read generations");
    while ((good = okse_directory_next(directory, &entry, "generations", error)) && entry != NULL)
        if (g_str_has_prefix(entry->d_name, ".stage-"))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(directory);
    for (guint i = 0; good && i < names->len; i++)
        if (!okse_remove_tree(fd, g_ptr_array_index(names, i), error))
            return false;
    return good;
}

bool okse_root_clean(int root_fd, GError **error)
{
    okse_autofd fd = okse_open_beneath(root_fd, "generations", O_RDONLY | O_DIRECTORY, 0, error);

    return fd >= 0 && clean_generations(fd, error) && okse_remove_tree(root_fd, ".config.next", error) &&
           okse_remove_tree(root_fd, CURRENT_NEXT, error);
}
