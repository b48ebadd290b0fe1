#include "packager/checkpoint.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FILE_NAME "verify-progress.json"
#define SYSTEM_TEXT 4096u /* a line of /proc or /sys */

struct OkseCheckpoint {
    int directory_fd;
    const OkseBytes *bundle;
    GPtrArray *places; /* boot and medium of each of its files: cannot be asked again in the sandbox, and cannot change
                        * while the file is open */
    char *file;        /* places, and the files' own marks; NULL: none of this */
    char *note;        /* why not, or why not what was there */
    char *started;     /* this run */
    OkseCheckpointRecord *earlier;
    GHashTable *blobs; /* OkseSha256 → OkseCheckpointBlob, borrowed from earlier */
};

static char *system_line(const char *path)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, SYSTEM_TEXT, NULL);
    gsize length = 0;
    const char *text = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;

    return length == 0 ? NULL : g_strstrip(g_strndup(text, length));
}

/* The number that the kernel gave the medium when it was put in; a partition's is its disk's. NULL: not numbered. */
static char *medium_number(dev_t device)
{
    g_autofree char *disk = g_strdup_printf("/sys/dev/block/%u:%u/diskseq", major(device), minor(device));
    g_autofree char *parent = g_strdup_printf("/sys/dev/block/%u:%u/../diskseq", major(device), minor(device));
    char *number = system_line(disk);

    return number != NULL ? number : system_line(parent);
}

static char *file_marks(const char *place, const struct stat *info)
{
    return g_strdup_printf("%s device %u:%u inode %ju size %jd modified %jd.%09ld changed %jd.%09ld", place,
                           major(info->st_dev), minor(info->st_dev), (uintmax_t)info->st_ino, (intmax_t)info->st_size,
                           (intmax_t)info->st_mtim.tv_sec, info->st_mtim.tv_nsec, (intmax_t)info->st_ctim.tv_sec,
                           info->st_ctim.tv_nsec);
}

/* Nobody but this user and root can have put it there. */
static bool is_ours(const struct stat *info)
{
    return (info->st_uid == geteuid() || info->st_uid == 0) && (info->st_mode & 022) == 0;
}

/* Boot and medium of one file. Returns why it cannot be, or NULL. */
static const char *place_take(OkseCheckpoint *checkpoint, int fd, const char *boot, const struct stat *directory)
{
    g_autofree char *medium = NULL, *mine = NULL;
    struct stat bundle;

    if (fstat(fd, &bundle) < 0)
        return "the file or the directory cannot be asked";
    if (!S_ISREG(bundle.st_mode))
        return "a stream cannot be gone on with";
    medium = medium_number(bundle.st_dev);
    mine = medium_number(directory->st_dev);
    if (boot == NULL || medium == NULL)
        return "this file system does not tell whether its medium was taken out meanwhile";
    if (bundle.st_dev == directory->st_dev || g_strcmp0(medium, mine) == 0)
        return "the state directory is on the bundle's own medium";
    g_ptr_array_add(checkpoint->places, g_strdup_printf("boot %s medium %s", boot, medium));
    return NULL;
}

/* The marks of all files as one text. NULL with errno when one cannot be asked. */
static char *all_marks(const OkseCheckpoint *checkpoint)
{
    g_autoptr(GString) marks = g_string_new(NULL);

    for (guint i = 0; i < checkpoint->places->len; i++) {
        g_autofree char *one = NULL;
        struct stat info;

        if (fstat(okse_bytes_file(checkpoint->bundle, i, NULL), &info) < 0)
            return NULL;
        one = file_marks(g_ptr_array_index(checkpoint->places, i), &info);
        g_string_append_printf(marks, "%s%s", i > 0 ? "; " : "", one);
    }
    return g_strdup(marks->str);
}

/* Boot, medium and files of the bundle. Returns why it cannot be, or NULL. */
static const char *marks_take(OkseCheckpoint *checkpoint)
{
    g_autofree char *boot = system_line("/proc/sys/kernel/random/boot_id");
    struct stat directory;

    if (fstat(checkpoint->directory_fd, &directory) < 0)
        return "the file or the directory cannot be asked";
    if (!is_ours(&directory))
        return "others may write in the state directory";
    for (unsigned i = 0; i < okse_bytes_files(checkpoint->bundle); i++) {
        const char *why = place_take(checkpoint, okse_bytes_file(checkpoint->bundle, i, NULL), boot, &directory);

        if (why != NULL)
            return why;
    }
    checkpoint->file = all_marks(checkpoint);
    return checkpoint->file != NULL ? NULL : "the file or the directory cannot be asked";
}

/* Returns why what is there is not used, or NULL. */
static const char *earlier_read(OkseCheckpoint *checkpoint)
{
    g_autoptr(GError) cause = NULL;
    okse_autofd fd =
        okse_open_beneath(checkpoint->directory_fd, FILE_NAME, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &cause);
    g_autoptr(GBytes) bytes = NULL;
    struct stat info;

    if (fd < 0)
        return g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND) ? NULL : FILE_NAME " cannot be opened";
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1 || !is_ours(&info))
        return FILE_NAME " could have been written by others";
    bytes = okse_read_fd(fd, OKSE_LIMIT_CHECKPOINT, FILE_NAME, NULL);
    checkpoint->earlier = bytes != NULL ? okse_checkpoint_record_read(bytes, NULL) : NULL;
    return checkpoint->earlier == NULL ? FILE_NAME " is damaged" : NULL;
}

OkseCheckpoint *okse_checkpoint_open(int directory_fd, const OkseBytes *bundle, gint64 now)
{
    OkseCheckpoint *checkpoint = g_new0(OkseCheckpoint, 1);
    const char *why;

    checkpoint->directory_fd = directory_fd;
    checkpoint->bundle = bundle;
    checkpoint->places = g_ptr_array_new_with_free_func(g_free);
    checkpoint->started = okse_text_time(now);
    checkpoint->blobs = g_hash_table_new(okse_sha256_hash, okse_sha256_same);
    why = marks_take(checkpoint);
    if (why != NULL) {
        checkpoint->note = g_strdup(why);
        return checkpoint;
    }
    checkpoint->note = g_strdup(earlier_read(checkpoint));
    for (guint i = 0; checkpoint->earlier != NULL && i < checkpoint->earlier->blobs->len; i++) {
        OkseCheckpointBlob *blob = g_ptr_array_index(checkpoint->earlier->blobs, i);

        g_hash_table_insert(checkpoint->blobs, &blob->digest, blob);
    }
    return checkpoint;
}

void okse_checkpoint_free(OkseCheckpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    g_hash_table_unref(checkpoint->blobs);
    okse_checkpoint_record_free(checkpoint->earlier);
    g_ptr_array_unref(checkpoint->places);
    g_free(checkpoint->file);
    g_free(checkpoint->note);
    g_free(checkpoint->started);
    g_free(checkpoint);
}

const char *okse_checkpoint_note(const OkseCheckpoint *checkpoint)
{
    return checkpoint->file != NULL ? checkpoint->note : NULL;
}

bool okse_checkpoint_found(const OkseCheckpoint *checkpoint)
{
    return checkpoint->earlier != NULL;
}

const OkseCheckpointRecord *okse_checkpoint_earlier(const OkseCheckpoint *checkpoint, const OkseSha256 *identity,
                                                    bool both)
{
    const OkseCheckpointRecord *earlier = checkpoint->earlier;

    return earlier != NULL && earlier->both == both && strcmp(earlier->file, checkpoint->file) == 0 &&
                   okse_sha256_equal(&earlier->identity, identity)
               ? earlier
               : NULL;
}

const OkseCheckpointBlob *okse_checkpoint_blob(const OkseCheckpoint *checkpoint, const OkseSha256 *digest)
{
    return g_hash_table_lookup(checkpoint->blobs, digest);
}

OkseCheckpointRecord *okse_checkpoint_begin(const OkseCheckpoint *checkpoint, const OkseSha256 *identity, bool both)
{
    const OkseCheckpointRecord *earlier = okse_checkpoint_earlier(checkpoint, identity, both);

    return okse_checkpoint_record_new(checkpoint->file != NULL ? checkpoint->file : "", identity, both,
                                      earlier != NULL ? earlier->since : checkpoint->started);
}

bool okse_checkpoint_save(const OkseCheckpoint *checkpoint, const OkseCheckpointRecord *record, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *now = NULL;

    if (checkpoint->file == NULL)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s", checkpoint->note);
    now = all_marks(checkpoint);
    if (now == NULL)
        return okse_fail_errno(error, "the bundle");
    if (strcmp(now, checkpoint->file) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "the bundle was changed while it was being verified");
    bytes = okse_checkpoint_record_write(record);
    if (g_bytes_get_size(bytes) > OKSE_LIMIT_CHECKPOINT)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "too much to remember");
    return okse_write_beneath(checkpoint->directory_fd, FILE_NAME, bytes, 0600, error);
}

void okse_checkpoint_remove(const OkseCheckpoint *checkpoint)
{
    if (checkpoint->file != NULL)
        unlinkat(checkpoint->directory_fd, FILE_NAME, 0);
}
