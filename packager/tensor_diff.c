#include "packager/tensor_diff.h"

#include "packager/tensor_pairs.h"

#include <string.h>

typedef struct {
    const GPtrArray *old, *new;
    OkseTensorPairs *pairs;
    OkseTensorIndex *stored; /* what `old` has */
} Diff;

json_t *okse_tensor_json(const OkseTensorFile *file, unsigned index)
{
    const OkseTensor *tensor = okse_tensor(file, index);
    json_t *shape = json_array();
    char text[OKSE_SHA256_TEXT];

    for (unsigned i = 0; i < tensor->dimensions; i++)
        json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    return json_pack("{s:s,s:s,s:s,s:o,s:I,s:I,s:s}", "path", file->path, "name", tensor->name, "dtype", tensor->dtype,
                     "shape", shape, "offset", (json_int_t)tensor->offset, "length", (json_int_t)tensor->length,
                     "fsverity", okse_sha256_text(&tensor->digest, text));
}

/* "unchanged" has no row. */
static const char *change_of(const OkseTensorFile *file, unsigned index, const OkseTensorPlace *origin)
{
    const OkseTensor *is = okse_tensor(file, index), *was;

    if (origin == NULL)
        return "added";
    was = okse_tensor(origin->file, origin->index);
    if (!okse_tensor_same(was, is))
        return "changed";
    return was->offset == is->offset && strcmp(was->name, is->name) == 0 &&
                   strcmp(origin->file->path, file->path) == 0 && strcmp(origin->file->component, file->component) == 0
               ? "unchanged"
               : "moved";
}

static json_t *file_json(const OkseTensorFile *file)
{
    return json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:[]}", "component", file->component, "path", file->path,
                     "unchanged", 0, "moved", 0, "changed", 0, "added", 0, "removed", 0, "shipped", 0, "tensors");
}

static void add(json_t *object, const char *key, uint64_t value)
{
    json_t *number = json_object_get(object, key);

    json_integer_set(number, json_integer_value(number) + (json_int_t)value);
}

static void add_row(json_t *object, const char *change, json_t *was, json_t *is)
{
    json_t *row = json_pack("{s:s}", "change", change);

    if (was != NULL)
        json_object_set_new(row, "old", was);
    if (is != NULL)
        json_object_set_new(row, "new", is);
    json_array_append_new(json_object_get(object, "tensors"), row);
}

static void compare_file(const Diff *diff, guint at, json_t *object)
{
    const OkseTensorFile *file = g_ptr_array_index(diff->new, at);
    g_autoptr(GHashTable) counted = g_hash_table_new(okse_sha256_hash, okse_sha256_same);

    for (guint k = 0; k < file->tensors->len; k++) {
        const OkseTensor *tensor = okse_tensor(file, k);
        const OkseTensorPlace *old = okse_tensor_pairs_origin(diff->pairs, at, k);
        const char *change = change_of(file, k, old);

        add(object, change, 1);
        if (okse_tensor_index_find(diff->stored, &tensor->digest, tensor->length) == NULL &&
            g_hash_table_add(counted, (gpointer)(uintptr_t)&tensor->digest))
            add(object, "shipped", tensor->length);
        if (strcmp(change, "unchanged") != 0)
            add_row(object, change, old == NULL ? NULL : okse_tensor_json(old->file, old->index),
                    okse_tensor_json(file, k));
    }
}

/* The answer's object of a file; a new one when only the old model has it. */
static json_t *object_of(json_t *objects, GHashTable *known, const OkseTensorFile *file)
{
    g_autofree char *key = g_strjoin("\n", file->component, file->path, NULL);
    json_t *object = g_hash_table_lookup(known, key);

    if (object != NULL)
        return object;
    object = file_json(file);
    json_array_append_new(objects, object);
    g_hash_table_insert(known, g_steal_pointer(&key), object);
    return object;
}

static void add_removed(const Diff *diff, guint at, json_t *objects, GHashTable *known)
{
    const OkseTensorFile *file = g_ptr_array_index(diff->old, at);

    for (guint k = 0; k < file->tensors->len; k++) {
        json_t *object;

        if (okse_tensor_pairs_stays(diff->pairs, at, k))
            continue;
        object = object_of(objects, known, file);
        add(object, "removed", 1);
        add_row(object, "removed", okse_tensor_json(file, k), NULL);
    }
}

static json_t *answer(const Diff *diff)
{
    g_autoptr(json_t) objects = json_array();
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *differing = json_array();

    for (guint i = 0; i < diff->new->len; i++)
        compare_file(diff, i, object_of(objects, known, g_ptr_array_index(diff->new, i)));
    for (guint i = 0; i < diff->old->len; i++)
        add_removed(diff, i, objects, known);
    for (size_t i = 0; i < json_array_size(objects); i++)
        if (json_array_size(json_object_get(json_array_get(objects, i), "tensors")) > 0)
            json_array_append(differing, json_array_get(objects, i));
    return differing;
}

json_t *okse_tensor_diff(const GPtrArray *old, const GPtrArray *new)
{
    g_autoptr(OkseTensorIndex) stored = okse_tensor_index_new(old);
    g_autoptr(OkseTensorPairs) pairs = okse_tensor_pairs_new(old, new);
    const Diff diff = {.old = old, .new = new, .pairs = pairs, .stored = stored};

    return answer(&diff);
}
