/* The Merkle tree is built as a stack of levels: each holds the hash block being filled, and a full block's digest goes
 * up one level. Ten levels of 128 cover every file size that 64 bits can name. */
#include "core/verity.h"

#include <string.h>

#define LEVELS 10
#define DIGESTS_PER_BLOCK (OKSE_VERITY_BLOCK / OKSE_SHA256_LENGTH)

typedef struct {
    uint8_t block[OKSE_VERITY_BLOCK];
    unsigned used;     /* digests in block */
    uint64_t received; /* digests ever put here */
    OkseSha256 last;   /* the newest one: the root, when it stays alone */
} Level;

struct OkseVerityStream {
    Level levels[LEVELS];
    uint8_t data[OKSE_VERITY_BLOCK];
    size_t used;
    uint64_t size;
};

OkseSha256 okse_verity_block(const void *data, size_t length)
{
    uint8_t block[OKSE_VERITY_BLOCK];

    g_return_val_if_fail(length <= OKSE_VERITY_BLOCK, (OkseSha256){{0}});
    if (length == OKSE_VERITY_BLOCK)
        return okse_sha256_of(data, length);
    if (length > 0)
        memcpy(block, data, length);
    memset(block + length, 0, OKSE_VERITY_BLOCK - length);
    return okse_sha256_of(block, OKSE_VERITY_BLOCK);
}

static void level_put(OkseVerityStream *stream, const OkseSha256 *digest)
{
    OkseSha256 rising = *digest;

    for (unsigned i = 0; i < LEVELS; i++) {
        Level *level = &stream->levels[i];

        memcpy(level->block + level->used * OKSE_SHA256_LENGTH, rising.bytes, OKSE_SHA256_LENGTH);
        level->used++;
        level->received++;
        level->last = rising;
        if (level->used < DIGESTS_PER_BLOCK)
            return;
        rising = okse_verity_block(level->block, OKSE_VERITY_BLOCK);
        level->used = 0;
    }
}

/* Close the part-filled blocks from the bottom up; the level that has received exactly one digest holds the root. */
static OkseSha256 tree_root(OkseVerityStream *stream)
{
    for (unsigned i = 0; i + 1 < LEVELS; i++) {
        Level *level = &stream->levels[i];

        if (level->received <= 1)
            return level->last;
        if (level->used > 0) {
            OkseSha256 digest = okse_verity_block(level->block, level->used * OKSE_SHA256_LENGTH);
            Level *above = &stream->levels[i + 1];

            memcpy(above->block + above->used * OKSE_SHA256_LENGTH, digest.bytes, OKSE_SHA256_LENGTH);
            above->used++;
            above->received++;
            above->last = digest;
            if (above->used == DIGESTS_PER_BLOCK && i + 2 < LEVELS) {
                OkseSha256 full = okse_verity_block(above->block, OKSE_VERITY_BLOCK);
                Level *higher = &stream->levels[i + 2];

                memcpy(higher->block + higher->used * OKSE_SHA256_LENGTH, full.bytes, OKSE_SHA256_LENGTH);
                higher->used++;
                higher->received++;
                higher->last = full;
                above->used = 0;
            }
        }
    }
    return stream->levels[LEVELS - 1].last;
}

static OkseSha256 file_digest(const OkseSha256 *root, uint64_t size)
{
    uint8_t descriptor[256] = {1, 1, 12}; /* version, SHA-256, log2 of the block size */

    for (int i = 0; i < 8; i++)
        descriptor[8 + i] = (uint8_t)(size >> (8 * i));
    memcpy(descriptor + 16, root->bytes, OKSE_SHA256_LENGTH);
    return okse_sha256_of(descriptor, sizeof descriptor);
}

OkseVerityStream *okse_verity_stream_new(void)
{
    return g_new0(OkseVerityStream, 1);
}

void okse_verity_stream_update(OkseVerityStream *stream, const void *data, size_t length)
{
    const uint8_t *bytes = data;

    stream->size += length;
    while (length > 0) {
        size_t take = MIN(length, OKSE_VERITY_BLOCK - stream->used);
        bool whole = stream->used == 0 && take == OKSE_VERITY_BLOCK;
        OkseSha256 digest;

        if (!whole) {
            memcpy(stream->data + stream->used, bytes, take);
            stream->used += take;
        }
        if (whole || stream->used == OKSE_VERITY_BLOCK) {
            digest = okse_sha256_of(whole ? bytes : stream->data, OKSE_VERITY_BLOCK);
            level_put(stream, &digest);
            stream->used = 0;
        }
        bytes += take;
        length -= take;
    }
}

OkseSha256 okse_verity_stream_end(OkseVerityStream *stream)
{
    OkseSha256 root = {{0}}; /* an empty file's root is all zero */
    uint64_t size = stream->size;
    OkseSha256 digest;

    if (stream->used > 0) {
        digest = okse_verity_block(stream->data, stream->used);
        level_put(stream, &digest);
    }
    if (size > 0)
        root = tree_root(stream);
    memset(stream, 0, sizeof *stream);
    return file_digest(&root, size);
}

void okse_verity_stream_free(OkseVerityStream *stream)
{
    g_free(stream);
}

OkseSha256 okse_verity_from_blocks(const OkseSha256 *blocks, uint64_t count, uint64_t file_size)
{
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();
    OkseSha256 root = {{0}};

    for (uint64_t i = 0; i < count; i++)
        level_put(stream, &blocks[i]);
    if (count > 0)
        root = tree_root(stream);
    return file_digest(&root, file_size);
}
