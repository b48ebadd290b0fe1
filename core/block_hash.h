#pragma once

#include "core/digest.h"

/* SHA-256 of many equal blocks that do not depend on each other: what an fs-verity tree is made of. Where Okse was
 * built with a multi-buffer library (meson option `multibuffer`) several blocks are hashed at a time on one core,
 * otherwise one after another by OpenSSL; the digests are the same. One thread at a time uses one of these. */
#define OKSE_HASH_BLOCK 4096u

typedef struct OkseBlockHash OkseBlockHash;
OkseBlockHash *okse_block_hash_new(void);
/* digests[i] becomes the SHA-256 of the i-th OKSE_HASH_BLOCK bytes of `blocks`. */
void okse_block_hash_run(OkseBlockHash *hash, const void *blocks, size_t count, OkseSha256 *digests);
void okse_block_hash_free(OkseBlockHash *hash);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseBlockHash, okse_block_hash_free)
