#include "cli/collect_image.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/image.h"
#include "packager/image_unpack.h"
#include "packager/source_open.h"
#include "packager/spool.h"

#include <stdlib.h>
#include <string.h>

/* NAME as it is, when it is there; else what stands before its last colon, and the reference behind it. */
static char *name_split(const char *name, char **reference)
{
    const char *colon = strrchr(name, ':');

    *reference = NULL;
    if (colon == NULL || g_file_test(name, G_FILE_TEST_EXISTS))
        return g_strdup(name);
    if (colon - name > 7 && strncmp(colon - 7, ":sha256", 7) == 0) /* NAME:sha256:HEX */
        colon -= 7;
    *reference = g_strdup(colon + 1);
    return g_strndup(name, (gsize)(colon - name));
}

static OkseSource *source_open(char *location, char *reference, GError **error)
{
    OkseStackSource wanted = {.form = OKSE_SOURCE_OCI, .location = location, .reference = reference};

    return okse_source_open_stack(&wanted, AT_FDCWD, location, error);
}

typedef struct {
    OkseSpool spool;
    OkseSha256Stream *hash;
} Layer;

static bool keep(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Layer *layer = context;

    (void)entry;
    okse_sha256_stream_update(layer->hash, data, length);
    return okse_spool_write(&layer->spool, data, length, error);
}

static bool layer_unpack(const OkseSource *source, const OkseImageLayer *found, const char *root, GError **error)
{
    g_autoptr(OkseSha256Stream) hash = okse_sha256_stream_new();
    g_autofree char *name = okse_source_name(source, found->entry);
    Layer layer = {.spool = {.fd = -1}, .hash = hash};
    OkseReadable readable = {.path = name, .size = found->size, .read = okse_spool_read, .context = &layer.spool};
    bool good = okse_source_copy_one(source, found->entry, keep, &layer, error);

    if (good) {
        OkseSha256 digest = okse_sha256_stream_end(hash);

        good = (layer.spool.size == found->size && okse_sha256_equal(&digest, &found->digest)) ||
               okse_fail(error, OKSE_ERROR_INVALID, "%s: the layer is not what its name says", name);
    }
    good = good && okse_image_unpack(&readable, root, error);
    okse_spool_clear(&layer.spool);
    return good;
}

static GBytes *environment_of(const OkseImageManifest *manifest, const char *origin, GError **error)
{
    g_autoptr(json_t) config = okse_json_read(manifest->config, OKSE_LIMIT_METADATA, origin, error);
    const json_t *list = json_object_get(json_object_get(config, "config"), "Env");
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            g_string_append_printf(text, "%s\n", json_string_value(json_array_get(list, i)));
    if (config == NULL) {
        g_string_free(text, TRUE);
        return NULL;
    }
    return g_string_free_to_bytes(text);
}

static bool unpack(const OkseSource *source, const OkseImageManifest *manifest, OkseCollectImage *image, GError **error)
{
    g_autofree char *made = g_dir_make_tmp("okse-image-XXXXXX", error);

    if (made == NULL)
        return false;
    image->root = realpath(made, NULL);
    if (image->root == NULL)
        return okse_fail_errno(error, "%s", made);
    for (guint i = 0; i < manifest->layers->len; i++)
        if (!layer_unpack(source, &g_array_index(manifest->layers, OkseImageLayer, i), image->root, error))
            return false;
    return true;
}

bool okse_collect_image_open(const char *name, const char *platform, OkseCollectImage *image, GError **error)
{
    g_autofree char *reference = NULL, *location = name_split(name, &reference), *shown = NULL;
    g_autoptr(OkseSource) source = source_open(location, reference, error);
    g_autoptr(OkseImage) found = source == NULL ? NULL : okse_image_read(source, reference, platform, error);
    const OkseImageManifest *manifest;
    char digest[OKSE_SHA256_TEXT];

    if (found == NULL)
        return false;
    if (found->manifests->len != 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is for %u platforms: which? give --platform OS/ARCH", location,
                         found->manifests->len);
    manifest = g_ptr_array_index(found->manifests, 0);
    image->environment = environment_of(manifest, location, error);
    if (image->environment == NULL || !unpack(source, manifest, image, error))
        return false;
    shown = g_filename_display_name(name);
    image->target = json_pack("{s:s,s:s,s:s}", "kind", "image", "name", shown, "digest",
                              okse_sha256_text(&manifest->manifest_digest, digest));
    return true;
}

void okse_collect_image_clear(OkseCollectImage *image)
{
    if (image->root != NULL)
        okse_remove_tree(AT_FDCWD, image->root, NULL);
    free(image->root);
    json_decref(image->target);
    g_clear_pointer(&image->environment, g_bytes_unref);
}
