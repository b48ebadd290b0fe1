/* A list of tensors: no crash, an error exactly when it is refused; what was taken lies within its file in order, is
 * written again as the same bytes, and differs in nothing from itself. */
#include "packager/tensor_diff.h"
#include "packager/tensor_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(const OkseTensorFile *file)
{
    uint64_t end = 0;

    g_assert(file->tensors->len > 0);
    for (guint i = 0; i < file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(file, i);

        g_assert(tensor->offset >= end && tensor->length <= file->size - tensor->offset);
        g_assert(tensor->dimensions <= OKSE_TENSOR_DIMENSIONS && g_utf8_validate(tensor->name, -1, NULL));
        end = tensor->offset + tensor->length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size), again = NULL;
    g_autoptr(GPtrArray) files = okse_tensor_files_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) difference = NULL;
    OkseTensorCursor cursor = {0};
    bool good = okse_tensor_list_read(bytes, "fuzz", files, &error);

    g_assert(good == (error == NULL));
    if (!good)
        return 0;
    for (guint i = 0; i < files->len; i++)
        check_file(g_ptr_array_index(files, i));
    again = okse_tensor_list_write(((const OkseTensorFile *)g_ptr_array_index(files, 0))->component, files, &cursor);
    g_assert(cursor.file < files->len || g_bytes_equal(bytes, again));
    difference = okse_tensor_diff(files, files);
    g_assert(json_array_size(difference) == 0);
    return 0;
}
