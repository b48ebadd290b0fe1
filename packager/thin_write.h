#pragma once

#include "core/share.h"
#include "packager/base.h"

/* Writing bundles anew from what a reader gives: thin, or whole again. Every blob is compared with its digest on its
 * way, so damage does not travel on. The result depends on the bundles alone. */
typedef struct {
    const OkseBundle *bundle; /* the whole one */
    unsigned threads;         /* 0: all */
    OkseCopyWay way;
    OkseProgress *progress;
} OkseCopying;

typedef struct {
    uint64_t size;                     /* of the file */
    uint64_t left_out, left_out_bytes; /* payload blobs that a base has, and their bytes */
    uint64_t recipes, pieces;          /* blobs put together from pieces, and the bytes of the pieces that are new */
    uint64_t carried;                  /* bytes of payload that are in the file */
    OkseCopied copied;
} OkseThinned;

/* Leave out what the bundles in `against` (OkseBase, at least one) have. whole_files: nothing below the file. fd: an
 * empty file, open for reading and writing. Errors: REFUSED (a blob has other bytes than its name says, or is missing
 * itself), INVALID (nothing to leave out can be in it: it has no payload), SYSTEM, CANCELLED. */
bool okse_thin_write(const OkseCopying *copying, const GPtrArray *against, bool whole_files, int fd,
                     OkseThinned *thinned, GError **error);

/* The same bundle as it is. Errors: as above. */
bool okse_bundle_copy(const OkseCopying *copying, int fd, OkseCopied *copied, GError **error);
