#pragma once

#include "core/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

/* Descriptors and the files beneath them. Nothing here follows a link out of a directory, and nothing opens by name a
 * thing that was already checked through a descriptor. */

static inline void okse_fd_clear(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}
#define okse_autofd __attribute__((cleanup(okse_fd_clear))) int

/* Hand a descriptor on; the variable is left at -1. */
static inline int okse_fd_steal(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* From now on what is opened for reading here keeps its access time where the kernel allows it (O_NOATIME). For a
 * process that looks at a system; call it before any thread starts. */
void okse_keep_access_times(void);

/* Open a path that the user named on the command line (links are the user's business). flags as open(2), O_CLOEXEC is
 * added. Returns the descriptor or -1. Errors: NOT_FOUND, SYSTEM. */
int okse_open(const char *path, int flags, mode_t mode, GError **error);

/* Open a directory that the user named. Errors: INVALID when it is something else; NOT_FOUND, SYSTEM. */
int okse_open_directory(const char *path, GError **error);

/* Open `path` beneath directory `dir_fd` by openat2(RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS).
 * Errors: REFUSED for a path that leaves the directory or meets a symbolic link; NOT_FOUND, SYSTEM. */
int okse_open_beneath(int dir_fd, const char *path, int flags, mode_t mode, GError **error);

/* Open `path` as a process whose root is `root_fd` would (RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS): for a system under
 * audit, whose own links are followed but never leave it. Errors: NOT_FOUND, SYSTEM. */
int okse_open_in_root(int root_fd, const char *path, int flags, GError **error);

/* A path relative to a component or install is safe: not empty, not absolute, no "." or ".." element, no empty
 * element, valid UTF-8, no control or bidirectional format characters, no backslash, within OKSE_LIMIT_PATH and
 * OKSE_LIMIT_NAME. Errors: INVALID, naming the rule. */
bool okse_path_check(const char *path, GError **error);

/* Read exactly / write all; short reads and EINTR handled. A read that ends early is INVALID ("ends early"). */
bool okse_read_exact(int fd, void *buffer, size_t length, const char *name, GError **error);
bool okse_pread_exact(int fd, void *buffer, size_t length, uint64_t offset, const char *name, GError **error);
bool okse_write_all(int fd, const void *data, size_t length, const char *name, GError **error);
bool okse_pwrite_all(int fd, const void *data, size_t length, uint64_t offset, const char *name, GError **error);

/* The whole of a regular file (or pipe) behind fd, at most `limit` bytes. Errors: INVALID over the limit or when fd is
 * a directory or device. */
GBytes *okse_read_fd(int fd, uint64_t limit, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for files that are read one after the other and let go: into the memory of the one before, which is warm.
 * *spare: NULL at first, or left by the bytes of before, and taken back when these are freed; it must outlive them. */
GBytes *okse_read_fd_again(int fd, uint64_t limit, const char *name, GByteArray **spare,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* okse_open() + okse_read_fd(). "-" is not special here. */
GBytes *okse_read_path(const char *path, uint64_t limit, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The next entry of a listing, without "." and "..": *entry, NULL at its end; valid until the next call. False when the
 * listing breaks off, which readdir(3) itself makes look like its end; `name` is for the message. Errors: SYSTEM. */
bool okse_directory_next(DIR *directory, const struct dirent **entry, const char *name, GError **error);
/* The names in an open directory, sorted by bytes; the descriptor stays as it was. NULL with errno when it cannot be
 * listed; *whole is false, with errno, when the listing broke off. New. */
GPtrArray *okse_directory_names(int fd, bool *whole) G_GNUC_WARN_UNUSED_RESULT;

/* Make directory `path` and its missing parents beneath dir_fd, mode 0755 (umask applies). */
bool okse_make_directories(int dir_fd, const char *path, GError **error);

/* Remove what `name` beneath dir_fd is, recursively, never following links. Nothing there is success. */
bool okse_remove_tree(int dir_fd, const char *name, GError **error);

/* A file that appears under its name only when complete: written as a temporary name in the same directory, synced,
 * renamed. okse_output_clear() removes what was not finished; it is safe after okse_output_finish(). */
typedef struct {
    int dir_fd; /* owned */
    int fd;     /* owned; -1 when not open */
    char *name; /* final name inside dir_fd */
    char *part; /* temporary name */
    char *path; /* as the user gave it, for messages */
} OkseOutput;
#define OKSE_OUTPUT_INIT                                                                                               \
    {                                                                                                                  \
        -1, -1, NULL, NULL, NULL                                                                                       \
    }

bool okse_output_open(OkseOutput *output, const char *path, GError **error);
/* The same in two steps: everything but the temporary file, and that. */
bool okse_output_prepare(OkseOutput *output, const char *path, GError **error);
bool okse_output_create(OkseOutput *output, GError **error);
/* Sync, then rename over the final name (an existing regular file is replaced in the same instant), then sync the
 * directory. */
bool okse_output_finish(OkseOutput *output, GError **error);
void okse_output_clear(OkseOutput *output);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseOutput, okse_output_clear)

/* okse_output_open + write + finish for a small document. */
bool okse_write_path(const char *path, GBytes *bytes, GError **error);
/* As okse_write_path() for a relative name beneath dir_fd (no links followed). */
bool okse_write_beneath(int dir_fd, const char *path, GBytes *bytes, mode_t mode, GError **error);
