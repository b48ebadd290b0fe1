#include "packager/spool.h"

#include "core/fd.h"

/* Unnamed, so that nothing is left behind however the process ends. */
static int open_unnamed(GError **error)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        okse_fail_errno(error, "temporary file in %s", g_get_tmp_dir());
    return fd;
}

bool okse_spool_write(OkseSpool *spool, const void *data, size_t length, GError **error)
{
    if (spool->fd < 0)
        spool->fd = open_unnamed(error);
    if (spool->fd < 0 || !okse_write_all(spool->fd, data, length, "temporary file", error))
        return false;
    spool->size += length;
    return true;
}

bool okse_spool_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const OkseSpool *spool = context;

    return okse_pread_exact(spool->fd, buffer, length, offset, "temporary file", error);
}

bool okse_spool_reset(OkseSpool *spool, GError **error)
{
    spool->size = 0;
    if (spool->fd >= 0 && (ftruncate(spool->fd, 0) < 0 || lseek(spool->fd, 0, SEEK_SET) < 0))
        return okse_fail_errno(error, "temporary file");
    return true;
}

void okse_spool_clear(OkseSpool *spool)
{
    okse_fd_clear(&spool->fd);
}
