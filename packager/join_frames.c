#include "packager/join_frames.h"

#include "core/fd.h"
#include "core/lane.h"
#include "packager/frames.h"
#include "packager/volumes_bytes.h"

#define THREADS_MOST 8u
#define BATCH                                                                                                          \
    8u /* frames; above OKSE_LANE_RUNS, so that the lane is done with a batch before its memory is used again */

G_STATIC_ASSERT(BATCH > OKSE_LANE_RUNS);

typedef struct {
    OkseBytes *bytes;
    int fd;
    const char *name;
    OkseProgress *progress;
    uint8_t *plain[2][BATCH], **batch; /* OKSE_FRAME_PLAIN each */
    uint64_t at;                       /* of the batch in the bundle */
    unsigned count, next;
    OkseSha256Stream *stream;
    OkseLane *lane;
} Frames;

static size_t length_at(const Frames *frames, uint64_t at)
{
    return (size_t)MIN(okse_bytes_length(frames->bytes) - at, OKSE_FRAME_PLAIN);
}

/* Parts are cut between frames, so a MiB of the bundle is a frame. */
static bool join_some(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    Frames *frames = context;

    (void)index;
    for (;;) {
        unsigned turn = __atomic_fetch_add(&frames->next, 1, __ATOMIC_RELAXED);
        uint64_t at = frames->at + (uint64_t)turn * OKSE_FRAME_PLAIN;

        if (turn >= frames->count)
            return true;
        if (okse_jobs_stopped(jobs))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_bytes_read(frames->bytes, at, frames->batch[turn], length_at(frames, at), frames->name, error) ||
            !okse_pwrite_all(frames->fd, frames->batch[turn], length_at(frames, at), at, frames->name, error))
            return false;
        okse_progress_add(frames->progress, length_at(frames, at));
    }
}

static void hash(void *context, const void *data, size_t length)
{
    okse_sha256_stream_update(context, data, length);
}

static bool join_all(Frames *frames, unsigned threads, GError **error)
{
    uint64_t size = okse_bytes_length(frames->bytes);

    for (unsigned turn = 0; frames->at < size; turn++, frames->at += BATCH * OKSE_FRAME_PLAIN) {
        uint64_t left = (size - frames->at + OKSE_FRAME_PLAIN - 1) / OKSE_FRAME_PLAIN;

        frames->batch = frames->plain[turn % 2];
        frames->count = (unsigned)MIN(left, BATCH);
        frames->next = 0;
        if (!okse_jobs_run(MIN(threads, frames->count), threads, join_some, frames, error))
            return false;
        for (unsigned i = 0; i < frames->count; i++)
            okse_lane_put(frames->lane, frames->batch[i],
                          length_at(frames, frames->at + (uint64_t)i * OKSE_FRAME_PLAIN));
    }
    return true;
}

/* The digests of blocks are of the coded bytes; that the plain ones came back, only the bundle's own digest says. */
static bool join_and_check(Frames *frames, unsigned threads, const OkseSha256 *expected, GError **error)
{
    OkseSha256 digest;
    bool good;

    for (unsigned i = 0; i < 2 * BATCH; i++)
        frames->plain[i / BATCH][i % BATCH] = g_malloc(OKSE_FRAME_PLAIN);
    frames->stream = okse_sha256_stream_new();
    frames->lane = okse_lane_new(hash, frames->stream);
    good = join_all(frames, threads, error);
    okse_lane_wait(frames->lane, 0);
    okse_lane_free(frames->lane);
    digest = okse_sha256_stream_end(frames->stream);
    okse_sha256_stream_free(frames->stream);
    for (unsigned i = 0; i < 2 * BATCH; i++)
        g_free(frames->plain[i / BATCH][i % BATCH]);
    return good && (okse_sha256_equal(&digest, expected) ||
                    okse_fail(error, OKSE_ERROR_REFUSED,
                              "the parts are what their set says, and what comes out is not the bundle that it names: "
                              "they were made wrongly, or to deceive"));
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

/* An encrypted part, parity too, is read from its front to its end: going back decrypts all of it again. */
static unsigned threads_for(const OkseJoin *join)
{
    const OkseVolumeSet *set = okse_volumes_set(join->volumes);

    for (unsigned i = 0; i < set->data + set->parity; i++)
        if (okse_volumes_is_sealed(join->volumes, i))
            return 1;
    return MIN(join->threads > 0 ? join->threads : okse_processors(), THREADS_MOST);
}

bool okse_join_frames(const OkseJoin *join, int fd, const char *name, OkseProgress *progress, uint64_t *written,
                      GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_volumes_bytes(join->volumes, error);
    Frames frames = {.bytes = bytes, .fd = fd, .name = name, .progress = progress};
    unsigned threads = threads_for(join);

    *written = 0;
    if (bytes == NULL)
        return false;
    for (unsigned i = 0; i < okse_volumes_set(join->volumes)->data; i++)
        if (!check_untold(join->volumes, i, error))
            return false;
    if (!join_and_check(&frames, threads, &okse_volumes_set(join->volumes)->bundle.digest, error) ||
        !okse_bytes_unchanged(bytes, error))
        return false;
    *written = okse_bytes_length(bytes);
    return true;
}
