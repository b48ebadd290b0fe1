/* Safe file access. Paths from outside go through openat2 with a resolve policy; there is no fallback to a weaker
 * call, because the fallback is where comparable tools had their holes. */
#include "core/fd.h"

#include "core/limits.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define RESERVE (16u << 20) /* bytes set aside for a file because of what it says of its size */
#define PIECE_LEAST 4096u
#define SPARED_LEAST (1 << 17) /* bytes of a file for which the kernel would be asked for new pages */
#define PIECE_MOST (1u << 20)
#define PIECE_UNKNOWN 65536u /* of a pipe, or of /proc */

static bool keep_access_times; /* set once, before any thread */

void okse_keep_access_times(void)
{
    keep_access_times = true;
}

/* O_NOATIME where it makes sense; the kernel allows it to the owner only (EPERM). */
static int noatime_for(int flags)
{
    return keep_access_times && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY ? O_NOATIME : 0;
}

static int open_retry(const char *path, int flags, mode_t mode)
{
    int quiet = noatime_for(flags), fd = open(path, flags | quiet | O_CLOEXEC, mode);

    return fd < 0 && errno == EPERM && quiet != 0 ? open(path, flags | O_CLOEXEC, mode) : fd;
}

int okse_open(const char *path, int flags, mode_t mode, GError **error)
{
    int fd = open_retry(path, flags, mode);

    if (fd < 0)
        okse_fail_errno(error, "%s", path);
    return fd;
}

int okse_open_directory(const char *path, GError **error)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0 && errno == ENOTDIR)
        okse_fail(error, OKSE_ERROR_INVALID, "%s: not a directory", path);
    else if (fd < 0)
        okse_fail_errno(error, "%s", path);
    return fd;
}

static int openat2_retry(int dir_fd, const char *path, struct open_how *how)
{
    __u64 quiet = (__u64)noatime_for((int)how->flags);

    how->flags |= quiet;
    for (;;) {
        int fd = (int)syscall(SYS_openat2, dir_fd, path, how, sizeof *how);

        if (fd < 0 && errno == EPERM && quiet != 0) {
            how->flags &= ~quiet;
            quiet = 0;
        } else if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) {
            return fd;
        }
    }
}

int okse_open_beneath(int dir_fd, const char *path, int flags, mode_t mode, GError **error)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = openat2_retry(dir_fd, path, &how);

    if (fd < 0 && (errno == EXDEV || errno == ELOOP))
        okse_fail(error, OKSE_ERROR_REFUSED, "%s: leaves its directory or is a symbolic link", path);
    else if (fd < 0)
        okse_fail_errno(error, "%s", path);
    return fd;
}

int okse_open_in_root(int root_fd, const char *path, int flags, GError **error)
{
    struct open_how how = {
        /* openat2 refuses O_PATH with any flag that only matters to a file that is opened */
        .flags = (uint64_t)(flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NOCTTY)),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    int fd = openat2_retry(root_fd, path, &how);

    if (fd < 0)
        okse_fail_errno(error, "%s", path);
    return fd;
}

static bool element_check(const char *path, const char *element, size_t length, GError **error)
{
    if (length == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "path '%s' is absolute or has an empty element", path);
    if ((length == 1 && element[0] == '.') || (length == 2 && element[0] == '.' && element[1] == '.'))
        return okse_fail(error, OKSE_ERROR_INVALID, "path '%s' has a '.' or '..' element", path);
    if (length > OKSE_LIMIT_NAME)
        return okse_fail(error, OKSE_ERROR_INVALID, "path '%s' has an element over %u bytes", path, OKSE_LIMIT_NAME);
    return true;
}

static bool characters_check(const char *path, GError **error)
{
    for (const char *p = path; *p != '\0'; p += g_utf8_skip[(guchar)*p]) {
        gunichar c = g_utf8_get_char(p);

        if (c == '\\' || g_unichar_iscntrl(c) || (g_unichar_type(c) == G_UNICODE_FORMAT && c != 0x200C && c != 0x200D))
            return okse_fail(error, OKSE_ERROR_INVALID, "path has the forbidden character U+%04X", c);
    }
    return true;
}

bool okse_path_check(const char *path, GError **error)
{
    size_t length = strlen(path);

    if (length == 0 || length > OKSE_LIMIT_PATH)
        return okse_fail(error, OKSE_ERROR_INVALID, "path is empty or over %u bytes", OKSE_LIMIT_PATH);
    if (!g_utf8_validate_len(path, length, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "path is not UTF-8");
    if (!characters_check(path, error))
        return false;
    for (const char *element = path;;) {
        const char *slash = strchrnul(element, '/');

        if (!element_check(path, element, (size_t)(slash - element), error))
            return false;
        if (*slash == '\0')
            return true;
        element = slash + 1;
    }
}

bool okse_read_exact(int fd, void *buffer, size_t length, const char *name, GError **error)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = read(fd, (char *)buffer + done, length - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return okse_fail_errno(error, "read %s", name);
        if (got == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early", name);
        done += (size_t)got;
    }
    return true;
}

bool okse_pread_exact(int fd, void *buffer, size_t length, uint64_t offset, const char *name, GError **error)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(fd, (char *)buffer + done, length - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return okse_fail_errno(error, "read %s", name);
        if (got == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early, at byte %" G_GUINT64_FORMAT, name,
                             offset + done);
        done += (size_t)got;
    }
    return true;
}

bool okse_write_all(int fd, const void *data, size_t length, const char *name, GError **error)
{
    for (size_t done = 0; done < length;) {
        ssize_t put = write(fd, (const char *)data + done, length - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return okse_fail_errno(error, "write %s", name);
        done += (size_t)put;
    }
    return true;
}

bool okse_pwrite_all(int fd, const void *data, size_t length, uint64_t offset, const char *name, GError **error)
{
    for (size_t done = 0; done < length;) {
        ssize_t put = pwrite(fd, (const char *)data + done, length - done, (off_t)(offset + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return okse_fail_errno(error, "write %s", name);
        done += (size_t)put;
    }
    return true;
}

/* How much to ask for at once: the rest of a file and a byte, so that its end shows. */
static guint piece_of(const struct stat *info, guint used)
{
    uint64_t size = S_ISREG(info->st_mode) ? (uint64_t)info->st_size : 0;

    return size == 0 ? PIECE_UNKNOWN : (guint)CLAMP(size > used ? size - used + 1 : 0, PIECE_LEAST, PIECE_MOST);
}

static bool too_large(const char *name, uint64_t limit, GError **error)
{
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of %" G_GUINT64_FORMAT " bytes", name,
                     limit);
}

static bool can_read(int fd, uint64_t limit, const char *name, struct stat *info, GError **error)
{
    if (fstat(fd, info) < 0)
        return okse_fail_errno(error, "%s", name);
    if (!S_ISREG(info->st_mode) && !S_ISFIFO(info->st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", name,
                         S_ISDIR(info->st_mode) ? "is a directory where a file belongs" : "is not a regular file");
    if (S_ISREG(info->st_mode) && info->st_size > 0 && (uint64_t)info->st_size > limit)
        return too_large(name, limit, error);
    return true;
}

static bool read_all(int fd, uint64_t limit, const char *name, const struct stat *info, GByteArray *bytes,
                     GError **error)
{
    bool asked_again = false;

    for (;;) {
        guint used = bytes->len, piece = piece_of(info, used);
        ssize_t got;

        g_byte_array_set_size(bytes, used + piece);
        got = read(fd, bytes->data + used, piece);
        g_byte_array_set_size(bytes, used + (guint)MAX(got, 0));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return okse_fail_errno(error, "read %s", name);
        if (got == 0 && (bytes->len >= (uint64_t)info->st_size || asked_again))
            return true;
        asked_again = got == 0; /* shorter than it said: cut off meanwhile, or of a file system that rounds sizes up */
        if (bytes->len > limit)
            return too_large(name, limit, error);
    }
}

static GByteArray *space_for(const struct stat *info, uint64_t limit)
{
    return g_byte_array_sized_new((guint)MIN((uint64_t)MAX(info->st_size, 0), MIN(limit, RESERVE)) + PIECE_LEAST);
}

GBytes *okse_read_fd(int fd, uint64_t limit, const char *name, GError **error)
{
    g_autoptr(GByteArray) bytes = NULL;
    struct stat info;

    if (!can_read(fd, limit, name, &info, error))
        return NULL;
    bytes = space_for(&info, limit);
    return read_all(fd, limit, name, &info, bytes, error) ? g_byte_array_free_to_bytes(g_steal_pointer(&bytes)) : NULL;
}

typedef struct {
    GByteArray *bytes, **spare;
} Lent;

static void give_back(gpointer data)
{
    g_autofree Lent *lent = data;

    if (*lent->spare == NULL)
        *lent->spare = lent->bytes;
    else
        g_byte_array_unref(lent->bytes);
}

GBytes *okse_read_fd_again(int fd, uint64_t limit, const char *name, GByteArray **spare, GError **error)
{
    g_autoptr(GByteArray) bytes = NULL;
    struct stat info;
    Lent *lent;

    if (!can_read(fd, limit, name, &info, error))
        return NULL;
    if (info.st_size < SPARED_LEAST || info.st_size > RESERVE)
        return okse_read_fd(fd, limit, name, error);
    bytes = *spare != NULL ? g_byte_array_set_size(g_steal_pointer(spare), 0) : space_for(&info, limit);
    if (!read_all(fd, limit, name, &info, bytes, error))
        return NULL;
    lent = g_new(Lent, 1);
    *lent = (Lent){g_steal_pointer(&bytes), spare};
    return g_bytes_new_with_free_func(lent->bytes->data, lent->bytes->len, give_back, lent);
}

GBytes *okse_read_path(const char *path, uint64_t limit, GError **error)
{
    okse_autofd fd = okse_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);

    return fd < 0 ? NULL : okse_read_fd(fd, limit, path, error);
}

bool okse_make_directories(int dir_fd, const char *path, GError **error)
{
    g_auto(GStrv) elements = g_strsplit(path, "/", -1);
    okse_autofd at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

    if (at < 0)
        return okse_fail_errno(error, "%s", path);
    for (char **element = elements; *element != NULL; element++) {
        int next;

        if (mkdirat(at, *element, 0755) < 0 && errno != EEXIST)
            return okse_fail_errno(error, "make directory %s", path);
        next = okse_open_beneath(at, *element, O_RDONLY | O_DIRECTORY, 0, error);
        if (next < 0)
            return false;
        okse_fd_clear(&at);
        at = next;
    }
    return true;
}

static bool remove_children(int fd, const char *path, GError **error);

/* NOLINTNEXTLINE(misc-no-recursion): depth is bounded by the path limit of what we install */
bool okse_remove_tree(int dir_fd, const char *name, GError **error)
{
    okse_autofd fd = -1;

    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return okse_fail_errno(error, "remove %s", name);
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return okse_fail_errno(error, "remove %s", name);
    if (!remove_children(fd, name, error))
        return false;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
        return okse_fail_errno(error, "remove %s", name);
    return true;
}

bool okse_directory_next(DIR *directory, const struct dirent **entry, const char *name, GError **error)
{
    const struct dirent *next;

    do {
        errno = 0;
        next = readdir(directory); /* NOLINT(concurrency-mt-unsafe): a stream belongs to one thread */
    } while (next != NULL && (strcmp(next->d_name, ".") == 0 || strcmp(next->d_name, "..") == 0));
    if (next == NULL && errno != 0)
        return okse_fail_errno(error, "read directory %s", name);
    *entry = next;
    return true;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *okse_directory_names(int fd, bool *whole)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), failed;
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;

    if (directory == NULL) {
        failed = errno;
        if (copy >= 0)
            close(copy);
        errno = failed;
        return NULL;
    }
    while ((*whole = okse_directory_next(directory, &entry, "", NULL)) && entry != NULL)
        g_ptr_array_add(names, g_strdup(entry->d_name));
    failed = errno;
    closedir(directory);
    errno = failed;
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

/* NOLINTNEXTLINE(misc-no-recursion): see okse_remove_tree() */
static bool remove_children(int fd, const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;
    bool good;

    if (directory == NULL)
        return okse_fail_errno(error, "read directory %s", path);
    while ((good = okse_directory_next(directory, &entry, path, error)) && entry != NULL)
        g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(directory);
    for (guint i = 0; good && i < names->len; i++)
        if (!okse_remove_tree(fd, g_ptr_array_index(names, i), error))
            return false;
    return good;
}

static bool output_target_check(int dir_fd, const char *name, const char *path, GError **error)
{
    struct stat info;

    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? true : okse_fail_errno(error, "%s", path);
    if (S_ISDIR(info.st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is a directory where a file belongs", path);
    if (!S_ISREG(info.st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: exists and is not a regular file; it is left alone", path);
    return true;
}

bool okse_output_prepare(OkseOutput *output, const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);

    output->name = g_path_get_basename(path);
    output->path = g_strdup(path);
    if (strcmp(output->name, "/") == 0 || strcmp(output->name, ".") == 0 || g_str_has_suffix(path, "/"))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is a directory where a file belongs", path);
    output->dir_fd = okse_open_directory(directory, error);
    return output->dir_fd >= 0 && output_target_check(output->dir_fd, output->name, path, error);
}

bool okse_output_create(OkseOutput *output, GError **error)
{
    output->part = g_strdup_printf(".%s.part-%ld", output->name, (long)getpid());
    output->fd = openat(output->dir_fd, output->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return output->fd >= 0 || okse_fail_errno(error, "write %s", output->path);
}

bool okse_output_open(OkseOutput *output, const char *path, GError **error)
{
    return okse_output_prepare(output, path, error) && okse_output_create(output, error);
}

bool okse_output_finish(OkseOutput *output, GError **error)
{
    if (fsync(output->fd) < 0 || renameat(output->dir_fd, output->part, output->dir_fd, output->name) < 0)
        return okse_fail_errno(error, "finish %s", output->path);
    g_clear_pointer(&output->part, g_free);
    if (fsync(output->dir_fd) < 0)
        return okse_fail_errno(error, "finish %s", output->path);
    return true;
}

void okse_output_clear(OkseOutput *output)
{
    if (output->part != NULL && output->fd >= 0)
        unlinkat(output->dir_fd, output->part, 0);
    okse_fd_clear(&output->fd);
    okse_fd_clear(&output->dir_fd);
    g_clear_pointer(&output->part, g_free);
    g_clear_pointer(&output->name, g_free);
    g_clear_pointer(&output->path, g_free);
}

bool okse_write_path(const char *path, GBytes *bytes, GError **error)
{
    g_auto(OkseOutput) output = OKSE_OUTPUT_INIT;
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return okse_output_open(&output, path, error) && okse_write_all(output.fd, data, length, path, error) &&
           okse_output_finish(&output, error);
}

bool okse_write_beneath(int dir_fd, const char *path, GBytes *bytes, mode_t mode, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *part = g_strdup_printf(".%s.part-%ld", name, (long)getpid());
    okse_autofd parent = okse_open_beneath(dir_fd, directory, O_RDONLY | O_DIRECTORY, 0, error);
    okse_autofd fd = -1;
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    if (parent < 0)
        return false;
    fd = okse_open_beneath(parent, part, O_WRONLY | O_CREAT | O_TRUNC, mode, error);
    if (fd < 0)
        return false;
    if (!okse_write_all(fd, data, length, path, error)) {
        unlinkat(parent, part, 0);
        return false;
    }
    if (fsync(fd) < 0 || renameat(parent, part, parent, name) < 0 || fsync(parent) < 0) {
        okse_fail_errno(error, "write %s", path);
        unlinkat(parent, part, 0);
        return false;
    }
    return true;
}
