#include "packager/image_unpack.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/archive_read.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define ENTRIES_MOST 2000000u

typedef struct {
    const OkseReadable *layer;
    const char *directory;
    int fd; /* of it */
    OkseArchive *disk;
} Unpacking;

static bool fail_archive(const Unpacking *unpacking, OkseArchive *archive, GError **error)
{
    const char *why = archive_error_string(archive);

    return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", unpacking->layer->path,
                     why != NULL ? why : "the layer cannot be read");
}

/* The path of an entry within the root, or NULL for the root itself. Errors: INVALID for one that leads out. */
static bool clean_path(const Unpacking *unpacking, const char *path, char **clean, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();

    for (char **part = parts; *part != NULL; part++) {
        if (strcmp(*part, "..") == 0) {
            g_autofree char *shown = okse_text_show(path, -1, false);

            return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' leads out of the image", unpacking->layer->path,
                             shown);
        }
        if (**part != '\0' && strcmp(*part, ".") != 0)
            g_ptr_array_add(kept, *part);
    }
    g_ptr_array_add(kept, NULL);
    *clean = kept->len > 1 ? g_strjoinv("/", (char **)kept->pdata) : NULL;
    return true;
}

/* Remove what a lower layer has: one name, or everything in a directory. */
static bool obey(const Unpacking *unpacking, const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path), *base = g_path_get_basename(path);
    okse_autofd fd = okse_open_beneath(unpacking->fd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, NULL);
    g_autofree char *name = NULL;
    struct stat info;

    if (fd < 0) /* nothing there to be hidden */
        return true;
    if (strcmp(base, OPAQUE) == 0) {
        okse_autofd list = dup(fd);
        g_autofree char *proc = g_strdup_printf("/proc/self/fd/%d", list);
        g_autoptr(GDir) directory = g_dir_open(proc, 0, NULL);

        for (const char *entry = directory == NULL ? NULL : g_dir_read_name(directory); entry != NULL;
             entry = g_dir_read_name(directory))
            if (!okse_remove_tree(fd, entry, error))
                return false;
        return true;
    }
    name = g_strdup(base + strlen(WHITEOUT));
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a whiteout without a name", unpacking->layer->path);
    return fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0 || okse_remove_tree(fd, name, error);
}

static bool is_whiteout(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);

    return g_str_has_prefix(base, WHITEOUT);
}

static bool write_data(const Unpacking *unpacking, OkseArchive *from, GError **error)
{
    const void *data;
    size_t length;
    la_int64_t offset;
    int status;

    while ((status = archive_read_data_block(from, &data, &length, &offset)) == ARCHIVE_OK)
        if (archive_write_data_block(unpacking->disk, data, length, offset) < ARCHIVE_OK)
            return fail_archive(unpacking, unpacking->disk, error);
    return status == ARCHIVE_EOF || fail_archive(unpacking, from, error);
}

static bool write_entry(const Unpacking *unpacking, OkseArchive *from, struct archive_entry *entry, const char *path,
                        GError **error)
{
    const char *target = archive_entry_hardlink(entry);
    bool directory = archive_entry_filetype(entry) == AE_IFDIR;
    g_autofree char *whole = g_build_filename(unpacking->directory, path, NULL), *clean = NULL;

    if (target != NULL) {
        g_autofree char *other = NULL;

        if (!clean_path(unpacking, target, &clean, error))
            return false;
        other = g_build_filename(unpacking->directory, clean != NULL ? clean : ".", NULL);
        archive_entry_set_hardlink(entry, other);
    } else if (!directory && archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFLNK) {
        return true; /* devices and pipes are the box's own matter */
    }
    archive_entry_set_pathname(entry, whole);
    archive_entry_set_perm(entry, (archive_entry_perm(entry) & 0777) | (directory ? 0700 : 0600));
    if (archive_write_header(unpacking->disk, entry) < ARCHIVE_OK)
        return fail_archive(unpacking, unpacking->disk, error);
    if (target == NULL && archive_entry_size(entry) > 0 && !write_data(unpacking, from, error))
        return false;
    return archive_write_finish_entry(unpacking->disk) >= ARCHIVE_WARN ||
           fail_archive(unpacking, unpacking->disk, error);
}

/* One walk over the layer: first for what it hides, then for what it brings. */
static bool walk(const Unpacking *unpacking, bool hiding, GError **error)
{
    g_autoptr(GError) cause = NULL;
    const char *kind = okse_archive_kind(unpacking->layer, &cause);
    g_autoptr(OkseArchiveInput) input = NULL;
    struct archive_entry *entry;
    int status = ARCHIVE_EOF;

    if (kind == NULL) {
        if (cause != NULL)
            g_propagate_error(error, g_steal_pointer(&cause));
        else
            okse_fail(error, OKSE_ERROR_INVALID, "%s: is no tar", unpacking->layer->path);
        return false;
    }
    input = okse_archive_input_new(unpacking->layer, kind);
    for (unsigned seen = 0;
         (status = archive_read_next_header(okse_archive_input_archive(input), &entry)) >= ARCHIVE_WARN &&
         status != ARCHIVE_EOF;
         seen++) {
        const char *path = archive_entry_pathname(entry);
        g_autofree char *clean = NULL;
        bool good;

        if (seen >= ENTRIES_MOST || path == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: too many entries, or one without a name",
                             unpacking->layer->path);
        if (!clean_path(unpacking, path, &clean, error))
            return false;
        if (clean == NULL || is_whiteout(clean) != hiding)
            continue;
        good = hiding ? obey(unpacking, clean, error)
                      : write_entry(unpacking, okse_archive_input_archive(input), entry, clean, error);
        if (!good)
            return false;
    }
    return status == ARCHIVE_EOF || fail_archive(unpacking, okse_archive_input_archive(input), error);
}

bool okse_image_unpack(const OkseReadable *layer, const char *directory, GError **error)
{
    okse_autofd fd = okse_open_directory(directory, error);
    Unpacking unpacking = {layer, directory, fd, NULL};
    bool done;

    if (fd < 0)
        return false;
    unpacking.disk = archive_write_disk_new();
    archive_write_disk_set_options(unpacking.disk, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_UNLINK |
                                                       ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                                                       ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    done = walk(&unpacking, true, error) && walk(&unpacking, false, error);
    if (archive_write_close(unpacking.disk) < ARCHIVE_WARN && done)
        done = fail_archive(&unpacking, unpacking.disk, error);
    archive_write_free(unpacking.disk);
    return done;
}
