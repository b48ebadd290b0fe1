#include "packager/archive_members.h"

#include "core/worker.h"
#include "packager/archive_read.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#define CHUNK (256u << 10)
#define RATIO 400u               /* deflate itself ends at 1032 */
#define FREE_SIZE (256ull << 20) /* below this, expansion is not judged */
#define MEMBERS 1000000u

typedef struct {
    const OkseReadable *file;
    const OkseMemberSink *sink;
    OkseMembersRead *read;
    OkseArchive *archive;
    uint8_t *buffer;
} Walk;

static bool trouble(Walk *walk, const char *why)
{
    if (walk->read->trouble == NULL)
        walk->read->trouble = g_strdup(why != NULL ? why : "it cannot be read");
    return true;
}

/* What came before a failure is given, too: loaders ignore checksums. */
static bool give_data(Walk *walk, bool *more, GError **error)
{
    for (;;) {
        la_ssize_t got = archive_read_data(walk->archive, walk->buffer, CHUNK);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (got == 0)
            return true;
        if (got < 0)
            return trouble(walk, archive_error_string(walk->archive));
        walk->read->bytes += (uint64_t)got;
        if (walk->read->bytes > FREE_SIZE && walk->read->bytes / RATIO > walk->file->size) {
            *more = false;
            return trouble(walk, "it grows over 400 times its size");
        }
        if (!walk->sink->data(walk->sink->context, walk->buffer, (size_t)got, error))
            return false;
    }
}

static bool give_member(Walk *walk, struct archive_entry *member, bool *more, GError **error)
{
    const char *name = archive_entry_pathname_utf8(member);

    if (name == NULL)
        name = archive_entry_pathname(member);
    if (archive_entry_is_encrypted(member))
        return trouble(walk, "it is encrypted");
    walk->read->members++;
    return walk->sink->begin(walk->sink->context, name != NULL ? name : "?", error) && give_data(walk, more, error) &&
           walk->sink->end(walk->sink->context, error);
}

static bool walk_members(Walk *walk, bool compressed, GError **error)
{
    bool more = true;

    for (unsigned seen = 0; more; seen++) {
        struct archive_entry *member = NULL;
        int result = archive_read_next_header(walk->archive, &member);

        if (result == ARCHIVE_EOF)
            return true;
        if (result < ARCHIVE_WARN)
            return trouble(walk, archive_error_string(walk->archive));
        if (seen == MEMBERS)
            return trouble(walk, "it has over a million members");
        if (compressed && archive_filter_code(walk->archive, 0) == ARCHIVE_FILTER_NONE) {
            walk->read->mistaken = true;
            return true;
        }
        if ((archive_entry_filetype(member) == AE_IFREG || archive_entry_filetype(member) == 0) &&
            !give_member(walk, member, &more, error))
            return false;
    }
    return true;
}

bool okse_archive_members(const OkseReadable *file, const char *kind, const OkseMemberSink *sink, OkseMembersRead *read,
                          GError **error)
{
    g_autoptr(OkseArchiveInput) input = okse_archive_input_new(file, kind);
    g_autofree uint8_t *buffer = g_malloc(CHUNK);
    Walk walk = {file, sink, read, okse_archive_input_archive(input), buffer};
    GError *failed;
    bool done;

    *read = (OkseMembersRead){0};
    done = walk_members(&walk, strcmp(kind, "compressed") == 0, error);
    failed = okse_archive_input_failure(input);
    if (done && failed != NULL) {
        g_propagate_error(error, failed);
        return false;
    }
    g_clear_error(&failed);
    return done;
}
