#pragma once

#include "core/digest.h"

/* The fs-verity file digest: SHA-256, 4096-byte blocks, no salt; what `fsverity digest` and the kernel's
 * FS_IOC_MEASURE_VERITY print. Source: Linux Documentation/filesystems/fsverity.rst, "Merkle tree" and
 * "fs-verity descriptor". */

/* One stream, any length; memory is 4 KiB a tree level. */
typedef struct OkseVerityStream OkseVerityStream;
OkseVerityStream *okse_verity_stream_new(void);
void okse_verity_stream_update(OkseVerityStream *stream, const void *data, size_t length);
OkseSha256 okse_verity_stream_end(OkseVerityStream *stream);
void okse_verity_stream_free(OkseVerityStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseVerityStream, okse_verity_stream_free)

/* For hashing one file on several threads: the digest of each data block, then the file digest from all of them.
 * blocks: `count` digests in order; file_size: bytes of the file (count is its number of 4096-byte blocks). */
#define OKSE_VERITY_BLOCK 4096u
/* Digest of one data block of length <= 4096; a short (last) block is padded with zeros. */
OkseSha256 okse_verity_block(const void *data, size_t length);
OkseSha256 okse_verity_from_blocks(const OkseSha256 *blocks, uint64_t count, uint64_t file_size);

/* A large file in segments that are hashed apart: each is a whole subtree, so that a file of 64 TiB needs 32 MiB of
 * digests and not 512 GiB. For files larger than one segment only. */
#define OKSE_VERITY_SEGMENT (1u << 26)
/* Ends a segment: OKSE_VERITY_SEGMENT bytes, fewer (but not none) only at the file's end. The stream is ready again. */
OkseSha256 okse_verity_stream_end_segment(OkseVerityStream *stream);
/* The file digest from its `count` segments in order; file_size > OKSE_VERITY_SEGMENT. */
OkseSha256 okse_verity_from_segments(const OkseSha256 *segments, uint64_t count, uint64_t file_size);
