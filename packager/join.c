/* First the blocks that are good where they are, by all processors and in order, so that media are read front to back;
 * then, stripe by stripe, what has to be worked out; then, for parts whose digests of blocks are lost, all of their
 * bytes once more. No journal: every block has its digest, so what is there already shows by itself whether it is
 * right. */
#include "packager/join.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/join_frames.h"
#include "packager/volumes_bytes.h"

#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define THREADS_MOST 8u
#define REPAIR_MOST 16u /* blocks of one stripe that are worked out at once */

typedef struct {
    const OkseJoin *asked;
    OkseVolumes *volumes;
    const OkseVolumeSet *set;
    OkseOutput output;
    bool fresh;     /* nothing is there */
    bool resumed;   /* an earlier run left something */
    uint8_t *there; /* a bit for each block of the bundle */
    uint64_t blocks, next;
    OkseProgress *progress;
    uint64_t kept, written, shared;
    bool unfinished;
} Join;

static void mark(Join *join, uint64_t block)
{
    __atomic_fetch_or(&join->there[block / 8], (uint8_t)(1u << block % 8), __ATOMIC_RELAXED);
}

static bool is_marked(const Join *join, uint64_t block)
{
    return (__atomic_load_n(&join->there[block / 8], __ATOMIC_RELAXED) >> block % 8 & 1) != 0;
}

/* The data part that a block of the bundle belongs to. Only okse's own parts are all of one size. */
static unsigned volume_of(const Join *join, uint64_t block)
{
    unsigned low = 0, high = join->set->data; /* it is in [low, high) */

    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;

        if (join->set->volumes[middle].offset <= block * OKSE_VOLUME_BLOCK)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool is_hole(const Join *join, uint64_t at, uint64_t size)
{
    off_t data = lseek(join->output.fd, (off_t)at, SEEK_DATA);

    return data < 0 ? errno == ENXIO : (uint64_t)data >= at + size;
}

/* A block that an earlier run, or sharing, put there. */
static bool is_there(const Join *join, uint64_t at, size_t size, const OkseSha256 *expected, uint8_t *buffer)
{
    OkseSha256 digest;

    if (is_hole(join, at, size) || !okse_pread_exact(join->output.fd, buffer, size, at, join->output.path, NULL))
        return false;
    digest = okse_sha256_of(buffer, size);
    return okse_sha256_equal(&digest, expected);
}

static bool join_block(Join *join, uint64_t block, uint8_t *buffer, GError **error)
{
    uint64_t at = block * OKSE_VOLUME_BLOCK;
    unsigned index = volume_of(join, block);
    const OkseVolume *volume = &join->set->volumes[index];
    uint64_t inside = (at - volume->offset) / OKSE_VOLUME_BLOCK;
    size_t size = okse_volume_block_size(volume, inside);
    OkseSha256 expected;
    bool known = okse_volumes_digest(join->volumes, index, inside, &expected);

    okse_progress_add(join->progress, size);
    if (known && !join->fresh && is_there(join, at, size, &expected, buffer)) {
        __atomic_fetch_add(&join->kept, size, __ATOMIC_RELAXED);
        mark(join, block);
        return true;
    }
    if (okse_volumes_read_block(join->volumes, index, inside, buffer) != OKSE_BLOCK_GOOD)
        return true;
    if (!okse_pwrite_all(join->output.fd, buffer, size, at, join->output.path, error))
        return false;
    __atomic_fetch_add(&join->written, size, __ATOMIC_RELAXED);
    mark(join, block);
    return true;
}

static bool join_blocks(OkseJobs *jobs, Join *join, uint8_t *buffer, GError **error)
{
    for (uint64_t block; (block = __atomic_fetch_add(&join->next, 1, __ATOMIC_RELAXED)) < join->blocks;) {
        if (okse_jobs_stopped(jobs))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!join_block(join, block, buffer, error))
            return false;
    }
    return true;
}

static bool join_lane(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(OKSE_VOLUME_BLOCK);

    (void)index;
    return join_blocks(jobs, context, buffer, error);
}

static bool join_good(Join *join, GError **error)
{
    unsigned threads = join->asked->threads > 0 ? join->asked->threads : okse_processors();

    threads = MIN(threads, THREADS_MOST);
    for (unsigned i = 0; i < join->set->data; i++)
        if (okse_volumes_is_sealed(join->volumes, i))
            threads = 1; /* an encrypted part is read from its front to its end */
    return okse_jobs_run(threads, threads, join_lane, join, error);
}

/* Where the file systems can, all data of a part is shared before anything is copied; its blocks are checked like those
 * of an earlier run. */
static bool share_parts(Join *join, GError **error)
{
    for (unsigned i = 0; i < join->set->data; i++) {
        const OkseVolume *volume = &join->set->volumes[i];
        int fd = okse_volumes_fd(join->volumes, i, NULL);
        const OkseSpan span = {fd, join->output.fd, volume->at, volume->offset, volume->size};
        struct stat info;
        uint64_t shared;

        if (fd < 0 || okse_volumes_is_sealed(join->volumes, i) || fstat(fd, &info) < 0 ||
            (uint64_t)info.st_size < volume->at + volume->size)
            continue;
        if (!okse_share_blocks(&span, &shared, NULL, error))
            return false;
        join->shared += shared;
    }
    return true;
}

/* Blocks of one stripe and group that are not there, at most REPAIR_MOST. */
static unsigned lost_places(const Join *join, unsigned group, uint64_t stripe, unsigned *places)
{
    unsigned count = 0;

    for (unsigned i = 0; i < okse_volume_group_count(join->set, OKSE_VOLUME_DATA, group) && count < REPAIR_MOST; i++) {
        const OkseVolume *volume = okse_volume_group_member(join->set, OKSE_VOLUME_DATA, group, i);

        if (stripe < okse_volume_blocks(volume) && !is_marked(join, volume->offset / OKSE_VOLUME_BLOCK + stripe))
            places[count++] = i;
    }
    return count;
}

static bool repair_stripe(Join *join, unsigned group, uint64_t stripe, uint8_t **results, GError **error)
{
    unsigned places[REPAIR_MOST], count;

    while ((count = lost_places(join, group, stripe, places)) > 0) {
        const OkseStripe lost = {group, stripe, places, count};

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_volumes_repair(join->volumes, &lost, results, error))
            return false;
        for (unsigned i = 0; i < count; i++) {
            const OkseVolume *volume = okse_volume_group_member(join->set, OKSE_VOLUME_DATA, group, places[i]);
            uint64_t at = volume->offset + stripe * OKSE_VOLUME_BLOCK;

            if (!okse_pwrite_all(join->output.fd, results[i], okse_volume_block_size(volume, stripe), at,
                                 join->output.path, error))
                return false;
            mark(join, at / OKSE_VOLUME_BLOCK);
        }
    }
    return true;
}

static uint64_t stripes_of(const Join *join, unsigned group)
{
    uint64_t most = 0;

    for (unsigned i = 0; i < okse_volume_group_count(join->set, OKSE_VOLUME_DATA, group); i++)
        most = MAX(most, okse_volume_blocks(okse_volume_group_member(join->set, OKSE_VOLUME_DATA, group, i)));
    return most;
}

static bool repair_all(Join *join, GError **error)
{
    uint8_t *results[REPAIR_MOST];
    bool good = true;

    for (unsigned i = 0; i < REPAIR_MOST; i++)
        results[i] = g_malloc(OKSE_VOLUME_BLOCK);
    for (unsigned group = 0; good && group < join->set->groups; group++)
        for (uint64_t stripe = 0, all = stripes_of(join, group); good && stripe < all; stripe++)
            good = repair_stripe(join, group, stripe, results, error);
    for (unsigned i = 0; i < REPAIR_MOST; i++)
        g_free(results[i]);
    return good;
}

/* All bytes of a part as they stand in the output. *same: they have the digest that the set promises. */
static bool check_whole(const Join *join, const OkseVolume *volume, bool *same, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree uint8_t *buffer = g_malloc(OKSE_VOLUME_BLOCK);
    OkseSha256 digest;

    for (uint64_t block = 0; block < okse_volume_blocks(volume); block++) {
        size_t size = okse_volume_block_size(volume, block);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_pread_exact(join->output.fd, buffer, size, volume->offset + block * OKSE_VOLUME_BLOCK,
                              join->output.path, error))
            return false;
        okse_sha256_stream_update(stream, buffer, size);
    }
    digest = okse_sha256_stream_end(stream);
    *same = okse_sha256_equal(&digest, &volume->digest);
    return true;
}

/* A part that is not here may have been put there by an earlier run: all of it, or nothing counts. */
static bool keep_missing(Join *join, GError **error)
{
    for (unsigned i = 0; i < join->set->data && !join->fresh; i++) {
        const OkseVolume *volume = &join->set->volumes[i];
        bool same = false;

        if (okse_volumes_fd(join->volumes, i, NULL) >= 0 || is_hole(join, volume->offset, volume->size))
            continue;
        if (!check_whole(join, volume, &same, error))
            return false;
        for (uint64_t block = 0; same && block < okse_volume_blocks(volume); block++)
            mark(join, volume->offset / OKSE_VOLUME_BLOCK + block);
        join->kept += same ? volume->size : 0;
    }
    return true;
}

static bool check_untold(const Join *join, GError **error)
{
    for (unsigned i = 0; i < join->set->data; i++) {
        const OkseVolume *volume = &join->set->volumes[i];
        g_autofree char *words = okse_volume_words(join->set, volume);
        bool same = false;

        if (okse_volumes_has_table(join->volumes, i))
            continue;
        if (!check_whole(join, volume, &same, error))
            return false;
        if (!same)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s cannot be repaired: what comes out has another digest",
                             words);
    }
    return true;
}

/* Only this user may have written it. */
static bool is_private(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() && info.st_nlink == 1 &&
           (info.st_mode & 022) == 0;
}

static bool open_output(Join *join, GError **error)
{
    OkseOutput *output = &join->output;
    struct stat info;

    if (!okse_output_prepare(output, join->asked->output, error))
        return false;
    output->part = g_strdup_printf(".%s.joining", output->name);
    output->fd = openat(output->dir_fd, output->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
    if (output->fd < 0 || fstat(output->fd, &info) < 0)
        return okse_fail_errno(error, "write %s", output->path);
    if (!is_private(output->fd) || flock(output->fd, LOCK_EX | LOCK_NB) < 0) {
        okse_fail(error, OKSE_ERROR_SYSTEM,
                  "%s: %s beside it is not this user's own file, or another okse join writes it", output->path,
                  output->part);
        g_clear_pointer(&output->part, g_free); /* not ours to remove */
        return false;
    }
    join->fresh = info.st_size == 0;
    join->resumed = !join->fresh;
    if ((uint64_t)info.st_size != join->set->bundle.size && ftruncate(output->fd, (off_t)join->set->bundle.size) < 0)
        return okse_fail_errno(error, "write %s", output->path);
    return true;
}

static bool check_space(const Join *join, GError **error)
{
    g_autofree char *want = NULL, *have = NULL;
    struct statvfs info;
    struct stat status;
    uint64_t needed = join->set->bundle.size - join->shared, held, available;

    if (fstatvfs(join->output.fd, &info) < 0 || fstat(join->output.fd, &status) < 0)
        return okse_fail_errno(error, "%s", join->output.path);
    held = (uint64_t)status.st_blocks * 512;
    needed -= join->fresh ? 0 : MIN(needed, held);
    available = (uint64_t)info.f_bavail * info.f_frsize;
    want = okse_text_size(needed);
    have = okse_text_size(available);
    return available >= needed || okse_fail(error, OKSE_ERROR_SYSTEM, "%s: the bundle needs %s more and %s are free",
                                            join->output.path, want, have);
}

/* What is here is enough, with what an earlier run left. */
static bool check_missing(Join *join, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool kept = false;

    for (unsigned i = 0; i < join->set->data; i++)
        kept = kept || (okse_volumes_fd(join->volumes, i, NULL) < 0 &&
                        is_marked(join, join->set->volumes[i].offset / OKSE_VOLUME_BLOCK));
    if (kept || okse_volumes_suffice(join->volumes, &cause))
        return true;
    join->unfinished = join->asked->partial;
    if (!join->unfinished)
        g_propagate_error(error, g_steal_pointer(&cause));
    return join->unfinished;
}

/* Partial: is a part neither here nor joined before? */
static bool lacks(const Join *join)
{
    bool lacking = false;

    for (unsigned i = 0; i < join->set->data; i++)
        lacking = lacking || (okse_volumes_fd(join->volumes, i, NULL) < 0 &&
                              !is_marked(join, join->set->volumes[i].offset / OKSE_VOLUME_BLOCK));
    return lacking;
}

static bool join_run(Join *join, GError **error)
{
    if (!keep_missing(join, error) || !check_missing(join, error))
        return false;
    if (join->fresh && (!share_parts(join, error) || !check_space(join, error)))
        return false;
    if (!join->fresh && !check_space(join, error))
        return false;
    join->fresh = join->fresh && join->shared == 0;
    okse_volumes_use_joined(join->volumes, join->output.fd, join->there);
    if (!join_good(join, error))
        return false;
    join->unfinished = join->asked->partial && lacks(join) && !repair_all(join, NULL);
    if (join->unfinished)
        return true;
    if (!repair_all(join, error) || !check_untold(join, error))
        return false;
    return okse_output_finish(&join->output, error);
}

static bool join_compressed(Join *join, GError **error)
{
    return check_space(join, error) &&
           okse_join_frames(join->asked, join->output.fd, join->output.path, join->progress, &join->written, error) &&
           okse_output_finish(&join->output, error);
}

/* What was joined stays; a file in which nothing was is no use. */
static void leave(Join *join)
{
    if (join->resumed || join->kept + join->written > 0)
        g_clear_pointer(&join->output.part, g_free);
}

bool okse_join(const OkseJoin *asked, OkseJoined *joined, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(asked->volumes);
    g_auto(OkseOutput) output = OKSE_OUTPUT_INIT;
    g_autofree uint8_t *there = NULL;
    Join join = {.asked = asked, .volumes = asked->volumes, .set = set, .output = output};
    bool good;

    if (!okse_volumes_encoding_known(set, error))
        return false;
    if (set->encoding != NULL && asked->partial)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "compressed parts are joined all at once: --partial is for plain ones (copy them together)");
    join.blocks = (set->bundle.size + OKSE_VOLUME_BLOCK - 1) / OKSE_VOLUME_BLOCK;
    join.there = there = g_malloc0((gsize)(join.blocks / 8 + 1));
    join.progress = okse_progress_new("joining", set->bundle.size);
    good =
        open_output(&join, error) && (set->encoding != NULL ? join_compressed(&join, error) : join_run(&join, error));
    okse_progress_free(join.progress);
    okse_volumes_use_joined(asked->volumes, -1, NULL);
    if (!good || join.unfinished)
        leave(&join);
    okse_output_clear(&join.output);
    join.shared = MIN(join.shared, join.kept);
    *joined = (OkseJoined){.copied = {.kept = join.kept - join.shared, .reflink = join.shared, .written = join.written},
                           .repaired = okse_volumes_repaired(asked->volumes),
                           .unfinished = join.unfinished};
    return good;
}
