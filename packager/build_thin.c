/* The bundle that would have been written, as bytes: headers and metadata from a sparse file without a name, payload
 * from its sources. The writer of thin bundles then does not know the difference. */
#include "packager/build_thin.h"

#include "core/fd.h"
#include "packager/bundle_writer.h"
#include "packager/thin_write.h"

#define OPENED 256u            /* files that are held open, so that their blocks can be shared */
#define OPENED_FROM (1u << 20) /* smaller ones are opened when they are read */

static int open_scratch(const OkseThinTarget *target, const OkseLayout *layout, GError **error)
{
    okse_autofd fd = openat(target->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, (off_t)layout->size) < 0) {
        okse_fail_errno(error, "%s: an unnamed file beside it", target->path);
        return -1;
    }
    return okse_fd_steal(&fd);
}

/* A file of a source, opened whenever it is read. */
typedef struct {
    const OkseSource *source;
    unsigned entry;
} Entry;

static bool entry_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Entry *entry = context;

    return okse_source_peek(entry->source, entry->entry, offset, buffer, length, error);
}

static bool append_file(OkseBytes *whole, const OkseBlobPlan *blob, unsigned *opened, GError **error)
{
    g_autofree char *name = okse_source_name(blob->source, blob->entry);
    okse_autofd fd = -1;
    Entry *entry;
    bool appended;

    if (blob->size < OPENED_FROM || *opened >= OPENED) {
        entry = g_new(Entry, 1);
        *entry = (Entry){blob->source, blob->entry};
        okse_bytes_keep(whole, entry, g_free);
        okse_bytes_append_source(whole, &(OkseSourcePiece){entry_read, entry, 0, blob->size});
        return true;
    }
    fd = okse_source_open(blob->source, blob->entry, error);
    appended = fd >= 0 && okse_bytes_append_file(whole, &(OkseFilePiece){fd, name, 0, blob->size}, error);
    if (fd >= 0)
        okse_bytes_keep_fd(whole, &fd);
    (*opened)++;
    return appended;
}

static bool lies_in_scratch(const OkseBlobPlan *blob)
{
    if (blob->tar != NULL)
        return okse_source_is_sequential(okse_tar_layer_source(blob->tar));
    return blob->source == NULL || okse_source_is_sequential(blob->source);
}

static bool append_payload(OkseBytes *whole, const OkseBlobPlan *blob, unsigned *opened, GError **error)
{
    if (blob->tar == NULL)
        return append_file(whole, blob, opened, error);
    okse_tar_layer_append(blob->tar, whole);
    return true;
}

static OkseBytes *whole_bytes(const OkseLayout *layout, int scratch, const OkseThinTarget *target, GError **error)
{
    g_autoptr(OkseBytes) whole = okse_bytes_new();
    unsigned opened = 0;

    for (guint i = layout->metadata; i < layout->order->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);
        uint64_t at = okse_bytes_length(whole);

        if (lies_in_scratch(blob))
            continue;
        if (!okse_bytes_append_file(whole, &(OkseFilePiece){scratch, target->path, at, blob->data_at - at}, error) ||
            !append_payload(whole, blob, &opened, error))
            return NULL;
        g_assert(okse_bytes_length(whole) == blob->data_at + blob->size);
    }
    uint64_t at = okse_bytes_length(whole);
    return okse_bytes_append_file(whole, &(OkseFilePiece){scratch, target->path, at, layout->size - at}, error)
               ? g_steal_pointer(&whole)
               : NULL;
}

static bool hash_all(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout, int scratch,
                     GError **error)
{
    okse_autofd nowhere = okse_open("/dev/null", O_RDWR, 0, error);
    g_autoptr(OkseProgress) progress = request->show_progress ? okse_progress_new("hashing", layout->payload) : NULL;
    const OkseBundleTarget target = {
        .fd = scratch, .nowhere = nowhere, .threads = request->threads, .way = OKSE_COPY_PLAIN, .progress = progress};
    OkseCopied copied;

    return nowhere >= 0 && okse_bundle_write_payload(plan, layout, &target, &copied, error) &&
           okse_bundle_write_metadata(plan, layout, scratch, error);
}

bool okse_build_thin(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout,
                     const OkseThinTarget *target, OkseThinned *thinned, GError **error)
{
    okse_autofd scratch = open_scratch(target, layout, error);
    g_autoptr(OkseBytes) whole = NULL;
    g_autoptr(OkseBundle) bundle = NULL;
    g_autoptr(OkseProgress) progress = NULL;
    OkseCopying copying = {.threads = request->threads, .way = request->way};

    if (scratch < 0 || !hash_all(request, plan, layout, scratch, error))
        return false;
    whole = whole_bytes(layout, scratch, target, error);
    bundle = whole == NULL ? NULL : okse_bundle_of(whole, target->path, error);
    if (bundle == NULL)
        return false;
    progress = request->show_progress ? okse_progress_new("packing", 0) : NULL;
    copying.bundle = bundle;
    copying.progress = progress;
    return okse_thin_write(&copying, request->thin_against, request->whole_files, target->fd, thinned, error);
}
