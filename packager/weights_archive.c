/* Files in files: zip (torch.save, .npz, .keras), tar (.nemo), 7z and compressed streams, read by libarchive; zlib
 * alone (joblib) by GLib. What a reader here cannot open, another one may: that is a finding, never silence. */
#include "packager/weights_internal.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/weights_spool.h"

#include <archive.h>
#include <archive_entry.h>
#include <gio/gio.h>
#include <string.h>

#define CHUNK (256u << 10)
#define RATIO 400u               /* no weights shrink that much; deflate itself ends at 1032 */
#define FREE_SIZE (256ull << 20) /* below this, expansion is not judged */
#define MEMBERS 1000000u

typedef struct archive Archive;
static void archive_close(Archive *archive)
{
    archive_read_free(archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_close)

typedef struct {
    const WeightsFile *file;
    uint64_t at;
    GError *error;
    uint8_t buffer[CHUNK];
} Input;

static la_ssize_t input_read(Archive *archive, void *context, const void **data)
{
    Input *input = context;
    size_t length = (size_t)MIN(CHUNK, input->file->size - input->at);

    if (input->error != NULL ||
        !input->file->read(input->file->context, input->at, input->buffer, length, &input->error)) {
        archive_set_error(archive, EIO, "cannot be read");
        return ARCHIVE_FATAL;
    }
    input->at += length;
    *data = input->buffer;
    return (la_ssize_t)length;
}

static la_int64_t input_skip(Archive *archive, void *context, la_int64_t request)
{
    Input *input = context;
    uint64_t step = MIN((uint64_t)MAX(request, 0), input->file->size - input->at);

    (void)archive;
    input->at += step;
    return (la_int64_t)step;
}

static la_int64_t input_seek(Archive *archive, void *context, la_int64_t offset, int whence)
{
    Input *input = context;
    la_int64_t base = whence == SEEK_SET ? 0 : (la_int64_t)(whence == SEEK_CUR ? input->at : input->file->size), to;

    if (__builtin_add_overflow(base, offset, &to) || to < 0 || (uint64_t)to > input->file->size) {
        archive_set_error(archive, EINVAL, "leads outside the file");
        return ARCHIVE_FATAL;
    }
    input->at = (uint64_t)to;
    return to;
}

static bool starts(const uint8_t *head, const char *magic, size_t length)
{
    return memcmp(head, magic, length) == 0;
}

static const char *compression(const uint8_t *head)
{
    if (starts(head, "\x1f\x8b", 2) || starts(head, "BZh", 3) ||
        starts(head,
               "\xfd"
               "7zXZ",
               6) ||
        starts(head, "\x28\xb5\x2f\xfd", 4) || starts(head, "\x04\x22\x4d\x18", 4) || starts(head, "\x5d\0\0", 3))
        return "compressed";
    return head[0] == 0x78 && (head[0] * 256u + head[1]) % 31 == 0 ? "zlib" : NULL;
}

/* Whether the end record at `at` of the tail has its directory right before it, as Python's reader wants it. */
static bool has_directory(const uint8_t *tail, size_t at)
{
    uint64_t size = 0;

    for (unsigned i = 4; i > 0; i--)
        size = size << 8 | tail[at + 11 + i];
    /* a larger directory, or one of zip64, begins before the tail: let the reader see */
    return size > at || size == 0 || starts(tail + at - size, "PK\x01\x02", 4);
}

/* A zip may stand behind something else; its end says so. Source: APPNOTE.TXT 4.3.16. */
static bool ends_as_zip(WeightsScan *scan, const WeightsFile *file)
{
    size_t length = (size_t)MIN(file->size, 22u + 65535u);
    g_autofree uint8_t *tail = g_malloc(length);
    GError *error = NULL;

    if (!file->read(file->context, file->size - length, tail, length, &error)) {
        weights_failed(scan, error);
        return false;
    }
    for (size_t at = 0; at + 22 <= length; at++)
        if (starts(tail + at, "PK\x05\x06", 4) && has_directory(tail, at))
            return true;
    return false;
}

const char *weights_archive_kind(WeightsScan *scan, const WeightsFile *file)
{
    uint8_t head[512] = {0};
    GError *error = NULL;

    if (file->size < 8)
        return NULL;
    if (!file->read(file->context, 0, head, (size_t)MIN(sizeof head, file->size), &error)) {
        weights_failed(scan, error);
        return NULL;
    }
    if (starts(head, "PK\x03\x04", 4) || starts(head, "PK\x05\x06", 4) || ends_as_zip(scan, file))
        return "zip";
    if (starts(head, "7z\xbc\xaf\x27\x1c", 6))
        return "7z";
    if (starts(head, "Rar!\x1a\x07", 6))
        return "rar";
    return starts(head + 257, "ustar", 5) ? "tar" : compression(head);
}

static Archive *open_archive(Input *input, const char *kind)
{
    g_autoptr(Archive) archive = archive_read_new();

    if (strcmp(kind, "compressed") == 0) {
        archive_read_support_filter_gzip(archive);
        archive_read_support_filter_bzip2(archive);
        archive_read_support_filter_xz(archive);
        archive_read_support_filter_lzma(archive);
        archive_read_support_filter_zstd(archive);
        archive_read_support_filter_lz4(archive);
        archive_read_support_format_raw(archive);
    }
    archive_read_support_format_tar(archive);
    archive_read_support_format_zip(archive);
    archive_read_support_format_7zip(archive);
    archive_read_support_format_rar(archive);
    archive_read_support_format_rar5(archive);
    archive_read_set_callback_data(archive, input);
    archive_read_set_read_callback(archive, input_read);
    archive_read_set_skip_callback(archive, input_skip);
    archive_read_set_seek_callback(archive, input_seek);
    archive_read_open1(archive);
    return g_steal_pointer(&archive);
}

typedef struct {
    WeightsScan *scan;
    const WeightsFile *file; /* the archive */
    Archive *archive;        /* NULL for zlib alone */
    WeightsSpool spool;
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
        if (!weights_spool_write(&unpack->spool, buffer, (size_t)got, &unpack->scan->error))
            return false;
    }
}

static bool visit_member(Unpack *unpack, struct archive_entry *member)
{
    const char *name = archive_entry_pathname(member);
    g_autofree char *path = g_strconcat(unpack->file->path, "!", name != NULL ? name : "?", NULL);
    WeightsFile file = {.path = path, .read = weights_spool_read, .context = &unpack->spool};

    if (archive_entry_is_encrypted(member))
        unreadable(unpack, name, "encrypted");
    if (!weights_spool_reset(&unpack->spool, &unpack->scan->error) || !spool_member(unpack, name))
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
        if (too_large(unpack, made) || !weights_spool_write(&unpack->spool, out, made, &unpack->scan->error))
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
    WeightsFile file = {.path = path, .read = weights_spool_read, .context = &unpack->spool};

    if (!expand_zlib(unpack) || unpack->spool.size == 0)
        return false;
    file.size = unpack->spool.size;
    weights_file(unpack->scan, &file, unpack->depth + 1);
    return true;
}

bool weights_archive(WeightsScan *scan, const WeightsFile *file, const char *kind, unsigned depth)
{
    bool understood;

    g_autofree Input *input = g_new0(Input, 1);
    g_autoptr(Archive) archive = NULL;
    Unpack unpack = {.scan = scan, .file = file, .spool = {.fd = -1}, .depth = depth};

    if (depth >= WEIGHTS_ARCHIVE_DEPTH) {
        weights_finding(scan, file, WEIGHTS_CRITICAL, "archive.depth", WEIGHTS_NO_OFFSET,
                        "lies in more than %u archives", WEIGHTS_ARCHIVE_DEPTH);
        return true;
    }
    input->file = file;
    if (strcmp(kind, "zlib") == 0) {
        understood = unpack_zlib(&unpack);
    } else {
        archive = open_archive(input, kind);
        unpack.archive = archive;
        understood = unpack_members(&unpack, strcmp(kind, "compressed") == 0);
    }
    weights_failed(scan, g_steal_pointer(&input->error));
    weights_spool_clear(&unpack.spool);
    return understood;
}
