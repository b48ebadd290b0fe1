/* Metadata is read, checked against the digests that name it, and kept as bytes; layers are only located. */
#include "packager/image.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/image_internal.h"
#include "packager/media_types.h"

#include <string.h>

#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

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
    if (okse_source_find(source, path) < 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: %s is missing; the image is not whole", origin, path);
        return NULL;
    }
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

/* Platform from the config, which every image has; a descriptor may only repeat it. */
json_t *image_platform(GBytes *config, const char *origin, GError **error)
{
    g_autoptr(json_t) parsed = okse_json_read(config, OKSE_LIMIT_METADATA, origin, error);
    const char *os = okse_json_peek_text(parsed, "os"), *arch = okse_json_peek_text(parsed, "architecture");
    const char *variant = okse_json_peek_text(parsed, "variant");
    json_t *platform;

    if (parsed == NULL)
        return NULL;
    if (os == NULL || arch == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: not a container image (its config names no os and architecture)",
                  origin);
        return NULL;
    }
    platform = json_pack("{s:s,s:s}", "architecture", arch, "os", os);
    if (variant != NULL)
        json_object_set_new(platform, "variant", json_string(variant));
    return platform;
}

static char *platform_name(const json_t *platform)
{
    const char *os = okse_json_peek_text(platform, "os"), *arch = okse_json_peek_text(platform, "architecture");
    const char *variant = okse_json_peek_text(platform, "variant");

    return g_strdup_printf("%s/%s%s%s", os != NULL ? os : "?", arch != NULL ? arch : "?", variant != NULL ? "/" : "",
                           variant != NULL ? variant : "");
}

bool image_platform_matches(const char *wanted, const json_t *platform)
{
    g_autofree char *name = platform_name(platform);

    return wanted == NULL || strcmp(name, wanted) == 0 ||
           (g_str_has_prefix(name, wanted) && name[strlen(wanted)] == '/');
}

static bool add_manifest(ImageReading *reading, const json_t *descriptor, GError **error)
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
    if (!okse_image_is_manifest(parsed, found->media_type))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a manifest is of another type than its descriptor says",
                         origin);
    found->config = read_blob(reading->source, config, &found->config_digest, error);
    if (found->config == NULL)
        return false;
    found->platform = image_platform(found->config, origin, error);
    if (found->platform == NULL)
        return false;
    if (json_array_size(layers) > IMAGE_LAYERS_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u layers", origin, IMAGE_LAYERS_LIMIT);
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!add_layer(reading->source, json_array_get(layers, i), found->layers, error))
            return false;
    if (!image_platform_matches(reading->platform, found->platform))
        g_ptr_array_remove_index(reading->image->manifests, reading->image->manifests->len - 1);
    return true;
}

bool okse_image_is_manifest_type(const char *media_type)
{
    return g_strcmp0(media_type, OKSE_TYPE_MANIFEST) == 0 || g_strcmp0(media_type, DOCKER_MANIFEST) == 0;
}

bool okse_image_is_manifest(const json_t *manifest, const char *media_type)
{
    const json_t *own = json_object_get(manifest, "mediaType");

    return json_object_get(manifest, "manifests") == NULL &&
           (own == NULL || g_strcmp0(json_string_value(own), media_type) == 0);
}

static bool is_index(const json_t *descriptor)
{
    const char *type = okse_json_peek_text(descriptor, "mediaType");

    return g_strcmp0(type, OKSE_TYPE_INDEX) == 0 || g_strcmp0(type, DOCKER_LIST) == 0;
}

static bool is_manifest(const json_t *descriptor)
{
    return okse_image_is_manifest_type(okse_json_peek_text(descriptor, "mediaType"));
}

/* Entries of an index that are not wanted: attestations (platform unknown/unknown), and platforms that need not even be
 * here when one was chosen. */
bool okse_image_is_wanted(const json_t *descriptor, const char *wanted)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *os = okse_json_peek_text(platform, "os");

    if (!is_manifest(descriptor) || g_strcmp0(os, "unknown") == 0)
        return false;
    return os == NULL || image_platform_matches(wanted, platform);
}

static bool add_descriptor(ImageReading *reading, const json_t *descriptor, GError **error)
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
        if (okse_image_is_wanted(json_array_get(manifests, i), reading->platform) &&
            !add_manifest(reading, json_array_get(manifests, i), error))
            return false;
    return true;
}

static const char *reference_of(const json_t *descriptor)
{
    return okse_json_peek_text(json_object_get(descriptor, "annotations"), OKSE_NOTE_REFERENCE);
}

static const json_t *by_reference(const json_t *manifests, const char *reference)
{
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);

        if (g_strcmp0(reference_of(descriptor), reference) == 0 ||
            g_strcmp0(okse_json_peek_text(descriptor, "digest"), reference) == 0)
            return descriptor;
    }
    return NULL;
}

/* A digest may also name one platform's manifest inside an index. Returns a new reference, or NULL. */
static json_t *inside_an_index(const OkseSource *source, const json_t *manifests, const char *reference)
{
    for (size_t i = 0; g_str_has_prefix(reference, "sha256:") && i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        OkseSha256 digest;
        g_autoptr(GBytes) bytes = is_index(descriptor) ? read_blob(source, descriptor, &digest, NULL) : NULL;
        g_autoptr(json_t) index =
            bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, okse_source_origin(source), NULL);
        const json_t *found = by_reference(json_object_get(index, "manifests"), reference);

        if (found != NULL)
            return json_deep_copy(found);
    }
    return NULL;
}

/* Returns a new reference, or NULL. */
static json_t *choose(const OkseSource *source, const json_t *manifests, const char *reference)
{
    const json_t *found;

    if (reference == NULL)
        return json_array_size(manifests) == 1 ? json_deep_copy(json_array_get(manifests, 0)) : NULL;
    found = by_reference(manifests, reference);
    return found != NULL ? json_deep_copy(found) : inside_an_index(source, manifests, reference);
}

bool image_fail_reference(const OkseSource *source, const char *reference, const GPtrArray *known, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < known->len; i++)
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(known, i));
    if (reference == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: holds %s; name one with 'ref' (there are: %s)",
                         okse_source_origin(source), known->len == 0 ? "no named image" : "several images", list->str);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: no image '%s' (there are: %s)", okse_source_origin(source),
                     reference, list->str);
}

static bool fail_choice(const OkseSource *source, const json_t *manifests, const char *reference, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const char *name = reference_of(json_array_get(manifests, i));

        if (name == NULL)
            name = okse_json_peek_text(json_array_get(manifests, i), "digest");
        if (name != NULL)
            g_ptr_array_add(known, okse_text_show(name, -1, false));
    }
    return image_fail_reference(source, reference, known, error);
}

/* A tag that was moved since somebody looked is no longer what was looked at. */
static bool check_pin(const OkseSource *source, const json_t *chosen, const char *pin, GError **error)
{
    const char *digest = okse_json_peek_text(chosen, "digest");
    g_autofree char *shown = okse_text_show(digest != NULL ? digest : "", -1, false);

    return pin == NULL || g_strcmp0(digest, pin) == 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: the tag names %s, and 'ref' pins %s", okse_source_origin(source),
                     shown, pin);
}

static bool read_layout(ImageReading *reading, const char *reference, const char *pin, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    g_autoptr(GBytes) bytes = okse_source_read(reading->source, "index.json", OKSE_LIMIT_METADATA, error);
    g_autoptr(json_t) index = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    const json_t *manifests = index == NULL ? NULL : okse_json_array(index, "manifests", origin, error);
    g_autoptr(json_t) chosen = manifests == NULL ? NULL : choose(reading->source, manifests, reference);

    if (manifests == NULL)
        return false;
    if (chosen == NULL)
        return fail_choice(reading->source, manifests, reference, error);
    return check_pin(reading->source, chosen, pin, error) && add_descriptor(reading, chosen, error);
}

OkseImage *okse_image_read(const OkseSource *source, const char *reference, const char *platform, GError **error)
{
    g_autoptr(OkseImage) image = g_new0(OkseImage, 1);
    ImageReading reading = {source, platform, image};
    const char *at = reference == NULL ? NULL : strchr(reference, '@');
    g_autofree char *tag = at == NULL ? g_strdup(reference) : g_strndup(reference, (size_t)(at - reference));
    bool read;

    image->manifests = g_ptr_array_new_with_free_func(manifest_free);
    if (okse_source_find(source, "oci-layout") >= 0) {
        read = read_layout(&reading, tag, at == NULL ? NULL : at + 1, error);
    } else if (okse_source_find(source, "manifest.json") >= 0 && at != NULL) {
        read =
            okse_fail(error, OKSE_ERROR_INVALID,
                      "%s: a docker-archive holds no manifest whose digest could be pinned (skopeo copy it to oci:DIR)",
                      okse_source_origin(source));
    } else if (okse_source_find(source, "manifest.json") >= 0) {
        read = image_read_docker(&reading, reference, error);
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
