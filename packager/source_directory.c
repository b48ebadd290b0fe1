/* A directory is walked through descriptors, never following a link; what was listed is compared with what is read, and
 * a difference is an error: a blob is never a mixture of two states of a file. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/source_internal.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (1u << 20)

static gint64 nanoseconds(const struct timespec *time)
{
    return (gint64)time->tv_sec * G_USEC_PER_SEC * 1000 + time->tv_nsec;
}

static OkseEntry *entry_new(OkseEntryKind kind, const char *path, const struct stat *info)
{
    OkseEntry *entry = g_new0(OkseEntry, 1);

    entry->kind = kind;
    entry->path = g_strdup(path);
    entry->size = kind == OKSE_ENTRY_FILE ? (uint64_t)info->st_size : 0;
    entry->executable = (info->st_mode & 0111) != 0;
    entry->mtime = nanoseconds(&info->st_mtim);
    entry->ctime = nanoseconds(&info->st_ctim);
    entry->inode = info->st_ino;
    entry->device = info->st_dev;
    return entry;
}

static bool add(OkseSource *source, OkseEntry *entry, GError **error)
{
    g_ptr_array_add(source->entries, entry);
    if (source->entries->len > OKSE_LIMIT_FILES)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u files", source->origin, OKSE_LIMIT_FILES);
    if (entry->size > OKSE_LIMIT_FILE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: larger than the limit of 64 TiB", source->origin,
                         entry->path);
    return true;
}

static bool add_link(OkseSource *source, int dir_fd, const char *name, const char *path, const struct stat *info,
                     GError **error)
{
    char target[OKSE_LIMIT_PATH + 2];
    ssize_t length = readlinkat(dir_fd, name, target, sizeof target - 1);
    OkseEntry *entry;

    if (length < 0)
        return okse_fail_errno(error, "%s/%s", source->origin, path);
    target[length] = '\0';
    if (!source_link_stays(path, target)) {
        g_autofree char *shown = okse_text_show(target, -1, false);

        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s/%s: symbolic link to '%s', outside the component (copy the files with cp -L)",
                         source->origin, path, shown);
    }
    entry = entry_new(OKSE_ENTRY_LINK, path, info);
    entry->target = g_strdup(target);
    return add(source, entry, error);
}

static bool walk(OkseSource *source, int dir_fd, const char *prefix, unsigned depth, GError **error);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool add_directory(OkseSource *source, int dir_fd, const char *name, const char *path, unsigned depth,
                          GError **error)
{
    okse_autofd fd = okse_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, error);
    guint before = source->entries->len;
    struct stat info;

    if (fd < 0) {
        g_prefix_error(error, "%s/%s: ", source->origin, path);
        return false;
    }
    if (depth >= OKSE_LIMIT_DEPTH)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: nested deeper than %u directories", source->origin, path,
                         OKSE_LIMIT_DEPTH);
    if (!walk(source, fd, path, depth + 1, error))
        return false;
    if (source->entries->len > before)
        return true;
    if (fstat(fd, &info) < 0)
        return okse_fail_errno(error, "%s/%s", source->origin, path);
    return add(source, entry_new(OKSE_ENTRY_DIRECTORY, path, &info), error);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool add_name(OkseSource *source, int dir_fd, const char *prefix, const char *name, unsigned depth,
                     GError **error)
{
    g_autofree char *path = *prefix == '\0' ? g_strdup(name) : g_strconcat(prefix, "/", name, NULL);
    struct stat info;

    if (!okse_path_check(path, error)) {
        g_autofree char *shown = okse_text_show(path, -1, false);

        g_prefix_error(error, "%s/%s: ", source->origin, shown);
        return false;
    }
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return okse_fail_errno(error, "%s/%s", source->origin, path);
    if (S_ISDIR(info.st_mode))
        return add_directory(source, dir_fd, name, path, depth, error);
    if (S_ISLNK(info.st_mode))
        return add_link(source, dir_fd, name, path, &info, error);
    if (S_ISREG(info.st_mode))
        return add(source, entry_new(OKSE_ENTRY_FILE, path, &info), error);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: a device, socket or FIFO cannot be packed", source->origin,
                     path);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool walk(OkseSource *source, int dir_fd, const char *prefix, unsigned depth, GError **error)
{
    int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    g_autofree char *shown = g_strconcat(source->origin, "/", prefix, NULL);
    const struct dirent *found = NULL;
    bool good;

    if (directory == NULL)
        return okse_fail_errno(error, "%s", shown);
    while ((good = okse_directory_next(directory, &found, shown, error)) && found != NULL)
        if (!(good = add_name(source, dir_fd, prefix, found->d_name, depth, error)))
            break;
    closedir(directory);
    return good;
}

static bool unchanged(const OkseEntry *entry, const struct stat *info)
{
    return S_ISREG(info->st_mode) && (uint64_t)info->st_size == entry->size && info->st_ino == entry->inode &&
           info->st_dev == entry->device && nanoseconds(&info->st_mtim) == entry->mtime &&
           nanoseconds(&info->st_ctim) == entry->ctime;
}

static bool check_unchanged(const OkseSource *source, const OkseEntry *entry, int fd, GError **error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return okse_fail_errno(error, "%s/%s", source->origin, entry->path);
    if (!unchanged(entry, &info))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: changed while it was being packed; nothing was written",
                         source->origin, entry->path);
    return true;
}

static int open_entry(const OkseSource *source, const OkseEntry *entry, GError **error)
{
    int fd = source->single ? fcntl(source->fd, F_DUPFD_CLOEXEC, 0)
                            : okse_open_beneath(source->fd, entry->path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);

    if (fd < 0)
        g_prefix_error(error, "%s/", source->origin);
    return fd;
}

static bool copy_file(const OkseSource *source, unsigned index, void *buffer, OkseSourceSink sink, void *context,
                      GError **error)
{
    const OkseEntry *entry = okse_source_entry(source, index);
    g_autofree char *name =
        g_strdup_printf("%s%s%s", source->origin, source->single ? "" : "/", source->single ? "" : entry->path);
    okse_autofd fd = open_entry(source, entry, error);

    if (fd < 0 || !check_unchanged(source, entry, fd, error))
        return false;
    if (entry->size > CHUNK)
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (uint64_t at = 0; at < entry->size;) {
        size_t length = (size_t)MIN(entry->size - at, CHUNK);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_pread_exact(fd, buffer, length, at, name, error) || !sink(context, index, buffer, length, error))
            return false;
        at += length;
    }
    return check_unchanged(source, entry, fd, error);
}

bool okse_source_peek(const OkseSource *source, unsigned entry, uint64_t offset, void *buffer, size_t length,
                      GError **error)
{
    okse_autofd fd = -1;

    g_return_val_if_fail(!source->sequential, false);
    fd = open_entry(source, okse_source_entry(source, entry), error);
    return fd >= 0 && okse_pread_exact(fd, buffer, length, offset, source->origin, error);
}

static bool copy(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context, GError **error)
{
    g_autofree void *buffer = g_malloc(CHUNK);

    for (unsigned i = 0; i < source->entries->len; i++) {
        if (okse_source_entry(source, i)->kind != OKSE_ENTRY_FILE || (wanted != NULL && !wanted[i]))
            continue;
        if (!copy_file(source, i, buffer, sink, context, error))
            return false;
    }
    return true;
}

OkseSource *okse_source_open_directory(int dir_fd, const char *location, const char *origin, GError **error)
{
    int fd = openat(dir_fd, location, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    g_autoptr(OkseSource) source = source_new(origin, fd, copy);
    g_autofree char *name = g_path_get_basename(location);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0) {
        okse_fail_errno(error, "%s", origin);
        return NULL;
    }
    source->device = info.st_dev;
    source->inode = info.st_ino;
    if (S_ISREG(info.st_mode)) {
        source->single = true;
        if (!okse_path_check(name, error)) {
            g_prefix_error(error, "%s: ", origin);
            return NULL;
        }
        if (!add(source, entry_new(OKSE_ENTRY_FILE, name, &info), error))
            return NULL;
    } else if (!S_ISDIR(info.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: neither a file nor a directory", origin);
        return NULL;
    } else if (!walk(source, fd, "", 0, error)) {
        return NULL;
    }
    if (source->entries->len == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: an empty directory cannot be a component", origin);
        return NULL;
    }
    return source_finish(source, error) ? g_steal_pointer(&source) : NULL;
}
