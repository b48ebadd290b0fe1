/* From the bundle index to the files of each component. */
#include "packager/part.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/layout_index.h"
#include "packager/listing.h"
#include "packager/media_types.h"
#include "packager/oms_statement.h"

#include <string.h>

static void part_free(gpointer data)
{
    OksePart *part = data;

    g_free(part->name);
    g_free(part->kind);
    okse_tree_free(part->tree);
    g_clear_pointer(&part->layout, g_bytes_unref);
    json_decref(part->model);
    g_free(part->fault);
    g_free(part);
}

static const char *annotation(const json_t *descriptor, const char *key)
{
    return okse_json_peek_text(json_object_get(descriptor, "annotations"), key);
}

static bool descriptor_read(const json_t *descriptor, OkseSha256 *digest, uint64_t *size, GError **error)
{
    const char *text = okse_json_text(descriptor, "digest", "descriptor", error);

    return text != NULL && okse_sha256_parse(text, digest, error) &&
           okse_json_unsigned(descriptor, "size", size, "descriptor", error);
}

static json_t *manifest_read(const json_t *descriptor, const OkseBlobs *blobs, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    OkseSha256 digest;
    uint64_t size;

    if (!descriptor_read(descriptor, &digest, &size, error))
        return NULL;
    bytes = blobs->read(&digest, OKSE_LIMIT_METADATA, blobs->context, error);
    return bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, "manifest", error);
}

static bool raw_file_add(const json_t *layer, OkseTree *tree, GError **error)
{
    OkseTreeEntry entry = {.type = OKSE_TREE_FILE, .path = annotation(layer, OKSE_NOTE_TITLE)};
    const char *mode = annotation(layer, OKSE_NOTE_MODE), *verity = annotation(layer, OKSE_NOTE_VERITY);

    if (entry.path == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "a layer has no title, so it has no file name");
    if (mode != NULL && strcmp(mode, "0644") != 0 && strcmp(mode, "0755") != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s': mode '%s' is neither 0644 nor 0755", entry.path, mode);
    entry.executable = mode != NULL && strcmp(mode, "0755") == 0;
    if (verity != NULL && !okse_sha256_parse(verity, &entry.verity, error))
        return false;
    entry.has_verity = verity != NULL;
    return descriptor_read(layer, &entry.digest, &entry.size, error) && okse_tree_add(tree, &entry, error);
}

static OkseTree *raw_read(const json_t *layers, GError **error)
{
    g_autoptr(OkseTree) tree = okse_tree_new();

    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!raw_file_add(json_array_get(layers, i), tree, error))
            return NULL;
    return okse_tree_finish(tree, error) ? g_steal_pointer(&tree) : NULL;
}

static OkseTree *tar_read(const json_t *layers, const OkseBlobs *blobs, OksePart *part, GError **error)
{
    g_autofree char *origin = g_strdup_printf("%s.mtree", part->name);
    g_autoptr(GBytes) listing = NULL;
    OkseSha256 digest;
    uint64_t size;

    if (json_array_size(layers) != 2) {
        okse_fail(error, OKSE_ERROR_INVALID, "a component in tar form has a listing and one archive");
        return NULL;
    }
    if (!descriptor_read(json_array_get(layers, 0), &digest, &size, error) ||
        !descriptor_read(json_array_get(layers, 1), &part->archive, &size, error))
        return NULL;
    listing = blobs->read(&digest, OKSE_LIMIT_LISTING, blobs->context, error);
    return listing == NULL ? NULL : okse_listing_read(listing, origin, error);
}

static bool blob_add(const json_t *descriptor, OkseTree *tree, GHashTable *known, GError **error)
{
    OkseTreeEntry entry = {.type = OKSE_TREE_FILE};
    char hex[OKSE_SHA256_HEX];
    g_autofree char *path = NULL;

    if (!descriptor_read(descriptor, &entry.digest, &entry.size, error))
        return false;
    path = g_strconcat("blobs/sha256/", okse_sha256_hex(&entry.digest, hex), NULL);
    entry.path = path;
    if (!g_hash_table_add(known, g_strdup(path)))
        return true; /* platforms share layers */
    return okse_tree_add(tree, &entry, error);
}

/* One platform of an image: its manifest, config and layers, as blobs. */
static bool platform_add(const json_t *descriptor, const OkseBlobs *blobs, OkseTree *tree, GHashTable *known,
                         GError **error)
{
    g_autoptr(json_t) manifest = manifest_read(descriptor, blobs, error);
    const json_t *layers;

    if (manifest == NULL || !blob_add(descriptor, tree, known, error))
        return false;
    layers = okse_json_array(manifest, "layers", "manifest", error);
    if (layers == NULL || !blob_add(json_object_get(manifest, "config"), tree, known, error))
        return false;
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!blob_add(json_array_get(layers, i), tree, known, error))
            return false;
    return true;
}

static void text_add(OkseTree *tree, const char *path, GBytes *bytes)
{
    OkseTreeEntry entry = {.type = OKSE_TREE_FILE, .path = path};
    bool added;

    entry.size = g_bytes_get_size(bytes);
    entry.digest = okse_sha256_of_bytes(bytes);
    added = okse_tree_add(tree, &entry, NULL);
    g_assert(added);
}

/* The name under which skopeo finds an image in its layout: VERSION, or VERSION-OS-ARCH where there are several. */
static char *reference_name(const json_t *descriptor, const char *version, bool several)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *system = okse_json_peek_text(platform, "os"), *machine = okse_json_peek_text(platform, "architecture");

    if (!several)
        return g_strdup(version);
    return g_strdup_printf("%s-%s-%s", version, system != NULL ? system : "unknown",
                           machine != NULL ? machine : "unknown");
}

static GBytes *layout_index(const GPtrArray *descriptors, const char *version)
{
    g_autoptr(json_t) index =
        json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OKSE_TYPE_INDEX, "manifests");
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < descriptors->len; i++)
        g_ptr_array_add(names, reference_name(g_ptr_array_index(descriptors, i), version, descriptors->len > 1));
    okse_layout_distinguish(names, descriptors);
    for (guint i = 0; i < descriptors->len; i++) {
        const json_t *from = g_ptr_array_index(descriptors, i);
        const char *name = g_ptr_array_index(names, i);
        json_t *to = json_object();

        json_object_set(to, "mediaType", json_object_get(from, "mediaType"));
        json_object_set(to, "digest", json_object_get(from, "digest"));
        json_object_set(to, "size", json_object_get(from, "size"));
        if (json_object_get(from, "platform") != NULL)
            json_object_set(to, "platform", json_object_get(from, "platform"));
        json_object_set_new(to, "annotations", json_pack("{s:s}", OKSE_NOTE_REFERENCE, name));
        json_array_append_new(json_object_get(index, "manifests"), to);
    }
    return okse_json_write(index);
}

static OkseTree *image_read(const GPtrArray *descriptors, const char *version, const OkseBlobs *blobs, OksePart *part,
                            GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(OkseTree) tree = okse_tree_new();
    g_autoptr(GBytes) marker = g_bytes_new_static(OKSE_OCI_LAYOUT, strlen(OKSE_OCI_LAYOUT));

    for (guint i = 0; i < descriptors->len; i++)
        if (!platform_add(g_ptr_array_index(descriptors, i), blobs, tree, known, error))
            return NULL;
    part->layout = layout_index(descriptors, version);
    text_add(tree, "index.json", part->layout);
    text_add(tree, "oci-layout", marker);
    return okse_tree_finish(tree, error) ? g_steal_pointer(&tree) : NULL;
}

json_t *okse_model_said(const json_t *config)
{
    static const char *const keys[] = {"architecture", "paramSize", "precision", "quantization"};
    g_autoptr(json_t) said = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        if (json_is_string(json_object_get(config, keys[i])))
            json_object_set(said, keys[i], json_object_get(config, keys[i]));
    return json_object_size(said) > 0 ? g_steal_pointer(&said) : NULL;
}

/* A config that cannot be read says nothing: its digest is compared elsewhere, and a fault there is told. */
static json_t *model_read(const json_t *manifest, const OkseBlobs *blobs)
{
    g_autoptr(json_t) config = NULL;

    if (g_strcmp0(okse_json_peek_text(manifest, "artifactType"), OKSE_TYPE_MODEL) != 0)
        return NULL;
    config = manifest_read(json_object_get(manifest, "config"), blobs, NULL);
    return okse_model_said(json_object_get(config, "config"));
}

static OkseTree *tree_read(const GPtrArray *descriptors, const char *version, const OkseBlobs *blobs, OksePart *part,
                           GError **error)
{
    g_autoptr(json_t) manifest = manifest_read(g_ptr_array_index(descriptors, 0), blobs, error);
    const json_t *layers;

    if (manifest == NULL)
        return NULL;
    layers = okse_json_array(manifest, "layers", "manifest", error);
    if (layers == NULL)
        return NULL;
    part->model = model_read(manifest, blobs);
    if (json_object_get(g_ptr_array_index(descriptors, 0), "platform") != NULL) { /* only images have one */
        part->form = OKSE_FORM_IMAGE;
        return image_read(descriptors, version, blobs, part, error);
    }
    if (descriptors->len > 1) {
        okse_fail(error, OKSE_ERROR_INVALID, "two components have this name");
        return NULL;
    }
    if (g_strcmp0(okse_json_peek_text(json_array_get(layers, 0), "mediaType"), OKSE_TYPE_LISTING) == 0) {
        part->form = OKSE_FORM_TAR;
        return tar_read(layers, blobs, part, error);
    }
    part->form = OKSE_FORM_RAW;
    return raw_read(layers, error);
}

/* A component's name becomes a directory beside `.okse`. */
static bool name_check(const char *name, GError **error)
{
    if (name == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "a manifest of the bundle index names no component");
    if (!okse_path_check(name, error))
        return false;
    if (strchr(name, '/') != NULL || name[0] == '.')
        return okse_fail(error, OKSE_ERROR_INVALID, "component '%s': a name has no '/' and no '.' in front", name);
    return true;
}

static OksePart *part_read(const GPtrArray *descriptors, const char *version, const OkseBlobs *blobs)
{
    const json_t *first = g_ptr_array_index(descriptors, 0);
    const char *kind = annotation(first, OKSE_NOTE_KIND);
    g_autoptr(GError) cause = NULL;
    OksePart *part = g_new0(OksePart, 1);

    part->name = g_strdup(annotation(first, OKSE_NOTE_COMPONENT));
    part->kind = g_strdup(kind != NULL ? kind : "");
    part->tree = tree_read(descriptors, version, blobs, part, &cause);
    if (part->tree == NULL) {
        part->fault = g_strdup(cause->message);
        part->fault_code = cause->code;
    }
    return part;
}

/* Descriptors of the index by component, in the index's order; the stack manifest is left out. */
static GPtrArray *groups_read(const json_t *manifests, GError **error)
{
    g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    if (json_array_size(manifests) > OKSE_LIMIT_PARTS) {
        okse_fail(error, OKSE_ERROR_INVALID, "bundle index: more than %u manifests", OKSE_LIMIT_PARTS);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *descriptor = json_array_get(manifests, i);
        const char *name = annotation(descriptor, OKSE_NOTE_COMPONENT);
        GPtrArray *group;

        if (!name_check(name, error)) {
            g_prefix_error(error, "bundle index: ");
            return NULL;
        }
        if (g_strcmp0(annotation(descriptor, OKSE_NOTE_KIND), OKSE_STACK_COMPONENT) == 0)
            continue;
        group = g_hash_table_lookup(known, name);
        if (group == NULL) {
            group = g_ptr_array_new();
            g_ptr_array_add(groups, group);
            g_hash_table_insert(known, (gpointer)(uintptr_t)name, group);
        }
        g_ptr_array_add(group, descriptor);
    }
    return g_steal_pointer(&groups);
}

GPtrArray *okse_parts_read(const json_t *bundle_index, const OkseBlobs *blobs, GError **error)
{
    const json_t *manifests = okse_json_array(bundle_index, "manifests", "bundle index", error);
    const char *version = annotation(bundle_index, OKSE_NOTE_VERSION);
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    g_autoptr(GPtrArray) groups = NULL;

    if (manifests == NULL)
        return NULL;
    if (version == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "bundle index: no version");
        return NULL;
    }
    groups = groups_read(manifests, error);
    if (groups == NULL)
        return NULL;
    for (guint i = 0; i < groups->len; i++)
        g_ptr_array_add(parts, part_read(g_ptr_array_index(groups, i), version, blobs));
    return g_steal_pointer(&parts);
}

bool okse_part_sign(OksePart *part, const OkseSha256 *statement, uint64_t size, GError **error)
{
    OkseTreeEntry entry = {
        .type = OKSE_TREE_FILE, .path = OKSE_OMS_NAME, .digest = *statement, .size = size, .beside = true};

    return okse_tree_add(part->tree, &entry, error) && okse_tree_finish(part->tree, error);
}

static const json_t *stack_descriptor(const json_t *bundle_index, GError **error)
{
    const json_t *manifests = okse_json_array(bundle_index, "manifests", "bundle index", error);

    if (manifests == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (g_strcmp0(annotation(json_array_get(manifests, i), OKSE_NOTE_KIND), OKSE_STACK_COMPONENT) == 0)
            return json_array_get(manifests, i);
    okse_fail(error, OKSE_ERROR_INVALID, "bundle index: no stack manifest");
    return NULL;
}

json_t *okse_parts_stack(const json_t *bundle_index, const OkseBlobs *blobs, GError **error)
{
    const json_t *descriptor = stack_descriptor(bundle_index, error);
    g_autoptr(json_t) manifest = descriptor == NULL ? NULL : manifest_read(descriptor, blobs, error);

    return manifest == NULL ? NULL : manifest_read(json_object_get(manifest, "config"), blobs, error);
}

static bool digest_add(const json_t *descriptor, GArray *digests, GError **error)
{
    OkseSha256 digest;
    uint64_t size;

    if (!descriptor_read(descriptor, &digest, &size, error))
        return false;
    g_array_append_val(digests, digest);
    return true;
}

/* A manifest and its config; `all`: its layers too; otherwise those that are listings. */
static bool manifest_digests(const json_t *descriptor, const OkseBlobs *blobs, bool all, GArray *digests,
                             GError **error)
{
    g_autoptr(json_t) manifest = NULL;
    const json_t *layers;

    if (!digest_add(descriptor, digests, error))
        return false;
    manifest = manifest_read(descriptor, blobs, error);
    if (manifest == NULL || !digest_add(json_object_get(manifest, "config"), digests, error))
        return false;
    layers = json_object_get(manifest, "layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        bool listing = g_strcmp0(okse_json_peek_text(layer, "mediaType"), OKSE_TYPE_LISTING) == 0;

        if ((all || listing) && !digest_add(layer, digests, error))
            return false;
    }
    return true;
}

bool okse_parts_metadata(const json_t *bundle_index, const OkseBlobs *blobs, GArray *digests, GError **error)
{
    const json_t *manifests = okse_json_array(bundle_index, "manifests", "bundle index", error);

    bool complete = true;

    if (manifests == NULL)
        return false;
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        bool stack = g_strcmp0(annotation(descriptor, OKSE_NOTE_KIND), OKSE_STACK_COMPONENT) == 0;

        if (!manifest_digests(descriptor, blobs, stack, digests, complete ? error : NULL))
            complete = false;
    }
    return complete;
}

bool okse_parts_statements(const json_t *layout_index, const OkseBlobs *blobs, GArray *digests, GError **error)
{
    const json_t *manifests = okse_json_array(layout_index, "manifests", "index.json", error);

    bool complete = true;

    if (manifests == NULL)
        return false;
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);

        if (g_strcmp0(okse_json_peek_text(descriptor, "artifactType"), OKSE_TYPE_SIGSTORE) == 0 &&
            !manifest_digests(descriptor, blobs, true, digests, complete ? error : NULL))
            complete = false;
    }
    return complete;
}
