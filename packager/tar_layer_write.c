/* A directory delivers its files in the order of the tar, so the tar is streamed: hashed and written as it comes, small
 * files gathered into large writes. An archive delivers in its own order: every member goes to its place, and the tar
 * is hashed from what was written, while that is still in the page cache. */
#include "core/fd.h"
#include "packager/tar_header.h"
#include "packager/tar_layer_internal.h"

#include <string.h>

#define CHUNK (1u << 20)

typedef struct {
    OkseTarLayer *layer;
    const OkseTarTarget *target;
    OkseSha256Stream *file; /* of the member that is being written */
    uint64_t done;          /* bytes of it */
    /* Streaming only: */
    OkseSha256Stream *all;
    uint8_t *buffer; /* CHUNK bytes */
    size_t held;     /* in the buffer */
    uint64_t at;     /* where the buffer goes, relative to the tar */
    guint next;      /* member */
} Writing;

static const uint8_t zeros[2 * OKSE_TAR_BLOCK];

static bool put_at(const Writing *writing, uint64_t at, const void *data, size_t length, GError **error)
{
    return okse_pwrite_all(writing->target->fd, data, length, writing->target->offset + at, "tar layer", error);
}

static bool go_on(const Writing *writing, size_t length, GError **error)
{
    if (okse_jobs_stopped(writing->target->jobs))
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    okse_progress_add(writing->target->progress, length);
    return true;
}

static bool flush(Writing *writing, GError **error)
{
    if (!put_at(writing, writing->at, writing->buffer, writing->held, error))
        return false;
    writing->at += writing->held;
    writing->held = 0;
    return true;
}

static bool emit(Writing *writing, const void *data, size_t length, GError **error)
{
    okse_sha256_stream_update(writing->all, data, length);
    if (writing->held + length > CHUNK && !flush(writing, error))
        return false;
    if (length >= CHUNK) {
        if (!put_at(writing, writing->at, data, length, error))
            return false;
        writing->at += length;
        return true;
    }
    memcpy(writing->buffer + writing->held, data, length);
    writing->held += length;
    return true;
}

static bool emit_header(Writing *writing, const TarMember *member, GError **error)
{
    g_autoptr(GBytes) header = tar_member_header(writing->layer, member);

    g_assert(writing->at + writing->held + g_bytes_get_size(header) == member->data_at);
    return emit(writing, g_bytes_get_data(header, NULL), g_bytes_get_size(header), error);
}

/* What no source delivers stands between what it does: directories, links, empty files. */
static bool emit_until(Writing *writing, guint end, GError **error)
{
    for (; writing->next < end; writing->next++) {
        TarMember *member = &g_array_index(writing->layer->members, TarMember, writing->next);

        g_assert(tar_member_size(writing->layer, member) == 0);
        if (member->type == '0')
            member->digest = okse_sha256_of("", 0);
        if (!emit_header(writing, member, error))
            return false;
    }
    return true;
}

/* A file whose digest was known before (a blob of a cache, by its name) must have it. */
static bool is_promised(const OkseSource *source, unsigned index, const OkseSha256 *digest, GError **error)
{
    const OkseEntry *entry = okse_source_entry(source, index);

    return !entry->has_digest || okse_sha256_equal(&entry->digest, digest) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is not what its digest says; nothing was written",
                     okse_source_origin(source), entry->path);
}

static bool stream_chunk(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Writing *writing = context;
    guint index = writing->layer->by_entry[entry];
    TarMember *member = &g_array_index(writing->layer->members, TarMember, index);
    uint64_t size = tar_member_size(writing->layer, member);

    if (!go_on(writing, length, error))
        return false;
    if (writing->done == 0 && (!emit_until(writing, index, error) || !emit_header(writing, member, error)))
        return false;
    okse_sha256_stream_update(writing->file, data, length);
    if (!emit(writing, data, length, error))
        return false;
    writing->done += length;
    if (writing->done < size)
        return true;
    member->digest = okse_sha256_stream_end(writing->file);
    if (!is_promised(writing->layer->source, entry, &member->digest, error))
        return false;
    writing->done = 0;
    writing->next = index + 1;
    return emit(writing, zeros, (size_t)(okse_tar_padded(size) - size), error);
}

static bool write_stream(Writing *writing, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) all = okse_sha256_stream_new();
    g_autofree uint8_t *buffer = g_malloc(CHUNK);

    writing->all = all;
    writing->buffer = buffer;
    if (!okse_source_copy(writing->layer->source, NULL, stream_chunk, writing, error) ||
        !emit_until(writing, writing->layer->members->len, error) || !emit(writing, zeros, sizeof zeros, error) ||
        !flush(writing, error))
        return false;
    g_assert(writing->at == writing->layer->size);
    *digest = okse_sha256_stream_end(all);
    return true;
}

static bool put_header(const Writing *writing, const TarMember *member, GError **error)
{
    g_autoptr(GBytes) header = tar_member_header(writing->layer, member);
    size_t length = g_bytes_get_size(header);

    return put_at(writing, member->data_at - length, g_bytes_get_data(header, NULL), length, error);
}

static bool place_chunk(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Writing *writing = context;
    TarMember *member = &g_array_index(writing->layer->members, TarMember, writing->layer->by_entry[entry]);
    uint64_t size = tar_member_size(writing->layer, member);

    if (!go_on(writing, length, error) || (writing->done == 0 && !put_header(writing, member, error)) ||
        !put_at(writing, member->data_at + writing->done, data, length, error))
        return false;
    okse_sha256_stream_update(writing->file, data, length);
    writing->done += length;
    if (writing->done < size)
        return true;
    member->digest = okse_sha256_stream_end(writing->file);
    writing->done = 0;
    return put_at(writing, member->data_at + size, zeros, (size_t)(okse_tar_padded(size) - size), error);
}

static bool place_rest(const Writing *writing, GError **error)
{
    for (guint i = 0; i < writing->layer->members->len; i++) {
        TarMember *member = &g_array_index(writing->layer->members, TarMember, i);

        if (tar_member_size(writing->layer, member) > 0)
            continue;
        if (member->type == '0')
            member->digest = okse_sha256_of("", 0);
        if (!put_header(writing, member, error))
            return false;
    }
    return put_at(writing, writing->layer->size - sizeof zeros, zeros, sizeof zeros, error);
}

static bool hash_back(const Writing *writing, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(CHUNK);

    for (uint64_t at = 0; at < writing->layer->size;) {
        size_t length = (size_t)MIN(writing->layer->size - at, CHUNK);

        if (!go_on(writing, 0, error) ||
            !okse_pread_exact(writing->target->fd, buffer, length, writing->target->offset + at, "tar layer", error))
            return false;
        okse_sha256_stream_update(stream, buffer, length);
        at += length;
    }
    *digest = okse_sha256_stream_end(stream);
    return true;
}

bool okse_tar_layer_write(OkseTarLayer *layer, const OkseTarTarget *target, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) file = okse_sha256_stream_new();
    Writing writing = {.layer = layer, .target = target, .file = file};

    if (!okse_source_is_sequential(layer->source))
        return write_stream(&writing, digest, error);
    return okse_source_copy(layer->source, NULL, place_chunk, &writing, error) && place_rest(&writing, error) &&
           hash_back(&writing, digest, error);
}
