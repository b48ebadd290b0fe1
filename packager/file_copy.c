/* Memory is one buffer a worker, four where a worker without a file of its own hashes for another. Reading ahead and
 * writing back are asked of the kernel early, so that the disk works while this thread hashes, and the sync at the end
 * finds little left to do. */
#include "packager/file_copy.h"

#include "core/fd.h"
#include "core/lane.h"
#include "core/verity.h"
#include "packager/tensor_hash.h"

#include <string.h>
#include <sys/vfs.h>

#define CHUNK (512u << 10) /* stays in a core's cache while it is hashed twice and written */
#define AHEAD (8u << 20)   /* asked of the disk before it is needed */
#define BEHIND (8u << 20)  /* written before the disk is told to store it */
#define SMALL (64u << 10)  /* smaller files are written: an extent of their own costs more than their bytes */
#define LARGE (1u << 20)   /* smaller ones need no advice */

typedef struct {
    const OkseFileCopy *copy;
    uint64_t shared; /* bytes at the front that are in the target already */
    bool ranging;    /* copy_file_range does the rest, as long as it does */
    uint64_t asked, stored;
    uint8_t *buffers[OKSE_LANE_RUNS]; /* the others only with a lane */
    unsigned turn;                    /* which of them */
    OkseLane *lane;                   /* hashes; NULL: this thread does */
    OkseSha256Stream *sha256;
    OkseTensorHash *tensors;  /* or NULL */
    OkseVerityStream *verity; /* or NULL */
    OkseCopied copied;
} Run;

bool okse_file_copy_shares(OkseCopyWay way, uint64_t size)
{
    return (way == OKSE_COPY_AUTO && size >= SMALL) || (way == OKSE_COPY_REFLINK && size >= OKSE_SHARE_BLOCK);
}

bool okse_file_copy_try(const OkseSpan *span, bool *can, int *why, GError **error)
{
    OkseSpan first = *span;
    uint64_t shared;

    first.size = OKSE_SHARE_BLOCK;
    if (!okse_share_blocks(&first, &shared, why, error))
        return false;
    *can = shared > 0;
    return true;
}

static bool refuse(const OkseFileCopy *copy, const char *way, int why, GError **error)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "--copy %s: not possible from %s to %s (%s)", way, copy->from_name,
                     copy->to_name, g_strerror(why));
}

/* The bytes from `at` on that lie in one file: the span that brings them. from is -1 when they lie in none. */
static OkseSpan span_at(const OkseFileCopy *copy, uint64_t at, uint64_t most)
{
    OkseBytesPlace place = okse_bytes_place(copy->from, copy->from_at + at);

    return (OkseSpan){place.fd, copy->to, place.offset, copy->to_at + at, MIN(place.length, most)};
}

/* Share the front, file by file, as far as it goes without a gap. */
static bool share_runs(Run *run, int *why, GError **error)
{
    const OkseFileCopy *copy = run->copy;
    uint64_t shared = 0, whole = 1;

    for (*why = 0; *why == 0 && run->shared < copy->size && whole > 0; run->shared += shared) {
        OkseSpan span = span_at(copy, run->shared, copy->size - run->shared);

        if (span.from < 0)
            *why = EINVAL;
        else if (!okse_share_blocks(&span, &shared, why, error))
            return false;
        shared = *why == 0 ? shared : 0;
        whole = shared == span.size ? shared : 0;
    }
    return true;
}

static bool share(Run *run, GError **error)
{
    const OkseFileCopy *copy = run->copy;
    int why = 0;

    if (copy->there) {
        run->shared = copy->size;
        return true;
    }
    if (!okse_file_copy_shares(copy->way, copy->size))
        return true;
    if (!share_runs(run, &why, error)) {
        g_prefix_error(error, "%s: ", copy->to_name);
        return false;
    }
    run->copied.reflink = run->shared;
    return why == 0 || copy->way != OKSE_COPY_REFLINK || refuse(copy, "reflink", why, error);
}

/* Disk space of what is to be written, in one piece where there is one. */
static bool reserve(const Run *run, GError **error)
{
    const OkseFileCopy *copy = run->copy;

    if (!copy->reserve || copy->size - run->shared < LARGE)
        return true;
    return fallocate(copy->to, 0, (off_t)(copy->to_at + run->shared), (off_t)(copy->size - run->shared)) == 0 ||
           errno == EOPNOTSUPP || okse_fail_errno(error, "reserve space for %s", copy->to_name);
}

/* The descriptors may be read by several workers at once, whose places would confuse the kernel's own guess. */
static void ask_ahead(Run *run, uint64_t at)
{
    const OkseFileCopy *copy = run->copy;
    uint64_t until = MIN(at + AHEAD, copy->size);

    if (copy->size < LARGE || run->asked >= until || run->asked > at + AHEAD / 2)
        return;
    if (run->asked < run->shared)
        until = MIN(until, run->shared);
    if (until <= run->shared)
        posix_fadvise(copy->to, (off_t)(copy->to_at + run->asked), (off_t)(until - run->asked), POSIX_FADV_WILLNEED);
    else
        okse_bytes_advise(copy->from, copy->from_at + run->asked, until - run->asked, POSIX_FADV_WILLNEED);
    run->asked = until;
}

/* Only a hint: what cannot be stored is reported by the sync at the end. */
static void store_behind(Run *run, uint64_t at)
{
    const OkseFileCopy *copy = run->copy;

    if (copy->size < LARGE || at - run->stored < BEHIND)
        return;
    sync_file_range(copy->to, (off_t)(copy->to_at + run->stored), (off_t)(at - run->stored), SYNC_FILE_RANGE_WRITE);
    run->stored = at;
}

/* Try copy_file_range for one chunk; afterwards *there says whether the target has it. */
static bool range(Run *run, uint64_t at, size_t length, bool *there, GError **error)
{
    const OkseFileCopy *copy = run->copy;
    OkseSpan piece = span_at(copy, at, length);
    uint64_t done = 0;
    int why = piece.from < 0 || piece.size < length ? EINVAL : 0;

    if (why == 0 && !okse_copy_range(&piece, &done, &why, error)) {
        g_prefix_error(error, "%s: ", copy->to_name);
        return false;
    }
    *there = done == length;
    run->ranging = *there;
    return why == 0 || copy->way != OKSE_COPY_RANGE || refuse(copy, "range", why, error);
}

/* Bytes that are, or are about to be, in the target. */
static bool fill(Run *run, uint64_t at, size_t length, bool *there, GError **error)
{
    const OkseFileCopy *copy = run->copy;
    uint8_t *buffer = run->buffers[run->turn];

    *there = at < run->shared;
    if (!*there && run->ranging && !range(run, at, length, there, error))
        return false;
    if (*there)
        return okse_pread_exact(copy->to, buffer, length, copy->to_at + at, copy->to_name, error);
    return okse_bytes_read(copy->from, copy->from_at + at, buffer, length, copy->from_name, error);
}

/* What of the digests a lane takes over: together the longer half, so that both threads end about the same time. */
static void hash_run(void *context, const void *data, size_t length)
{
    const Run *run = context;

    okse_sha256_stream_update(run->sha256, data, length);
    if (run->tensors != NULL)
        okse_tensor_hash_update(run->tensors, data, length);
}

/* A file is often all that is left to do, and its hash the longest part of that. */
static void find_help(Run *run, uint64_t left)
{
    if (run->lane != NULL || run->copy->jobs == NULL || left < AHEAD || !okse_jobs_borrow(run->copy->jobs))
        return;
    for (unsigned i = 0; i < OKSE_LANE_RUNS; i++)
        if (run->buffers[i] == NULL)
            run->buffers[i] = g_malloc(CHUNK);
    run->lane = okse_lane_new(hash_run, run);
}

/* The next buffer, which nobody reads any more. */
static void take_turn(Run *run, uint64_t left)
{
    find_help(run, left);
    if (run->lane == NULL)
        return;
    okse_lane_wait(run->lane, OKSE_LANE_RUNS - 1);
    run->turn = (run->turn + 1) % OKSE_LANE_RUNS;
}

static bool put(Run *run, uint64_t at, size_t length, bool there, GError **error)
{
    const OkseFileCopy *copy = run->copy;
    const uint8_t *buffer = run->buffers[run->turn];

    if (run->lane != NULL)
        okse_lane_put(run->lane, buffer, length);
    else
        hash_run(run, buffer, length);
    if (run->verity != NULL)
        okse_verity_stream_update(run->verity, buffer, length);
    okse_progress_add(copy->progress, length);
    if (there) {
        run->copied.range += at < run->shared ? 0 : length;
        return true;
    }
    run->copied.written += length;
    if (!okse_pwrite_all(copy->to, buffer, length, copy->to_at + at, copy->to_name, error))
        return false;
    store_behind(run, at + length);
    return true;
}

static bool run_all(Run *run, GError **error)
{
    const OkseFileCopy *copy = run->copy;
    size_t length;

    for (uint64_t at = 0; at < copy->size; at += length) {
        uint64_t end = at < run->shared ? run->shared : copy->size;
        bool there;

        length = (size_t)MIN(end - at, CHUNK);
        if (okse_interrupted() || (copy->jobs != NULL && okse_jobs_stopped(copy->jobs)))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "stopped");
        ask_ahead(run, at);
        take_turn(run, copy->size - at);
        if (!fill(run, at, length, &there, error) || !put(run, at, length, there, error))
            return false;
    }
    return true;
}

static void run_end(Run *run)
{
    if (run->lane != NULL)
        okse_jobs_give_back(run->copy->jobs);
    g_clear_pointer(&run->lane, okse_lane_free);
    for (unsigned i = 0; i < OKSE_LANE_RUNS; i++)
        g_free(run->buffers[i]);
}

bool okse_file_copy(const OkseFileCopy *copy, OkseFileCopied *result, GError **error)
{
    g_autoptr(OkseSha256Stream) sha256 = okse_sha256_stream_new();
    g_autoptr(OkseVerityStream) verity = copy->wants_verity ? okse_verity_stream_new() : NULL;
    g_autoptr(OkseTensorHash) tensors = copy->tensors != NULL ? okse_tensor_hash_new(copy->tensors) : NULL;
    Run run = {
        .copy = copy, .sha256 = sha256, .tensors = tensors, .verity = verity, .ranging = copy->way == OKSE_COPY_RANGE};
    bool good;

    if (!share(&run, error) || !reserve(&run, error))
        return false;
    run.stored = run.shared;
    run.buffers[0] = g_malloc((gsize)MIN(MAX(copy->size, 1), CHUNK));
    good = run_all(&run, error);
    run_end(&run); /* the lane has hashed everything */
    if (!good)
        return false;
    *result = (OkseFileCopied){.digest = okse_sha256_stream_end(sha256), .copied = run.copied};
    if (verity != NULL)
        result->verity = okse_verity_stream_end(verity);
    if (tensors != NULL)
        okse_tensor_hash_end(tensors);
    return true;
}
