/* A registry's limit met after a night of sending is met too late, so they are known as data. */
#include "packager/media_types.h"
#include "packager/push.h"
#include "packager/registry_limits.h"

#include <string.h>

typedef struct {
    const OkseBundle *bundle;
    const OkseRegistryLimits *limits;
    json_t *refuses;
} Judging;

static const char *annotation(const json_t *object, const char *key)
{
    return okse_json_peek_text(json_object_get(object, "annotations"), key);
}

static void refuse(Judging *judging, const char *what, const char *component, const json_t *descriptor, uint64_t limit)
{
    const char *path = annotation(descriptor, OKSE_NOTE_TITLE);
    json_t *row = json_pack("{s:s,s:s,s:O,s:O,s:I}", "what", what, "component", component, "digest",
                            json_object_get(descriptor, "digest"), "size", json_object_get(descriptor, "size"), "limit",
                            (json_int_t)limit);

    if (path != NULL)
        json_object_set_new(row, "path", json_string(path));
    json_array_append_new(judging->refuses, row);
}

static bool is_over(const json_t *descriptor, uint64_t limit)
{
    return limit > 0 && (uint64_t)json_integer_value(json_object_get(descriptor, "size")) > limit;
}

static void judge_manifest(Judging *judging, const json_t *descriptor)
{
    const OkseRegistryLimits *limits = judging->limits;
    const char *component = annotation(descriptor, OKSE_NOTE_COMPONENT);
    OkseSha256 digest;
    GBytes *bytes = okse_sha256_parse(okse_json_peek_text(descriptor, "digest"), &digest, NULL)
                        ? okse_bundle_metadata(judging->bundle, &digest)
                        : NULL;
    g_autoptr(json_t) manifest = bytes == NULL ? NULL : okse_json_read(bytes, g_bytes_get_size(bytes), component, NULL);
    const json_t *layers = json_object_get(manifest, "layers");

    if (is_over(descriptor, limits->manifest_size))
        refuse(judging, "manifest", component, descriptor, limits->manifest_size);
    if (limits->layers > 0 && json_array_size(layers) > limits->layers) {
        refuse(judging, "layers", component, descriptor, limits->layers);
        json_object_set_new(json_array_get(judging->refuses, json_array_size(judging->refuses) - 1), "layers",
                            json_integer((json_int_t)json_array_size(layers)));
    }
    if (is_over(json_object_get(manifest, "config"), limits->layer_size))
        refuse(judging, "layer", component, json_object_get(manifest, "config"), limits->layer_size);
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (is_over(json_array_get(layers, i), limits->layer_size))
            refuse(judging, "layer", component, json_array_get(layers, i), limits->layer_size);
}

static json_t *judge(const OkseBundle *bundle, const OkseRegistryLimits *limits, const char *host)
{
    Judging judging = {bundle, limits, json_array()};
    const json_t *manifests = json_object_get(okse_bundle_index(bundle), "manifests");
    const json_t *index = json_array_get(json_object_get(okse_bundle_layout_index(bundle), "manifests"), 0);

    if (is_over(index, limits->manifest_size))
        refuse(&judging, "manifest", okse_bundle_name(bundle), index, limits->manifest_size);
    for (size_t i = 0; i < json_array_size(manifests); i++)
        judge_manifest(&judging, json_array_get(manifests, i));
    return json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:o}", "name", limits->name, "title", limits->title, "meant",
                     host != NULL && okse_registry_limits_apply(limits, host), "source", limits->source, "date",
                     limits->date, "confidence", limits->confidence, "refuses", judging.refuses);
}

json_t *okse_push_limits(const OkseBundle *bundle, const char *host, const OkseResources *resources, GError **error)
{
    g_autoptr(GPtrArray) table = okse_registry_limits_read(resources, error);
    json_t *rows;
    json_t *result;
    uint64_t bytes = 0, largest = 0;
    bool refused = false;
    char text[OKSE_SHA256_TEXT];

    if (table == NULL)
        return NULL;
    rows = json_array();
    for (guint i = 0; i < table->len; i++) {
        json_t *row = judge(bundle, g_ptr_array_index(table, i), host);

        refused = refused ||
                  (json_is_true(json_object_get(row, "meant")) && json_array_size(json_object_get(row, "refuses")) > 0);
        json_array_append_new(rows, row);
    }
    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++) {
        const OkseBlob *blob = okse_bundle_blob(bundle, i);

        bytes += blob->size;
        largest = MAX(largest, blob->size);
    }
    result =
        json_pack("{s:s,s:s,s:i,s:I,s:I,s:b,s:o}", "schema", "okse.push.limits.v1", "identity",
                  okse_sha256_text(okse_bundle_identity(bundle), text), "blobs", (int)okse_bundle_blobs(bundle),
                  "bytes", (json_int_t)bytes, "largest", (json_int_t)largest, "refused", refused, "registries", rows);
    if (host != NULL)
        json_object_set_new(result, "registry", json_string(host));
    return result;
}
