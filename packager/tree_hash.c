#include "packager/tree_hash.h"

uint64_t okse_tree_segments(uint64_t size)
{
    return size <= OKSE_VERITY_SEGMENT ? 1 : (size - 1) / OKSE_VERITY_SEGMENT + 1;
}

static bool put(const void *data, size_t length, void *context)
{
    okse_verity_stream_update(context, data, length);
    return true;
}

bool okse_tree_segment(const OkseRange *file, uint64_t index, const OkseJobs *jobs, OkseProgress *progress,
                       OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();
    uint64_t from = index * OKSE_VERITY_SEGMENT;
    OkseRange segment = {file->bytes, file->offset + from, MIN(file->size - from, OKSE_VERITY_SEGMENT), file->name,
                         file->drop};

    if (!okse_range_read(&segment, jobs, progress, put, stream, error))
        return false;
    *digest =
        okse_tree_segments(file->size) == 1 ? okse_verity_stream_end(stream) : okse_verity_stream_end_segment(stream);
    return true;
}

OkseSha256 okse_tree_digest(const OkseSha256 *segments, uint64_t size)
{
    uint64_t count = okse_tree_segments(size);

    return count == 1 ? segments[0] : okse_verity_from_segments(segments, count, size);
}
