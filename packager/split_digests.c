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
