/* What docker save and its imitators write: manifest.json names a config and layers by path. The OCI manifest is made
 * here, so layers keep their bytes, and those that are compressed stay so. Source: moby, image/spec/v1.2.md, "Combined
 * Image JSON + Filesystem Changeset Format". */
#include "core/limits.h"
#include "core/text.h"
#include "packager/image_internal.h"
#include "packager/media_types.h"

#include <string.h>

#define MAGIC_LENGTH 4u

static json_t *descriptor_of(const char *media_type, const OkseSha256 *digest, uint64_t size)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:I}", "mediaType", media_type, "digest", okse_sha256_text(digest, text), "size",
                     (json_int_t)size);
}

/* The file behind a path, through one link: older docker save links layers that images share. -1 when there is none. */
static gint64 find_file(const OkseSource *source, const char *path)
{
    gint64 found = path == NULL ? -1 : okse_source_find(source, path);
    const OkseEntry *entry = found < 0 ? NULL : okse_source_entry(source, (unsigned)found);
    g_autofree char *beside = NULL, *target = NULL;

    if (entry != NULL && entry->kind == OKSE_ENTRY_LINK) {
        g_autofree char *parent = g_path_get_dirname(path);

        beside = g_build_filename("/", parent, entry->target, NULL);
        target = g_canonicalize_filename(beside, "/");
        found = okse_source_find(source, target + 1);
        entry = found < 0 ? NULL : okse_source_entry(source, (unsigned)found);
    }
    return entry != NULL && entry->kind == OKSE_ENTRY_FILE ? found : -1;
}

typedef struct {
    OkseSha256Stream *stream;
    uint8_t magic[MAGIC_LENGTH];
    size_t have;
} Look;

static bool look(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Look *seen = context;
    size_t more = MIN(MAGIC_LENGTH - seen->have, length);

    (void)entry;
    (void)error;
    memcpy(seen->magic + seen->have, data, more);
    seen->have += more;
    okse_sha256_stream_update(seen->stream, data, length);
    return true;
}

static const char *layer_type(const Look *seen)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};

    if (seen->have >= sizeof gzip && memcmp(seen->magic, gzip, sizeof gzip) == 0)
        return OKSE_TYPE_TAR "+gzip";
    return seen->have >= sizeof zstd && memcmp(seen->magic, zstd, sizeof zstd) == 0 ? OKSE_TYPE_TAR "+zstd"
                                                                                    : OKSE_TYPE_TAR;
}

/* An uncompressed layer's digest stands in the config (diff_ids), which saves a pass; the copy checks it either way. */
static bool add_layer(const OkseSource *source, const char *path, const char *diff_id, OkseImageManifest *found,
                      json_t *descriptors, GError **error)
{
    gint64 index = find_file(source, path);
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    Look seen = {.stream = stream};
    OkseImageLayer layer;
    const OkseEntry *entry;
    OkseSha256 id;

    if (index < 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a layer that manifest.json names is missing",
                         okse_source_origin(source));
    entry = okse_source_entry(source, (unsigned)index);
    layer = (OkseImageLayer){.entry = (unsigned)index, .size = entry->size, .digest = entry->digest};
    if (!entry->has_digest || diff_id == NULL || !okse_sha256_parse(diff_id, &id, NULL) ||
        !okse_sha256_equal(&id, &entry->digest)) {
        if (!okse_source_copy_one(source, layer.entry, look, &seen, error))
            return false;
        layer.digest = okse_sha256_stream_end(stream);
    }
    g_array_append_val(found->layers, layer);
    json_array_append_new(descriptors, descriptor_of(layer_type(&seen), &layer.digest, layer.size));
    return true;
}

static bool add_layers(const OkseSource *source, const json_t *chosen, OkseImageManifest *found, json_t *descriptors,
                       GError **error)
{
    const char *origin = okse_source_origin(source);
    g_autoptr(json_t) config = okse_json_read(found->config, OKSE_LIMIT_METADATA, origin, error);
    const json_t *ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    const json_t *paths = config == NULL ? NULL : okse_json_array(chosen, "Layers", origin, error);

    if (paths == NULL)
        return false;
    if (json_array_size(paths) > IMAGE_LAYERS_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u layers", origin, IMAGE_LAYERS_LIMIT);
    for (size_t i = 0; i < json_array_size(paths); i++)
        if (!add_layer(source, json_string_value(json_array_get(paths, i)), json_string_value(json_array_get(ids, i)),
                       found, descriptors, error))
            return false;
    return true;
}

/* A tag is "name:tag"; a reference is that or the tag alone. */
static bool has_tag(const json_t *image, const char *reference)
{
    const json_t *tags = json_object_get(image, "RepoTags");

    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        const char *colon = tag != NULL ? strrchr(tag, ':') : NULL;

        if (colon != NULL && (strcmp(tag, reference) == 0 || strcmp(colon + 1, reference) == 0))
            return true;
    }
    return false;
}

static bool fail_choice(const OkseSource *source, const json_t *list, const char *reference, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *tags = json_object_get(json_array_get(list, i), "RepoTags");

        for (size_t k = 0; k < json_array_size(tags); k++)
            if (json_is_string(json_array_get(tags, k)))
                g_ptr_array_add(known, okse_text_show(json_string_value(json_array_get(tags, k)), -1, false));
    }
    return image_fail_reference(source, reference, known, error);
}

static const json_t *choose(const json_t *list, const char *reference)
{
    if (reference == NULL)
        return json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (has_tag(json_array_get(list, i), reference))
            return json_array_get(list, i);
    return NULL;
}

static bool read_config(const ImageReading *reading, const json_t *chosen, OkseImageManifest *found, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    const char *path = okse_json_text(chosen, "Config", origin, error);
    gint64 entry = path == NULL ? -1 : find_file(reading->source, path);

    if (path == NULL)
        return false;
    if (entry < 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the config that manifest.json names is missing", origin);
    found->config = okse_source_read(reading->source, okse_source_entry(reading->source, (unsigned)entry)->path,
                                     OKSE_LIMIT_METADATA, error);
    if (found->config == NULL)
        return false;
    found->config_digest = okse_sha256_of_bytes(found->config);
    found->platform = image_platform(found->config, origin, error);
    return found->platform != NULL;
}

bool image_read_docker(ImageReading *reading, const char *reference, GError **error)
{
    const char *origin = okse_source_origin(reading->source);
    OkseImageManifest *found = g_new0(OkseImageManifest, 1);
    g_autoptr(GBytes) bytes = okse_source_read(reading->source, "manifest.json", OKSE_LIMIT_METADATA, error);
    g_autoptr(json_t) list = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    const json_t *chosen = list == NULL ? NULL : choose(list, reference);
    g_autoptr(json_t) layers = json_array(), manifest = NULL;

    g_ptr_array_add(reading->image->manifests, found);
    found->layers = g_array_new(FALSE, FALSE, sizeof(OkseImageLayer));
    if (list == NULL)
        return false;
    if (chosen == NULL)
        return fail_choice(reading->source, list, reference, error);
    if (!read_config(reading, chosen, found, error))
        return false;
    if (!image_platform_matches(reading->platform, found->platform)) {
        g_ptr_array_remove_index(reading->image->manifests, 0);
        return true;
    }
    if (!add_layers(reading->source, chosen, found, layers, error))
        return false;
    manifest = json_pack("{s:i,s:s,s:o,s:O}", "schemaVersion", 2, "mediaType", OKSE_TYPE_MANIFEST, "config",
                         descriptor_of("application/vnd.oci.image.config.v1+json", &found->config_digest,
                                       g_bytes_get_size(found->config)),
                         "layers", layers);
    found->manifest = okse_json_write(manifest);
    found->manifest_digest = okse_sha256_of_bytes(found->manifest);
    found->media_type = g_strdup(OKSE_TYPE_MANIFEST);
    return true;
}
