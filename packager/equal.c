/* Two components in tar form with the same listing are read once more before anything is placed: if their files agree,
 * their tars do. Raw files have their own way in layout.c, by samples. */
#include "packager/equal.h"

typedef struct {
    OkseSha256Stream *file, *all;
    const OkseSource *source;
    uint64_t done; /* of the file that is being delivered */
} Contents;

static void add_digest(const Contents *contents, const OkseSha256 *digest)
{
    okse_sha256_stream_update(contents->all, digest->bytes, sizeof digest->bytes);
}

static bool add_chunk(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Contents *contents = context;
    OkseSha256 digest;

    (void)error;
    okse_sha256_stream_update(contents->file, data, length);
    contents->done += length;
    if (contents->done < okse_source_entry(contents->source, entry)->size)
        return true;
    digest = okse_sha256_stream_end(contents->file);
    add_digest(contents, &digest);
    contents->done = 0;
    return true;
}

/* The digest of the digests of all files with content, in the order of their paths. A directory delivers in that order;
 * an archive has them from its listing. */
static bool digest_contents(const OkseSource *source, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) file = okse_sha256_stream_new();
    g_autoptr(OkseSha256Stream) all = okse_sha256_stream_new();
    Contents contents = {file, all, source, 0};

    if (!okse_source_is_sequential(source) && !okse_source_copy(source, NULL, add_chunk, &contents, error))
        return false;
    for (unsigned i = 0; okse_source_is_sequential(source) && i < okse_source_count(source); i++)
        if (okse_source_entry(source, i)->kind == OKSE_ENTRY_FILE && okse_source_entry(source, i)->size > 0)
            add_digest(&contents, &okse_source_entry(source, i)->digest);
    *digest = okse_sha256_stream_end(all);
    return true;
}

static bool same_listing(const OkseManifestPlan *a, const OkseManifestPlan *b)
{
    const OkseBlobPlan *first = g_ptr_array_index(a->layers, 0), *second = g_ptr_array_index(b->layers, 0);
    g_autoptr(GBytes) left = NULL, right = NULL;

    if (first->size != second->size)
        return false;
    left = okse_tar_layer_listing(first->listing);
    right = okse_tar_layer_listing(second->listing);
    return g_bytes_equal(left, right);
}

static bool same_contents(const OkseManifestPlan *a, const OkseManifestPlan *b, bool *same, GError **error)
{
    OkseSha256 first, second;

    if (!digest_contents(a->source, &first, error) || !digest_contents(b->source, &second, error))
        return false;
    *same = okse_sha256_equal(&first, &second);
    return true;
}

/* Join the manifest at `index` with the first one before it that is equal. */
static bool join_one(const OksePlan *plan, guint index, GError **error)
{
    const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, index);

    for (guint i = 0; i < index; i++) {
        const OkseManifestPlan *before = g_ptr_array_index(plan->manifests, i);
        bool same = false;

        if (before->form != OKSE_PLAN_TAR || ((OkseBlobPlan *)g_ptr_array_index(before->layers, 0))->same_as != NULL ||
            !same_listing(before, manifest))
            continue;
        if (!same_contents(before, manifest, &same, error))
            return false;
        for (guint k = 0; same && k < manifest->layers->len; k++)
            ((OkseBlobPlan *)g_ptr_array_index(manifest->layers, k))->same_as = g_ptr_array_index(before->layers, k);
        if (same)
            return true;
    }
    return true;
}

bool okse_equal_trees(const OksePlan *plan, GError **error)
{
    for (guint i = 0; i < plan->manifests->len; i++)
        if (((OkseManifestPlan *)g_ptr_array_index(plan->manifests, i))->form == OKSE_PLAN_TAR &&
            !join_one(plan, i, error))
            return false;
    return true;
}
