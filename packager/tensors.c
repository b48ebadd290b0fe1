#include "packager/tensors.h"

#include <string.h>

#define NAME_LIMIT 255u
#define DTYPE_LIMIT 32u

OkseTensorFile *okse_tensor_file_new(const char *component, const char *path, uint64_t size)
{
    OkseTensorFile *file = g_new0(OkseTensorFile, 1);

    file->component = g_strdup(component);
    file->path = g_strdup(path);
    file->size = size;
    file->tensors = g_array_new(FALSE, FALSE, sizeof(OkseTensor));
    file->texts = g_string_chunk_new(4096);
    return file;
}

void okse_tensor_file_free(OkseTensorFile *file)
{
    if (file == NULL)
        return;
    g_array_unref(file->tensors);
    g_string_chunk_free(file->texts);
    g_free(file->component);
    g_free(file->path);
    g_free(file);
}

static void file_free(gpointer data)
{
    okse_tensor_file_free(data);
}

GPtrArray *okse_tensor_files_new(void)
{
    return g_ptr_array_new_with_free_func(file_free);
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > NAME_LIMIT || !g_utf8_validate(name, (gssize)length, NULL))
        return false;
    for (const char *at = name; *at != '\0'; at += g_utf8_skip[(guchar)*at])
        if (g_unichar_iscntrl(g_utf8_get_char(at)))
            return false;
    return true;
}

static bool is_dtype(const char *dtype)
{
    size_t length = strlen(dtype);

    for (const char *at = dtype; *at != '\0'; at++)
        if (!g_ascii_isgraph(*at))
            return false;
    return length > 0 && length <= DTYPE_LIMIT;
}

static bool is_shape(const OkseTensor *tensor)
{
    if (tensor->dimensions > OKSE_TENSOR_DIMENSIONS)
        return false;
    for (unsigned i = 0; i < tensor->dimensions; i++)
        if (tensor->shape[i] > G_MAXINT64)
            return false;
    return true;
}

bool okse_tensor_file_add(OkseTensorFile *file, const OkseTensor *tensor)
{
    OkseTensor added = *tensor;

    if (!is_name(tensor->name) || !is_dtype(tensor->dtype) || !is_shape(tensor) || tensor->offset > file->size ||
        tensor->length > file->size - tensor->offset)
        return false;
    added.name = g_string_chunk_insert(file->texts, tensor->name);
    added.dtype = g_string_chunk_insert_const(file->texts, tensor->dtype);
    g_array_append_val(file->tensors, added);
    return true;
}

static int compare_tensors(gconstpointer a, gconstpointer b)
{
    const OkseTensor *left = a, *right = b;

    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    if (left->length != right->length)
        return left->length < right->length ? -1 : 1;
    return strcmp(left->name, right->name);
}

bool okse_tensor_file_finish(OkseTensorFile *file)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    uint64_t end = 0;

    g_array_sort(file->tensors, compare_tensors);
    for (guint i = 0; i < file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(file, i);

        if (tensor->offset < end || !g_hash_table_add(names, (gpointer)(uintptr_t)tensor->name))
            return false;
        end = tensor->offset + tensor->length;
    }
    return file->tensors->len > 0;
}

struct OkseTensorIndex {
    GHashTable *places; /* OkseSha256 of a tensor → OkseTensorPlace */
};

OkseTensorIndex *okse_tensor_index_new(const GPtrArray *files)
{
    OkseTensorIndex *index = g_new0(OkseTensorIndex, 1);

    index->places = g_hash_table_new_full(okse_sha256_hash, okse_sha256_same, NULL, g_free);
    for (guint i = 0; i < files->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(files, i);

        for (guint k = 0; k < file->tensors->len; k++) {
            const OkseTensor *tensor = okse_tensor(file, k);
            const OkseTensorPlace place = {file, k};

            if (!g_hash_table_contains(index->places, &tensor->digest))
                g_hash_table_insert(index->places, (gpointer)(uintptr_t)&tensor->digest,
                                    g_memdup2(&place, sizeof place));
        }
    }
    return index;
}

const OkseTensorPlace *okse_tensor_index_find(const OkseTensorIndex *index, const OkseSha256 *digest, uint64_t length)
{
    const OkseTensorPlace *place = g_hash_table_lookup(index->places, digest);

    return place != NULL && okse_tensor(place->file, place->index)->length == length ? place : NULL;
}

void okse_tensor_index_free(OkseTensorIndex *index)
{
    if (index == NULL)
        return;
    g_hash_table_unref(index->places);
    g_free(index);
}
