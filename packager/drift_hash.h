#pragma once

#include "core/digest.h"
#include "core/progress.h"
#include "packager/tree.h"

/* One file of a component on disk. */
typedef struct {
    const OkseTreeEntry *entry;
    bool read;         /* it could be read, or is sealed */
    bool sealed;       /* the kernel's fs-verity digest is the promised one: nothing was read */
    OkseSha256 digest; /* with read: the promised one, or what was found instead */
} OkseDriftFile;

/* Fill read, sealed and digest of each on `threads` threads (0: all). A large file whose fs-verity digest is promised
 * is hashed by the segments of its tree, on every processor; where the tree differs, its SHA-256 says what it is
 * instead. dir_fd: of the component. Trouble with a file leaves it unread and is no failure. Errors: CANCELLED. */
bool okse_drift_hash(int dir_fd, GArray *files, unsigned threads, OkseProgress *progress, GError **error);
