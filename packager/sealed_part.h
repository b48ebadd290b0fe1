#pragma once

#include "core/progress.h"
#include "packager/certificate.h"

#include <sys/types.h>

/* An encrypted part read as the plain part that it holds, at any place, with no plain copy of it. It is decrypted once
 * from end to end before it can be read at all: nothing is seen before GCM's tag was good. That pass keeps what stands
 * before `data` and the digest of each MiB behind it, and whatever is decrypted again is compared with these, so that
 * a file that changes meanwhile cannot slip anything in. Reading backwards decrypts from the front again. */
typedef struct OkseSealedPart OkseSealedPart;

/* What the parts of one set share: one MiB that is decrypted, and what is kept of each. */
typedef struct OkseSealedPool OkseSealedPool;
OkseSealedPool *okse_sealed_pool_new(void);
/* No more parts are opened: ends what progress shows. */
void okse_sealed_pool_end(OkseSealedPool *pool);
void okse_sealed_pool_free(OkseSealedPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSealedPool, okse_sealed_pool_free)

/* Who opens parts. Borrowed. */
typedef struct {
    const OkseKey *key;
    X509 *certificate; /* the key's, or NULL */
} OkseSealedKey;

/* Could this file be an encrypted part: is it a CMS message, or named as one? */
bool okse_sealed_part_is(int fd, const char *path);
/* "is encrypted to …", or why it cannot be read. New. */
char *okse_sealed_part_recipients(int fd, const char *path) G_GNUC_WARN_UNUSED_RESULT;

/* fd: borrowed. pool: outlives the part. Errors: REFUSED (for others, changed), INVALID (no such message), SYSTEM,
 * CANCELLED. */
OkseSealedPart *okse_sealed_part_open(int fd, const char *path, const OkseSealedKey *key, OkseSealedPool *pool,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_sealed_part_free(OkseSealedPart *part);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSealedPart, okse_sealed_part_free)

uint64_t okse_sealed_part_size(const OkseSealedPart *part);

/* A part's file, encrypted (sealed is not NULL) or plain: as pread(2), and as okse_pread_exact(). A sealed file that is
 * not what it was any more: ESTALE. */
ssize_t okse_part_pread(int fd, OkseSealedPart *sealed, void *buffer, size_t length, uint64_t at);
bool okse_part_pread_exact(int fd, OkseSealedPart *sealed, void *buffer, size_t length, uint64_t at, const char *name,
                           GError **error);
