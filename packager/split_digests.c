#include "core/fd.h"
#include "packager/split_internal.h"

void part_digests_init(PartDigests *digests)
{
    *digests = (PartDigests){.whole = okse_sha256_stream_new(),
                             .block = okse_sha256_stream_new(),
                             .table = okse_sha256_stream_new(),
                             .lines = g_string_new(NULL)};
}

void part_digests_clear(PartDigests *digests)
{
    g_clear_pointer(&digests->whole, okse_sha256_stream_free);
    g_clear_pointer(&digests->block, okse_sha256_stream_free);
    g_clear_pointer(&digests->table, okse_sha256_stream_free);
    if (digests->lines != NULL)
        g_string_free(digests->lines, TRUE);
    digests->lines = NULL;
}

void part_digests_whole(PartDigests *digests, const void *data, size_t length)
{
    okse_sha256_stream_update(digests->whole, data, length);
}

static void end_block(PartDigests *digests)
{
    OkseSha256 digest = okse_sha256_stream_end(digests->block);
    char line[OKSE_VOLUME_LINE];

    okse_sha256_hex(&digest, line);
    line[OKSE_VOLUME_LINE - 1] = '\n';
    g_string_append_len(digests->lines, line, sizeof line);
    okse_sha256_stream_update(digests->table, line, sizeof line);
    digests->filled = 0;
}

void part_digests_blocks(PartDigests *digests, const void *data, size_t length)
{
    for (const uint8_t *at = data; length > 0;) {
        size_t now = MIN(length, OKSE_VOLUME_BLOCK - digests->filled);

        okse_sha256_stream_update(digests->block, at, now);
        digests->filled += now;
        at += now;
        length -= now;
        if (digests->filled == OKSE_VOLUME_BLOCK)
            end_block(digests);
    }
}

bool part_digests_flush(PartDigests *digests, int fd, uint64_t *at, const char *name, GError **error)
{
    if (!okse_pwrite_all(fd, digests->lines->str, digests->lines->len, *at, name, error))
        return false;
    *at += digests->lines->len;
    g_string_truncate(digests->lines, 0);
    return true;
}

bool part_digests_end(PartDigests *digests, OkseVolume *volume, int fd, uint64_t *at, const char *name, GError **error)
{
    if (digests->filled > 0)
        end_block(digests);
    volume->digest = okse_sha256_stream_end(digests->whole);
    volume->blocks = okse_sha256_stream_end(digests->table);
    return part_digests_flush(digests, fd, at, name, error);
}

static void hash_bundle(void *context, const void *data, size_t length)
{
    okse_sha256_stream_update(context, data, length);
}

static void hash_part(void *context, const void *data, size_t length)
{
    part_digests_whole(context, data, length);
}

static void hash_blocks(void *context, const void *data, size_t length)
{
    part_digests_blocks(context, data, length);
}

void split_hashing_init(SplitHashing *hashing)
{
    hashing->bundle = okse_sha256_stream_new();
    part_digests_init(&hashing->part);
    hashing->lanes[0] = okse_lane_new(hash_bundle, hashing->bundle);
    hashing->lanes[1] = okse_lane_new(hash_part, &hashing->part);
    hashing->lanes[2] = okse_lane_new(hash_blocks, &hashing->part);
}

void split_hashing_clear(SplitHashing *hashing)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(hashing->lanes); i++)
        g_clear_pointer(&hashing->lanes[i], okse_lane_free);
    part_digests_clear(&hashing->part);
    g_clear_pointer(&hashing->bundle, okse_sha256_stream_free);
}

void split_hashing_bundle(SplitHashing *hashing, const void *data, size_t length)
{
    okse_lane_put(hashing->lanes[0], data, length);
}

void split_hashing_data(SplitHashing *hashing, const void *data, size_t length)
{
    okse_lane_put(hashing->lanes[1], data, length);
    okse_lane_put(hashing->lanes[2], data, length);
}

bool split_hashing_flush(SplitHashing *hashing, int fd, uint64_t *at, const char *name, GError **error)
{
    okse_lane_wait(hashing->lanes[2], 0);
    return part_digests_flush(&hashing->part, fd, at, name, error);
}

bool split_hashing_end(SplitHashing *hashing, OkseVolume *volume, int fd, uint64_t *at, const char *name,
                       GError **error)
{
    okse_lane_wait(hashing->lanes[1], 0);
    okse_lane_wait(hashing->lanes[2], 0);
    return part_digests_end(&hashing->part, volume, fd, at, name, error);
}

OkseSha256 split_hashing_digest(SplitHashing *hashing)
{
    okse_lane_wait(hashing->lanes[0], 0);
    return okse_sha256_stream_end(hashing->bundle);
}
