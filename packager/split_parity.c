/* Parity, group by group and stripe by stripe, out of the parts that were just written. A stripe is taken in slices, so
 * that memory stays the same however many parity parts a group has; sources are added one by one. */
#include "core/fd.h"
#include "core/lane.h"
#include "core/worker.h"
#include "packager/parity.h"
#include "packager/split_internal.h"
#include "packager/volume_header.h"

#include <string.h>

#define BUFFERS (32u << 20) /* of all parity of a group, twice: encoded and hashed */
#define SLICE_ALIGN (64u << 10)

typedef struct {
    const SplitOutput *output;
    OkseParity *code;
    unsigned data, parity;
    const OkseVolume *sources[OKSE_VOLUME_GROUP];
    OkseVolume *volumes[OKSE_VOLUME_GROUP];
    int data_fds[OKSE_VOLUME_GROUP], fds[OKSE_VOLUME_GROUP];
    uint64_t table_at[OKSE_VOLUME_GROUP];
    PartDigests digests[OKSE_VOLUME_GROUP];
    uint8_t *results[2][OKSE_VOLUME_GROUP];
    uint8_t *source;
    size_t slice;
    OkseLane *lanes[2]; /* of all of it, of blocks */
    unsigned turns[2];  /* which parity part comes next in each */
} Group;

static void hash_whole(void *context, const void *data, size_t length)
{
    Group *group = context;

    part_digests_whole(&group->digests[group->turns[0]++ % group->parity], data, length);
}

static void hash_blocks(void *context, const void *data, size_t length)
{
    Group *group = context;

    part_digests_blocks(&group->digests[group->turns[1]++ % group->parity], data, length);
}

/* Where a parity part goes: its file, or who encrypts it, or nowhere, when it is only hashed. */
static bool parity_open(Group *group, unsigned i, GError **error)
{
    const SplitOutput *output = group->output;

    if (output->sealing != NULL)
        return split_sealing_begin(output->sealing, group->volumes[i], error);
    group->table_at[i] = output->tables_fd >= 0 ? split_table_slot(output->set, group->volumes[i])
                                                : okse_volume_table_at(output->set, group->volumes[i]);
    group->fds[i] = output->tables_fd >= 0 ? fcntl(output->tables_fd, F_DUPFD_CLOEXEC, 0)
                                           : split_part_open(output, group->volumes[i], O_CREAT | O_TRUNC, error);
    if (group->fds[i] < 0 && output->tables_fd >= 0)
        okse_fail_errno(error, "%s", output->directory);
    return group->fds[i] >= 0;
}

static bool group_open(Group *group, const SplitOutput *output, unsigned number, GError **error)
{
    OkseVolumeSet *set = output->set;

    *group = (Group){.output = output,
                     .data = okse_volume_group_count(set, OKSE_VOLUME_DATA, number),
                     .parity = okse_volume_group_count(set, OKSE_VOLUME_PARITY, number)};
    memset(group->data_fds, -1, sizeof group->data_fds);
    memset(group->fds, -1, sizeof group->fds);
    group->slice = CLAMP(BUFFERS / 2 / group->parity / SLICE_ALIGN * SLICE_ALIGN, SLICE_ALIGN, OKSE_VOLUME_BLOCK);
    group->source = g_malloc(group->slice);
    group->code = okse_parity_new(group->data, group->parity, error);
    if (group->code == NULL)
        return false;
    for (unsigned i = 0; i < group->data; i++) {
        group->sources[i] = okse_volume_group_member(set, OKSE_VOLUME_DATA, number, i);
        if (output->bytes != NULL)
            continue;
        group->data_fds[i] = split_part_open(output, group->sources[i], 0, error);
        if (group->data_fds[i] < 0)
            return false;
    }
    for (unsigned i = 0; i < group->parity; i++) {
        group->volumes[i] = &set->volumes[okse_volume_group_member(set, OKSE_VOLUME_PARITY, number, i) - set->volumes];
        part_digests_init(&group->digests[i]);
        group->results[0][i] = g_malloc(group->slice);
        group->results[1][i] = g_malloc(group->slice);
        if (!parity_open(group, i, error))
            return false;
    }
    group->lanes[0] = okse_lane_new(hash_whole, group);
    group->lanes[1] = okse_lane_new(hash_blocks, group);
    return true;
}

static void group_close(Group *group)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(group->lanes); i++)
        g_clear_pointer(&group->lanes[i], okse_lane_free);
    for (unsigned i = 0; i < OKSE_VOLUME_GROUP; i++) {
        okse_fd_clear(&group->data_fds[i]);
        okse_fd_clear(&group->fds[i]);
        part_digests_clear(&group->digests[i]);
        g_free(group->results[0][i]);
        g_free(group->results[1][i]);
    }
    g_clear_pointer(&group->code, okse_parity_free);
    g_free(group->source);
}

static size_t aligned(size_t length)
{
    return (length + OKSE_PARITY_ALIGN - 1) / OKSE_PARITY_ALIGN * OKSE_PARITY_ALIGN;
}

static bool read_source(Group *group, unsigned i, uint64_t at, size_t length, const char *name, GError **error)
{
    const OkseVolume *volume = group->sources[i];

    return group->output->bytes != NULL
               ? split_sealed_read(group->output, volume, at, group->source, length, error)
               : okse_pread_exact(group->data_fds[i], group->source, length, volume->at + at, name, error);
}

/* results: of the slice of `length` bytes at `at` of every `data`. */
static bool encode_slice(Group *group, uint64_t at, size_t length, uint8_t **results, GError **error)
{
    const OkseVolumeSet *set = group->output->set;

    for (unsigned i = 0; i < group->parity; i++)
        memset(results[i], 0, aligned(length));
    for (unsigned i = 0; i < group->data; i++) {
        const OkseVolume *volume = group->sources[i];
        size_t there = at >= volume->size ? 0 : (size_t)MIN(volume->size - at, length);
        g_autofree char *name = NULL;

        if (there == 0)
            continue;
        name = okse_volume_name(set, volume);
        if (!read_source(group, i, at, there, name, error))
            return false;
        memset(group->source + there, 0, aligned(length) - there);
        okse_parity_add(group->code, i, group->source, aligned(length), results);
        okse_progress_add(group->output->progress, there);
    }
    return true;
}

static bool flush_tables(Group *group, GError **error)
{
    if (group->output->sealing != NULL)
        return true;
    for (unsigned i = 0; i < group->parity; i++)
        if (!part_digests_flush(&group->digests[i], group->fds[i], &group->table_at[i], group->output->directory,
                                error))
            return false;
    return true;
}

static bool write_slice(Group *group, uint64_t at, size_t length, uint8_t **results, GError **error)
{
    const SplitOutput *output = group->output;

    for (unsigned i = 0; i < group->parity; i++) {
        if (output->sealing != NULL) {
            if (!split_sealing_data(output->sealing, group->volumes[i], results[i], length, error))
                return false;
            continue;
        }
        for (unsigned lane = 0; lane < G_N_ELEMENTS(group->lanes); lane++)
            okse_lane_put(group->lanes[lane], results[i], length);
        if (output->tables_fd >= 0)
            continue;
        if (!okse_pwrite_all(group->fds[i], results[i], length, group->volumes[i]->at + at, group->output->directory,
                             error))
            return false;
    }
    return true;
}

static bool encode_group(Group *group, GError **error)
{
    uint64_t size = group->volumes[0]->size, slices = 0;

    for (uint64_t at = 0; at < size; at += group->slice, slices++) {
        size_t length = (size_t)MIN(group->slice, size - at);
        uint8_t **results = group->results[slices % 2];

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!encode_slice(group, at, length, results, error))
            return false;
        for (unsigned lane = 0; lane < G_N_ELEMENTS(group->lanes); lane++)
            okse_lane_wait(group->lanes[lane], 0); /* what was hashed meanwhile is the other buffer */
        if (!flush_tables(group, error) || !write_slice(group, at, length, results, error))
            return false;
    }
    for (unsigned lane = 0; lane < G_N_ELEMENTS(group->lanes); lane++)
        okse_lane_wait(group->lanes[lane], 0);
    for (unsigned i = 0; i < group->parity; i++)
        if (group->output->sealing != NULL) {
            if (!split_sealing_end(group->output->sealing, group->volumes[i], error))
                return false;
        } else if (!part_digests_end(&group->digests[i], group->volumes[i], group->fds[i], &group->table_at[i],
                                     group->output->directory, error))
            return false;
    return true;
}

bool split_parity(const SplitOutput *output, GError **error)
{
    for (unsigned i = 0; i < output->set->groups; i++) {
        g_autofree Group *group = g_new0(Group, 1);
        bool good = group_open(group, output, i, error) && encode_group(group, error);

        group_close(group);
        if (!good)
            return false;
    }
    return true;
}
