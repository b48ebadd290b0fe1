#include "packager/tar_extract.h"

#include "core/fd.h"
#include "packager/stage.h"
#include "packager/tar_header.h"

#include <string.h>

#define CHUNK (1u << 20)

typedef struct {
    const OkseBlobRange *tar;
    const OkseBlobSink *sink;
    const char *name;
    OkseSha256Stream *stream; /* of the whole */
    uint8_t *buffer;
    size_t at, filled; /* in buffer */
    uint64_t read;     /* of the tar */
} Input;

static bool input_fill(Input *input, GError **error)
{
    size_t length = (size_t)MIN(input->tar->size - input->read, CHUNK);

    if (okse_interrupted() || (input->sink->jobs != NULL && okse_jobs_stopped(input->sink->jobs)))
        return okse_fail(error, OKSE_ERROR_CANCELLED, "stopped");
    if (length == 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the tar ends before its listing", input->name);
    if (!okse_bytes_read(input->tar->bytes, input->tar->offset + input->read, input->buffer, length, input->name,
                         error))
        return false;
    okse_sha256_stream_update(input->stream, input->buffer, length);
    okse_progress_add(input->sink->progress, length);
    input->read += length;
    input->at = 0;
    input->filled = length;
    return true;
}

/* Up to `most` bytes, at least one; *length says how many. */
static bool input_take(Input *input, uint64_t most, const uint8_t **data, size_t *length, GError **error)
{
    if (input->at == input->filled && !input_fill(input, error))
        return false;
    *data = input->buffer + input->at;
    *length = (size_t)MIN(most, input->filled - input->at);
    input->at += *length;
    return true;
}

static bool input_expect(Input *input, const uint8_t *wanted, size_t size, const char *path, GError **error)
{
    const uint8_t *data;
    size_t length;

    for (size_t done = 0; done < size; done += length) {
        if (!input_take(input, size - done, &data, &length, error))
            return false;
        if (memcmp(data, wanted + done, length) != 0)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the tar differs from its listing at '%s'", input->name,
                             path);
    }
    return true;
}

static bool extract_file(Input *input, const OkseTreeEntry *entry, OkseSha256Stream *hash, int dir_fd, GError **error)
{
    static const uint8_t zeros[OKSE_TAR_BLOCK];
    okse_autofd fd = okse_stage_create(dir_fd, entry->path, entry->executable, error);
    const uint8_t *data;
    OkseSha256 digest;
    size_t length;

    if (fd < 0)
        return false;
    for (uint64_t done = 0; done < entry->size; done += length) {
        if (!input_take(input, entry->size - done, &data, &length, error))
            return false;
        okse_sha256_stream_update(hash, data, length);
        if (!okse_write_all(fd, data, length, entry->path, error))
            return false;
    }
    digest = okse_sha256_stream_end(hash);
    if (!okse_sha256_equal(&digest, &entry->digest))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: '%s' has other bytes than its listing says", input->name,
                         entry->path);
    return input_expect(input, zeros, (size_t)(okse_tar_padded(entry->size) - entry->size), entry->path, error);
}

static bool extract_link(const OkseTreeEntry *entry, int dir_fd, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(entry->path);
    g_autofree char *name = g_path_get_basename(entry->path);
    okse_autofd parent = okse_open_beneath(dir_fd, directory, O_PATH | O_DIRECTORY, 0, error);

    if (parent < 0)
        return false;
    return symlinkat(entry->link, parent, name) == 0 || okse_fail_errno(error, "link %s", entry->path);
}

GBytes *okse_tar_tree_entry(const OkseTreeEntry *entry)
{
    static const char types[] = {[OKSE_TREE_FILE] = '0', [OKSE_TREE_DIRECTORY] = '5', [OKSE_TREE_LINK] = '2'};
    unsigned mode = entry->type == OKSE_TREE_LINK                             ? 0777
                    : entry->type == OKSE_TREE_DIRECTORY || entry->executable ? 0755
                                                                              : 0644;

    return okse_tar_entry(entry->path, types[entry->type], mode, entry->type == OKSE_TREE_FILE ? entry->size : 0,
                          entry->link);
}

static bool extract_member(Input *input, const OkseTreeEntry *entry, OkseSha256Stream *hash, int dir_fd, GError **error)
{
    g_autoptr(GBytes) header = okse_tar_tree_entry(entry);
    gsize length;
    const uint8_t *wanted = g_bytes_get_data(header, &length);

    if (!input_expect(input, wanted, length, entry->path, error))
        return false;
    if (entry->type == OKSE_TREE_FILE)
        return extract_file(input, entry, hash, dir_fd, error);
    return entry->type == OKSE_TREE_DIRECTORY || extract_link(entry, dir_fd, error);
}

static bool extract_end(Input *input, GError **error)
{
    static const uint8_t end[2 * OKSE_TAR_BLOCK];
    OkseSha256 digest;

    if (!input_expect(input, end, sizeof end, "(the end)", error))
        return false;
    if (input->at != input->filled || input->read != input->tar->size)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the tar goes on behind its listing", input->name);
    digest = okse_sha256_stream_end(input->stream);
    return okse_sha256_equal(&digest, &input->tar->digest) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: the tar has another digest than its manifest says", input->name);
}

bool okse_tar_extract(const OkseBlobRange *tar, const OkseTree *tree, int dir_fd, const OkseBlobSink *sink,
                      const char *name, GError **error)
{
    g_autoptr(OkseSha256Stream) whole = okse_sha256_stream_new(), hash = okse_sha256_stream_new();
    g_autofree uint8_t *buffer = g_malloc(CHUNK);
    Input input = {.tar = tar, .sink = sink, .name = name, .stream = whole, .buffer = buffer};

    for (unsigned i = 0; i < okse_tree_count(tree); i++)
        if (!okse_tree_entry(tree, i)->beside && !extract_member(&input, okse_tree_entry(tree, i), hash, dir_fd, error))
            return false;
    return extract_end(&input, error);
}
