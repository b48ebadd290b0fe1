#include "packager/archive_read.h"

#include <archive.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK (256u << 10)

struct OkseArchiveInput {
    struct archive *archive;
    const OkseReadable *file;
    uint64_t at;
    GError *error;
    uint8_t buffer[CHUNK];
};

static la_ssize_t input_read(struct archive *archive, void *context, const void **data)
{
    OkseArchiveInput *input = context;
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

static la_int64_t input_skip(struct archive *archive, void *context, la_int64_t request)
{
    OkseArchiveInput *input = context;
    uint64_t step = MIN((uint64_t)MAX(request, 0), input->file->size - input->at);

    (void)archive;
    input->at += step;
    return (la_int64_t)step;
}

static la_int64_t input_seek(struct archive *archive, void *context, la_int64_t offset, int whence)
{
    OkseArchiveInput *input = context;
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
static bool ends_as_zip(const OkseReadable *file, GError **error)
{
    size_t length = (size_t)MIN(file->size, 22u + 65535u);
    g_autofree uint8_t *tail = g_malloc(length);

    if (!file->read(file->context, file->size - length, tail, length, error))
        return false;
    for (size_t at = 0; at + 22 <= length; at++)
        if (starts(tail + at, "PK\x05\x06", 4) && has_directory(tail, at))
            return true;
    return false;
}

const char *okse_archive_kind(const OkseReadable *file, GError **error)
{
    uint8_t head[512] = {0};

    if (file->size < 8 || !file->read(file->context, 0, head, (size_t)MIN(sizeof head, file->size), error))
        return NULL;
    if (starts(head, "PK\x03\x04", 4) || starts(head, "PK\x05\x06", 4) || ends_as_zip(file, error))
        return "zip";
    if (starts(head, "7z\xbc\xaf\x27\x1c", 6))
        return "7z";
    if (starts(head, "Rar!\x1a\x07", 6))
        return "rar";
    return starts(head + 257, "ustar", 5) ? "tar" : compression(head);
}

OkseArchiveInput *okse_archive_input_new(const OkseReadable *file, const char *kind)
{
    OkseArchiveInput *input = g_new0(OkseArchiveInput, 1);
    struct archive *archive = archive_read_new();

    input->file = file;
    input->archive = archive;
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
    return input;
}

void okse_archive_input_free(OkseArchiveInput *input)
{
    if (input == NULL)
        return;
    archive_read_free(input->archive);
    g_clear_error(&input->error);
    g_free(input);
}

OkseArchive *okse_archive_input_archive(const OkseArchiveInput *input)
{
    return input->archive;
}

GError *okse_archive_input_failure(OkseArchiveInput *input)
{
    return g_steal_pointer(&input->error);
}
