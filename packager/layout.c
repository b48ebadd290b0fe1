/* Sizes decide every offset (docs/decisions/0003): nothing here reads payload except to tell equal files apart. */
#include "packager/layout.h"

#include "core/limits.h"
#include "packager/layout_index.h"
#include "packager/tar_header.h"

#include <string.h>

#define SAMPLE 65536u
#define WHOLE_LIMIT (1u << 20) /* up to here a file is hashed rather than sampled */
#define LAYOUT_FILE_LENGTH 30u /* {"imageLayoutVersion":"1.0.0"} */

static bool update(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    (void)entry;
    (void)error;
    okse_sha256_stream_update(context, data, length);
    return true;
}

static bool hash_whole(OkseBlobPlan *blob, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();

    if (!okse_source_copy_one(blob->source, blob->entry, update, stream, error))
        return false;
    blob->digest = okse_sha256_stream_end(stream);
    blob->has_digest = true;
    return true;
}

/* Beginning, middle and end: different samples prove different files. */
static bool sample(const OkseBlobPlan *blob, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(SAMPLE);
    const uint64_t places[] = {0, blob->size / 2, blob->size - SAMPLE};

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        if (!okse_source_peek(blob->source, blob->entry, places[i], buffer, SAMPLE, error))
            return false;
        okse_sha256_stream_update(stream, buffer, SAMPLE);
    }
    *digest = okse_sha256_stream_end(stream);
    return true;
}

static unsigned equal_samples(const OkseSha256 *samples, guint count, guint index)
{
    unsigned equal = 0;

    for (guint i = 0; i < count; i++)
        equal += okse_sha256_equal(&samples[i], &samples[index]);
    return equal;
}

/* A group of blobs of one size: after this, any two that are equal have their digests. */
static bool digest_group(GPtrArray *group, GError **error)
{
    g_autofree OkseSha256 *samples = g_new0(OkseSha256, group->len);
    const OkseBlobPlan *first = g_ptr_array_index(group, 0);
    bool known = false;

    for (guint i = 0; i < group->len; i++)
        known = known || ((const OkseBlobPlan *)g_ptr_array_index(group, i))->has_digest;
    for (guint i = 0; i < group->len && first->size > WHOLE_LIMIT && !known; i++)
        if (!sample(g_ptr_array_index(group, i), &samples[i], error))
            return false;
    for (guint i = 0; i < group->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(group, i);
        bool needed = first->size <= WHOLE_LIMIT || known || equal_samples(samples, group->len, i) > 1;

        if (!blob->has_digest && needed && !hash_whole(blob, error))
            return false;
    }
    return true;
}

static bool is_candidate(const OkseBlobPlan *blob)
{
    return blob->source != NULL || blob->has_digest;
}

/* Metadata is stored in front of payload, so it is the one that is kept. */
static void join(const OksePlan *plan)
{
    g_autoptr(GHashTable) stored = g_hash_table_new(okse_sha256_hash, okse_sha256_same);

    for (int metadata = 1; metadata >= 0; metadata--) {
        for (guint i = 0; i < plan->blobs->len; i++) {
            OkseBlobPlan *blob = g_ptr_array_index(plan->blobs, i);
            OkseBlobPlan *found;

            if (!blob->has_digest || blob->metadata != (metadata == 1))
                continue;
            found = g_hash_table_lookup(stored, &blob->digest);
            if (found == NULL) {
                g_hash_table_insert(stored, &blob->digest, blob);
                continue;
            }
            blob->same_as = found;
            found->wants_verity = found->wants_verity || blob->wants_verity;
            if (found->tensors == NULL)
                found->tensors = blob->tensors;
        }
    }
}

static void group_free(gpointer group)
{
    g_ptr_array_unref(group);
}

bool okse_layout_join_equal(OksePlan *plan, GError **error)
{
    g_autoptr(GHashTable) by_size = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, group_free);
    GHashTableIter iterator;
    gpointer group;

    for (guint i = 0; i < plan->blobs->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(plan->blobs, i);

        if (!is_candidate(blob))
            continue;
        group = g_hash_table_lookup(by_size, &blob->size);
        if (group == NULL) {
            group = g_ptr_array_new();
            g_hash_table_insert(by_size, &blob->size, group);
        }
        g_ptr_array_add(group, blob);
    }
    g_hash_table_iter_init(&iterator, by_size);
    while (g_hash_table_iter_next(&iterator, NULL, &group))
        if (((GPtrArray *)group)->len > 1 && !digest_group(group, error))
            return false;
    join(plan);
    return true;
}

static void put_in_order(const OksePlan *plan, OkseLayout *layout)
{
    g_ptr_array_add(layout->order, plan->index);
    for (guint i = 0; i < plan->manifests->len; i++) {
        const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, i);

        if (manifest->manifest->same_as == NULL)
            g_ptr_array_add(layout->order, manifest->manifest);
        if (manifest->config->same_as == NULL)
            g_ptr_array_add(layout->order, manifest->config);
        for (guint k = 0; manifest->form == OKSE_PLAN_STACK && k < manifest->layers->len; k++) {
            OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, k);

            if (blob->same_as == NULL)
                g_ptr_array_add(layout->order, blob);
        }
    }
    layout->metadata = layout->order->len;
    for (guint i = 1; i < plan->manifests->len; i++) {
        const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, i);

        for (guint k = 0; k < manifest->layers->len; k++) {
            OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, k);

            if (blob->same_as == NULL)
                g_ptr_array_add(layout->order, blob);
        }
    }
}

/* Every place but the first metadata blob's, whose padding is the statement area, follows the plain rule. */
static uint64_t fill_to(const OkseLayout *layout, guint index)
{
    return index == 1 ? layout->area_at + OKSE_TAR_STATEMENT_AREA : 0;
}

bool okse_layout_place(const OksePlan *plan, uint64_t index_length, OkseLayout *layout, GError **error)
{
    uint64_t at;

    layout->order = g_ptr_array_new();
    put_in_order(plan, layout);
    if (layout->order->len > OKSE_LIMIT_BLOBS)
        return okse_fail(error, OKSE_ERROR_INVALID, "more than %u blobs", OKSE_LIMIT_BLOBS);
    layout->index_slot = okse_layout_index_slot(index_length);
    layout->index_at = OKSE_TAR_BLOCK + okse_tar_padded(LAYOUT_FILE_LENGTH) + OKSE_TAR_BLOCK;
    at = layout->index_at + okse_tar_padded(layout->index_slot);
    for (guint i = 0; i < layout->order->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);

        if (i == 1)
            layout->area_at = at;
        blob->prefix_at = at;
        blob->data_at = at + okse_tar_prefix_length(at, blob->size, i >= layout->metadata, fill_to(layout, i));
        at = blob->data_at + okse_tar_padded(blob->size);
        if (at > OKSE_LIMIT_BUNDLE_SIZE)
            return okse_fail(error, OKSE_ERROR_INVALID, "the bundle would be larger than the limit of 1 PiB");
        layout->payload += i >= layout->metadata ? blob->size : 0;
    }
    layout->end_at = at;
    layout->size = at + 2 * (uint64_t)OKSE_TAR_BLOCK;
    return true;
}

void okse_layout_clear(OkseLayout *layout)
{
    g_clear_pointer(&layout->order, g_ptr_array_unref);
}

GBytes *okse_layout_prefix(const OkseLayout *layout, guint index)
{
    const OkseBlobPlan *blob = g_ptr_array_index(layout->order, index);
    char hex[OKSE_SHA256_HEX];
    g_autofree char *name = g_strdup_printf("blobs/sha256/%s", okse_sha256_hex(&blob->digest, hex));

    return okse_tar_prefix(blob->prefix_at, name, blob->size, index >= layout->metadata, fill_to(layout, index));
}
