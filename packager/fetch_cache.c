#include "packager/fetch_cache.h"

#include "core/fd.h"
#include "packager/remote.h"
#include "packager/source_internal.h"

#include <string.h>
#include <sys/stat.h>

char *okse_cache_repository(const char *url)
{
    OkseSha256 digest = okse_sha256_of(url, strlen(url));
    char hex[OKSE_SHA256_HEX];

    return g_strconcat("git/", okse_sha256_hex(&digest, hex), NULL);
}

char *okse_cache_blob(const OkseSha256 *digest)
{
    char hex[OKSE_SHA256_HEX];

    return g_strconcat(OKSE_CACHE_OCI "/blobs/sha256/", okse_sha256_hex(digest, hex), NULL);
}

int okse_cache_open(const OkseCachePlace *place, bool make, GError **error)
{
    const char *path = place->path != NULL ? place->path : OKSE_CACHE_DEFAULT;
    int dir_fd = place->path != NULL ? AT_FDCWD : place->dir_fd;
    int fd;

    if (make && mkdirat(dir_fd, path, 0755) < 0 && errno != EEXIST) {
        okse_fail_errno(error, "make the cache %s", path);
        return -1;
    }
    fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        okse_fail_errno(error, "cache %s", path);
    return fd;
}

/* The command line that fetches. */
static char *command_of(const OkseCachePlace *place)
{
    g_autofree char *stack = g_shell_quote(place->stack_path);
    g_autofree char *cache = place->path == NULL ? NULL : g_shell_quote(place->path);
    bool plain = strpbrk(place->stack_path, " '\"\\$&;|<>()*?[]#~`!\n\t") == NULL;

    return g_strconcat("okse fetch ", plain ? place->stack_path : stack, cache != NULL ? " --cache " : "", cache, NULL);
}

void okse_cache_hint(const OkseCachePlace *place, GError **error)
{
    g_autofree char *command = command_of(place), *before = NULL;

    if (error == NULL || *error == NULL || strstr((*error)->message, command) != NULL)
        return;
    before = g_strdup((*error)->message);
    g_free((*error)->message);
    (*error)->message = g_strdup_printf("%s (fetch it again: %s)", before, command);
}

static OkseSource *fail_missing(const OkseCachePlace *place, const OkseStackSource *wanted, GError **error)
{
    g_autofree char *command = command_of(place);

    okse_fail(error, OKSE_ERROR_INVALID, "%s is not in the cache %s, and a build fetches nothing (%s)",
              wanted->location, place->path != NULL ? place->path : OKSE_CACHE_DEFAULT, command);
    return NULL;
}

static OkseSource *open_image(const OkseCachePlace *place, int cache_fd, const OkseStackSource *wanted, GError **error)
{
    g_auto(OkseImageName) name = {0};
    g_autofree char *blob = NULL, *command = NULL;
    struct stat info;

    if (!okse_image_name_read(wanted->location, wanted->reference, &name, error))
        return NULL;
    if (!name.pinned) {
        command = command_of(place);
        okse_fail(error, OKSE_ERROR_INVALID,
                  "%s names no digest, and a tag may be another image tomorrow (%s prints what it is now)",
                  wanted->location, command);
        return NULL;
    }
    blob = okse_cache_blob(&name.digest);
    if (cache_fd < 0 || fstatat(cache_fd, blob, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_missing(place, wanted, error);
    return okse_source_open_directory(cache_fd, OKSE_CACHE_OCI, wanted->location, error);
}

OkseSource *okse_cache_source(const OkseCachePlace *place, const OkseStackSource *wanted, GError **error)
{
    okse_autofd cache_fd = okse_cache_open(place, false, NULL);
    g_autofree char *repository = NULL;
    OkseStackSource inside = *wanted;
    struct stat info;

    if (wanted->form == OKSE_SOURCE_OCI)
        return open_image(place, cache_fd, wanted, error);
    repository = okse_cache_repository(wanted->location);
    if (cache_fd < 0 || fstatat(cache_fd, repository, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_missing(place, wanted, error);
    inside.location = repository;
    return okse_source_open_git(cache_fd, &inside, wanted->location, error);
}
