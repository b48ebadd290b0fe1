/* Encrypted files among those that may be parts. One that does not open is a lost part, and named. */
#include "packager/volumes_internal.h"

#include <string.h>

void volumes_sealed_init(VolumesSealed *sealed, const OkseSealedKey *key)
{
    *sealed = (VolumesSealed){.key = key,
                              .pool = okse_sealed_pool_new(),
                              .paths = g_ptr_array_new_with_free_func(g_free),
                              .reasons = g_ptr_array_new_with_free_func(g_free)};
}

void volumes_sealed_clear(VolumesSealed *sealed)
{
    g_clear_pointer(&sealed->pool, okse_sealed_pool_free);
    g_clear_pointer(&sealed->paths, g_ptr_array_unref);
    g_clear_pointer(&sealed->reasons, g_ptr_array_unref);
    g_clear_error(&sealed->first);
}

static void note(VolumesSealed *sealed, const char *path, const char *reason)
{
    size_t length = strlen(path);

    if (strncmp(reason, path, length) == 0 && strncmp(reason + length, ": ", 2) == 0)
        reason += length + 2;
    g_ptr_array_add(sealed->paths, g_strdup(path));
    g_ptr_array_add(sealed->reasons, g_strdup(reason));
}

/* Nobody has a key: whose would open it, and how. */
static void note_locked(VolumesSealed *sealed, int fd, const char *path)
{
    g_autofree char *reason = okse_sealed_part_recipients(fd, path);

    note(sealed, path, reason);
    if (sealed->first == NULL)
        okse_fail(&sealed->first, OKSE_ERROR_INVALID, "%s: %s; with the key: okse join %s --key KEY.pem -o BUNDLE.okse",
                  path, reason, path);
}

bool volumes_sealed_open(VolumesSealed *sealed, int fd, const char *path, OkseSealedPart **part, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *part = NULL;
    if (sealed->key == NULL) {
        note_locked(sealed, fd, path);
        return true;
    }
    *part = okse_sealed_part_open(fd, path, sealed->key, sealed->pool, &cause);
    if (*part != NULL)
        return true;
    if (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    note(sealed, path, cause->message);
    if (sealed->first == NULL)
        sealed->first = g_steal_pointer(&cause);
    return true;
}

void volumes_sealed_end(VolumesSealed *sealed, OkseVolumes *volumes)
{
    okse_sealed_pool_end(sealed->pool);
    volumes->pool = g_steal_pointer(&sealed->pool);
    for (guint i = 0; i < sealed->paths->len; i++) {
        g_ptr_array_add(volumes->stranger_paths, g_strdup(g_ptr_array_index(sealed->paths, i)));
        g_ptr_array_add(volumes->strangers, g_strdup(g_ptr_array_index(sealed->reasons, i)));
    }
}

bool okse_volumes_is_sealed(const OkseVolumes *volumes, unsigned index)
{
    const GPtrArray *files = volumes->files[index];

    return files->len > 0 && ((const VolumeFile *)g_ptr_array_index(files, 0))->sealed != NULL;
}
