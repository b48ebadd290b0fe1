/* Tensors as the headers of a safetensors or GGUF file tell them: a file of the smallest size that is listed, of which
 * only the front is given and the rest is zeros. What is listed lies within the file, in order, and can be hashed. The
 * first byte says which format. */
#include "packager/tensor_hash.h"
#include "packager/weights.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_padded(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data((GBytes *)(uintptr_t)context, &size);
    size_t there = offset < size ? (size_t)MIN(length, size - offset) : 0;

    (void)error;
    memset(buffer, 0, length);
    if (there > 0)
        memcpy(buffer, data + offset, there);
    return true;
}

static void check(OkseTensorFile *file)
{
    g_autoptr(OkseTensorHash) hash = okse_tensor_hash_new(file);
    g_autofree uint8_t *zeros = g_malloc0(file->size);
    uint64_t end = 0;

    for (guint i = 0; i < file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(file, i);

        g_assert(tensor->offset >= end && tensor->length <= file->size - tensor->offset);
        end = tensor->offset + tensor->length;
    }
    okse_tensor_hash_update(hash, zeros, 1000);
    okse_tensor_hash_update(hash, zeros, (size_t)file->size - 1000);
    okse_tensor_hash_end(hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseWeightsRules *rules;
    g_autoptr(GBytes) bytes = size == 0 ? NULL : g_bytes_new(data + 1, size - 1);
    OkseReadable file = {.path = size > 0 && data[0] == 'g' ? "m.gguf" : "m.safetensors",
                         .size = OKSE_TENSORS_FROM,
                         .read = read_padded,
                         .context = bytes};
    g_autoptr(OkseTensorFile) listed = NULL;
    g_autoptr(GError) error = NULL;

    if (size == 0 || size > OKSE_TENSORS_FROM)
        return 0;
    if (rules == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        rules = okse_weights_rules_read(resources, NULL);
        g_assert(rules != NULL);
    }
    listed = okse_weights_tensors(rules, &file, &error);
    g_assert(error == NULL);
    if (listed != NULL)
        check(listed);
    return 0;
}
