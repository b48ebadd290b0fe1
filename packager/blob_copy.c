#include "packager/blob_copy.h"

#include <string.h>

#define CHUNK (1u << 20)

bool okse_blob_check(const OkseBlobRange *blob, const OkseSha256 *found, const char *name, GError **error)
{
    char wanted[OKSE_SHA256_TEXT], text[OKSE_SHA256_TEXT];

    return okse_sha256_equal(found, &blob->digest) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: the bytes are %s, not %s", name, okse_sha256_text(found, text),
                     okse_sha256_text(&blob->digest, wanted));
}

bool okse_blob_stream(const OkseBlobRange *blob, const OkseBlobSink *sink, const char *name, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree char *buffer = g_malloc((gsize)MIN(MAX(blob->size, 1), CHUNK));
    OkseSha256 digest;

    for (uint64_t done = 0; done < blob->size;) {
        size_t length = (size_t)MIN(blob->size - done, CHUNK);

        if (okse_interrupted() || (sink->jobs != NULL && okse_jobs_stopped(sink->jobs)))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "stopped");
        if (!okse_bytes_read(blob->bytes, blob->offset + done, buffer, length, name, error))
            return false;
        okse_sha256_stream_update(stream, buffer, length);
        if (sink->put != NULL && !sink->put(buffer, length, sink->context, error))
            return false;
        okse_progress_add(sink->progress, length);
        done += length;
    }
    digest = okse_sha256_stream_end(stream);
    return okse_blob_check(blob, &digest, name, error);
}

static bool put_memory(const void *data, size_t length, void *context, GError **error)
{
    char **at = context;

    (void)error;
    memcpy(*at, data, length);
    *at += length;
    return true;
}

GBytes *okse_blob_read(const OkseBlobRange *blob, uint64_t limit, const char *name, GError **error)
{
    g_autofree char *bytes = NULL;
    char *at;
    OkseBlobSink sink = {.put = put_memory, .context = &at};

    if (blob->size > limit) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of %" G_GUINT64_FORMAT " bytes", name, limit);
        return NULL;
    }
    bytes = g_malloc((gsize)MAX(blob->size, 1));
    at = bytes;
    if (!okse_blob_stream(blob, &sink, name, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&bytes), (gsize)blob->size);
}
