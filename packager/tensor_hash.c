#include "packager/tensor_hash.h"

#include "core/verity.h"

struct OkseTensorHash {
    OkseTensorFile *file;
    OkseVerityStream *stream; /* of the tensor that is passing */
    unsigned next;            /* the first tensor that has not wholly passed */
    uint64_t at;              /* bytes of the file that have passed */
};

OkseTensorHash *okse_tensor_hash_new(OkseTensorFile *file)
{
    OkseTensorHash *hash = g_new0(OkseTensorHash, 1);

    hash->file = file;
    hash->stream = okse_verity_stream_new();
    return hash;
}

/* Tensors that end where the file has passed to; those without bytes among them. */
static void finish_passed(OkseTensorHash *hash)
{
    while (hash->next < hash->file->tensors->len) {
        OkseTensor *tensor = &g_array_index(hash->file->tensors, OkseTensor, hash->next);

        if (tensor->offset + tensor->length > hash->at)
            return;
        tensor->digest = okse_verity_stream_end(hash->stream);
        hash->next++;
    }
}

void okse_tensor_hash_update(OkseTensorHash *hash, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t end = hash->at + length;

    g_assert(end <= hash->file->size);
    finish_passed(hash);
    while (hash->at < end) {
        const OkseTensor *tensor = hash->next < hash->file->tensors->len ? okse_tensor(hash->file, hash->next) : NULL;
        uint64_t from = tensor == NULL ? end : MIN(MAX(tensor->offset, hash->at), end);
        uint64_t until = tensor == NULL ? end : MIN(tensor->offset + tensor->length, end);

        bytes += from - hash->at; /* what belongs to no tensor */
        hash->at = from;
        if (until > from) {
            okse_verity_stream_update(hash->stream, bytes, (size_t)(until - from));
            bytes += until - from;
            hash->at = until;
        }
        finish_passed(hash);
    }
}

void okse_tensor_hash_end(OkseTensorHash *hash)
{
    finish_passed(hash);
    g_assert(hash->at == hash->file->size && hash->next == hash->file->tensors->len);
}

void okse_tensor_hash_free(OkseTensorHash *hash)
{
    if (hash == NULL)
        return;
    okse_verity_stream_free(hash->stream);
    g_free(hash);
}

static bool put(const void *data, size_t length, void *context)
{
    okse_tensor_hash_update(context, data, length);
    return true;
}

bool okse_tensor_hash_range(OkseTensorFile *file, const OkseRange *range, const OkseJobs *jobs, OkseProgress *progress,
                            GError **error)
{
    g_autoptr(OkseTensorHash) hash = okse_tensor_hash_new(file);

    g_assert(range->size == file->size);
    if (!okse_range_read(range, jobs, progress, put, hash, error))
        return false;
    okse_tensor_hash_end(hash);
    return true;
}
