#pragma once

#include "core/progress.h"
#include "core/share.h"
#include "packager/blob_copy.h"
#include "packager/part.h"

/* Writing components into a directory, verified while written. */
typedef struct {
    const OkseBundle *bundle;
    unsigned threads; /* 0: all */
    bool verity;      /* the file system takes fs-verity: seal every file */
    OkseCopyWay way;
    OkseProgress *progress;
} OkseStaging;

/* Write the parts (OksePart without fault) below the empty directory stage_fd: each file is hashed while it is copied
 * and compared with its digest, modes are 0644 and 0755 whatever the umask, every path is opened beneath stage_fd.
 * After a failure the directory holds an unusable part of it. Files whose promised fs-verity
 * digest differs from the kernel's are REFUSED. Errors: REFUSED (other bytes than promised; a way to copy that is not
 * possible), INVALID, SYSTEM, CANCELLED. */
typedef struct {
    uint64_t sealed;   /* files that got fs-verity */
    OkseCopied copied; /* bytes of files, and how they got there */
} OkseStaged;
bool okse_stage_parts(int stage_fd, const GPtrArray *parts, const OkseStaging *staging, OkseStaged *staged,
                      GError **error);

/* Where a blob lies in the bundle. Errors: REFUSED when it is not there. */
bool okse_stage_range(const OkseStaging *staging, const OkseSha256 *digest, OkseBlobRange *range, GError **error);

/* OkseBlobSource over a bundle; context: const OkseStaging *. */
GBytes *okse_stage_blob(const OkseSha256 *digest, uint64_t limit, void *context, GError **error);

/* A new file beneath dir_fd, open for writing, mode 0644 or 0755. Errors: REFUSED (it leaves the directory), SYSTEM. */
int okse_stage_create(int dir_fd, const char *path, bool executable, GError **error);
/* A new file with these bytes, mode 0644, not yet synced. */
bool okse_stage_write(int dir_fd, const char *path, GBytes *bytes, GError **error);
