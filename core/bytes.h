#pragma once

#include "core/error.h"

#include <stdint.h>
#include <sys/stat.h>

/* A run of bytes that can be read at any place, made of pieces that lie in one or several files or that somebody works
 * out when they are asked for (unpacked, repaired, written by rule). Made once, by one thread; from then on immutable
 * and shared by threads. Counted: whoever keeps it takes a reference. */
typedef struct OkseBytes OkseBytes;

/* All of `length` bytes from `offset` of a source, or an error. Called by several threads at once. */
typedef bool (*OkseBytesRead)(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);

/* One whole file, as large as it is now. fd: borrowed (see okse_bytes_keep_fd()), only read with pread(). name: in
 * messages; copied. Errors: INVALID (no regular file), SYSTEM. */
OkseBytes *okse_bytes_of_file(int fd, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for callers that look after the file themselves: nothing is asked of it, not even its size. */
OkseBytes *okse_bytes_of_fd(int fd, uint64_t size) G_GNUC_WARN_UNUSED_RESULT;

/* Nothing yet; then one piece after the other. */
OkseBytes *okse_bytes_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* `length` bytes of a file from `offset`. fd: borrowed; the same fd is one file. Errors: INVALID (no regular file, or
 * it is shorter), SYSTEM. */
typedef struct {
    int fd;
    const char *name; /* in messages; copied */
    uint64_t offset, length;
} OkseFilePiece;
bool okse_bytes_append_file(OkseBytes *bytes, const OkseFilePiece *piece, GError **error);
/* `length` bytes of a source from `offset`; context is borrowed (see okse_bytes_keep()). Files that it reads itself are
 * named by okse_bytes_watch(). */
typedef struct {
    OkseBytesRead read;
    const void *context;
    uint64_t offset, length;
} OkseSourcePiece;
void okse_bytes_append_source(OkseBytes *bytes, const OkseSourcePiece *piece);
void okse_bytes_append_memory(OkseBytes *bytes, GBytes *memory);
void okse_bytes_append_zeros(OkseBytes *bytes, uint64_t length);
/* A part of others, whose pieces become pieces here. It must lie within them. */
void okse_bytes_append_bytes(OkseBytes *bytes, const OkseBytes *others, uint64_t offset, uint64_t length);
/* The same as one piece that is read through the others, however many they have there: where somebody else says how
 * often. The kernel cannot be asked for it. */
void okse_bytes_append_through(OkseBytes *bytes, const OkseBytes *others, uint64_t offset, uint64_t length);

/* A file that a source reads: it must not change either. Errors: INVALID (no regular file), SYSTEM. */
bool okse_bytes_watch(OkseBytes *bytes, int fd, const char *name, GError **error);
/* What must live as long as these bytes; let go in reverse order. */
void okse_bytes_keep(OkseBytes *bytes, gpointer kept, GDestroyNotify let_go);
/* The same for a descriptor, which is closed in the end; *fd is left at -1. */
void okse_bytes_keep_fd(OkseBytes *bytes, int *fd);

OkseBytes *okse_bytes_ref(const OkseBytes *bytes);
void okse_bytes_unref(OkseBytes *bytes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseBytes, okse_bytes_unref)

uint64_t okse_bytes_length(const OkseBytes *bytes);

/* Exactly `length` bytes from `at`. name: in messages, where the file itself has none. Errors: INVALID ("ends early"),
 * SYSTEM, what a source reports. */
bool okse_bytes_read(const OkseBytes *bytes, uint64_t at, void *buffer, size_t length, const char *name,
                     GError **error);

/* Where the byte `at` lies, and how far these bytes go on there without a gap, so that the kernel can be asked for
 * them: FICLONERANGE, copy_file_range, sendfile, posix_fadvise. `at` must be before the end. */
typedef struct {
    int fd; /* borrowed; -1: in no file, only okse_bytes_read() has it */
    uint64_t offset, length;
} OkseBytesPlace;
OkseBytesPlace okse_bytes_place(const OkseBytes *bytes, uint64_t at);
/* posix_fadvise() for every file that holds a part of this run. */
void okse_bytes_advise(const OkseBytes *bytes, uint64_t at, uint64_t length, int advice);

/* The files that these bytes lie in or come from, in order of first use. Names are NULL for okse_bytes_of_fd(). */
unsigned okse_bytes_files(const OkseBytes *bytes);
int okse_bytes_file(const OkseBytes *bytes, unsigned index, const char **name);
/* One of them is this file. */
bool okse_bytes_lie_in(const OkseBytes *bytes, const struct stat *file);
/* " from FILE, FILE": which of several files hold this run, the first few, for a message about it; "" where there is
 * only one file. New. */
char *okse_bytes_from(const OkseBytes *bytes, uint64_t at, uint64_t length) G_GNUC_WARN_UNUSED_RESULT;
/* Size and times of every file are those of when it was appended. Errors: REFUSED with the name of the first that
 * was changed; SYSTEM. Nothing is known of okse_bytes_of_fd(). */
bool okse_bytes_unchanged(const OkseBytes *bytes, GError **error);
