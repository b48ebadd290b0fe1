/* Every tensor of the new lists looks for the one it was, in three rounds from the surest sign to the weakest, so that
 * a tensor that kept its place is never taken for another's origin. */
#include "packager/tensor_diff.h"

#include <string.h>

typedef struct {
    const OkseTensorFile *file;
    unsigned index;
    bool taken;
} Old;

typedef struct {
    const GPtrArray *old, *new;
    GPtrArray *olds;         /* Old, owned, in the lists' order */
    Old ***origin;           /* by file and tensor of `new`; NULL: there is none */
    OkseTensorIndex *stored; /* what `old` has */
} Diff;

typedef char *(*Key)(const OkseTensorFile *file, unsigned index);

static char *key_place(const OkseTensorFile *file, unsigned index)
{
    return g_strjoin("\n", file->component, file->path, okse_tensor(file, index)->name, NULL);
}

static char *key_name(const OkseTensorFile *file, unsigned index)
{
    return g_strjoin("\n", file->component, okse_tensor(file, index)->name, NULL);
}

static char *key_content(const OkseTensorFile *file, unsigned index)
{
    const OkseTensor *tensor = okse_tensor(file, index);
    char hex[OKSE_SHA256_HEX];
    GString *key = g_string_new(okse_sha256_hex(&tensor->digest, hex));

    g_string_append_printf(key, " %s", tensor->dtype);
    for (unsigned i = 0; i < tensor->dimensions; i++)
        g_string_append_printf(key, " %" G_GUINT64_FORMAT, tensor->shape[i]);
    return g_string_free(key, FALSE);
}

static void queue_free(gpointer queue)
{
    g_queue_free(queue);
}

/* Old tensors that nobody has taken, by key; several of one key in order. */
static GHashTable *left_by(const Diff *diff, Key key)
{
    GHashTable *left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, queue_free);

    for (guint i = 0; i < diff->olds->len; i++) {
        Old *old = g_ptr_array_index(diff->olds, i);
        g_autofree char *text = old->taken ? NULL : key(old->file, old->index);
        GQueue *queue = text == NULL ? NULL : g_hash_table_lookup(left, text);

        if (text == NULL)
            continue;
        if (queue == NULL) {
            queue = g_queue_new();
            g_hash_table_insert(left, g_steal_pointer(&text), queue);
        }
        g_queue_push_tail(queue, old);
    }
    return left;
}

static void pair_by(Diff *diff, Key key)
{
    g_autoptr(GHashTable) left = left_by(diff, key);

    for (guint i = 0; i < diff->new->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(diff->new, i);

        for (guint k = 0; k < file->tensors->len; k++) {
            g_autofree char *text = diff->origin[i][k] == NULL ? key(file, k) : NULL;
            GQueue *queue = text == NULL ? NULL : g_hash_table_lookup(left, text);
            Old *old = queue == NULL ? NULL : g_queue_pop_head(queue);

            if (old == NULL)
                continue;
            old->taken = true;
            diff->origin[i][k] = old;
        }
    }
}

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

static bool same_content(const OkseTensor *a, const OkseTensor *b)
{
    return okse_sha256_equal(&a->digest, &b->digest) && a->length == b->length && strcmp(a->dtype, b->dtype) == 0 &&
           a->dimensions == b->dimensions && memcmp(a->shape, b->shape, a->dimensions * sizeof a->shape[0]) == 0;
}

/* "unchanged" has no row. */
static const char *change_of(const OkseTensorFile *file, unsigned index, const Old *old)
{
    const OkseTensor *is = okse_tensor(file, index), *was;

    if (old == NULL)
        return "added";
    was = okse_tensor(old->file, old->index);
    if (!same_content(was, is))
        return "changed";
    return was->offset == is->offset && strcmp(was->name, is->name) == 0 && strcmp(old->file->path, file->path) == 0 &&
                   strcmp(old->file->component, file->component) == 0
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
    g_autoptr(GHashTable) counted = g_hash_table_new(okse_sha256_key_hash, okse_sha256_key_equal);

    for (guint k = 0; k < file->tensors->len; k++) {
        const OkseTensor *tensor = okse_tensor(file, k);
        const Old *old = diff->origin[at][k];
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

static json_t *answer(const Diff *diff)
{
    g_autoptr(json_t) objects = json_array();
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *differing = json_array();

    for (guint i = 0; i < diff->new->len; i++)
        compare_file(diff, i, object_of(objects, known, g_ptr_array_index(diff->new, i)));
    for (guint i = 0; i < diff->olds->len; i++) {
        const Old *old = g_ptr_array_index(diff->olds, i);
        json_t *object;

        if (old->taken)
            continue;
        object = object_of(objects, known, old->file);
        add(object, "removed", 1);
        add_row(object, "removed", okse_tensor_json(old->file, old->index), NULL);
    }
    for (size_t i = 0; i < json_array_size(objects); i++)
        if (json_array_size(json_object_get(json_array_get(objects, i), "tensors")) > 0)
            json_array_append(differing, json_array_get(objects, i));
    return differing;
}

json_t *okse_tensor_diff(const GPtrArray *old, const GPtrArray *new)
{
    g_autoptr(GPtrArray) olds = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(OkseTensorIndex) stored = okse_tensor_index_new(old);
    Diff diff = {.old = old, .new = new, .olds = olds, .stored = stored, .origin = g_new0(Old **, new->len + 1)};
    json_t *files;

    for (guint i = 0; i < old->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(old, i);

        for (guint k = 0; k < file->tensors->len; k++) {
            const Old one = {file, k, false};

            g_ptr_array_add(olds, g_memdup2(&one, sizeof one));
        }
    }
    for (guint i = 0; i < new->len; i++)
        diff.origin[i] = g_new0(Old *, ((const OkseTensorFile *)g_ptr_array_index(new, i))->tensors->len + 1);
    pair_by(&diff, key_place);
    pair_by(&diff, key_name);
    pair_by(&diff, key_content);
    files = answer(&diff);
    for (guint i = 0; i < new->len; i++)
        g_free(diff.origin[i]);
    g_free(diff.origin);
    return files;
}
