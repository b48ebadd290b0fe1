#pragma once

#include "packager/stage.h"

/* What parts (OksePart) and the records of a bundle take on the file system of `fd`, and what is free there for us.
 * Errors: SYSTEM. */
typedef struct {
    uint64_t needed, available;      /* bytes */
    uint64_t files, files_available; /* inodes; files_available G_MAXUINT64 where the file system has no such limit */
} OkseSpace;
bool okse_space_ask(int fd, const GPtrArray *parts, uint64_t metadata, OkseSpace *space, GError **error);

/* Take off what the new files can share with the bundle, tried with one block in the directory `dir_fd`.
 * Errors: REFUSED (the way is REFLINK and they cannot), SYSTEM. */
bool okse_space_share(OkseSpace *space, const GPtrArray *parts, const OkseStaging *staging, int dir_fd, GError **error);

/* Errors: SYSTEM when it does not fit, with both figures. */
bool okse_space_check(const OkseSpace *space, const char *root, GError **error);
