#pragma once

#include "core/bytes.h"
#include "core/digest.h"
#include "core/progress.h"
#include "core/share.h"
#include "core/worker.h"
#include "packager/tensors.h"

/* One file's bytes into their place, in a bundle or an install, and their digests. Blocks are shared where the file
 * systems can, copied by the kernel where that saves something, read and written otherwise; the result is the same
 * bytes. What is hashed is what landed: bytes that did not pass through here are read back from the target, so a source
 * that changes meanwhile cannot come apart from its digest. */
typedef struct {
    const OkseBytes *from;
    uint64_t from_at;
    int to; /* borrowed; open for reading and writing */
    uint64_t to_at;
    uint64_t size;
    OkseCopyWay way;
    bool there;                      /* the target has the bytes: only read them back */
    bool reserve;                    /* take the disk space of what must be written first */
    bool wants_verity;               /* the fs-verity digest too */
    OkseTensorFile *tensors;         /* gets the digests of its tensors; NULL: none are wanted */
    const char *from_name, *to_name; /* in messages */
    OkseJobs *jobs;                  /* looked at for a stop, asked for a second thread; may be NULL */
    OkseProgress *progress;
} OkseFileCopy;

typedef struct {
    OkseSha256 digest, verity; /* verity: valid if it was wanted */
    OkseCopied copied;
} OkseFileCopied;

/* Errors: INVALID (the source ends early), REFUSED (way is REFLINK or RANGE and the kernel does not do it here),
 * SYSTEM, CANCELLED. */
bool okse_file_copy(const OkseFileCopy *copy, OkseFileCopied *result, GError **error);

/* Would okse_file_copy() try to share blocks of a file of this size? */
bool okse_file_copy_shares(OkseCopyWay way, uint64_t size);
/* Can it, from the first place of the span's bytes into the target? Tried with one block. *why: errno when not.
 * Errors: SYSTEM. */
bool okse_file_copy_try(const OkseSpan *span, bool *can, int *why, GError **error);
