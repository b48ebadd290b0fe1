#pragma once

#include "packager/readable.h"

/* Looking into archives, wherever their bytes lie: zip, tar, 7z, rar, and compressed files (gzip, bzip2, xz, lzma,
 * zstd, lz4) with or without a tar inside, by libarchive. Nothing is extracted. */

/* "zip", "7z", "rar", "tar", "compressed" or "zlib", by the bytes alone; NULL: none of them. A zip may also stand
 * behind something else. Errors: those of reading, with NULL. */
const char *okse_archive_kind(const OkseReadable *file, GError **error);

typedef struct OkseArchiveInput OkseArchiveInput;
typedef struct archive OkseArchive;

/* file: borrowed, must outlive the input. kind: of okse_archive_kind(), not "zlib". Never NULL: what is wrong with the
 * bytes is told by the first archive_read_next_header(). */
OkseArchiveInput *okse_archive_input_new(const OkseReadable *file, const char *kind) G_GNUC_WARN_UNUSED_RESULT;
void okse_archive_input_free(OkseArchiveInput *input);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseArchiveInput, okse_archive_input_free)

/* For libarchive's calls; borrowed. */
OkseArchive *okse_archive_input_archive(const OkseArchiveInput *input);
/* The failure of reading the file itself, if there was one, handed over; otherwise NULL. */
GError *okse_archive_input_failure(OkseArchiveInput *input);
