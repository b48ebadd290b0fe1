/* Embedded data through GResource (prefix /okse), or a directory instead. Which of the two is decided once, at the
 * start, so that a verdict never mixes them. */
#include "core/resource.h"

#include "core/fd.h"
#include "core/limits.h"

#include <dirent.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

struct OkseResources {
    int fd; /* of the directory that replaces manifests/, or -1 */
    char *directory;
    char *identity; /* of the bundle that the directory was installed from, or NULL */
};

OkseResources *okse_resources_open(const char *directory, GError **error)
{
    g_autoptr(OkseResources) resources = g_new0(OkseResources, 1);

    resources->fd = -1;
    if (directory == NULL)
        return g_steal_pointer(&resources);
    resources->fd = okse_open_directory(directory, error);
    if (resources->fd < 0)
        return NULL;
    resources->directory = g_strdup(directory);
    return g_steal_pointer(&resources);
}

void okse_resources_free(OkseResources *resources)
{
    if (resources == NULL)
        return;
    okse_fd_clear(&resources->fd);
    g_free(resources->directory);
    g_free(resources->identity);
    g_free(resources);
}

OkseResources *okse_resources_open_at(int fd, const char *name, const char *identity)
{
    OkseResources *resources = g_new0(OkseResources, 1);

    resources->fd = fd;
    resources->directory = g_strdup(name);
    resources->identity = g_strdup(identity);
    return resources;
}

const char *okse_resources_identity(const OkseResources *resources)
{
    return resources->identity;
}

/* The part of path below manifests/, when that is replaced by a directory. */
static const char *replaced(const OkseResources *resources, const char *path)
{
    if (resources->fd < 0)
        return NULL;
    if (strcmp(path, "manifests") == 0)
        return "";
    return g_str_has_prefix(path, "manifests/") ? path + strlen("manifests/") : NULL;
}

GBytes *okse_resources_read(const OkseResources *resources, const char *path, GError **error)
{
    const char *outside = replaced(resources, path);
    g_autofree char *inside = g_strconcat("/okse/", path, NULL);
    g_autofree char *name = okse_resources_name(resources, path);
    GBytes *bytes;

    if (outside != NULL) {
        okse_autofd fd = okse_open_beneath(resources->fd, outside, O_RDONLY | O_NONBLOCK, 0, error);

        return fd < 0 ? NULL : okse_read_fd(fd, OKSE_LIMIT_DOCUMENT, name, error);
    }
    bytes = g_resources_lookup_data(inside, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    if (bytes == NULL)
        okse_fail(error, OKSE_ERROR_NOT_FOUND, "%s: not there", name);
    return bytes;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GStrv sorted(GPtrArray *names)
{
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}

/* What lies directly in a directory outside: regular files, or directories. Links are neither. */
static bool list_directory(int dir_fd, const char *path, bool directories, GPtrArray *names, GError **error)
{
    g_autoptr(GError) missing = NULL;
    int fd = okse_open_beneath(dir_fd, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0, &missing);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    struct stat info;
    bool good;

    if (g_error_matches(missing, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return true;
    if (directory == NULL) {
        if (missing == NULL)
            return okse_fail_errno(error, "%s", path);
        g_propagate_error(error, g_steal_pointer(&missing));
        return false;
    }
    while ((good = okse_directory_next(directory, &entry, path, error)) && entry != NULL) {
        if (fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            good = okse_fail_errno(error, "%s/%s", path, entry->d_name);
            break;
        }
        if (directories ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    closedir(directory);
    return good;
}

static void list_embedded(const char *directory, bool directories, GPtrArray *names)
{
    g_autofree char *inside = g_strconcat("/okse/", directory, NULL);
    g_auto(GStrv) children = g_resources_enumerate_children(inside, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

    for (char **child = children; child != NULL && *child != NULL; child++) {
        size_t length = strlen(*child);
        bool is_directory = g_str_has_suffix(*child, "/");

        if (is_directory == directories)
            g_ptr_array_add(names, g_strndup(*child, length - is_directory));
    }
}

static GStrv list_names(const OkseResources *resources, const char *directory, bool directories, GError **error)
{
    const char *outside = replaced(resources, directory);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (outside == NULL)
        list_embedded(directory, directories, names);
    else if (!list_directory(resources->fd, outside, directories, names, error))
        return NULL;
    return sorted(g_steal_pointer(&names));
}

GStrv okse_resources_list(const OkseResources *resources, const char *directory, GError **error)
{
    return list_names(resources, directory, false, error);
}

GStrv okse_resources_directories(const OkseResources *resources, const char *directory, GError **error)
{
    return list_names(resources, directory, true, error);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool add_tree(const OkseResources *resources, const char *root, const char *below, GPtrArray *paths,
                     GError **error)
{
    g_autofree char *directory = *below == '\0' ? g_strdup(root) : g_strconcat(root, "/", below, NULL);
    const char *joint = *below == '\0' ? "" : "/";
    g_auto(GStrv) files = okse_resources_list(resources, directory, error);
    g_auto(GStrv) children = files == NULL ? NULL : okse_resources_directories(resources, directory, error);
    unsigned depth = 0;

    if (children == NULL)
        return false;
    for (const char *p = below; *p != '\0'; p++)
        depth += *p == '/';
    if (depth >= OKSE_LIMIT_DEPTH)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: nested deeper than %u levels", root, OKSE_LIMIT_DEPTH);
    for (char **file = files; *file != NULL; file++)
        g_ptr_array_add(paths, g_strconcat(below, joint, *file, NULL));
    for (char **child = children; *child != NULL; child++) {
        g_autofree char *path = g_strconcat(below, joint, *child, NULL);

        if (!add_tree(resources, root, path, paths, error))
            return false;
    }
    return true;
}

GStrv okse_resources_tree(const OkseResources *resources, const char *directory, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

    if (!add_tree(resources, directory, "", paths, error))
        return NULL;
    return sorted(g_steal_pointer(&paths));
}

char *okse_resources_name(const OkseResources *resources, const char *path)
{
    const char *outside = replaced(resources, path);

    return outside != NULL ? g_strdup_printf("%s/%s", resources->directory, outside)
                           : g_strconcat("(built in)/", path, NULL);
}
