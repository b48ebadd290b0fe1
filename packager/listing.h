#pragma once

#include "packager/tree.h"

/* The listing of a component in tar form: mtree(5), one entry a line with its full path, keywords type, mode, size,
 * sha256digest (or sha256) and link, and uid, gid, time when they are 0 (docs/formats/bundle.md). Special characters
 * are written \ooo. Every directory is listed. Source: mtree(5) of libarchive and NetBSD. Returns a finished tree.
 * origin: its name in messages. Errors: INVALID with origin:line. */
OkseTree *okse_listing_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
