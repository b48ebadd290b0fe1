/* From the bundle index to the place of every byte. What is read here was sent by anybody; it is bounded here, and
 * judged as a whole by the strict reader when the file is complete. */
#include "packager/pull_internal.h"

#include "core/limits.h"
#include "packager/media_types.h"
#include "packager/part.h"

#include <string.h>

typedef struct {
    OkseRegistry *registry;
    OksePlan *plan;
    const char *origin; /* "HOST/REPOSITORY" */
    uint64_t metadata;  /* bytes kept */
} Reading;

static const char *annotation(const json_t *object, const char *key)
{
    return okse_json_peek_text(json_object_get(object, "annotations"), key);
}

static bool read_descriptor(const Reading *reading, const json_t *descriptor, OkseRegistryBlob *blob, GError **error)
{
    const char *digest = okse_json_text(descriptor, "digest", reading->origin, error);

    if (digest == NULL || !okse_json_unsigned(descriptor, "size", &blob->size, reading->origin, error))
        return false;
    if (!g_str_has_prefix(digest, "sha256:") || !okse_sha256_parse(digest, &blob->digest, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a blob is not named by sha256", reading->origin);
    if (blob->size > OKSE_LIMIT_FILE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a blob is over the limit of 64 TiB", reading->origin);
    return reading->plan->blobs->len < OKSE_LIMIT_BLOBS ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u blobs", reading->origin, OKSE_LIMIT_BLOBS);
}

static bool keep(Reading *reading, OkseBlobPlan *blob, const OkseRegistryBlob *named, GBytes *bytes, GError **error)
{
    blob->size = named->size;
    blob->digest = named->digest;
    blob->has_digest = blob->metadata = true;
    blob->bytes = g_bytes_ref(bytes);
    reading->metadata += named->size;
    return reading->metadata <= OKSE_LIMIT_METADATA_TOTAL ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: metadata larger than the limit of 256 MiB together",
                     reading->origin);
}

static bool take_metadata(Reading *reading, OkseBlobPlan *blob, const json_t *descriptor, GError **error)
{
    OkseRegistryBlob named;
    g_autoptr(GBytes) bytes = NULL;

    if (!read_descriptor(reading, descriptor, &named, error))
        return false;
    bytes = okse_registry_blob_bytes(reading->registry, &named, error);
    return bytes != NULL && keep(reading, blob, &named, bytes, error);
}

static bool take_layer(Reading *reading, OkseManifestPlan *manifest, const json_t *descriptor, GError **error)
{
    OkseRegistryBlob named;
    OkseBlobPlan *blob;

    if (!read_descriptor(reading, descriptor, &named, error))
        return false;
    blob = okse_plan_blob(reading->plan, named.size);
    g_ptr_array_add(manifest->layers, blob);
    if (manifest->form == OKSE_PLAN_STACK)
        return take_metadata(reading, blob, descriptor, error);
    blob->digest = named.digest;
    blob->has_digest = true;
    return true;
}

static bool take_manifest(Reading *reading, const json_t *descriptor, bool is_stack, GError **error)
{
    OkseManifestPlan *manifest = okse_plan_manifest(reading->plan, NULL, is_stack ? OKSE_PLAN_STACK : OKSE_PLAN_RAW);
    char text[OKSE_SHA256_TEXT];
    g_autofree char *origin = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) json = NULL;
    const json_t *layers;
    OkseRegistryBlob named;

    if (!read_descriptor(reading, descriptor, &named, error))
        return false;
    origin = g_strdup_printf("%s, %s", reading->origin, okse_sha256_text(&named.digest, text));
    bytes = okse_registry_manifest(reading->registry, text, error);
    if (bytes == NULL)
        return false;
    if (g_bytes_get_size(bytes) != named.size)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: has another size than its descriptor says", origin);
    if (!keep(reading, manifest->manifest, &named, bytes, error))
        return false;
    json = okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    layers = json == NULL ? NULL : okse_json_array(json, "layers", origin, error);
    if (layers == NULL || !take_metadata(reading, manifest->config, json_object_get(json, "config"), error))
        return false;
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!take_layer(reading, manifest, json_array_get(layers, i), error))
            return false;
    return true;
}

/* The index is one of Okse's, and says what its own index.json is made of. */
static bool check_index(const Reading *reading, const json_t *index, GError **error)
{
    const json_t *manifests = json_object_get(index, "manifests");
    const char *version = annotation(index, OKSE_NOTE_VERSION);

    if (g_strcmp0(annotation(index, OKSE_NOTE_TYPE), OKSE_BUNDLE_TYPE) != 0 || json_array_size(manifests) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: is no bundle (" OKSE_NOTE_TYPE " of its index is not " OKSE_BUNDLE_TYPE
                         "); a bundle's tag is its version, with nothing behind it",
                         reading->origin);
    if (version == NULL || !okse_stack_version_is_good(version))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the bundle's version is missing or malformed",
                         reading->origin);
    if (json_array_size(manifests) > OKSE_LIMIT_PARTS)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: lists more than the limit of %u manifests", reading->origin,
                         OKSE_LIMIT_PARTS);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const char *name = annotation(json_array_get(manifests, i), OKSE_NOTE_COMPONENT);

        if (name == NULL || !okse_stack_name_is_good(name))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: a component's name is missing or malformed",
                             reading->origin);
    }
    return true;
}

OksePlan *pull_plan(OkseRegistry *registry, GBytes *index, GError **error)
{
    g_autoptr(OksePlan) plan = okse_plan_empty();
    Reading reading = {.registry = registry, .plan = plan, .origin = okse_registry_name(registry)};
    const OkseRegistryBlob named = {okse_sha256_of_bytes(index), g_bytes_get_size(index)};
    g_autoptr(json_t) json = okse_json_read(index, OKSE_LIMIT_METADATA, reading.origin, error);
    const json_t *manifests = json_object_get(json, "manifests");

    if (json == NULL || !check_index(&reading, json, error) || !keep(&reading, plan->index, &named, index, error))
        return NULL;
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (!take_manifest(&reading, json_array_get(manifests, i), i == 0, error))
            return NULL;
    return okse_layout_join_equal(plan, error) ? g_steal_pointer(&plan) : NULL;
}
