#include "packager/join_frames.h"

#include "core/fd.h"
#include "packager/frames.h"
#include "packager/volumes_bytes.h"

#define THREADS_MOST 8u

typedef struct {
    OkseBytes *bytes;
    int fd;
    const char *name;
    OkseProgress *progress;
    uint64_t next;
} Frames;

/* Parts are cut between frames, so a MiB of the bundle is a frame. */
static bool join_lane(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    Frames *frames = context;
    g_autofree uint8_t *plain = g_malloc(OKSE_FRAME_PLAIN);

    (void)index;
    for (;;) {
        uint64_t at = __atomic_fetch_add(&frames->next, OKSE_FRAME_PLAIN, __ATOMIC_RELAXED);
        size_t length;

        if (at >= okse_bytes_length(frames->bytes))
            return true;
        if (okse_jobs_stopped(jobs))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        length = (size_t)MIN(okse_bytes_length(frames->bytes) - at, OKSE_FRAME_PLAIN);
        if (!okse_bytes_read(frames->bytes, at, plain, length, frames->name, error) ||
            !okse_pwrite_all(frames->fd, plain, length, at, frames->name, error))
            return false;
        okse_progress_add(frames->progress, length);
    }
}

/* A part whose table of digests is lost: all of its `data` must have the digest that the set promises. */
static bool check_untold(OkseVolumes *volumes, unsigned index, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    const OkseVolume *volume = &set->volumes[index];
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree uint8_t *block = g_malloc(OKSE_VOLUME_BLOCK);
    g_autofree char *words = okse_volume_words(set, volume);
    OkseSha256 digest;

    if (okse_volumes_has_table(volumes, index))
        return true;
    for (uint64_t at = 0; at < volume->size; at += OKSE_VOLUME_BLOCK) {
        size_t length = (size_t)MIN(volume->size - at, OKSE_VOLUME_BLOCK);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_volumes_data(volumes, index, at, block, length, error))
            return false;
        okse_sha256_stream_update(stream, block, length);
    }
    digest = okse_sha256_stream_end(stream);
    return okse_sha256_equal(&digest, &volume->digest) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s cannot be repaired: what comes out has another digest", words);
}

bool okse_join_frames(const OkseJoin *join, int fd, const char *name, OkseProgress *progress, uint64_t *written,
                      GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_volumes_bytes(join->volumes, error);
    Frames frames = {.bytes = bytes, .fd = fd, .name = name, .progress = progress};
    unsigned threads = MIN(join->threads > 0 ? join->threads : okse_processors(), THREADS_MOST);

    *written = 0;
    if (bytes == NULL)
        return false;
    for (unsigned i = 0; i < okse_volumes_set(join->volumes)->data; i++)
        if (!check_untold(join->volumes, i, error))
            return false;
    if (!okse_jobs_run(threads, threads, join_lane, &frames, error) || !okse_bytes_unchanged(bytes, error))
        return false;
    *written = okse_bytes_length(bytes);
    return true;
}
