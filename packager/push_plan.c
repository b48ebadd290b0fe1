#include "packager/push_internal.h"

#include "core/limits.h"
#include "packager/media_types.h"

#include <string.h>

static void manifest_free(gpointer memory)
{
    PushManifest *manifest = memory;

    g_free(manifest->tag);
    g_free(manifest);
}

void push_plan_clear(PushPlan *plan)
{
    g_clear_pointer(&plan->blobs, g_ptr_array_unref);
    g_clear_pointer(&plan->manifests, g_ptr_array_unref);
    g_clear_pointer(&plan->bundle.tag, g_free);
}

/* A version may hold '+', which a tag may not; '_' stands for it everywhere where this question came up. */
static char *tag_for(const char *text, GError **error)
{
    g_autofree char *tag = g_strdelimit(g_strdup(text), "+", '_');

    if (okse_image_tag_is_good(tag))
        return g_steal_pointer(&tag);
    okse_fail(error, OKSE_ERROR_INVALID, "'%s' cannot be a tag (letters, digits, '.', '_' and '-', at most 128)", tag);
    return NULL;
}

char *okse_push_tag(const OkseBundle *bundle, const OkseImageName *name, GError **error)
{
    return tag_for(name->tag != NULL ? name->tag : okse_bundle_version(bundle), error);
}

/* A component's tag: as index.json names it, with the bundle's tag for its version. */
static char *component_tag(const OkseBundle *bundle, const json_t *listed, const char *bundle_tag, GError **error)
{
    const char *name = okse_json_peek_text(json_object_get(listed, "annotations"), OKSE_NOTE_REFERENCE);
    g_autofree char *text = g_strconcat(bundle_tag, name + strlen(okse_bundle_version(bundle)), NULL);

    return tag_for(text, error);
}

static bool add_manifests(const OkseBundle *bundle, PushPlan *plan, GError **error)
{
    const json_t *from = json_object_get(okse_bundle_index(bundle), "manifests");
    const json_t *listed = json_object_get(okse_bundle_layout_index(bundle), "manifests");

    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *descriptor = json_array_get(from, i);
        PushManifest *manifest = g_new0(PushManifest, 1);

        g_ptr_array_add(plan->manifests, manifest);
        manifest->type = okse_json_peek_text(descriptor, "mediaType");
        if (!okse_sha256_parse(okse_json_peek_text(descriptor, "digest"), &manifest->digest, error))
            return false;
        manifest->bytes = okse_bundle_metadata(bundle, &manifest->digest);
        manifest->tag = component_tag(bundle, json_array_get(listed, i + 1), plan->bundle.tag, error);
        if (manifest->tag == NULL)
            return false;
    }
    return true;
}

static guint hash_digest(gconstpointer key)
{
    guint value;

    memcpy(&value, ((const OkseSha256 *)key)->bytes, sizeof value);
    return value;
}

static gboolean equal_digest(gconstpointer a, gconstpointer b)
{
    return okse_sha256_equal(a, b);
}

/* Everything that the archive holds is a blob, but for manifests that nothing names as one. */
static void add_blobs(const OkseBundle *bundle, PushPlan *plan)
{
    g_autoptr(GHashTable) manifests = g_hash_table_new(hash_digest, equal_digest);

    g_hash_table_add(manifests, &plan->bundle.digest);
    for (guint i = 0; i < plan->manifests->len; i++)
        g_hash_table_add(manifests, &((PushManifest *)g_ptr_array_index(plan->manifests, i))->digest);
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++)
        g_hash_table_add(manifests, (gpointer)(uintptr_t)&okse_bundle_statement(bundle, i)->manifest_digest);
    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++) {
        const OkseBlob *blob = okse_bundle_blob(bundle, i);

        if (g_hash_table_contains(manifests, &blob->digest))
            continue;
        g_ptr_array_add(plan->blobs, (gpointer)(uintptr_t)blob);
        plan->bytes += blob->size;
    }
}

bool push_plan(const OkseBundle *bundle, const OkseImageName *name, PushPlan *plan, GError **error)
{
    plan->blobs = g_ptr_array_new();
    plan->manifests = g_ptr_array_new_with_free_func(manifest_free);
    plan->bundle = (PushManifest){.digest = *okse_bundle_identity(bundle),
                                  .type = OKSE_TYPE_INDEX,
                                  .bytes = okse_bundle_index_bytes(bundle),
                                  .tag = okse_push_tag(bundle, name, error)};
    if (plan->bundle.tag == NULL || !add_manifests(bundle, plan, error))
        return false;
    add_blobs(bundle, plan);
    return true;
}
