#include "packager/spool.h"

#include "core/fd.h"

#include <string.h>

/* Unnamed, so that nothing is left behind however the process ends. */
static int open_unnamed(GError **error)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        okse_fail_errno(error, "temporary file in %s", g_get_tmp_dir());
    return fd;
}

/* What was kept in memory goes first. */
static bool move_to_file(OkseSpool *spool, GError **error)
{
    spool->fd = open_unnamed(error);
    if (spool->fd < 0)
        return false;
    if (spool->memory != NULL &&
        !okse_write_all(spool->fd, spool->memory->data, spool->memory->len, "temporary file", error))
        return false;
    g_clear_pointer(&spool->memory, g_byte_array_unref);
    return true;
}

bool okse_spool_write(OkseSpool *spool, const void *data, size_t length, GError **error)
{
    bool fits = spool->fd < 0 && length <= OKSE_SPOOL_MEMORY && spool->size <= OKSE_SPOOL_MEMORY - length;

    if (fits) {
        if (spool->memory == NULL)
            spool->memory = g_byte_array_new();
        g_byte_array_append(spool->memory, data, (guint)length);
    } else if ((spool->fd < 0 && !move_to_file(spool, error)) ||
               !okse_write_all(spool->fd, data, length, "temporary file", error)) {
        return false;
    }
    spool->size += length;
    return true;
}

bool okse_spool_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const OkseSpool *spool = context;

    if (spool->fd >= 0)
        return okse_pread_exact(spool->fd, buffer, length, offset, "temporary file", error);
    if (offset > spool->size || length > spool->size - offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "what was unpacked ends early");
    if (length > 0)
        memcpy(buffer, spool->memory->data + offset, length);
    return true;
}

bool okse_spool_reset(OkseSpool *spool, GError **error)
{
    spool->size = 0;
    if (spool->memory != NULL)
        g_byte_array_set_size(spool->memory, 0);
    if (spool->fd >= 0 && (ftruncate(spool->fd, 0) < 0 || lseek(spool->fd, 0, SEEK_SET) < 0))
        return okse_fail_errno(error, "temporary file");
    return true;
}

void okse_spool_clear(OkseSpool *spool)
{
    g_clear_pointer(&spool->memory, g_byte_array_unref);
    okse_fd_clear(&spool->fd);
}
