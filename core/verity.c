/* The Merkle tree is built as a stack of levels: each holds the hash block being filled, and a full block's digest goes
 * up one level. Ten levels of 128 cover every file size that 64 bits can name. */
#include "core/verity.h"

#include "core/block_hash.h"

#include <string.h>

#define LEVELS 10
#define SEGMENT_LEVEL 2 /* where one digest stands for 4096 × 128 × 128 bytes */
#define BATCH 128u      /* blocks hashed at a time */
#define DIGESTS_PER_BLOCK (OKSE_VERITY_BLOCK / OKSE_SHA256_LENGTH)

typedef struct {
    uint8_t block[OKSE_VERITY_BLOCK];
    unsigned used;     /* digests in block */
    uint64_t received; /* digests ever put here */
    OkseSha256 last;   /* the newest one: the root, when it stays alone */
} Level;

struct OkseVerityStream {
    OkseBlockHash *blocks;
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

/* A digest arrives on a level; a block that it fills goes up as a digest of its own. */
static void level_put(OkseVerityStream *stream, unsigned at, const OkseSha256 *digest)
{
    OkseSha256 rising = *digest;

    for (unsigned i = at; i < LEVELS; i++) {
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

/* Pad the part-filled block of a level and send its digest up. */
static void level_close(OkseVerityStream *stream, unsigned at)
{
    Level *level = &stream->levels[at];
    OkseSha256 digest;

    if (level->used == 0)
        return;
    digest = okse_verity_block(level->block, level->used * OKSE_SHA256_LENGTH);
    level->used = 0;
    level_put(stream, at + 1, &digest);
}

/* Close the levels from the bottom up; the first that has received exactly one digest holds the root. */
static OkseSha256 tree_root(OkseVerityStream *stream, unsigned bottom)
{
    unsigned at = bottom;

    while (at + 1 < LEVELS && stream->levels[at].received > 1)
        level_close(stream, at++);
    return stream->levels[at].last;
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
    OkseVerityStream *stream = g_new0(OkseVerityStream, 1);

    stream->blocks = okse_block_hash_new();
    return stream;
}

static void put_blocks(OkseVerityStream *stream, const uint8_t *data, size_t count)
{
    OkseSha256 digests[BATCH];

    for (size_t done = 0; done < count;) {
        size_t some = MIN(count - done, BATCH);

        okse_block_hash_run(stream->blocks, data + done * OKSE_VERITY_BLOCK, some, digests);
        for (size_t i = 0; i < some; i++)
            level_put(stream, 0, &digests[i]);
        done += some;
    }
}

/* Up to a whole block of what did not end on one; returns what was taken. */
static size_t fill_block(OkseVerityStream *stream, const uint8_t *data, size_t length)
{
    size_t take = MIN(length, OKSE_VERITY_BLOCK - stream->used);

    memcpy(stream->data + stream->used, data, take);
    stream->used += take;
    if (stream->used == OKSE_VERITY_BLOCK) {
        put_blocks(stream, stream->data, 1);
        stream->used = 0;
    }
    return take;
}

void okse_verity_stream_update(OkseVerityStream *stream, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    size_t whole;

    stream->size += length;
    if (stream->used > 0) {
        size_t taken = fill_block(stream, bytes, length);

        bytes += taken;
        length -= taken;
    }
    whole = length / OKSE_VERITY_BLOCK;
    put_blocks(stream, bytes, whole);
    if (length > whole * OKSE_VERITY_BLOCK)
        fill_block(stream, bytes + whole * OKSE_VERITY_BLOCK, length - whole * OKSE_VERITY_BLOCK);
}

/* The last block, padded; then nothing is left to come. */
static void last_block(OkseVerityStream *stream)
{
    OkseSha256 digest;

    if (stream->used == 0)
        return;
    digest = okse_verity_block(stream->data, stream->used);
    level_put(stream, 0, &digest);
}

static void stream_reset(OkseVerityStream *stream)
{
    memset(stream->levels, 0, sizeof stream->levels);
    stream->used = 0;
    stream->size = 0;
}

OkseSha256 okse_verity_stream_end(OkseVerityStream *stream)
{
    OkseSha256 root = {{0}}; /* an empty file's root is all zero */
    uint64_t size = stream->size;

    last_block(stream);
    if (size > 0)
        root = tree_root(stream, 0);
    stream_reset(stream);
    return file_digest(&root, size);
}

OkseSha256 okse_verity_stream_end_segment(OkseVerityStream *stream)
{
    OkseSha256 digest;

    g_assert(stream->size > 0 && stream->size <= OKSE_VERITY_SEGMENT);
    last_block(stream);
    for (unsigned i = 0; i < SEGMENT_LEVEL; i++)
        level_close(stream, i);
    digest = stream->levels[SEGMENT_LEVEL].last;
    stream_reset(stream);
    return digest;
}

void okse_verity_stream_free(OkseVerityStream *stream)
{
    if (stream == NULL)
        return;
    okse_block_hash_free(stream->blocks);
    g_free(stream);
}

static OkseSha256 from_level(unsigned level, const OkseSha256 *digests, uint64_t count, uint64_t file_size)
{
    g_autofree OkseVerityStream *stream = g_new0(OkseVerityStream, 1); /* only its levels are used */
    OkseSha256 root = {{0}};

    for (uint64_t i = 0; i < count; i++)
        level_put(stream, level, &digests[i]);
    if (count > 0)
        root = tree_root(stream, level);
    return file_digest(&root, file_size);
}

OkseSha256 okse_verity_from_blocks(const OkseSha256 *blocks, uint64_t count, uint64_t file_size)
{
    return from_level(0, blocks, count, file_size);
}

OkseSha256 okse_verity_from_segments(const OkseSha256 *segments, uint64_t count, uint64_t file_size)
{
    g_assert(file_size > OKSE_VERITY_SEGMENT);
    return from_level(SEGMENT_LEVEL, segments, count, file_size);
}
