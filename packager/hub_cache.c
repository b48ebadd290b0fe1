#include "packager/hub_cache.h"

#include "core/fd.h"
#include "core/text.h"

#include <dirent.h>
#include <string.h>

#define REFERENCE_LIMIT 256u

void okse_hub_cache_clear(OkseHubCache *cache)
{
    okse_fd_clear(&cache->snapshot_fd);
    okse_fd_clear(&cache->blobs_fd);
    g_clear_pointer(&cache->revision, g_free);
    g_clear_pointer(&cache->repository, g_free);
}

const char *okse_hub_blob_name(const char *path, const char *target)
{
    /* one ".." for each directory of the path, and two for snapshots/REVISION */
    for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
        if (!g_str_has_prefix(target, "../"))
            return NULL;
        target += strlen("../");
    }
    if (!g_str_has_prefix(target, "../blobs/"))
        return NULL;
    target += strlen("../blobs/");
    return strchr(target, '/') == NULL && okse_path_check(target, NULL) ? target : NULL;
}

/* "models--org--name" → "org/name"; NULL for other names. */
static char *repository_name(const char *directory)
{
    g_auto(GStrv) parts = g_strsplit(directory, "--", 3);

    if (g_strv_length(parts) != 3 || !okse_path_check(parts[1], NULL) || !okse_path_check(parts[2], NULL))
        return NULL;
    return g_strconcat(parts[1], "/", parts[2], NULL);
}

static bool refuse_incomplete(const OkseHubCache *cache, const char *origin, GError **error)
{
    int copy = openat(cache->blobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;
    g_autofree char *found = NULL, *name = g_strconcat(origin, ": blobs", NULL);
    bool listed = true;

    if (directory == NULL)
        return okse_fail_errno(error, "%s: blobs", origin);
    while (found == NULL && (listed = okse_directory_next(directory, &entry, name, error)) && entry != NULL)
        if (g_str_has_suffix(entry->d_name, ".incomplete"))
            found = okse_text_show(entry->d_name, -1, false);
    closedir(directory);
    if (found == NULL)
        return listed;
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "%s: blobs/%s: a download that has not ended (finish it, or remove that file)", origin, found);
}

/* What refs/NAME says, or the name itself. */
static char *resolve(int cache_fd, const char *revision)
{
    g_autofree char *path = g_strconcat("refs/", revision, NULL);
    okse_autofd fd = okse_open_beneath(cache_fd, path, O_RDONLY | O_NONBLOCK, 0, NULL);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, REFERENCE_LIMIT, path, NULL);

    return bytes == NULL ? g_strdup(revision) : g_strchomp(okse_text_of_bytes(bytes));
}

/* The directory that holds blobs and snapshots. */
static bool open_whole(int cache_fd, const OkseHubPlace *place, OkseHubCache *cache, GError **error)
{
    g_autofree char *base = g_path_get_basename(place->location), *path = NULL, *shown = NULL;

    cache->revision = resolve(cache_fd, place->revision != NULL ? place->revision : "main");
    path = g_strconcat("snapshots/", cache->revision, NULL);
    shown = okse_text_show(cache->revision, -1, false);
    cache->repository = repository_name(base);
    if (okse_path_check(cache->revision, NULL) && strchr(cache->revision, '/') == NULL)
        cache->snapshot_fd = okse_open_beneath(cache_fd, path, O_RDONLY | O_DIRECTORY, 0, NULL);
    return cache->snapshot_fd >= 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: there is no snapshot '%s'", place->origin, shown);
}

static bool open_snapshot(int fd, const OkseHubPlace *place, OkseHubCache *cache, GError **error)
{
    g_autofree char *full = g_canonicalize_filename(place->location, "/");
    g_autofree char *above = g_path_get_dirname(full), *top = g_path_get_dirname(above);
    g_autofree char *name = g_path_get_basename(top);

    cache->snapshot_fd = fd;
    cache->revision = g_path_get_basename(full);
    cache->repository = repository_name(name);
    return place->revision == NULL || strcmp(place->revision, cache->revision) == 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: is another revision than '%s'", place->origin, place->revision);
}

bool okse_hub_cache_open(int dir_fd, const OkseHubPlace *place, OkseHubCache *cache, GError **error)
{
    okse_autofd fd = openat(dir_fd, place->location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(OkseHubCache) opened = {.snapshot_fd = -1, .blobs_fd = -1};
    bool good;

    if (fd < 0)
        return okse_fail_errno(error, "%s", place->origin);
    opened.blobs_fd = openat(fd, "blobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened.blobs_fd >= 0) {
        good = open_whole(fd, place, &opened, error);
    } else {
        opened.blobs_fd = openat(fd, "../../blobs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (opened.blobs_fd < 0)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: is no snapshot of a Hugging Face cache (models--ORG--NAME/snapshots/REVISION); use "
                             "'path' for a plain directory",
                             place->origin);
        good = open_snapshot(okse_fd_steal(&fd), place, &opened, error);
    }
    if (!good || !refuse_incomplete(&opened, place->origin, error))
        return false;
    *cache = opened;
    opened = (OkseHubCache){.snapshot_fd = -1, .blobs_fd = -1};
    return true;
}
