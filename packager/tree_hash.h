#pragma once

#include "core/range.h"
#include "core/verity.h"

/* The fs-verity digest of one file on several threads: each of its segments is a job of its own, on any thread. */

/* How many segments a file of this size has; at least 1. */
uint64_t okse_tree_segments(uint64_t size);
/* Hash the segment `index` of the file that is `file`. Errors: as okse_range_read(). */
bool okse_tree_segment(const OkseRange *file, uint64_t index, const OkseJobs *jobs, OkseProgress *progress,
                       OkseSha256 *digest, GError **error);
/* The file digest from the digests of all its segments. */
OkseSha256 okse_tree_digest(const OkseSha256 *segments, uint64_t size);
