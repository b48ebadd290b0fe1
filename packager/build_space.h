#pragma once

#include "core/share.h"
#include "packager/layout.h"

/* What a build takes on the file system of its output: a file whose blocks can be shared takes nothing but its last
 * piece. */
typedef struct {
    uint64_t needed, available; /* bytes */
} OkseBuildSpace;

/* Find out, once a device, whether blocks can be shared with the empty output `fd`, and set `shares` of the payload
 * blobs accordingly. Errors: REFUSED (way is REFLINK and one cannot), INVALID (a source changed), NOT_FOUND, SYSTEM. */
bool okse_build_space_ask(const OkseLayout *layout, OkseCopyWay way, int fd, const char *path, OkseBuildSpace *space,
                          GError **error);
/* Errors: SYSTEM when it does not fit, with both figures. */
bool okse_build_space_check(const OkseBuildSpace *space, const char *path, GError **error);

/* Give the output its size, and disk space to whatever will not be shared. Errors: SYSTEM. */
bool okse_build_space_reserve(const OkseLayout *layout, int fd, const char *path, GError **error);
