#include "packager/weights_spool.h"

#include "core/fd.h"

#include <string.h>

bool weights_read_bytes(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data((GBytes *)(uintptr_t)context, &size);

    if (offset > size || length > size - offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "ends early");
    memcpy(buffer, data + offset, length);
    return true;
}

/* Unnamed, so that nothing is left behind however the process ends. */
static int open_unnamed(GError **error)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        okse_fail_errno(error, "temporary file in %s", g_get_tmp_dir());
    return fd;
}

bool weights_spool_write(WeightsSpool *spool, const void *data, size_t length, GError **error)
{
    if (spool->fd < 0)
        spool->fd = open_unnamed(error);
    if (spool->fd < 0 || !okse_write_all(spool->fd, data, length, "temporary file", error))
        return false;
    spool->size += length;
    return true;
}

bool weights_spool_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const WeightsSpool *spool = context;

    return okse_pread_exact(spool->fd, buffer, length, offset, "temporary file", error);
}

bool weights_spool_reset(WeightsSpool *spool, GError **error)
{
    spool->size = 0;
    if (spool->fd >= 0 && (ftruncate(spool->fd, 0) < 0 || lseek(spool->fd, 0, SEEK_SET) < 0))
        return okse_fail_errno(error, "temporary file");
    return true;
}

void weights_spool_clear(WeightsSpool *spool)
{
    okse_fd_clear(&spool->fd);
}

typedef struct {
    const OkseSource *source;
    unsigned entry;
} Peek;

static bool peek(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Peek *at = context;

    return okse_source_peek(at->source, at->entry, offset, buffer, length, error);
}

typedef struct {
    const OkseSource *source;
    WeightsVisit visit;
    void *context;
    WeightsSpool spool;
    unsigned entry; /* whose bytes are in the spool; G_MAXUINT for none */
} Walk;

static bool visit_spooled(Walk *walk, GError **error)
{
    WeightsFile file = {.size = walk->spool.size, .read = weights_spool_read, .context = &walk->spool};

    if (walk->entry == G_MAXUINT)
        return true;
    file.path = okse_source_entry(walk->source, walk->entry)->path;
    walk->visit(walk->context, &file, 0);
    walk->entry = G_MAXUINT;
    return weights_spool_reset(&walk->spool, error);
}

static bool receive(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Walk *walk = context;

    if (walk->entry != entry && !visit_spooled(walk, error))
        return false;
    walk->entry = entry;
    return weights_spool_write(&walk->spool, data, length, error);
}

/* Contents of an archive come once, in its order; empty files do not come. */
static bool visit_sequential(const OkseSource *source, WeightsVisit visit, void *context, GError **error)
{
    Walk walk = {.source = source, .visit = visit, .context = context, .spool = {.fd = -1}, .entry = G_MAXUINT};
    bool done = okse_source_copy(source, NULL, receive, &walk, error) && visit_spooled(&walk, error);

    weights_spool_clear(&walk.spool);
    return done;
}

bool weights_visit_source(const OkseSource *source, WeightsVisit visit, void *context, GError **error)
{
    if (okse_source_is_sequential(source))
        return visit_sequential(source, visit, context, error);
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        Peek at = {source, i};
        WeightsFile file = {.path = entry->path, .size = entry->size, .read = peek, .context = &at};

        if (entry->kind == OKSE_ENTRY_FILE)
            visit(context, &file, 0);
    }
    return true;
}
