/* Every tensor of the new lists looks for the one it was, in three rounds from the surest sign to the weakest, so that
 * a tensor that kept its place is never taken for another's origin. */
#include "packager/tensor_pairs.h"

#include <string.h>

typedef struct {
    OkseTensorPlace place;
    bool taken;
} Old;

struct OkseTensorPairs {
    const GPtrArray *new;
    GPtrArray *olds; /* Old, owned, in the lists' order */
    guint *first;    /* of each old file: its first tensor in olds */
    Old ***origin;   /* by file and tensor of `new`; NULL: there is none */
};

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
static GHashTable *left_by(const OkseTensorPairs *pairs, Key key)
{
    GHashTable *left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, queue_free);

    for (guint i = 0; i < pairs->olds->len; i++) {
        Old *old = g_ptr_array_index(pairs->olds, i);
        g_autofree char *text = old->taken ? NULL : key(old->place.file, old->place.index);
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

static void pair_by(const OkseTensorPairs *pairs, Key key)
{
    g_autoptr(GHashTable) left = left_by(pairs, key);

    for (guint i = 0; i < pairs->new->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(pairs->new, i);

        for (guint k = 0; k < file->tensors->len; k++) {
            g_autofree char *text = pairs->origin[i][k] == NULL ? key(file, k) : NULL;
            GQueue *queue = text == NULL ? NULL : g_hash_table_lookup(left, text);
            Old *old = queue == NULL ? NULL : g_queue_pop_head(queue);

            if (old == NULL)
                continue;
            old->taken = true;
            pairs->origin[i][k] = old;
        }
    }
}

OkseTensorPairs *okse_tensor_pairs_new(const GPtrArray *old, const GPtrArray *new)
{
    OkseTensorPairs *pairs = g_new0(OkseTensorPairs, 1);

    pairs->new = new;
    pairs->olds = g_ptr_array_new_with_free_func(g_free);
    pairs->first = g_new0(guint, old->len + 1);
    pairs->origin = g_new0(Old **, new->len + 1);
    for (guint i = 0; i < old->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(old, i);

        pairs->first[i] = pairs->olds->len;
        for (guint k = 0; k < file->tensors->len; k++) {
            const Old one = {{file, k}, false};

            g_ptr_array_add(pairs->olds, g_memdup2(&one, sizeof one));
        }
    }
    for (guint i = 0; i < new->len; i++)
        pairs->origin[i] = g_new0(Old *, ((const OkseTensorFile *)g_ptr_array_index(new, i))->tensors->len + 1);
    pair_by(pairs, key_place);
    pair_by(pairs, key_name);
    pair_by(pairs, key_content);
    return pairs;
}

void okse_tensor_pairs_free(OkseTensorPairs *pairs)
{
    if (pairs == NULL)
        return;
    for (guint i = 0; i < pairs->new->len; i++)
        g_free(pairs->origin[i]);
    g_free(pairs->origin);
    g_free(pairs->first);
    g_ptr_array_unref(pairs->olds);
    g_free(pairs);
}

const OkseTensorPlace *okse_tensor_pairs_origin(const OkseTensorPairs *pairs, unsigned file, unsigned tensor)
{
    const Old *old = pairs->origin[file][tensor];

    return old == NULL ? NULL : &old->place;
}

bool okse_tensor_pairs_stays(const OkseTensorPairs *pairs, unsigned file, unsigned tensor)
{
    return ((const Old *)g_ptr_array_index(pairs->olds, pairs->first[file] + tensor))->taken;
}

bool okse_tensor_same(const OkseTensor *one, const OkseTensor *other)
{
    return okse_sha256_equal(&one->digest, &other->digest) && one->length == other->length &&
           strcmp(one->dtype, other->dtype) == 0 && one->dimensions == other->dimensions &&
           memcmp(one->shape, other->shape, one->dimensions * sizeof one->shape[0]) == 0;
}

static OkseTensorRun *last_run(GArray *runs)
{
    return runs->len == 0 ? NULL : &g_array_index(runs, OkseTensorRun, runs->len - 1);
}

/* A short equal run counts as changed once it is known to have ended. */
static void settle(GArray *runs)
{
    OkseTensorRun *last = last_run(runs);
    uint64_t length;

    if (last == NULL || !last->same || last->length >= OKSE_TENSOR_RUN)
        return;
    length = last->length;
    if (runs->len == 1) {
        last->same = false;
        return;
    }
    g_array_set_size(runs, runs->len - 1);
    last_run(runs)->length += length;
}

static void add_run(GArray *runs, uint64_t at, uint64_t length, bool same)
{
    OkseTensorRun *last = last_run(runs);
    const OkseTensorRun run = {at, length, same};

    if (last != NULL && last->same && !same) {
        settle(runs);
        last = last_run(runs);
    }
    if (last != NULL && last->same == same)
        last->length += length;
    else
        g_array_append_val(runs, run);
}

#define PLACES 16u

/* Is a look at all of it worth while? */
static bool is_alike(const OkseTensorBytes *old, const OkseTensorBytes *new, uint64_t both, bool *alike, GError **error)
{
    uint8_t was[OKSE_TENSOR_BLOCK], is[OKSE_TENSOR_BLOCK];

    *alike = false;
    for (unsigned i = 0; !*alike && i < PLACES && both > 0; i++) {
        uint64_t at = both / PLACES * i / OKSE_TENSOR_BLOCK * OKSE_TENSOR_BLOCK;
        size_t length = (size_t)MIN(both - at, OKSE_TENSOR_BLOCK);

        if (!old->file->read(old->file->context, old->tensor->offset + at, was, length, error) ||
            !new->file->read(new->file->context, new->tensor->offset + at, is, length, error))
            return false;
        *alike = memcmp(was, is, length) == 0;
    }
    return true;
}

bool okse_tensor_runs(const OkseTensorBytes *old, const OkseTensorBytes *new, GArray *runs, GError **error)
{
    uint64_t both = MIN(old->tensor->length, new->tensor->length);
    const size_t chunk = 64 * OKSE_TENSOR_BLOCK;
    g_autofree uint8_t *was = g_malloc(chunk), *is = g_malloc(chunk);
    bool alike;

    if (!is_alike(old, new, both, &alike, error))
        return false;
    if (!alike)
        both = 0;
    for (uint64_t at = 0; at < both;) {
        size_t length = (size_t)MIN(both - at, chunk);

        if (!old->file->read(old->file->context, old->tensor->offset + at, was, length, error) ||
            !new->file->read(new->file->context, new->tensor->offset + at, is, length, error))
            return false;
        for (size_t i = 0; i < length; i += OKSE_TENSOR_BLOCK) {
            size_t block = MIN(length - i, OKSE_TENSOR_BLOCK);

            add_run(runs, at + i, block, memcmp(was + i, is + i, block) == 0);
        }
        at += length;
    }
    if (new->tensor->length > both)
        add_run(runs, both, new->tensor->length - both, false);
    settle(runs);
    return true;
}
