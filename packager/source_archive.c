/* An archive is read twice: once to list and hash it (so that sizes and digests are known before anything is written),
 * once to deliver contents, which must be the same. libarchive does the formats; what it hands out is still checked
 * here. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/source_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (1u << 20)

typedef struct archive Archive;
static void archive_close(Archive *archive)
{
    archive_read_free(archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close)

/* libarchive converts names through the thread's locale; what an archive is called inside must not depend on who packs
 * it, so both passes see names as UTF-8. */
typedef struct {
    locale_t utf8, before;
} Names;

static bool names_enter(Names *names, GError **error)
{
    names->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (names->utf8 == (locale_t)0)
        return okse_fail_errno(error, "the locale C.UTF-8 is not installed");
    names->before = uselocale(names->utf8);
    return true;
}

static void names_leave(Names *names)
{
    if (names->utf8 == (locale_t)0)
        return;
    uselocale(names->before);
    freelocale(names->utf8);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Names, names_leave)

static bool fail_archive(const OkseSource *source, Archive *archive, GError **error)
{
    const char *text = archive_error_string(archive);
    int number = archive_errno(archive);

    /* EILSEQ and EINVAL are its words for the format; any other number is the file system's, and its text names a
     * descriptor */
    if (number > 0 && number != EILSEQ && number != EINVAL) {
        errno = number;
        return okse_fail_errno(error, "read %s", source->origin);
    }
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", source->origin,
                     text != NULL ? text : "not a readable archive");
}

/* Every compression libarchive does itself; "all" would also run grzip, lrzip and lzop from PATH over a stranger's
 * bytes. */
static void support_filters(Archive *archive)
{
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_compress(archive);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_lz4(archive);
    archive_read_support_filter_lzip(archive);
    archive_read_support_filter_lzma(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
}

/* A descriptor of its own, at the start, so that two passes never disturb each other. */
static Archive *open_pass(const OkseSource *source, int *fd, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", source->fd);
    g_autoptr(Archive) archive = archive_read_new();

    *fd = okse_open(self, O_RDONLY, 0, error);
    if (*fd < 0)
        return NULL;
    support_filters(archive);
    archive_read_support_format_tar(archive);
    /* by its central directory only: the local headers, which libarchive would fall back to when that cannot be read,
     * may tell of other names and know no modes */
    archive_read_support_format_zip_seekable(archive);
    if (archive_read_open_fd(archive, *fd, CHUNK) != ARCHIVE_OK) {
        fail_archive(source, archive, error);
        return NULL;
    }
    return g_steal_pointer(&archive);
}

/* The name without a leading "./" and a trailing "/"; NULL for the archive's own root. */
static char *clean_name(const char *name)
{
    size_t length;

    while (g_str_has_prefix(name, "./"))
        name += 2;
    length = strlen(name);
    while (length > 0 && name[length - 1] == '/')
        length--;
    return length == 0 || (length == 1 && name[0] == '.') ? NULL : g_strndup(name, length);
}

static bool hash_data(const OkseSource *source, Archive *archive, OkseSha256Stream *stream, OkseEntry *entry,
                      GError **error)
{
    g_autofree void *buffer = g_malloc(CHUNK);

    for (;;) {
        la_ssize_t got = archive_read_data(archive, buffer, CHUNK);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (got < 0)
            return fail_archive(source, archive, error);
        if (got == 0)
            break;
        entry->size += (uint64_t)got;
        if (entry->size > OKSE_LIMIT_FILE_SIZE)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' expands beyond the limit", source->origin,
                             entry->path);
        okse_sha256_stream_update(stream, buffer, (size_t)got);
    }
    entry->digest = okse_sha256_stream_end(stream);
    entry->has_digest = true;
    return true;
}

/* Fills in what kind of thing a member is; false with an error for what cannot be packed. */
static bool classify(const OkseSource *source, struct archive_entry *member, OkseEntry *entry, GError **error)
{
    mode_t type = archive_entry_filetype(member);

    if (archive_entry_hardlink(member) != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is a hard link; unpack the archive and use 'path'",
                         source->origin, entry->path);
    if (type == AE_IFREG)
        entry->kind = OKSE_ENTRY_FILE;
    else if (type == AE_IFDIR)
        entry->kind = OKSE_ENTRY_DIRECTORY;
    else if (type == AE_IFLNK)
        entry->kind = OKSE_ENTRY_LINK;
    else
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is a device, socket or FIFO", source->origin,
                         entry->path);
    if (entry->kind == OKSE_ENTRY_LINK) {
        entry->target = g_strdup(archive_entry_symlink_utf8(member));
        if (entry->target == NULL || !source_link_stays(entry->path, entry->target))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is a symbolic link that leaves the archive",
                             source->origin, entry->path);
    }
    entry->executable = (archive_entry_perm(member) & 0111) != 0;
    return true;
}

static bool list_member(OkseSource *source, Archive *archive, struct archive_entry *member, OkseSha256Stream *stream,
                        GError **error)
{
    const char *raw = archive_entry_pathname_utf8(member);
    g_autofree char *path = raw == NULL ? NULL : clean_name(raw);
    OkseEntry *entry;

    if (raw == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a member's name is not UTF-8", source->origin);
    if (path == NULL)
        return true;
    if (!okse_path_check(path, error)) {
        g_autofree char *shown = okse_text_show(path, -1, false);

        g_prefix_error(error, "%s: '%s': ", source->origin, shown);
        return false;
    }
    if (source->entries->len >= OKSE_LIMIT_FILES)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u files", source->origin, OKSE_LIMIT_FILES);
    entry = g_new0(OkseEntry, 1);
    entry->path = g_steal_pointer(&path);
    g_ptr_array_add(source->entries, entry);
    if (!classify(source, member, entry, error))
        return false;
    return entry->kind != OKSE_ENTRY_FILE || hash_data(source, archive, stream, entry, error);
}

/* Directories that are not empty follow from their files. */
static void drop_full_directories(OkseSource *source)
{
    g_autoptr(GHashTable) parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < source->entries->len; i++) {
        g_autofree char *path = g_strdup(((OkseEntry *)g_ptr_array_index(source->entries, i))->path);

        for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
            *slash = '\0';
            g_hash_table_add(parents, g_strdup(path));
        }
    }
    for (guint i = source->entries->len; i > 0; i--) {
        const OkseEntry *entry = g_ptr_array_index(source->entries, i - 1);

        if (entry->kind == OKSE_ENTRY_DIRECTORY && g_hash_table_contains(parents, entry->path))
            g_ptr_array_remove_index_fast(source->entries, i - 1);
    }
}

static bool list_members(OkseSource *source, GError **error)
{
    okse_autofd fd = -1;
    g_auto(Names) names = {0};
    g_autoptr(Archive) archive = names_enter(&names, error) ? open_pass(source, &fd, error) : NULL;
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    struct archive_entry *member = NULL;

    if (archive == NULL)
        return false;
    for (;;) {
        int result = archive_read_next_header(archive, &member);

        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return fail_archive(source, archive, error);
        if (!list_member(source, archive, member, stream, error))
            return false;
    }
    drop_full_directories(source);
    if (source->entries->len == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: an empty archive cannot be a component", source->origin);
    return source_finish(source, error);
}

static bool deliver(const OkseSource *source, Archive *archive, unsigned index, OkseSourceSink sink, void *context,
                    GError **error)
{
    const OkseEntry *entry = okse_source_entry(source, index);
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(CHUNK);
    uint64_t size = 0;
    OkseSha256 digest;

    for (;;) {
        la_ssize_t got = archive_read_data(archive, buffer, CHUNK);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (got < 0)
            return fail_archive(source, archive, error);
        if (got == 0)
            break;
        size += (uint64_t)got;
        if (size > entry->size)
            break;
        okse_sha256_stream_update(stream, buffer, (size_t)got);
        if (!sink(context, index, buffer, (size_t)got, error))
            return false;
    }
    digest = okse_sha256_stream_end(stream);
    if (size != entry->size || !okse_sha256_equal(&digest, &entry->digest))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' changed while it was being packed; nothing was written",
                         source->origin, entry->path);
    return true;
}

static bool copy(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context, GError **error)
{
    okse_autofd fd = -1;
    g_auto(Names) names = {0};
    g_autoptr(Archive) archive = names_enter(&names, error) ? open_pass(source, &fd, error) : NULL;
    struct archive_entry *member = NULL;
    unsigned left = 0;

    for (unsigned i = 0; i < source->entries->len; i++)
        left += okse_source_entry(source, i)->kind == OKSE_ENTRY_FILE && (wanted == NULL || wanted[i]);
    while (archive != NULL && left > 0) {
        int result = archive_read_next_header(archive, &member);
        const char *raw = result == ARCHIVE_OK ? archive_entry_pathname_utf8(member) : NULL;
        g_autofree char *path = raw == NULL ? NULL : clean_name(raw);
        gint64 index = path == NULL ? -1 : okse_source_find(source, path);

        if (result == ARCHIVE_EOF)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: changed while it was being packed", source->origin);
        if (result != ARCHIVE_OK)
            return fail_archive(source, archive, error);
        if (index < 0 || (wanted != NULL && !wanted[index]) ||
            okse_source_entry(source, (unsigned)index)->kind != OKSE_ENTRY_FILE)
            continue;
        if (!deliver(source, archive, (unsigned)index, sink, context, error))
            return false;
        left--;
    }
    return archive != NULL;
}

OkseSource *okse_source_open_archive(int dir_fd, const char *location, const char *origin, GError **error)
{
    int fd = openat(dir_fd, location, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    g_autoptr(OkseSource) source = source_new(origin, fd, copy);
    struct stat info;

    source->sequential = true;
    if (fd < 0 || fstat(fd, &info) < 0) {
        okse_fail_errno(error, "%s", origin);
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", origin,
                  S_ISDIR(info.st_mode) ? "is a directory where an archive belongs (use 'path')"
                                        : "not a regular file");
        return NULL;
    }
    source->device = info.st_dev;
    source->inode = info.st_ino;
    return list_members(source, error) ? g_steal_pointer(&source) : NULL;
}
