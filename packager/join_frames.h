#pragma once

#include "packager/join.h"

/* The bundle out of compressed parts, for join.c: all of it, decoded frame by frame by all processors, to its places in
 * a file. Every frame is written again, also what an earlier run left: nothing tells what plain bytes must be before
 * they are decoded. fd, name: of the output; written: bytes. Errors: those of okse_join(). */
bool okse_join_frames(const OkseJoin *join, int fd, const char *name, OkseProgress *progress, uint64_t *written,
                      GError **error);
