/* Which digest a blob is checked by. A raw file has two, and both stand under the identity, so who signed the bundle
 * signed both. Who signed anything else signed only the SHA-256: a model signature names its files by it, and so do an
 * image and a listing. What such a one speaks of is checked by what it says. */
#include "packager/bundle_internal.h"

static bool all_statements_read(const OkseBundle *bundle)
{
    const json_t *manifests = json_object_get(bundle->layout_index, "manifests");
    guint listed = 0;

    for (size_t i = 0; i < json_array_size(manifests); i++)
        listed += json_object_get(json_array_get(manifests, i), "artifactType") != NULL;
    return listed == bundle->statements->len;
}

static void files_by_sha256(const OkseBundle *bundle, const OkseBundleComponent *component)
{
    for (guint i = 0; component != NULL && i < component->files->len; i++)
        bundle_expected(bundle, &((const OkseBundleFile *)g_ptr_array_index(component->files, i))->digest)->by_verity =
            false;
}

void bundle_choose_digests(OkseBundle *bundle)
{
    bool known = all_statements_read(bundle);
    GHashTableIter iterator;
    gpointer value;

    bundle->chosen = true;
    g_hash_table_iter_init(&iterator, bundle->expected);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        Expected *expected = value;

        expected->by_verity = known && expected->has_verity && expected->trees == expected->references;
    }
    for (guint i = 0; i < bundle->statements->len; i++)
        files_by_sha256(bundle, okse_bundle_statement_component(bundle, i));
}

bool okse_bundle_by_verity(const OkseBundle *bundle, const OkseSha256 *digest)
{
    const Expected *expected = bundle_expected(bundle, digest);

    return expected != NULL && expected->by_verity;
}
