#pragma once

#include "core/error.h"

#include <stdint.h>

/* Bytes from one file into another without passing through this process: shared blocks (FICLONERANGE) or a copy made by
 * the kernel or a file server (copy_file_range). Source: ioctl_ficlonerange(2), copy_file_range(2). */
typedef enum {
    OKSE_COPY_AUTO,    /* the best that works, file by file */
    OKSE_COPY_REFLINK, /* shared blocks or an error */
    OKSE_COPY_RANGE,   /* copy_file_range or an error */
    OKSE_COPY_PLAIN,   /* read and write */
} OkseCopyWay;

/* "auto", "reflink", "range" or "plain". Errors: INVALID. */
bool okse_copy_way_parse(const char *text, OkseCopyWay *way, GError **error);

/* How bytes got where they are. */
typedef struct {
    uint64_t reflink, range, written;
} OkseCopied;
void okse_copied_add(OkseCopied *sum, const OkseCopied *more);

typedef struct {
    int from, to; /* borrowed; `to` open for reading and writing */
    uint64_t from_at, to_at;
    uint64_t size;
} OkseSpan;

/* Blocks that two files share start and end on this; the last block of a file that is not whole is written. */
#define OKSE_SHARE_BLOCK 4096u

/* Make the span's front share its blocks. *shared: how many bytes, a multiple of OKSE_SHARE_BLOCK; 0 where the file
 * systems cannot (another file system, no such call, an offset that is not aligned), and then *why, which may be NULL,
 * is the errno that said so. Errors: SYSTEM (no space, input/output error). */
bool okse_share_blocks(const OkseSpan *span, uint64_t *shared, int *why, GError **error);

/* Copy up to span->size bytes by copy_file_range. *copied: how many are there, from the front; fewer where the kernel
 * does not do it for these files (*why as above) or the source ends. Errors: SYSTEM. */
bool okse_copy_range(const OkseSpan *span, uint64_t *copied, int *why, GError **error);
