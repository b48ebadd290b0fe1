/* Metadata is read, checked against the digests that name it, and kept as bytes; layers are only located. */
#include "packager/image.h"

#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define LAYERS_LIMIT 1024u

typedef struct {
    const OkseSource *source;
    const char *platform;
    OkseImage *image;
} Reading;

static void manifest_free(gpointer data)
{
    OkseImageManifest *manifest = data;

    g_clear_pointer(&manifest->manifest, g_bytes_unref);
    g_clear_pointer(&manifest->config, g_bytes_unref);
    g_free(manifest->media_type);
    json_decref(manifest->platform);
    g_clear_pointer(&manifest->layers, g_array_unref);
    g_free(manifest);
}

void okse_image_free(OkseImage *image)
{
    if (image == NULL)
        return;
    g_ptr_array_unref(image->manifests);
    g_free(image);
}

/* A metadata blob by its descriptor, checked. */
static GBytes *read_blob(const OkseSource *source, const json_t *descriptor, OkseSha256 *digest, GError **error)
{
    const char *origin = okse_source_origin(source);
    const char *text = okse_json_text(descriptor, "digest", origin, error);
    char hex[OKSE_SHA256_HEX];
    g_autofree char *path = NULL;
    g_autoptr(GBytes) bytes = NULL;
    OkseSha256 named, actual;
    uint64_t size;

    if (text == NULL || !okse_json_unsigned(descriptor, "size", &size, origin, error) ||
        !okse_sha256_parse(text, &named, error))
        return NULL;
    path = g_strdup_printf("blobs/sha256/%s", okse_sha256_hex(&named, hex));
    bytes = okse_source_read(source, path, OKSE_LIMIT_METADATA, error);
    if (bytes == NULL)
        return NULL;
    actual = okse_sha256_of_bytes(bytes);
    if (g_bytes_get_size(bytes) != size || !okse_sha256_equal(&named, &actual)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: %s is not what its name says", origin, path);
        return NULL;
    }
    *digest = named;
    return g_steal_pointer(&bytes);
}

static bool add_layer(const OkseSource *source, const json_t *descriptor, GArray *layers, GError **error)
{
    const char *origin = okse_source_origin(source);
    const char *text = okse_json_text(descriptor, "digest", origin, error);
    OkseImageLayer layer = {0};
    char hex[OKSE_SHA256_HEX];
    g_autofree char *path = NULL;
    gint64 entry;

    if (text == NULL || !okse_json_unsigned(descriptor, "size", &layer.size, origin, error) ||
        !okse_sha256_parse(text, &layer.digest, error))
        return false;
    path = g_strdup_printf("blobs/sha256/%s", okse_sha256_hex(&layer.digest, hex));
    entry = okse_source_find(source, path);
    if (entry < 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: layer %s is missing", origin, text);
    if (okse_source_entry(source, (unsigned)entry)->size != layer.size)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: layer %s has another size than its manifest says", origin,
                         text);
    layer.entry = (unsigned)entry;
    g_array_append_val(layers, layer);
    return true;
}

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value != NULL)
        json_object_set_new(object, key, json_string(value));
}

/* Platform from the config, which every image has; a descriptor may only repeat it. */
static json_t *config_platform(GBytes *config, const char *origin, GError **error)
{
    g_autoptr(json_t) parsed = okse_json_read(config, OKSE_LIMIT_METADATA, origin, error);
    json_t *platform;

    if (parsed == NULL)
        return NULL;
    platform = json_object();
    set_text(platform, "architecture", okse_json_peek_text(parsed, "architecture"));
    set_text(platform, "os", okse_json_peek_text(parsed, "os"));
    set_text(platform, "variant", okse_json_peek_text(parsed, "variant"));
    return platform;
}

static char *platform_name(const json_t *platform)
{
    const char *os = okse_json_peek_text(platform, "os"), *arch = okse_json_peek_text(platform, "architecture");
    const char *variant = okse_json_peek_text(platform, "variant");

    return g_strdup_printf("%s/%s%s%s", os != NULL ? os : "?", arch != NULL ? arch : "?", variant != NULL ? "/" : "",
                           variant != NULL ? variant : "");
}

static bool platform_matches(const char *wanted, const json_t *platform)
{
    g_autofree char *name = platform_name(platform);

    return wanted == NULL || strcmp(name, wanted) == 0 ||
           (g_str_has_prefix(name, wanted) && name[strlen(wanted)] == '/');
}

static bool add_manifest(Reading *reading, const json_t *descriptor, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    OkseImageManifest *found = g_new0(OkseImageManifest, 1);
    const json_t *layers, *config;
    g_autoptr(json_t) parsed = NULL;

    g_ptr_array_add(reading->image->manifests, found);
    found->layers = g_array_new(FALSE, FALSE, sizeof(OkseImageLayer));
    found->manifest = read_blob(reading->source, descriptor, &found->manifest_digest, error);
    if (found->manifest == NULL)
        return false;
    parsed = okse_json_read(found->manifest, OKSE_LIMIT_METADATA, origin, error);
    if (parsed == NULL)
        return false;
    config = okse_json_object(parsed, "config", origin, error);
    if (config == NULL)
        return false;
    layers = okse_json_array(parsed, "layers", origin, error);
    if (layers == NULL)
        return false;
    found->media_type = g_strdup(okse_json_peek_text(descriptor, "mediaType"));
    found->config = read_blob(reading->source, config, &found->config_digest, error);
    if (found->config == NULL)
        return false;
    found->platform = config_platform(found->config, origin, error);
    if (found->platform == NULL)
        return false;
    if (json_array_size(layers) > LAYERS_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u layers", origin, LAYERS_LIMIT);
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!add_layer(reading->source, json_array_get(layers, i), found->layers, error))
            return false;
    if (!platform_matches(reading->platform, found->platform))
        g_ptr_array_remove_index(reading->image->manifests, reading->image->manifests->len - 1);
    return true;
}

static bool is_index(const json_t *descriptor)
{
    const char *type = okse_json_peek_text(descriptor, "mediaType");

    return g_strcmp0(type, OCI_INDEX) == 0 || g_strcmp0(type, DOCKER_LIST) == 0;
}

static bool is_manifest(const json_t *descriptor)
{
    const char *type = okse_json_peek_text(descriptor, "mediaType");

    return g_strcmp0(type, OCI_MANIFEST) == 0 || g_strcmp0(type, DOCKER_MANIFEST) == 0;
}

/* An index's entries of other kinds (attestations have platform unknown/unknown) are left out. */
static bool is_image(const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");

    return is_manifest(descriptor) && g_strcmp0(okse_json_peek_text(platform, "os"), "unknown") != 0;
}

static bool add_descriptor(Reading *reading, const json_t *descriptor, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) index = NULL;
    const json_t *manifests;

    if (is_manifest(descriptor))
        return add_manifest(reading, descriptor, error);
    if (!is_index(descriptor))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the reference is neither an image nor an image index", origin);
    bytes = read_blob(reading->source, descriptor, &reading->image->index, error);
    index = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    manifests = index == NULL ? NULL : okse_json_array(index, "manifests", origin, error);
    if (manifests == NULL)
        return false;
    reading->image->has_index = true;
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (is_image(json_array_get(manifests, i)) && !add_manifest(reading, json_array_get(manifests, i), error))
            return false;
    return true;
}

static const json_t *choose(const json_t *manifests, const char *reference)
{
    if (reference == NULL)
        return json_array_size(manifests) == 1 ? json_array_get(manifests, 0) : NULL;
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i),
                     *annotations = json_object_get(descriptor, "annotations");

        if (g_strcmp0(okse_json_peek_text(annotations, "org.opencontainers.image.ref.name"), reference) == 0 ||
            g_strcmp0(okse_json_peek_text(descriptor, "digest"), reference) == 0)
            return descriptor;
    }
    return NULL;
}

static bool read_layout(Reading *reading, const char *reference, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    g_autoptr(GBytes) bytes = okse_source_read(reading->source, "index.json", OKSE_LIMIT_METADATA, error);
    g_autoptr(json_t) index = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    const json_t *manifests = index == NULL ? NULL : okse_json_array(index, "manifests", origin, error);
    const json_t *chosen = manifests == NULL ? NULL : choose(manifests, reference);

    if (manifests == NULL)
        return false;
    if (chosen == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: %s%s", origin,
                         reference != NULL ? "no image under the reference " : "several images; name one with 'ref'",
                         reference != NULL ? reference : "");
    return add_descriptor(reading, chosen, error);
}

static json_t *descriptor_of(const char *media_type, const OkseSha256 *digest, uint64_t size)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:I}", "mediaType", media_type, "digest", okse_sha256_text(digest, text), "size",
                     (json_int_t)size);
}

static bool docker_layers(const OkseSource *source, const json_t *paths, OkseImageManifest *found, json_t *descriptors,
                          GError **error)
{
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = json_string_value(json_array_get(paths, i));
        gint64 entry = path == NULL ? -1 : okse_source_find(source, path);
        OkseImageLayer layer;

        if (entry < 0 || !okse_source_entry(source, (unsigned)entry)->has_digest)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: a layer that manifest.json names is missing",
                             okse_source_origin(source));
        layer.entry = (unsigned)entry;
        layer.size = okse_source_entry(source, layer.entry)->size;
        layer.digest = okse_source_entry(source, layer.entry)->digest;
        g_array_append_val(found->layers, layer);
        json_array_append_new(descriptors,
                              descriptor_of("application/vnd.oci.image.layer.v1.tar", &layer.digest, layer.size));
    }
    return true;
}

static const json_t *docker_choose(const json_t *list, const char *reference)
{
    if (reference == NULL)
        return json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *tags = json_object_get(json_array_get(list, i), "RepoTags");

        for (size_t k = 0; k < json_array_size(tags); k++) {
            const char *tag = json_string_value(json_array_get(tags, k));
            const char *colon = tag != NULL ? strrchr(tag, ':') : NULL;

            if (colon != NULL && (strcmp(tag, reference) == 0 || strcmp(colon + 1, reference) == 0))
                return json_array_get(list, i);
        }
    }
    return NULL;
}

static bool read_docker(Reading *reading, const char *reference, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    OkseImageManifest *found = g_new0(OkseImageManifest, 1);
    g_autoptr(GBytes) bytes = okse_source_read(reading->source, "manifest.json", OKSE_LIMIT_METADATA, error);
    g_autoptr(json_t) list = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    const json_t *chosen = list == NULL ? NULL : docker_choose(list, reference);
    g_autoptr(json_t) layers = json_array(), manifest = NULL;
    const char *config;

    g_ptr_array_add(reading->image->manifests, found);
    found->layers = g_array_new(FALSE, FALSE, sizeof(OkseImageLayer));
    if (list == NULL)
        return false;
    if (chosen == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: no single image under that reference", origin);
    config = okse_json_text(chosen, "Config", origin, error);
    found->config = config == NULL ? NULL : okse_source_read(reading->source, config, OKSE_LIMIT_METADATA, error);
    if (found->config == NULL ||
        !docker_layers(reading->source, json_object_get(chosen, "Layers"), found, layers, error))
        return false;
    found->config_digest = okse_sha256_of_bytes(found->config);
    found->platform = config_platform(found->config, origin, error);
    if (found->platform == NULL)
        return false;
    manifest = json_pack("{s:i,s:s,s:o,s:O}", "schemaVersion", 2, "mediaType", OCI_MANIFEST, "config",
                         descriptor_of("application/vnd.oci.image.config.v1+json", &found->config_digest,
                                       g_bytes_get_size(found->config)),
                         "layers", layers);
    found->manifest = okse_json_write(manifest);
    found->manifest_digest = okse_sha256_of_bytes(found->manifest);
    found->media_type = g_strdup(OCI_MANIFEST);
    if (!platform_matches(reading->platform, found->platform))
        g_ptr_array_remove_index(reading->image->manifests, 0);
    return true;
}

OkseImage *okse_image_read(const OkseSource *source, const char *reference, const char *platform, GError **error)
{
    g_autoptr(OkseImage) image = g_new0(OkseImage, 1);
    Reading reading = {source, platform, image};
    bool read;

    image->manifests = g_ptr_array_new_with_free_func(manifest_free);
    if (okse_source_find(source, "oci-layout") >= 0) {
        read = read_layout(&reading, reference, error);
    } else if (okse_source_find(source, "manifest.json") >= 0) {
        read = read_docker(&reading, reference, error);
    } else {
        read = okse_fail(error, OKSE_ERROR_INVALID, "%s: neither an OCI layout nor a docker archive",
                         okse_source_origin(source));
    }
    if (!read)
        return NULL;
    if (image->manifests->len == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: no image for the platform %s", okse_source_origin(source),
                  platform != NULL ? platform : "(any)");
        return NULL;
    }
    return g_steal_pointer(&image);
}
