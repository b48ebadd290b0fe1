#include "packager/build_resume.h"

#include "core/limits.h"

#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FIRST_LINE "okse.resume.v1 "
#define FIELDS 7u

typedef struct {
    uint64_t data_at; /* the key */
    uint64_t size, device, inode;
    gint64 mtime, ctime;
    OkseSha256 digest;
} Note;

struct OkseResume {
    int dir_fd; /* owned */
    int fd;     /* of the journal; owned */
    char *name; /* of the journal */
    bool finished;
    GHashTable *notes;
};

GHashTable *okse_resume_notes_new(void)
{
    return g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
}

static bool parse_note(const char *line, Note *note)
{
    g_auto(GStrv) words = g_strsplit(line, " ", FIELDS + 1);
    guint64 numbers[4];

    if (g_strv_length(words) != FIELDS || strlen(words[6]) != OKSE_SHA256_HEX - 1)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++)
        if (!g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT64, &numbers[i], NULL))
            return false;
    *note = (Note){.data_at = numbers[0], .size = numbers[1], .device = numbers[2], .inode = numbers[3]};
    return g_ascii_string_to_signed(words[4], 10, G_MININT64, G_MAXINT64, &note->mtime, NULL) &&
           g_ascii_string_to_signed(words[5], 10, G_MININT64, G_MAXINT64, &note->ctime, NULL) &&
           okse_sha256_parse(words[6], &note->digest, NULL);
}

unsigned okse_resume_parse(GBytes *journal, GHashTable *notes)
{
    gsize length;
    const char *data = g_bytes_get_data(journal, &length);
    const char *at = data, *end;

    while (at != NULL && (end = memchr(at, '\n', length - (size_t)(at - data))) != NULL) { /* a torn line has no end */
        g_autofree char *line = g_strndup(at, (gsize)(end - at));
        Note note;

        if (parse_note(line, &note)) {
            Note *kept = g_memdup2(&note, sizeof note);

            g_hash_table_replace(notes, &kept->data_at, kept);
        }
        at = end + 1;
    }
    return g_hash_table_size(notes);
}

/* Only this user may have written it. */
static bool is_private(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() && info.st_nlink == 1 &&
           (info.st_mode & 022) == 0;
}

/* The name must still mean what was locked: its last holder may have finished, or removed it, in between. */
static bool is_still_there(const OkseOutput *output, int fd)
{
    struct stat named, opened;

    return fstatat(output->dir_fd, output->part, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &opened) == 0 &&
           named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

bool okse_resume_take(OkseOutput *output)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    okse_autofd fd = -1;
    bool made;

    output->part = g_strdup_printf(".%s.part", output->name);
    fd = openat(output->dir_fd, output->part, flags | O_CREAT | O_EXCL, 0644);
    made = fd >= 0;
    if (!made)
        fd = openat(output->dir_fd, output->part, flags);
    if (fd >= 0 && is_private(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_still_there(output, fd)) {
        output->fd = okse_fd_steal(&fd);
        return true;
    }
    if (made)
        unlinkat(output->dir_fd, output->part, 0);
    g_clear_pointer(&output->part, g_free);
    return false;
}

bool okse_resume_open(OkseOutput *output, const char *path, OkseResume **resume, GError **error)
{
    g_autoptr(OkseResume) opened = NULL;

    *resume = NULL;
    if (!okse_output_prepare(output, path, error))
        return false;
    if (!okse_resume_take(output))
        return okse_output_create(output, error);
    opened = g_new0(OkseResume, 1);
    opened->dir_fd = fcntl(output->dir_fd, F_DUPFD_CLOEXEC, 0);
    opened->name = g_strconcat(output->part, ".journal", NULL);
    opened->notes = okse_resume_notes_new();
    opened->fd =
        openat(output->dir_fd, opened->name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
    if (opened->fd >= 0 && !is_private(opened->fd))
        okse_fd_clear(&opened->fd);
    *resume = g_steal_pointer(&opened);
    return true;
}

/* What decides every place in the file. */
static char *first_line(const OkseLayout *layout)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    const uint64_t ends[] = {layout->index_at, layout->index_slot, layout->area_at, layout->end_at};
    OkseSha256 digest;
    char text[OKSE_SHA256_TEXT];

    okse_sha256_stream_update(stream, ends, sizeof ends);
    for (guint i = 0; i < layout->order->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);
        const uint64_t place[] = {blob->prefix_at, blob->data_at, blob->size};

        okse_sha256_stream_update(stream, place, sizeof place);
    }
    digest = okse_sha256_stream_end(stream);
    return g_strconcat(FIRST_LINE, okse_sha256_text(&digest, text), "\n", NULL);
}

bool okse_resume_begin(OkseResume *resume, const OkseLayout *layout, int fd, uint64_t *held, GError **error)
{
    g_autofree char *first = first_line(layout);
    g_autoptr(GBytes) journal =
        resume->fd < 0 ? NULL : okse_read_fd(resume->fd, OKSE_LIMIT_METADATA_TOTAL, "journal", NULL);
    struct stat info;

    *held = 0;
    if (fstat(fd, &info) < 0)
        return okse_fail_errno(error, "the unfinished bundle");
    if (journal != NULL && (uint64_t)info.st_size == layout->size && g_bytes_get_size(journal) >= strlen(first) &&
        memcmp(g_bytes_get_data(journal, NULL), first, strlen(first)) == 0) {
        okse_resume_parse(journal, resume->notes);
        *held = (uint64_t)info.st_blocks * 512;
        return true;
    }
    if (ftruncate(fd, 0) < 0)
        return okse_fail_errno(error, "empty the unfinished bundle");
    if (resume->fd < 0)
        return true;
    if (ftruncate(resume->fd, 0) < 0)
        return okse_fail_errno(error, "empty the journal of an unfinished bundle");
    return okse_write_all(resume->fd, first, strlen(first), "the journal of an unfinished bundle", error);
}

bool okse_resume_find(const OkseResume *resume, const OkseBlobPlan *blob, OkseSha256 *digest)
{
    const Note *note = resume == NULL ? NULL : g_hash_table_lookup(resume->notes, &blob->data_at);
    const OkseEntry *entry = okse_source_entry(blob->source, blob->entry);

    if (note == NULL || note->size != blob->size || note->device != entry->device || note->inode != entry->inode ||
        note->mtime != entry->mtime || note->ctime != entry->ctime)
        return false;
    *digest = note->digest;
    return true;
}

void okse_resume_note(const OkseResume *resume, const OkseBlobPlan *blob)
{
    const OkseEntry *entry = okse_source_entry(blob->source, blob->entry);
    char hex[OKSE_SHA256_HEX];
    g_autofree char *line = NULL;

    if (resume == NULL || resume->fd < 0)
        return;
    line = g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                           " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s\n",
                           blob->data_at, blob->size, entry->device, entry->inode, entry->mtime, entry->ctime,
                           okse_sha256_hex(&blob->digest, hex));
    okse_write_all(resume->fd, line, strlen(line), "journal", NULL); /* O_APPEND: one write, one line */
}

bool okse_resume_finish(OkseResume *resume, GError **error)
{
    if (unlinkat(resume->dir_fd, resume->name, 0) < 0 && errno != ENOENT)
        return okse_fail_errno(error, "remove %s", resume->name);
    resume->finished = true;
    return true;
}

void okse_resume_free(OkseResume *resume)
{
    if (resume == NULL)
        return;
    if (!resume->finished)
        unlinkat(resume->dir_fd, resume->name, 0);
    g_hash_table_unref(resume->notes);
    okse_fd_clear(&resume->fd);
    okse_fd_clear(&resume->dir_fd);
    g_free(resume->name);
    g_free(resume);
}
