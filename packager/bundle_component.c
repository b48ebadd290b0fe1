/* A component's manifest: an OCI image is somebody else's and only has to parse; what Okse writes has exactly one form.
 */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/bundle_internal.h"
#include "packager/image.h"
#include "packager/media_types.h"
#include "packager/path_fold.h"

#include <string.h>

#define LAYERS_LIMIT 1024u

static bool refuse(const OkseBundle *bundle, GError **error, const OkseBundleComponent *component, const char *why)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: component '%s': %s", bundle->origin, component->name, why);
}

static const char *annotation(const json_t *object, const char *key)
{
    return okse_json_peek_text(json_object_get(object, "annotations"), key);
}

static void file_free(gpointer data)
{
    OkseBundleFile *file = data;

    g_free(file->path);
    g_free(file);
}

static bool announce(OkseBundle *bundle, const json_t *descriptor, Expectation kind, OkseSha256 *digest, uint64_t *size,
                     GError **error)
{
    return bundle_descriptor(bundle, descriptor, digest, size, error) &&
           bundle_expect(bundle, digest, *size, kind, error);
}

static bool read_file(OkseBundle *bundle, OkseBundleComponent *component, const json_t *layer, GError **error)
{
    const char *path = annotation(layer, OKSE_NOTE_TITLE), *mode = annotation(layer, OKSE_NOTE_MODE);
    const char *verity = annotation(layer, OKSE_NOTE_VERITY);
    OkseBundleFile *file = g_new0(OkseBundleFile, 1);

    g_ptr_array_add(component->files, file);
    if (!bundle_check_file_layer(bundle, component->kind, layer, error) ||
        !announce(bundle, layer, EXPECT_PAYLOAD, &file->digest, &file->size, error))
        return false;
    if (path == NULL || !okse_path_check(path, NULL))
        return refuse(bundle, error, component, "a file has no safe path");
    if (mode == NULL || (strcmp(mode, "0644") != 0 && strcmp(mode, "0755") != 0))
        return refuse(bundle, error, component, "a file has a mode other than 0644 and 0755");
    if (verity == NULL || !g_str_has_prefix(verity, "sha256:") || !okse_sha256_parse(verity, &file->verity, NULL))
        return refuse(bundle, error, component, "a file has no fs-verity digest");
    if (!bundle_expect_verity(bundle, &file->digest, &file->verity, error))
        return false;
    file->path = g_strdup(path);
    file->executable = strcmp(mode, "0755") == 0;
    component->size += file->size;
    return true;
}

static bool check_paths(const OkseBundle *bundle, const OkseBundleComponent *component, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autofree char *first = NULL, *second = NULL;
    const char *one, *other;

    for (guint i = 0; i < component->files->len; i++) {
        const OkseBundleFile *file = g_ptr_array_index(component->files, i);

        if (i > 0 && strcmp(g_ptr_array_index(paths, i - 1), file->path) >= 0)
            return refuse(bundle, error, component, "files are not sorted by path");
        g_ptr_array_add(paths, file->path);
    }
    if (okse_paths_distinct(paths, &one, &other))
        return true;
    first = okse_text_show(one, -1, false);
    second = okse_text_show(other, -1, false);
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: component '%s': '%s' and '%s' " OKSE_PATHS_CLASH, bundle->origin,
                     component->name, first, second);
}

static bool read_raw(OkseBundle *bundle, OkseBundleComponent *component, const json_t *layers, GError **error)
{
    component->form = OKSE_FORM_RAW;
    if (json_array_size(layers) == 0 || json_array_size(layers) > OKSE_LIMIT_RAW_FILES)
        return refuse(bundle, error, component, "has no file or more than 512");
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!read_file(bundle, component, json_array_get(layers, i), error))
            return false;
    return check_paths(bundle, component, error);
}

static bool read_tar(OkseBundle *bundle, OkseBundleComponent *component, const json_t *layers, GError **error)
{
    const json_t *listing = json_array_get(layers, 0), *archive = json_array_get(layers, 1);
    g_autofree char *title = g_strconcat(component->name, ".mtree", NULL);
    g_autofree char *tar = g_strconcat(component->name, ".tar", NULL);
    bool weights = strcmp(component->kind, "weights") == 0;
    uint64_t size;

    component->form = OKSE_FORM_TAR;
    if (json_array_size(layers) != 2)
        return refuse(bundle, error, component, "is not a listing and one tar");
    if (!bundle_check_titled_layer(bundle, listing, OKSE_TYPE_LISTING, title, error) ||
        !bundle_check_titled_layer(bundle, archive, weights ? OKSE_TYPE_MODEL_TAR : OKSE_TYPE_TAR, tar, error))
        return false;
    if (!announce(bundle, listing, EXPECT_PAYLOAD, &component->listing, &size, error) ||
        !announce(bundle, archive, EXPECT_PAYLOAD, &component->archive, &component->size, error))
        return false;
    component->size += size;
    return true;
}

static bool read_image(OkseBundle *bundle, OkseBundleComponent *component, const json_t *descriptor,
                       const json_t *layers, GError **error)
{
    component->form = OKSE_FORM_IMAGE;
    if (!okse_image_is_manifest(component->manifest, okse_json_peek_text(descriptor, "mediaType")))
        return refuse(bundle, error, component, "its manifest is of another type than its descriptor says");
    if (json_array_size(layers) > LAYERS_LIMIT)
        return refuse(bundle, error, component, "has more than 1024 layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        OkseSha256 digest;
        uint64_t size;

        if (!announce(bundle, json_array_get(layers, i), EXPECT_PAYLOAD, &digest, &size, error))
            return false;
        component->size += size;
    }
    return true;
}

/* Generated documents: each has a title of its own, and the lock comes first. */
static bool read_stack(OkseBundle *bundle, OkseBundleComponent *component, const json_t *layers, GError **error)
{
    g_autoptr(GHashTable) titles = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *title = annotation(layer, OKSE_NOTE_TITLE);
        OkseSha256 digest;
        uint64_t size;

        if (title == NULL || !okse_path_check(title, NULL) || !g_hash_table_add(titles, (gpointer)(uintptr_t)title))
            return refuse(bundle, error, component, "a document has no title of its own");
        if (!bundle_check_titled_layer(bundle, layer, i == 0 ? OKSE_TYPE_LOCK : NULL, i == 0 ? "lock.json" : title,
                                       error) ||
            !announce(bundle, layer, EXPECT_METADATA, &digest, &size, error))
            return false;
    }
    return true;
}

/* The artifact type and config type that a component of this kind has. */
static bool check_types(const OkseBundle *bundle, const OkseBundleComponent *component, const json_t *manifest,
                        GError **error)
{
    static const char *const members[] = {"artifactType", "config", "layers", "mediaType", "schemaVersion", NULL};
    static const char *const plain[] = {"digest", "mediaType", "size", NULL};
    bool stack = strcmp(component->kind, OKSE_STACK_COMPONENT) == 0, weights = strcmp(component->kind, "weights") == 0;
    g_autofree char *artifact = stack     ? g_strdup(OKSE_TYPE_STACK)
                                : weights ? g_strdup(OKSE_TYPE_MODEL)
                                          : g_strdup_printf(OKSE_TYPE_ARTIFACT_FORMAT, component->kind);
    const char *config = stack ? OKSE_TYPE_STACK : weights ? OKSE_TYPE_MODEL_CONFIG : OKSE_TYPE_COMPONENT;

    if (!bundle_members(bundle, manifest, "manifest", members, error) ||
        !bundle_members(bundle, json_object_get(manifest, "config"), "config descriptor", plain, error))
        return false;
    if (json_integer_value(json_object_get(manifest, "schemaVersion")) != 2 ||
        g_strcmp0(okse_json_peek_text(manifest, "artifactType"), artifact) != 0 ||
        g_strcmp0(okse_json_peek_text(manifest, "mediaType"), OKSE_TYPE_MANIFEST) != 0 ||
        g_strcmp0(okse_json_peek_text(json_object_get(manifest, "config"), "mediaType"), config) != 0)
        return refuse(bundle, error, component, "its manifest has types that a component of its kind has not");
    return true;
}

static bool read_own(OkseBundle *bundle, OkseBundleComponent *component, const json_t *manifest, GError **error)
{
    const json_t *layers = okse_json_array(manifest, "layers", bundle->origin, error);
    const char *first = okse_json_peek_text(json_array_get(layers, 0), "mediaType");

    if (layers == NULL || !check_types(bundle, component, manifest, error))
        return false;
    if (strcmp(component->kind, OKSE_STACK_COMPONENT) == 0)
        return read_stack(bundle, component, layers, error);
    return g_strcmp0(first, OKSE_TYPE_LISTING) == 0 ? read_tar(bundle, component, layers, error)
                                                    : read_raw(bundle, component, layers, error);
}

bool bundle_understand_component(OkseBundle *bundle, const json_t *descriptor, json_t *manifest, GError **error)
{
    bool image = json_object_get(descriptor, "platform") != NULL;
    const json_t *config = okse_json_object(manifest, "config", bundle->origin, error);
    const json_t *layers = config == NULL ? NULL : okse_json_array(manifest, "layers", bundle->origin, error);
    OkseBundleComponent *component = g_new0(OkseBundleComponent, 1);
    OkseSha256 digest;
    uint64_t size;

    component->files = g_ptr_array_new_with_free_func(file_free);
    component->name = g_strdup(annotation(descriptor, OKSE_NOTE_COMPONENT));
    component->kind = g_strdup(annotation(descriptor, OKSE_NOTE_KIND));
    component->manifest = manifest;
    g_ptr_array_add(bundle->components, component);
    if (layers == NULL || !bundle_descriptor(bundle, descriptor, &component->manifest_digest, &size, error) ||
        !announce(bundle, config, EXPECT_METADATA, &digest, &size, error))
        return false;
    return image ? read_image(bundle, component, descriptor, layers, error)
                 : read_own(bundle, component, manifest, error);
}
