#pragma once

#include "core/bytes.h"
#include "core/progress.h"
#include "core/worker.h"

/* A run of bytes that is read once, front to back, for hashing. */
typedef struct {
    const OkseBytes *bytes;
    uint64_t offset, size;
    const char *name; /* in messages */
    bool drop;        /* give back what this reading brought into the page cache, and nothing that was there before */
} OkseRange;

/* Gets each piece in order, each but the last a whole number of 4096-byte blocks. False: nobody needs the rest. */
typedef bool (*OkseRangePut)(const void *data, size_t length, void *context);

/* Read the range while the kernel already fetches what comes next; memory is one buffer of 256 KiB. jobs: looked at for
 * a stop. progress: counts the bytes; may be NULL. Errors: SYSTEM, INVALID (ends early), CANCELLED. */
bool okse_range_read(const OkseRange *range, const OkseJobs *jobs, OkseProgress *progress, OkseRangePut put,
                     void *context, GError **error);

/* Is a file of this size so large that reading it would push everything else out of the page cache? (More than half of
 * the memory.) Only then does `drop` help: a smaller file may well be wanted again, for the installing that follows. */
bool okse_range_floods(uint64_t file_size);
