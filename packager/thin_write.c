/* Front, thin.json, payload, pieces, tail (docs/formats/bundle.md, "Thin bundles"). Where everything goes follows from
 * sizes, so blobs are written by all workers at once; pieces are hashed first, because their names stand in front. */
#include "packager/thin_write.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/bundle_internal.h"
#include "packager/file_copy.h"
#include "packager/recipe.h"
#include "packager/tar_header.h"

#include <string.h>

#define CHUNK (1u << 20)

/* One blob on its way into the file. */
typedef struct {
    const OkseBytes *bytes;
    uint64_t at, size;
    OkseSha256 digest;
    bool hashed; /* digest is known; otherwise it is made, and nothing written */
    uint64_t prefix_at, data_at;
    OkseCopied copied; /* written by its job */
} Item;

typedef struct {
    const OkseCopying *copying;
    GArray *items; /* Item */
    int fd;
} Work;

static bool hash_item(const Work *work, Item *item, OkseJobs *jobs, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(CHUNK);

    for (uint64_t at = 0; at < item->size;) {
        size_t length = (size_t)MIN(item->size - at, CHUNK);

        if (okse_interrupted() || okse_jobs_stopped(jobs))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "stopped");
        if (!okse_bytes_read(item->bytes, item->at + at, buffer, length, work->copying->bundle->origin, error))
            return false;
        okse_sha256_stream_update(stream, buffer, length);
        at += length;
    }
    item->digest = okse_sha256_stream_end(stream);
    item->hashed = true;
    return true;
}

static bool write_item(const Work *work, Item *item, OkseJobs *jobs, GError **error)
{
    const OkseCopying *copying = work->copying;
    const OkseFileCopy copy = {.from = item->bytes,
                               .from_at = item->at,
                               .to = work->fd,
                               .to_at = item->data_at,
                               .size = item->size,
                               .way = copying->way,
                               .from_name = copying->bundle->origin,
                               .to_name = "the new bundle",
                               .jobs = jobs,
                               .progress = copying->progress};
    OkseFileCopied result;
    char hex[OKSE_SHA256_HEX];

    if (!okse_file_copy(&copy, &result, error))
        return false;
    item->copied = result.copied;
    return okse_sha256_equal(&result.digest, &item->digest) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: blob %s has other content than its name says",
                     copying->bundle->origin, okse_sha256_hex(&item->digest, hex));
}

static bool run_item(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    const Work *work = context;
    Item *item = &g_array_index(work->items, Item, index);

    return item->hashed ? write_item(work, item, jobs, error) : hash_item(work, item, jobs, error);
}

static bool copy_range(const OkseCopying *copying, uint64_t from, uint64_t to, int fd, uint64_t at, GError **error)
{
    g_autofree void *buffer = g_malloc(CHUNK);
    const OkseBundle *bundle = copying->bundle;

    while (from < to) {
        size_t length = (size_t)MIN(to - from, CHUNK);

        if (!okse_bytes_read(bundle->bytes, from, buffer, length, bundle->origin, error) ||
            !okse_pwrite_all(fd, buffer, length, at, "the new bundle", error))
            return false;
        from += length;
        at += length;
    }
    return true;
}

static const Stored *stored_at(const OkseBundle *bundle, guint index)
{
    return g_ptr_array_index(bundle->stored, index);
}

/* Where the payload begins and ends; false when there is none. */
static bool payload_range(const OkseBundle *bundle, uint64_t *begin, uint64_t *end)
{
    *begin = *end = 0;
    for (guint i = 0; i < bundle->stored->len; i++) {
        const Stored *stored = stored_at(bundle, i);

        if (!bundle_stands_among_payload(bundle, &stored->blob))
            continue;
        *begin = *end == 0 ? stored->prefix_at : *begin;
        *end = stored->blob.offset + okse_tar_padded(stored->blob.size);
    }
    return *end > 0;
}

static void item_place(Item *item, uint64_t *at)
{
    item->prefix_at = *at;
    item->data_at = *at + okse_tar_prefix_length(*at, item->size, true, 0);
    *at = item->data_at + okse_tar_padded(item->size);
}

static bool write_prefix(const Item *item, int fd, GError **error)
{
    char hex[OKSE_SHA256_HEX];
    g_autofree char *name = g_strconcat("blobs/sha256/", okse_sha256_hex(&item->digest, hex), NULL);
    g_autoptr(GBytes) prefix = okse_tar_prefix(item->prefix_at, name, item->size, true, 0);
    static const uint8_t zeros[OKSE_TAR_BLOCK];

    return okse_pwrite_all(fd, g_bytes_get_data(prefix, NULL), g_bytes_get_size(prefix), item->prefix_at,
                           "the new bundle", error) &&
           okse_pwrite_all(fd, zeros, (size_t)(okse_tar_padded(item->size) - item->size), item->data_at + item->size,
                           "the new bundle", error);
}

static bool write_items(const Work *work, OkseCopied *copied, GError **error)
{
    for (guint i = 0; i < work->items->len; i++)
        if (!write_prefix(&g_array_index(work->items, Item, i), work->fd, error))
            return false;
    if (!okse_jobs_run(work->items->len, work->copying->threads, run_item, (void *)(uintptr_t)work, error))
        return false;
    for (guint i = 0; i < work->items->len; i++)
        okse_copied_add(copied, &g_array_index(work->items, Item, i).copied);
    return true;
}

static bool unchanged(const OkseCopying *copying, GError **error)
{
    return okse_bytes_unchanged(copying->bundle->bytes, error);
}

bool okse_bundle_copy(const OkseCopying *copying, int fd, OkseCopied *copied, GError **error)
{
    const OkseBundle *bundle = copying->bundle;
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Item));
    Work work = {copying, items, fd};
    OkseCopied sum = {0};
    uint64_t begin, end;

    if (!payload_range(bundle, &begin, &end))
        begin = end = bundle->slots.file_size;
    for (guint i = 0; i < bundle->stored->len; i++) {
        const Stored *stored = stored_at(bundle, i);
        Item item = {.bytes = bundle->bytes,
                     .at = stored->blob.offset,
                     .size = stored->blob.size,
                     .digest = stored->blob.digest,
                     .hashed = true,
                     .prefix_at = stored->prefix_at,
                     .data_at = stored->blob.offset};

        if (bundle_stands_among_payload(bundle, &stored->blob))
            g_array_append_val(items, item);
    }
    if (!copy_range(copying, 0, begin, fd, 0, error) || !write_items(&work, &sum, error) ||
        !copy_range(copying, end, bundle->slots.file_size, fd, end, error) || !unchanged(copying, error))
        return false;
    *copied = sum;
    return true;
}

static bool has_blob(const GPtrArray *against, const OkseBlob *blob)
{
    OkseBaseBlob found;

    for (guint i = 0; i < against->len; i++)
        if (okse_base_find(g_ptr_array_index(against, i), &blob->digest, blob->size, &found))
            return true;
    return false;
}

static GHashTable *listings_of(const OkseBundle *bundle)
{
    GHashTable *listings = g_hash_table_new(okse_sha256_hash, okse_sha256_same);

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        if (component->form == OKSE_FORM_TAR)
            g_hash_table_add(listings, (gpointer)(uintptr_t)&component->listing);
    }
    return listings;
}

/* What goes into the file, and what does not. */
typedef struct {
    const OkseCopying *copying;
    const GPtrArray *against;
    OkseRecipes *recipes; /* NULL: whole files only */
    GHashTable *listings; /* OkseSha256: what the components in tar form hold, which everybody reads; never left out */
    OkseThinList *list;
    GArray *payload, *pieces; /* Item */
    GPtrArray *made;          /* OkseBytes of the pieces */
    GPtrArray *making;        /* OkseRecipe of each of them, whose name for it is still to come */
    OkseThinned sum;
} Thinning;

static void bytes_let_go(gpointer bytes)
{
    okse_bytes_unref(bytes);
}

/* A recipe for the blob, and what it needs that no base has. *taken: there is one. */
static bool recipe_take(Thinning *thinning, const OkseBlob *blob, bool *taken, GError **error)
{
    OkseNewRecipe made = {NULL, NULL};
    Item item = {0};

    if (thinning->recipes != NULL && !okse_recipe_make(thinning->recipes, blob, thinning->list, &made, error))
        return false;
    *taken = made.recipe != NULL;
    thinning->sum.recipes += *taken;
    if (made.fresh == NULL)
        return true;
    item = (Item){.size = okse_bytes_length(made.fresh), .bytes = made.fresh};
    thinning->sum.pieces += item.size;
    g_ptr_array_add(thinning->made, made.fresh);
    g_ptr_array_add(thinning->making, made.recipe);
    g_array_append_val(thinning->pieces, item);
    return true;
}

static bool blob_choose(Thinning *thinning, const OkseBlob *blob, GError **error)
{
    Item item = {.bytes = thinning->copying->bundle->bytes,
                 .at = blob->offset,
                 .size = blob->size,
                 .digest = blob->digest,
                 .hashed = true};
    const OkseSha256 empty = okse_sha256_of("{}", 2); /* the config of whatever statement comes later */
    bool needed = okse_sha256_equal(&blob->digest, &empty) || g_hash_table_contains(thinning->listings, &blob->digest);
    bool left_out = !needed && has_blob(thinning->against, blob);

    if (!needed && !left_out && !recipe_take(thinning, blob, &left_out, error))
        return false;
    if (left_out) {
        thinning->sum.left_out++;
        thinning->sum.left_out_bytes += blob->size;
    } else {
        g_array_append_val(thinning->payload, item);
        thinning->sum.carried += blob->size;
    }
    return true;
}

static bool blobs_choose(Thinning *thinning, GError **error)
{
    const OkseBundle *bundle = thinning->copying->bundle;

    for (guint i = 0; i < bundle->stored->len; i++)
        if (bundle_stands_among_payload(bundle, &stored_at(bundle, i)->blob) &&
            !blob_choose(thinning, &stored_at(bundle, i)->blob, error))
            return false;
    thinning->sum.carried += thinning->sum.pieces;
    return true;
}

/* Pieces get their names; equal ones would have one name twice, so the second becomes the first. */
static bool pieces_name(Thinning *thinning, int fd, GError **error)
{
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(Item));
    Work work = {thinning->copying, thinning->pieces, fd};

    if (!okse_jobs_run(thinning->pieces->len, thinning->copying->threads, run_item, &work, error))
        return false;
    for (guint i = 0; i < thinning->pieces->len; i++) {
        const Item *item = &g_array_index(thinning->pieces, Item, i);
        const OkseThinBlob stored = {item->digest, item->size};
        bool known = okse_bundle_find(thinning->copying->bundle, &item->digest) != NULL;

        okse_recipe_name(g_ptr_array_index(thinning->making, i), &item->digest);
        for (guint k = 0; k < kept->len && !known; k++)
            known = okse_sha256_equal(&g_array_index(kept, Item, k).digest, &item->digest);
        if (known)
            continue;
        g_array_append_val(kept, *item);
        g_array_append_val(thinning->list->stored, stored);
    }
    g_array_set_size(thinning->pieces, 0);
    g_array_append_vals(thinning->pieces, kept->data, kept->len);
    return true;
}

static bool write_list(GBytes *list, uint64_t at, int fd, GError **error)
{
    g_autofree uint8_t *member = g_malloc0(OKSE_TAR_BLOCK + okse_tar_padded(g_bytes_get_size(list)));

    okse_tar_header(member, OKSE_THIN_NAME, g_bytes_get_size(list));
    memcpy(member + OKSE_TAR_BLOCK, g_bytes_get_data(list, NULL), g_bytes_get_size(list));
    return okse_pwrite_all(fd, member, OKSE_TAR_BLOCK + okse_tar_padded(g_bytes_get_size(list)), at, "the new bundle",
                           error);
}

static bool thin_fill(Thinning *thinning, int fd, GError **error)
{
    const OkseCopying *copying = thinning->copying;
    const OkseBundle *bundle = copying->bundle;
    Work payload = {copying, thinning->payload, fd}, pieces = {copying, thinning->pieces, fd};
    g_autoptr(GBytes) list = okse_thin_list_write(thinning->list);
    uint64_t begin, end, at;

    if (g_bytes_get_size(list) > OKSE_LIMIT_DOCUMENT)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: its recipes are larger than the limit of 16 MiB (--whole-files)", bundle->origin);
    payload_range(bundle, &begin, &end);
    at = begin + OKSE_TAR_BLOCK + okse_tar_padded(g_bytes_get_size(list));
    for (guint i = 0; i < thinning->payload->len; i++)
        item_place(&g_array_index(thinning->payload, Item, i), &at);
    for (guint i = 0; i < thinning->pieces->len; i++)
        item_place(&g_array_index(thinning->pieces, Item, i), &at);
    thinning->sum.size = at + bundle->slots.file_size - end;
    return copy_range(copying, 0, begin, fd, 0, error) && write_list(list, begin, fd, error) &&
           write_items(&payload, &thinning->sum.copied, error) && write_items(&pieces, &thinning->sum.copied, error) &&
           copy_range(copying, end, bundle->slots.file_size, fd, at, error) && unchanged(copying, error);
}

bool okse_thin_write(const OkseCopying *copying, const GPtrArray *against, bool whole_files, int fd,
                     OkseThinned *thinned, GError **error)
{
    g_autoptr(OkseRecipes) recipes = NULL;
    g_autoptr(OkseThinList) list = okse_thin_list_new();
    g_autoptr(GArray) payload = g_array_new(FALSE, FALSE, sizeof(Item));
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(Item));
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func(bytes_let_go), making = g_ptr_array_new();
    g_autoptr(GHashTable) listings = listings_of(copying->bundle);
    Thinning thinning = {copying, against, NULL, listings, list, payload, pieces, made, making, {0}};
    uint64_t begin, end;

    if (!payload_range(copying->bundle, &begin, &end))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: has no payload that could be left out",
                         copying->bundle->origin);
    for (guint i = 0; i < against->len; i++)
        g_array_append_val(list->against, *okse_bundle_identity(okse_base_bundle(g_ptr_array_index(against, i))));
    if (!whole_files) {
        recipes = okse_recipes_new(copying->bundle, against, error);
        if (recipes == NULL)
            return false;
        thinning.recipes = recipes;
    }
    if (!blobs_choose(&thinning, error) || !pieces_name(&thinning, fd, error) || !thin_fill(&thinning, fd, error))
        return false;
    *thinned = thinning.sum;
    return true;
}
