#pragma once

#include "core/bytes.h"
#include "core/digest.h"
#include "core/progress.h"
#include "core/worker.h"

/* A run of bytes, and what they must hash to. */
typedef struct {
    const OkseBytes *bytes; /* borrowed */
    uint64_t offset, size;
    OkseSha256 digest;
} OkseBlobRange;

/* Read the blob once, front to back: each chunk is hashed and given to `put` (which may be NULL). At the end the digest
 * is compared, so what put has seen must not be used before this returned true. name: the blob or file in messages;
 * jobs: looked at for a stop; may be NULL. Errors: REFUSED (another digest), CANCELLED, what reading and put report. */
typedef bool (*OkseBlobPut)(const void *data, size_t length, void *context, GError **error);
typedef struct {
    OkseBlobPut put;
    void *context; /* of put */
    const OkseJobs *jobs;
    OkseProgress *progress;
} OkseBlobSink;
bool okse_blob_stream(const OkseBlobRange *blob, const OkseBlobSink *sink, const char *name, GError **error);

/* Errors: REFUSED, when `found` is not what the blob must hash to. */
bool okse_blob_check(const OkseBlobRange *blob, const OkseSha256 *found, const char *name, GError **error);

/* The bytes of a blob of at most `limit`. Errors: as okse_blob_stream(); INVALID over the limit. */
GBytes *okse_blob_read(const OkseBlobRange *blob, uint64_t limit, const char *name,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
