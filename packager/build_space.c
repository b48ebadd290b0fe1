#include "packager/build_space.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/file_copy.h"

#include <sys/statvfs.h>

typedef struct {
    const OkseLayout *layout;
    OkseCopyWay way;
    int fd;
    const char *path;
    GHashTable *devices; /* device → GINT_TO_POINTER(0: shares, else errno) */
} Asking;

static bool try_device(const Asking *asking, const OkseBlobPlan *blob, int *why, GError **error)
{
    okse_autofd fd = okse_source_open(blob->source, blob->entry, error);
    const OkseSpan span = {fd, asking->fd, 0, blob->data_at, blob->size};
    bool can;

    if (fd < 0)
        return false;
    if (okse_file_copy_try(&span, &can, why, error))
        return true;
    g_prefix_error(error, "%s: ", asking->path);
    return false;
}

static bool ask_blob(const Asking *asking, OkseBlobPlan *blob, GError **error)
{
    const OkseEntry *entry = okse_source_entry(blob->source, blob->entry);
    g_autofree char *name = NULL;
    gpointer known;
    int why;

    if (g_hash_table_lookup_extended(asking->devices, &entry->device, NULL, &known)) {
        why = GPOINTER_TO_INT(known);
    } else {
        if (!try_device(asking, blob, &why, error))
            return false;
        g_hash_table_insert(asking->devices, (gpointer)(uintptr_t)&entry->device, GINT_TO_POINTER(why));
    }
    blob->shares = why == 0;
    if (blob->shares || asking->way != OKSE_COPY_REFLINK)
        return true;
    name = okse_source_name(blob->source, blob->entry);
    return okse_fail(error, OKSE_ERROR_REFUSED, "--copy reflink: %s and %s cannot share blocks (%s)", name,
                     asking->path, g_strerror(why));
}

bool okse_build_space_ask(const OkseLayout *layout, OkseCopyWay way, int fd, const char *path, OkseBuildSpace *space,
                          GError **error)
{
    g_autoptr(GHashTable) devices = g_hash_table_new(g_int64_hash, g_int64_equal);
    const Asking asking = {layout, way, fd, path, devices};
    struct statvfs info;
    uint64_t shared = 0;

    if (fstatvfs(fd, &info) < 0)
        return okse_fail_errno(error, "%s", path);
    for (guint i = layout->metadata; i < layout->order->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);

        if (blob->source == NULL || okse_source_is_sequential(blob->source) || !okse_file_copy_shares(way, blob->size))
            continue;
        if (!ask_blob(&asking, blob, error))
            return false;
        shared += blob->shares ? blob->size / OKSE_SHARE_BLOCK * OKSE_SHARE_BLOCK : 0;
    }
    *space = (OkseBuildSpace){layout->size - shared, (uint64_t)info.f_bavail * info.f_frsize};
    return true;
}

bool okse_build_space_check(const OkseBuildSpace *space, const char *path, GError **error)
{
    g_autofree char *want = okse_text_size(space->needed), *have = okse_text_size(space->available);

    return space->available >= space->needed ||
           okse_fail(error, OKSE_ERROR_SYSTEM,
                     "%s: needs %s (%" G_GUINT64_FORMAT " bytes), and only %s (%" G_GUINT64_FORMAT
                     " bytes) are available there; nothing was written",
                     path, want, space->needed, have, space->available);
}

static bool reserve(int fd, uint64_t from, uint64_t to, const char *path, GError **error)
{
    return from >= to || fallocate(fd, 0, (off_t)from, (off_t)(to - from)) == 0 || errno == EOPNOTSUPP ||
           okse_fail_errno(error, "reserve space for %s", path);
}

bool okse_build_space_reserve(const OkseLayout *layout, int fd, const char *path, GError **error)
{
    uint64_t from = 0; /* what lies before is reserved, or shared */

    if (ftruncate(fd, (off_t)layout->size) < 0)
        return okse_fail_errno(error, "%s", path);
    for (guint i = layout->metadata; i < layout->order->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);

        if (!blob->shares)
            continue;
        if (!reserve(fd, from, blob->data_at, path, error))
            return false;
        from = blob->data_at + blob->size / OKSE_SHARE_BLOCK * OKSE_SHARE_BLOCK;
    }
    return reserve(fd, from, layout->size, path, error);
}
