/* A directory is walked through descriptors, never following a link; what was listed is compared with what is read, and
 * a difference is an error: a blob is never a mixture of two states of a file. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/hub_cache.h"
#include "packager/selection.h"
#include "packager/source_internal.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (1u << 20)

/* What makes a walk more than "everything"; the source's detail. NULL for a plain directory. */
typedef struct {
    OkseSelection *selection; /* or NULL */
    int blobs_fd;             /* of a Hugging Face cache, or -1 */
} Choice;

static void choice_free(gpointer data)
{
    Choice *choice = data;

    okse_selection_free(choice->selection);
    okse_fd_clear(&choice->blobs_fd);
    g_free(choice);
}

static OkseSelection *selection_of(const OkseSource *source)
{
    return source->detail == NULL ? NULL : ((const Choice *)source->detail)->selection;
}

static int blobs_of(const OkseSource *source)
{
    return source->detail == NULL ? -1 : ((const Choice *)source->detail)->blobs_fd;
}

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

/* A link of a snapshot: the file is the blob, and its name is what it must hash to when it is a SHA-256. */
static bool add_blob(OkseSource *source, const char *path, const char *target, GError **error)
{
    const char *name = okse_hub_blob_name(path, target);
    g_autofree char *shown = okse_text_show(target, -1, false);
    struct stat info;
    OkseEntry *entry;

    if (name == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: symbolic link to '%s', which is no blob of the cache",
                         source->origin, path, shown);
    if (fstatat(blobs_of(source), name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? okse_fail(error, OKSE_ERROR_INVALID,
                                           "%s/%s: its blob is not there (download it again)", source->origin, path)
                               : okse_fail_errno(error, "%s/%s", source->origin, path);
    if (!S_ISREG(info.st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: its blob is no file", source->origin, path);
    entry = entry_new(OKSE_ENTRY_FILE, path, &info);
    entry->blob = g_strdup(name);
    entry->has_digest = strlen(name) == OKSE_SHA256_HEX - 1 && okse_sha256_parse(name, &entry->digest, NULL);
    return add(source, entry, error);
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
    if (blobs_of(source) >= 0)
        return add_blob(source, path, target, error);
    if (!source_link_stays(path, target)) {
        g_autofree char *shown = okse_text_show(target, -1, false);

        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: symbolic link to '%s', outside the component (%s)",
                         source->origin, path, shown,
                         okse_hub_blob_name(path, target) != NULL ? "a Hugging Face cache is read with 'huggingface'"
                                                                  : "copy the files with cp -L");
    }
    entry = entry_new(OKSE_ENTRY_LINK, path, info);
    entry->target = g_strdup(target);
    return add(source, entry, error);
}

static bool walk(OkseSource *source, int dir_fd, const char *prefix, unsigned depth, GError **error);

static bool is_taken(OkseSource *source, const char *path, bool is_directory)
{
    OkseSelection *selection = selection_of(source);

    if (selection == NULL || okse_selection_takes(selection, path, is_directory))
        return true;
    if (okse_selection_leaves_out(selection))
        g_ptr_array_add(source->left_out, g_strconcat(path, is_directory ? "/" : "", NULL));
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool add_directory(OkseSource *source, int dir_fd, const char *name, const char *path, unsigned depth,
                          GError **error)
{
    okse_autofd fd = okse_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, error);
    guint before = source->entries->len, left_out = source->left_out->len;
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
    if (source->entries->len > before || source->left_out->len > left_out || source->only_some)
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

    if (source->only_some && !okse_path_check(path, NULL))
        return true;
    if (!okse_path_check(path, error)) {
        g_autofree char *shown = okse_text_show(path, -1, false);

        g_prefix_error(error, "%s/%s: ", source->origin, shown);
        return false;
    }
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return okse_fail_errno(error, "%s/%s", source->origin, path);
    if (!is_taken(source, path, S_ISDIR(info.st_mode)))
        return true;
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

char *okse_source_name(const OkseSource *source, unsigned entry)
{
    return source->single ? g_strdup(source->origin)
                          : g_strconcat(source->origin, "/", okse_source_entry(source, entry)->path, NULL);
}

bool okse_source_check(const OkseSource *source, unsigned entry, int fd, GError **error)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return okse_fail_errno(error, "%s/%s", source->origin, okse_source_entry(source, entry)->path);
    if (!unchanged(okse_source_entry(source, entry), &info))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: changed while it was being packed; nothing was written",
                         source->origin, okse_source_entry(source, entry)->path);
    return true;
}

static int open_entry(const OkseSource *source, const OkseEntry *entry, GError **error)
{
    int directory = entry->blob != NULL ? blobs_of(source) : source->fd;
    int fd = source->single ? fcntl(source->fd, F_DUPFD_CLOEXEC, 0)
                            : okse_open_beneath(directory, entry->blob != NULL ? entry->blob : entry->path,
                                                O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);

    if (fd < 0)
        g_prefix_error(error, "%s/", source->origin);
    return fd;
}

int okse_source_open(const OkseSource *source, unsigned entry, GError **error)
{
    okse_autofd fd = -1;

    g_return_val_if_fail(!source->sequential, -1);
    fd = open_entry(source, okse_source_entry(source, entry), error);
    return fd >= 0 && okse_source_check(source, entry, fd, error) ? okse_fd_steal(&fd) : -1;
}

static bool copy_file(const OkseSource *source, unsigned index, void *buffer, OkseSourceSink sink, void *context,
                      GError **error)
{
    const OkseEntry *entry = okse_source_entry(source, index);
    g_autofree char *name = okse_source_name(source, index);
    okse_autofd fd = okse_source_open(source, index, error);

    if (fd < 0)
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
    return okse_source_check(source, index, fd, error);
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

/* fd: the directory or file; taken over. choice: too; or NULL. */
static OkseSource *open_chosen(int fd, const char *name, const char *origin, Choice *choice, GError **error)
{
    g_autoptr(OkseSource) source = source_new(origin, fd, copy);
    struct stat info;

    source->detail = choice;
    source->only_some = choice != NULL && choice->selection != NULL && !okse_selection_leaves_out(choice->selection);
    source->detail_free = choice_free;
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
    if (selection_of(source) != NULL && !okse_selection_finish(selection_of(source), error)) {
        g_prefix_error(error, "%s: ", origin);
        return NULL;
    }
    if (source->entries->len == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: an empty directory cannot be a component", origin);
        return NULL;
    }
    return source_finish(source, error) ? g_steal_pointer(&source) : NULL;
}

/* Any path of the user's: links to it are followed. */
static int open_location(int dir_fd, const char *location)
{
    return openat(dir_fd, location, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

OkseSource *okse_source_open_directory(int dir_fd, const char *location, const char *origin, GError **error)
{
    g_autofree char *name = g_path_get_basename(location);

    return open_chosen(open_location(dir_fd, location), name, origin, NULL, error);
}

static Choice *choice_new(OkseSelection *selection, int blobs_fd)
{
    Choice *choice = g_new0(Choice, 1);

    choice->selection = selection;
    choice->blobs_fd = blobs_fd;
    return choice;
}

/* *selection stays NULL where there is no .okseignore. */
static bool read_ignore(int fd, const char *origin, OkseSelection **selection, GError **error)
{
    g_autofree char *name = g_strconcat(origin, "/" OKSE_IGNORE_NAME, NULL);
    g_autoptr(GBytes) bytes = NULL;
    okse_autofd file = -1;
    struct stat info;

    if (fstatat(fd, OKSE_IGNORE_NAME, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return true; /* also for a single file */
    file = okse_open_beneath(fd, OKSE_IGNORE_NAME, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, error);
    if (file < 0) {
        g_prefix_error(error, "%s/", origin);
        return false;
    }
    bytes = okse_read_fd(file, OKSE_LIMIT_IGNORE, name, error);
    if (bytes == NULL)
        return false;
    *selection = okse_selection_of_ignore(bytes, name, error);
    return *selection != NULL;
}

OkseSource *okse_source_open_path(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error)
{
    g_autofree char *name = g_path_get_basename(wanted->location);
    okse_autofd fd = open_location(dir_fd, wanted->location);
    OkseSelection *selection = NULL;

    if (fd < 0) {
        okse_fail_errno(error, "%s", origin);
        return NULL;
    }
    if (!read_ignore(fd, origin, &selection, error))
        return NULL;
    return open_chosen(okse_fd_steal(&fd), name, origin, selection == NULL ? NULL : choice_new(selection, -1), error);
}

OkseSource *okse_source_open_files(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error)
{
    OkseSelection *selection = okse_selection_of_globs((const char *const *)wanted->globs, error);
    okse_autofd fd = -1;

    if (selection == NULL)
        return NULL;
    fd = openat(dir_fd, wanted->location, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (fd < 0) {
        okse_fail_errno(error, "%s", origin);
        okse_selection_free(selection);
        return NULL;
    }
    return open_chosen(okse_fd_steal(&fd), "", origin, choice_new(selection, -1), error);
}

OkseSource *okse_source_open_hub(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error)
{
    const OkseHubPlace place = {wanted->location, wanted->commit, origin};
    g_auto(OkseHubCache) cache = {.snapshot_fd = -1, .blobs_fd = -1};
    OkseSource *source;

    if (!okse_hub_cache_open(dir_fd, &place, &cache, error))
        return NULL;
    source = open_chosen(okse_fd_steal(&cache.snapshot_fd), "", origin,
                         choice_new(NULL, okse_fd_steal(&cache.blobs_fd)), error);
    if (source == NULL)
        return NULL;
    source->provenance = json_pack("{s:s}", "revision", cache.revision);
    if (cache.repository != NULL)
        json_object_set_new(source->provenance, "repository", json_string(cache.repository));
    return source;
}
