/* Files in files: zip (torch.save, .npz, .keras), tar (.nemo), 7z and compressed streams, read by libarchive; zlib
 * alone (joblib) by GLib. What a reader here cannot open, another one may: that is a finding, never silence. */
#include "packager/weights_internal.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/archive_read.h"
#include "packager/spool.h"

#include <archive.h>
#include <archive_entry.h>
#include <gio/gio.h>
#include <string.h>

#define CHUNK (256u << 10)
#define RATIO 400u               /* no weights shrink that much; deflate itself ends at 1032 */
#define FREE_SIZE (256ull << 20) /* below this, expansion is not judged */
#define MEMBERS 1000000u

const char *weights_archive_kind(WeightsScan *scan, const WeightsFile *file)
{
    GError *error = NULL;
    const char *kind = okse_archive_kind(file, &error);

    weights_failed(scan, error);
    return kind;
}

typedef struct {
    WeightsScan *scan;
    const WeightsFile *file; /* the archive */
    OkseArchive *archive;    /* NULL for zlib alone */
    OkseSpool spool;
    uint64_t expanded;
    unsigned depth;
} Unpack;

static void unreadable(Unpack *unpack, const char *member, const char *why)
{
    g_autofree char *shown = okse_text_show(member != NULL ? member : "", -1, false);

    weights_finding(unpack->scan, unpack->file, WEIGHTS_CRITICAL, "archive.unreadable", WEIGHTS_NO_OFFSET,
                    "%s%s%scannot be read to its end (%s), but a more lenient reader may", member != NULL ? "'" : "",
                    shown, member != NULL ? "' " : "", why != NULL ? why : "unknown reason");
}

static bool too_large(Unpack *unpack, size_t length)
{
    unpack->expanded += length;
    if (unpack->expanded <= FREE_SIZE || unpack->expanded / RATIO <= unpack->file->size)
        return false;
    weights_finding(unpack->scan, unpack->file, WEIGHTS_CRITICAL, "archive.expands", WEIGHTS_NO_OFFSET,
                    "expands to more than %u times its size", RATIO);
    return true;
}

/* The member's bytes into the spool. What came before a failure is examined, too: loaders ignore checksums. */
static bool spool_member(Unpack *unpack, const char *name)
{
    g_autofree uint8_t *buffer = g_malloc(CHUNK);

    for (;;) {
        la_ssize_t got = archive_read_data(unpack->archive, buffer, CHUNK);

        if (okse_interrupted())
            return okse_fail(&unpack->scan->error, OKSE_ERROR_CANCELLED, "interrupted");
        if (got == 0)
            return true;
        if (got < 0) {
            unreadable(unpack, name, archive_error_string(unpack->archive));
            return true;
        }
        if (too_large(unpack, (size_t)got))
            return false;
        if (!okse_spool_write(&unpack->spool, buffer, (size_t)got, &unpack->scan->error))
            return false;
    }
}

static bool visit_member(Unpack *unpack, struct archive_entry *member)
{
    const char *name = archive_entry_pathname(member);
    g_autofree char *path = g_strconcat(unpack->file->path, "!", name != NULL ? name : "?", NULL);
    WeightsFile file = {.path = path, .read = okse_spool_read, .context = &unpack->spool};

    if (archive_entry_is_encrypted(member))
        unreadable(unpack, name, "encrypted");
    if (!okse_spool_reset(&unpack->spool, &unpack->scan->error) || !spool_member(unpack, name))
        return false;
    file.size = unpack->spool.size;
    if (file.size > 0)
        weights_file(unpack->scan, &file, unpack->depth + 1);
    return unpack->scan->error == NULL;
}

/* False when the bytes only began like something compressed. */
static bool unpack_members(Unpack *unpack, bool compressed)
{
    struct archive_entry *member = NULL;
    unsigned count = 0;

    for (;;) {
        int result = archive_read_next_header(unpack->archive, &member);

        if (result == ARCHIVE_EOF)
            return true;
        if (result < ARCHIVE_WARN || ++count > MEMBERS) {
            unreadable(unpack, NULL, archive_error_string(unpack->archive));
            return true;
        }
        if (compressed && archive_filter_code(unpack->archive, 0) == ARCHIVE_FILTER_NONE)
            return false;
        if (archive_entry_filetype(member) != AE_IFREG && archive_entry_filetype(member) != 0)
            continue;
        if (!visit_member(unpack, member))
            return true;
    }
}

static bool expand_zlib(Unpack *unpack)
{
    g_autoptr(GZlibDecompressor) zlib = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
    g_autofree uint8_t *in = g_malloc(CHUNK), *out = g_malloc(CHUNK);
    uint64_t at = 0;
    size_t have = 0;

    for (;;) {
        g_autoptr(GError) error = NULL;
        gsize used = 0, made = 0;
        size_t part = (size_t)MIN(CHUNK - have, unpack->file->size - at);
        GConverterResult result;

        if (part > 0 && !unpack->file->read(unpack->file->context, at, in + have, part, &unpack->scan->error))
            return false;
        at += part;
        have += part;
        result = g_converter_convert(G_CONVERTER(zlib), in, have, out, CHUNK,
                                     at == unpack->file->size ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS, &used,
                                     &made, &error);
        if (result == G_CONVERTER_ERROR)
            return unpack->spool.size > 0;
        if (too_large(unpack, made) || !okse_spool_write(&unpack->spool, out, made, &unpack->scan->error))
            return false;
        have -= used;
        memmove(in, in + used, have);
        if (result == G_CONVERTER_FINISHED)
            return true;
    }
}

/* Any file may begin like zlib; only what expands is looked into. */
static bool unpack_zlib(Unpack *unpack)
{
    g_autofree char *path = g_strconcat(unpack->file->path, "!data", NULL);
    WeightsFile file = {.path = path, .read = okse_spool_read, .context = &unpack->spool};

    if (!expand_zlib(unpack) || unpack->spool.size == 0)
        return false;
    file.size = unpack->spool.size;
    weights_file(unpack->scan, &file, unpack->depth + 1);
    return true;
}

bool weights_archive(WeightsScan *scan, const WeightsFile *file, const char *kind, unsigned depth)
{
    bool understood;
    g_autoptr(OkseArchiveInput) input = NULL;
    Unpack unpack = {.scan = scan, .file = file, .spool = {.fd = -1}, .depth = depth};

    if (depth >= WEIGHTS_ARCHIVE_DEPTH) {
        weights_finding(scan, file, WEIGHTS_CRITICAL, "archive.depth", WEIGHTS_NO_OFFSET,
                        "lies in more than %u archives", WEIGHTS_ARCHIVE_DEPTH);
        return true;
    }
    if (strcmp(kind, "zlib") == 0) {
        understood = unpack_zlib(&unpack);
    } else {
        input = okse_archive_input_new(file, kind);
        unpack.archive = okse_archive_input_archive(input);
        understood = unpack_members(&unpack, strcmp(kind, "compressed") == 0);
        weights_failed(scan, okse_archive_input_failure(input));
    }
    okse_spool_clear(&unpack.spool);
    return understood;
}
