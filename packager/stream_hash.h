#pragma once

#include "core/digest.h"

/* Hashing what comes through a pipe on a thread of its own, so that reading and hashing overlap. The caller fills one
 * buffer while others are hashed; memory is four buffers. */
#define OKSE_STREAM_BUFFER (256u << 10)

typedef struct OkseStreamHash OkseStreamHash;
OkseStreamHash *okse_stream_hash_new(void);
/* A run of bytes begins; which digests are wanted. */
void okse_stream_hash_begin(OkseStreamHash *hash, bool verity, bool sha256);
/* OKSE_STREAM_BUFFER bytes to fill; the same one until it is put. */
void *okse_stream_hash_buffer(OkseStreamHash *hash);
/* What was filled; all but the last of a run are full. */
void okse_stream_hash_put(OkseStreamHash *hash, size_t length);
/* The run's digests; a digest that was not wanted is left alone. */
void okse_stream_hash_end(OkseStreamHash *hash, OkseSha256 *verity, OkseSha256 *sha256);
void okse_stream_hash_free(OkseStreamHash *hash);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseStreamHash, okse_stream_hash_free)
