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
    g_free(resources);
}

/* The part of path below manifests/, when that is replaced by a directory. */
static const char *replaced(const OkseResources *resources, const char *path)
{
    if (resources->fd < 0 || !g_str_has_prefix(path, "manifests/"))
        return NULL;
    return path + strlen("manifests/");
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

static GStrv list_directory(int dir_fd, const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) missing = NULL;
    int fd = okse_open_beneath(dir_fd, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0, &missing);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct stat info;

    if (g_error_matches(missing, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return sorted(g_steal_pointer(&names));
    if (directory == NULL) {
        if (missing != NULL)
            g_propagate_error(error, g_steal_pointer(&missing));
        else
            okse_fail_errno(error, "%s", path);
        return NULL;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(directory);
    return sorted(g_steal_pointer(&names));
}

GStrv okse_resources_list(const OkseResources *resources, const char *directory, GError **error)
{
    const char *outside = replaced(resources, directory);
    g_autofree char *inside = g_strconcat("/okse/", directory, NULL);
    g_autoptr(GPtrArray) names = NULL;
    g_auto(GStrv) children = NULL;

    if (outside != NULL)
        return list_directory(resources->fd, outside, error);
    names = g_ptr_array_new_with_free_func(g_free);
    children = g_resources_enumerate_children(inside, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    for (char **child = children; child != NULL && *child != NULL; child++)
        if (!g_str_has_suffix(*child, "/"))
            g_ptr_array_add(names, g_strdup(*child));
    return sorted(g_steal_pointer(&names));
}

char *okse_resources_name(const OkseResources *resources, const char *path)
{
    const char *outside = replaced(resources, path);

    return outside != NULL ? g_strdup_printf("%s/%s", resources->directory, outside)
                           : g_strconcat("(built in)/", path, NULL);
}
