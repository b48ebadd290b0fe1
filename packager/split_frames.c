/* Data parts whose `data` is frames. A batch of frames is coded by all processors while the one before is hashed and
 * written. How much a part holds shows only then, and with it how many parts there are and how long set.json is, which
 * stands in front: so room is left for the longest that it could be, and what is left over goes into the padding in
 * front of `data`. Where that is more than the format allows, `data` is moved forward. */
#include "core/fd.h"
#include "core/lane.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/frames.h"
#include "packager/split_internal.h"
#include "packager/volume_header.h"

#include <string.h>

#define BATCH 8u         /* frames; above OKSE_LANE_RUNS, so that a lane is done with a batch before it comes again */
#define LINES_KEPT 2048u /* frames between two writes of the table */
#define THREADS_MOST 8u
#define SAMPLED 64u /* frames that are coded to see how many bytes it will be */

G_STATIC_ASSERT(BATCH > OKSE_LANE_RUNS);

typedef struct {
    uint8_t *plain, *coded; /* OKSE_FRAME_PLAIN each */
    const uint8_t *bytes;   /* of the two, the one that is written */
    size_t length;
    OkseFrame frame;
} Slot;

/* A part as it was written. */
typedef struct {
    OkseVolume volume;
    uint64_t table_at;
} Written;

typedef struct {
    const OkseSplit *asked;
    SplitOutput *output;
    OkseCopied *copied;
    uint64_t read; /* plain bytes so far */
    SplitHashing hashing;
    OkseCoder *coders[THREADS_MOST];
    uint8_t *back[THREADS_MOST]; /* OKSE_FRAME_PLAIN each */
    unsigned threads, next;
    Slot slots[2][BATCH], *batch;
    unsigned count, turn;
    /* The present part. */
    OkseVolume volume;
    int fd;
    uint64_t first_table_at, table_at, capacity;
    OkseFrames *frames;
    unsigned unflushed;
    GArray *written;
} Framer;

/* What a part's `data` may take at most when it begins at `at`. */
static uint64_t capacity_at(uint64_t at, uint64_t file_size)
{
    uint64_t other = at + OKSE_VOLUME_TAIL;

    return file_size <= other ? 0 : (file_size - other) / OKSE_TAR_BLOCK * OKSE_TAR_BLOCK;
}

/* Frames that surely go into a part, however badly they compress. */
static uint64_t frames_surely(uint64_t capacity)
{
    uint64_t one = okse_frames_index_size(OKSE_FRAME_PLAIN), two = okse_frames_index_size(2ull * OKSE_FRAME_PLAIN);
    uint64_t none = one - (two - one);

    return capacity <= none ? 0 : (capacity - none) / (OKSE_FRAME_PLAIN + two - one);
}

static OkseVolumeSet *plan_with(const OkseSplit *split, const OkseVolumeBundle *bundle, uint64_t parts, GError **error)
{
    OkseVolumeSet *set = split_set_new(bundle, parts, &split->parity, error);

    if (set == NULL)
        return NULL;
    set->encoding = g_strdup(OKSE_ENCODING_FRAMES);
    for (unsigned i = 0; i < set->data + set->parity; i++) { /* no number of any outcome is longer */
        OkseVolume *volume = &set->volumes[i];

        volume->size = volume->at = MAX(split->file_size, OKSE_VOLUME_BLOCK);
        volume->offset = volume->length = i < set->data ? bundle->size : 0;
    }
    okse_volume_set_seal(set);
    return set;
}

/* No part's `data` will begin later: labels differ, and what ends earlier may need a longer padding. */
static uint64_t latest_place(const OkseVolumeSet *planned)
{
    uint64_t latest = 0;

    for (unsigned i = 0; i < planned->data + planned->parity; i++)
        latest = MAX(latest, okse_volume_first_place(planned, &planned->volumes[i]));
    return latest + 2 * OKSE_TAR_ALIGN;
}

OkseVolumeSet *split_frames_plan(const OkseSplit *split, uint64_t part_size, const OkseVolumeBundle *bundle,
                                 GError **error)
{
    uint64_t frames = (bundle->size + OKSE_FRAME_PLAIN - 1) / OKSE_FRAME_PLAIN;

    for (uint64_t parts = (bundle->size + split->file_size - 1) / split->file_size;;) {
        g_autoptr(OkseVolumeSet) set = plan_with(split, bundle, parts, error);
        uint64_t each, needed;

        if (set == NULL)
            return NULL;
        each = frames_surely(capacity_at(latest_place(set), part_size));
        if (each == 0) {
            okse_fail(error, OKSE_ERROR_INVALID,
                      "a part of %" G_GUINT64_FORMAT " bytes has no room for a frame of 1 MiB: give a larger --size",
                      split->file_size);
            return NULL;
        }
        needed = (frames + each - 1) / each;
        if (needed <= parts)
            return g_steal_pointer(&set);
        parts = needed;
    }
}

static void framer_start(Framer *framer)
{
    framer->threads = MIN(okse_processors(), THREADS_MOST);
    split_hashing_init(&framer->hashing);
    for (unsigned i = 0; i < framer->threads; i++) {
        framer->coders[i] = okse_coder_new();
        framer->back[i] = g_malloc(OKSE_FRAME_PLAIN);
    }
    for (unsigned i = 0; i < 2 * BATCH; i++) {
        framer->slots[i / BATCH][i % BATCH].plain = g_malloc(OKSE_FRAME_PLAIN);
        framer->slots[i / BATCH][i % BATCH].coded = g_malloc(OKSE_FRAME_PLAIN);
    }
    framer->written = g_array_new(FALSE, FALSE, sizeof(Written));
}

static void framer_stop(Framer *framer)
{
    split_hashing_clear(&framer->hashing);
    for (unsigned i = 0; i < framer->threads; i++) {
        okse_coder_free(framer->coders[i]);
        g_free(framer->back[i]);
    }
    for (unsigned i = 0; i < 2 * BATCH; i++) {
        g_free(framer->slots[i / BATCH][i % BATCH].plain);
        g_free(framer->slots[i / BATCH][i % BATCH].coded);
    }
    g_clear_pointer(&framer->frames, okse_frames_free);
    g_array_unref(framer->written);
    okse_fd_clear(&framer->fd);
}

/* The parity part that stands in for it is as large, with another label. */
static uint64_t place_of_largest(const OkseVolumeSet *planned, const OkseVolume *volume)
{
    OkseVolume parity = {.kind = OKSE_VOLUME_PARITY, .number = planned->parity, .size = volume->size};

    return planned->parity == 0 ? volume->at
                                : MAX(volume->at, okse_volume_first_place(planned, &parity) + OKSE_TAR_ALIGN);
}

/* `data` begins where it can in the worst case: all numbers as long as they can be, and as many lines in the table as
 * there would be if nothing compressed. */
static bool part_begin(Framer *framer, GError **error)
{
    const OkseVolumeSet *planned = framer->output->set;
    OkseVolume *volume = &framer->volume;
    uint64_t done = 0, left, most;

    if (framer->written->len > 0) {
        const OkseVolume *before = &g_array_index(framer->written, Written, framer->written->len - 1).volume;

        done = before->offset + before->length;
    }
    left = planned->bundle.size - done;
    most = left + okse_frames_index_size(left);
    g_assert(framer->written->len < planned->data);
    *volume = (OkseVolume){.kind = OKSE_VOLUME_DATA,
                           .number = framer->written->len + 1,
                           .offset = done,
                           .length = left,
                           .size = MIN(framer->output->part_size, most)};
    volume->at =
        okse_volume_first_place(planned, volume) + OKSE_TAR_ALIGN; /* a shorter head may need a longer padding */
    if (framer->output->veil == NULL) /* there, tables of all parts stand one behind the other */
        framer->table_at = framer->first_table_at = okse_volume_table_at(planned, volume);
    framer->capacity = capacity_at(place_of_largest(planned, volume), framer->output->part_size);
    framer->unflushed = 0;
    framer->frames = okse_frames_new();
    framer->fd = split_part_open(framer->output, volume, O_CREAT | O_TRUNC, error);
    return framer->fd >= 0;
}

static bool put_bytes(Framer *framer, const void *bytes, size_t length, uint64_t at, GError **error)
{
    split_hashing_data(&framer->hashing, bytes, length);
    if (framer->output->veil != NULL)
        return split_veil_write(framer->output, &framer->volume, at, bytes, length, error);
    framer->copied->written += length;
    return okse_pwrite_all(framer->fd, bytes, length, framer->volume.at + at, framer->output->directory, error);
}

static int table_fd(const Framer *framer)
{
    return framer->output->veil != NULL ? framer->output->tables_fd : framer->fd;
}

static bool part_end(Framer *framer, GError **error)
{
    g_autoptr(GByteArray) index = okse_frames_index(framer->frames);
    Written written = {.table_at = framer->first_table_at};
    bool good = put_bytes(framer, index->data, index->len, okse_frames_coded(framer->frames), error);

    framer->volume.length = okse_frames_plain(framer->frames);
    framer->volume.size = okse_frames_size(framer->frames);
    if (!split_hashing_end(&framer->hashing, &framer->volume, table_fd(framer), &framer->table_at,
                           framer->output->directory,
                           good ? error : NULL) || /* in any case: the index is being hashed */
        !good)
        return false;
    written.volume = framer->volume;
    g_array_append_val(framer->written, written);
    g_clear_pointer(&framer->frames, okse_frames_free);
    okse_fd_clear(&framer->fd);
    return true;
}

static bool put_frame(Framer *framer, const Slot *slot, GError **error)
{
    if (framer->frames != NULL) {
        uint64_t index = okse_frames_index_size(okse_frames_plain(framer->frames) + slot->length);

        if (okse_frames_coded(framer->frames) + slot->frame.coded + index > framer->capacity &&
            !part_end(framer, error))
            return false;
    }
    if (framer->frames == NULL && !part_begin(framer, error))
        return false;
    if (!put_bytes(framer, slot->bytes, slot->frame.coded, okse_frames_coded(framer->frames), error))
        return false;
    okse_frames_append(framer->frames, &slot->frame, slot->length);
    if (++framer->unflushed < LINES_KEPT)
        return true;
    framer->unflushed = 0;
    return split_hashing_flush(&framer->hashing, table_fd(framer), &framer->table_at, framer->output->directory, error);
}

/* Where the parts arrive nobody can make them again: what was coded is decoded before it is written. */
static bool comes_back(OkseCoder *coder, const Slot *slot, uint8_t *back, GError **error)
{
    return slot->bytes == slot->plain ||
           (okse_frame_decode(coder, &slot->frame, slot->coded, back, slot->length, error) &&
            (memcmp(back, slot->plain, slot->length) == 0 ||
             okse_fail(error, OKSE_ERROR_SYSTEM,
                       "what was compressed does not come back: this machine's memory or its libzstd is at fault")));
}

static bool encode_some(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    Framer *framer = context;

    (void)jobs;
    for (;;) {
        unsigned turn = __atomic_fetch_add(&framer->next, 1, __ATOMIC_RELAXED);
        Slot *slot;

        if (turn >= framer->count)
            return true;
        slot = &framer->batch[turn];
        slot->bytes = okse_frame_encode(framer->coders[index], slot->plain, slot->length, &slot->frame);
        if (slot->bytes != slot->plain)
            slot->bytes = memcpy(slot->coded, slot->bytes, slot->frame.coded);
        if (!comes_back(framer->coders[index], slot, framer->back[index], error))
            return false;
    }
}

static bool read_batch(Framer *framer, GError **error)
{
    const OkseBytes *bytes = framer->asked->bytes;

    framer->batch = framer->slots[framer->turn++ % 2];
    framer->next = 0;
    for (framer->count = 0; framer->count < BATCH && framer->read < okse_bytes_length(bytes); framer->count++) {
        Slot *slot = &framer->batch[framer->count];

        slot->length = (size_t)MIN(okse_bytes_length(bytes) - framer->read, OKSE_FRAME_PLAIN);
        if (!okse_bytes_read(bytes, framer->read, slot->plain, slot->length, framer->asked->origin, error))
            return false;
        split_hashing_bundle(&framer->hashing, slot->plain, slot->length);
        framer->read += slot->length;
        okse_progress_add(framer->output->progress, slot->length);
    }
    return true;
}

static bool write_parts(Framer *framer, GError **error)
{
    while (framer->read < okse_bytes_length(framer->asked->bytes)) {
        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!read_batch(framer, error) || !okse_jobs_run(framer->threads, framer->threads, encode_some, framer, error))
            return false;
        for (unsigned i = 0; i < framer->count; i++)
            if (!put_frame(framer, &framer->batch[i], error))
                return false;
    }
    return part_end(framer, error);
}

static OkseVolumeSet *outcome(const Framer *framer, GError **error)
{
    const OkseVolumeSet *planned = framer->output->set;
    OkseVolumeSet *set = split_set_new(&planned->bundle, framer->written->len, &framer->asked->parity, error);

    if (set == NULL)
        return NULL;
    set->encoding = g_strdup(planned->encoding);
    for (unsigned i = 0; i < set->data; i++)
        set->volumes[i] = g_array_index(framer->written, Written, i).volume;
    for (unsigned i = set->data; i < set->data + set->parity; i++) {
        OkseVolume *volume = &set->volumes[i];
        unsigned group = okse_volume_group(set, volume);

        volume->at = planned->volumes[0].at;
        for (unsigned j = 0; j < okse_volume_group_count(set, OKSE_VOLUME_DATA, group); j++)
            volume->size = MAX(volume->size, okse_volume_group_member(set, OKSE_VOLUME_DATA, group, j)->size);
    }
    split_settle(set);
    return set;
}

/* Bytes of a file towards its front. */
static bool move_bytes(int fd, uint64_t from, uint64_t to, uint64_t length, const char *name, GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(OKSE_VOLUME_BLOCK);

    g_assert(to <= from);
    for (uint64_t done = 0; to < from && done < length;) {
        size_t now = (size_t)MIN(length - done, OKSE_VOLUME_BLOCK);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_pread_exact(fd, buffer, now, from + done, name, error) ||
            !okse_pwrite_all(fd, buffer, now, to + done, name, error))
            return false;
        done += now;
    }
    return true;
}

/* The table first: it never ends behind where `data` begins. */
static bool move_parts(const Framer *framer, const OkseVolumeSet *set, GError **error)
{
    for (unsigned i = 0; i < set->data; i++) {
        const Written *written = &g_array_index(framer->written, Written, i);
        const OkseVolume *volume = &set->volumes[i];
        okse_autofd fd = split_part_open(framer->output, volume, 0, error);

        if (fd < 0 ||
            !move_bytes(fd, written->table_at, okse_volume_table_at(set, volume), okse_volume_table_size(volume),
                        framer->output->directory, error) ||
            !move_bytes(fd, written->volume.at, volume->at, volume->size, framer->output->directory, error))
            return false;
    }
    return true;
}

/* Behind any place that `data` of a message could have. No head is longer than that of the last planned part; but a
 * shorter one may need a padding of up to two more places, and part_begin() adds one. */
static bool keep_unreadable(SplitOutput *output, GError **error)
{
    const OkseVolumeSet *planned = output->set;
    const OkseVolume *last = &planned->volumes[planned->data - 1];

    if (output->overhead == 0)
        return true;
    output->veil =
        split_veil_new(output->overhead + okse_volume_first_place(planned, last) + 4 * OKSE_TAR_ALIGN, error);
    return output->veil != NULL;
}

/* Of frames that lie evenly all over the bundle; of all, when these are not many. */
static bool sample_ratio(const OkseSplit *split, double *ratio, GError **error)
{
    g_autoptr(OkseCoder) coder = okse_coder_new();
    g_autofree uint8_t *plain = g_malloc(OKSE_FRAME_PLAIN);
    uint64_t size = okse_bytes_length(split->bytes), frames = (size + OKSE_FRAME_PLAIN - 1) / OKSE_FRAME_PLAIN;
    uint64_t looked = MIN(frames, SAMPLED), seen = 0, coded = 0;

    for (uint64_t i = 0; i < looked; i++) {
        uint64_t at = frames * i / looked * OKSE_FRAME_PLAIN;
        size_t length = (size_t)MIN(size - at, OKSE_FRAME_PLAIN);
        OkseFrame frame;

        if (!okse_bytes_read(split->bytes, at, plain, length, split->origin, error))
            return false;
        okse_frame_encode(coder, plain, length, &frame);
        seen += length;
        coded += frame.coded;
    }
    *ratio = (double)coded / (double)seen;
    return true;
}

bool split_frames_estimate(const OkseSplit *split, const SplitOutput *output, uint64_t *size, GError **error)
{
    const OkseVolumeBundle *bundle = &output->set->bundle;
    g_autoptr(OkseVolumeSet) set = NULL;
    uint64_t coded;
    double ratio;

    if (!sample_ratio(split, &ratio, error))
        return false;
    coded = (uint64_t)(ratio * (double)bundle->size);
    set = split_set_new(bundle, coded / output->part_size + 1, &split->parity, error);
    if (set == NULL)
        return false;
    *size = coded + set->parity * MIN(coded, output->part_size);
    return true;
}

bool split_frames(const OkseSplit *split, SplitOutput *output, OkseCopied *copied, GError **error)
{
    g_autofree Framer *framer = g_new0(Framer, 1);
    g_autoptr(OkseVolumeSet) set = NULL;
    bool good;

    framer->asked = split;
    framer->output = output;
    framer->copied = copied;
    framer->fd = -1;
    framer_start(framer);
    good = keep_unreadable(output, error) && write_parts(framer, error);
    if (good)
        set = outcome(framer, error);
    good = set != NULL && (output->veil != NULL || move_parts(framer, set, error));
    if (good) {
        set->bundle.digest = split_hashing_digest(&framer->hashing);
        okse_volume_set_free(output->set);
        output->set = g_steal_pointer(&set);
    }
    framer_stop(framer);
    return good;
}
