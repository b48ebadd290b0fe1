/* From sources to blobs: which form a component takes and which blobs it has. */
#include "packager/plan.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/fetch_cache.h"
#include "packager/path_fold.h"
#include "packager/patterns.h"
#include "packager/remote.h"
#include "packager/source_open.h"
#include "packager/source_template.h"
#include "packager/template_arguments.h"
#include "packager/tensor_plan.h"

#include <string.h>
#include <sys/stat.h>

static void blob_free(gpointer data)
{
    OkseBlobPlan *blob = data;

    g_clear_pointer(&blob->bytes, g_bytes_unref);
    g_free(blob);
}

static void manifest_free(gpointer data)
{
    OkseManifestPlan *manifest = data;

    g_ptr_array_unref(manifest->layers);
    json_decref(manifest->weights);
    g_free(manifest);
}

static void source_free(gpointer data)
{
    okse_source_free(data);
}

static void image_free(gpointer data)
{
    okse_image_free(data);
}

static void tar_free(gpointer data)
{
    okse_tar_layer_free(data);
}

OkseDocument *okse_document_new(const char *title, const char *media_type, GBytes *bytes)
{
    OkseDocument *document = g_new0(OkseDocument, 1);

    document->title = g_strdup(title);
    document->media_type = g_strdup(media_type);
    document->bytes = bytes;
    return document;
}

void okse_document_free(OkseDocument *document)
{
    g_free(document->title);
    g_free(document->media_type);
    g_clear_pointer(&document->bytes, g_bytes_unref);
    g_free(document->context);
    g_free(document);
}

static void inventory_free(gpointer data)
{
    okse_inventory_free(data);
}

static void document_free(gpointer data)
{
    okse_document_free(data);
}

void okse_plan_free(OksePlan *plan)
{
    if (plan == NULL)
        return;
    g_ptr_array_unref(plan->manifests);
    g_ptr_array_unref(plan->blobs);
    g_ptr_array_unref(plan->tars);
    g_ptr_array_unref(plan->images);
    g_ptr_array_unref(plan->sources);
    g_ptr_array_unref(plan->documents);
    g_ptr_array_unref(plan->inventories);
    g_ptr_array_unref(plan->tensors);
    json_decref(plan->evaluations);
    json_decref(plan->license_names);
    json_decref(plan->filetypes);
    okse_weights_rules_free(plan->weights_rules);
    g_free(plan);
}

OkseBlobPlan *okse_plan_blob(OksePlan *plan, uint64_t size)
{
    OkseBlobPlan *blob = g_new0(OkseBlobPlan, 1);

    blob->size = size;
    g_ptr_array_add(plan->blobs, blob);
    return blob;
}

OkseManifestPlan *okse_plan_manifest(OksePlan *plan, const OkseStackComponent *component, OksePlanForm form)
{
    OkseManifestPlan *manifest = g_new0(OkseManifestPlan, 1);

    manifest->component = component;
    manifest->form = form;
    manifest->layers = g_ptr_array_new();
    manifest->manifest = okse_plan_blob(plan, 0);
    manifest->config = okse_plan_blob(plan, 0);
    manifest->manifest->metadata = manifest->config->metadata = true;
    g_ptr_array_add(plan->manifests, manifest);
    return manifest;
}

/* At most so many bytes does a raw layer take in a manifest: its path stands there three times, once as JSON in JSON,
 * where a quotation mark becomes four characters. */
static uint64_t layer_length(const char *path)
{
    uint64_t length = 800;

    for (const char *p = path; *p != '\0'; p++)
        length += *p == '"' ? 8 : 3;
    return length;
}

/* An empty directory (a download's cache, say) is no reason to give up one layer a file for weights; there it is left
 * out, because nothing a model is made of can be in it. */
static bool needs_tar(const OkseSource *source, bool weights)
{
    unsigned files = 0;
    uint64_t manifest = 0;

    for (unsigned i = 0; i < okse_source_count(source); i++) {
        OkseEntryKind kind = okse_source_entry(source, i)->kind;

        files += kind == OKSE_ENTRY_FILE;
        manifest += kind == OKSE_ENTRY_FILE ? layer_length(okse_source_entry(source, i)->path) : 0;
        if (kind == OKSE_ENTRY_LINK || (kind == OKSE_ENTRY_DIRECTORY && !weights))
            return true;
    }
    return files > OKSE_LIMIT_RAW_FILES || manifest > OKSE_LIMIT_METADATA;
}

static void plan_raw(OksePlan *plan, OkseManifestPlan *manifest, const OkseSource *source)
{
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        OkseBlobPlan *blob;

        if (entry->kind != OKSE_ENTRY_FILE)
            continue;
        blob = okse_plan_blob(plan, entry->size);
        blob->source = source;
        blob->entry = i;
        blob->wants_verity = true;
        blob->has_digest = entry->has_digest;
        blob->digest = entry->digest;
        g_ptr_array_add(manifest->layers, blob);
    }
}

static void plan_tar(OksePlan *plan, OkseManifestPlan *manifest, const OkseSource *source)
{
    OkseTarLayer *tar = okse_tar_layer_new(source);
    g_autoptr(GBytes) listing = okse_tar_layer_listing(tar);
    OkseBlobPlan *blob = okse_plan_blob(plan, g_bytes_get_size(listing));

    g_ptr_array_add(plan->tars, tar);
    blob->listing = tar;
    g_ptr_array_add(manifest->layers, blob);
    blob = okse_plan_blob(plan, okse_tar_layer_size(tar));
    blob->tar = tar;
    g_ptr_array_add(manifest->layers, blob);
}

static void set_bytes(OkseBlobPlan *blob, GBytes *bytes, const OkseSha256 *digest)
{
    blob->bytes = g_bytes_ref(bytes);
    blob->size = g_bytes_get_size(bytes);
    blob->digest = *digest;
    blob->has_digest = true;
}

static void plan_image_manifest(OksePlan *plan, const OkseStackComponent *component, const OkseSource *source,
                                const OkseImage *image, const OkseImageManifest *found)
{
    OkseManifestPlan *manifest = okse_plan_manifest(plan, component, OKSE_PLAN_IMAGE);

    manifest->image = found;
    manifest->of_image = image;
    set_bytes(manifest->manifest, found->manifest, &found->manifest_digest);
    set_bytes(manifest->config, found->config, &found->config_digest);
    for (guint i = 0; i < found->layers->len; i++) {
        const OkseImageLayer *layer = &g_array_index(found->layers, OkseImageLayer, i);
        OkseBlobPlan *blob = okse_plan_blob(plan, layer->size);

        blob->source = source;
        blob->entry = layer->entry;
        blob->digest = layer->digest;
        blob->has_digest = true;
        g_ptr_array_add(manifest->layers, blob);
    }
}

/* The component that has this image already, or NULL. */
static const OkseStackComponent *owner_of(const OksePlan *plan, const OkseImageManifest *image)
{
    for (guint i = 0; i < plan->manifests->len; i++) {
        const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, i);

        if (manifest->image != NULL && okse_sha256_equal(&manifest->image->manifest_digest, &image->manifest_digest))
            return manifest->component;
    }
    return NULL;
}

/* What the stack calls the image, in the layout that holds it: of a fetched one the digest. */
static char *reference_of(const OkseStackSource *source)
{
    g_auto(OkseImageName) name = {0};
    char text[OKSE_SHA256_TEXT];

    if (!okse_remote_is(source) || !okse_image_name_read(source->location, source->reference, &name, NULL))
        return g_strdup(source->reference);
    return g_strdup(okse_sha256_text(&name.digest, text));
}

static bool plan_image(OksePlan *plan, const OkseStackComponent *component, const OkseSource *source, GError **error)
{
    g_autofree char *reference = reference_of(&component->source);
    OkseImage *image = okse_image_read(source, reference, component->source.platform, error);

    if (image == NULL)
        return false;
    g_ptr_array_add(plan->images, image);
    for (guint i = 0; i < image->manifests->len; i++) {
        const OkseImageManifest *found = g_ptr_array_index(image->manifests, i);
        const OkseStackComponent *owner = owner_of(plan, found);

        if (owner != NULL && owner != component)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: the same image as component '%s'; a bundle lists an image once",
                             okse_source_origin(source), owner->name);
        if (owner == NULL)
            plan_image_manifest(plan, component, source, image, found);
    }
    return true;
}

static bool is_weights(const OkseStackComponent *component)
{
    return strcmp(component->kind, "weights") == 0;
}

static bool check_weights(const OkseSource *source, GError **error)
{
    unsigned files = 0;

    for (unsigned i = 0; i < okse_source_count(source); i++) {
        files += okse_source_entry(source, i)->kind == OKSE_ENTRY_FILE;
        if (okse_source_entry(source, i)->kind == OKSE_ENTRY_LINK)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: '%s' is a symbolic link; weights are packed as plain files (copy them with cp -rL)",
                             okse_source_origin(source), okse_source_entry(source, i)->path);
    }
    return files > 0 ? true : okse_fail(error, OKSE_ERROR_INVALID, "%s: no file in it", okse_source_origin(source));
}

/* What a reader would refuse is refused before anything is written. */
static bool check_paths(const OkseSource *source, OksePlanForm form, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autofree char *first = NULL, *second = NULL;
    const char *one, *other;

    for (unsigned i = 0; i < okse_source_count(source); i++)
        if (form == OKSE_PLAN_TAR || okse_source_entry(source, i)->kind == OKSE_ENTRY_FILE)
            g_ptr_array_add(paths, okse_source_entry(source, i)->path);
    if (okse_paths_distinct(paths, &one, &other))
        return true;
    first = okse_text_show(one, -1, false);
    second = okse_text_show(other, -1, false);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' and '%s' " OKSE_PATHS_CLASH, okse_source_origin(source),
                     first, second);
}

/* A license text that is named must be there. */
static bool read_license(const OkseStackComponent *component, int dir_fd, OkseInventory *inventory, GError **error)
{
    g_autofree char *name = NULL;
    g_autoptr(GBytes) bytes = NULL;
    okse_autofd fd = -1;
    struct stat info;

    if (component->license_file == NULL)
        return true;
    fd = openat(dir_fd, component->license_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) < 0)
        return okse_fail_errno(error, "license file %s", component->license_file);
    if (!S_ISREG(info.st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "license file %s: not a regular file", component->license_file);
    name = g_strconcat("license file ", component->license_file, NULL);
    bytes = okse_read_fd(fd, OKSE_LIMIT_LICENSE, name, error);
    if (bytes != NULL && inventory != NULL)
        okse_inventory_add_license(inventory, component->license_file, bytes);
    return bytes != NULL;
}

/* Images are not looked into. */
static bool add_inventory(OksePlan *plan, unsigned index, const OkseSource *source, int dir_fd, GError **error)
{
    const OkseStackComponent *component = g_ptr_array_index(plan->stack->components, index);
    OkseInventory *inventory = NULL;

    if (component->source.form != OKSE_SOURCE_OCI) {
        inventory = okse_inventory_of(source, plan->license_names, error);
        if (inventory == NULL)
            return false;
    }
    g_ptr_array_index(plan->inventories, index) = inventory;
    return read_license(component, dir_fd, inventory, error);
}

static OkseSource *open_source(const OksePlan *plan, const OkseStackComponent *component, const OksePlanInputs *inputs,
                               GError **error)
{
    const OkseStackSource *wanted = &component->source;
    g_autofree char *base = g_path_get_dirname(plan->stack->origin);
    g_autofree char *origin =
        strcmp(base, ".") == 0 ? g_strdup(wanted->location) : g_build_filename(base, wanted->location, NULL);
    g_autoptr(json_t) arguments = NULL;

    if (okse_remote_is(wanted))
        return okse_cache_source(&(OkseCachePlace){inputs->dir_fd, plan->stack->origin, inputs->cache}, wanted, error);
    if (wanted->form != OKSE_SOURCE_TEMPLATE)
        return okse_source_open_stack(wanted, inputs->dir_fd, origin, error);
    arguments = okse_template_arguments(plan, component, inputs->resources, error);
    return arguments == NULL ? NULL
                             : okse_source_open_template(inputs->dir_fd, wanted->location, origin, arguments,
                                                         inputs->resources, error);
}

static bool plan_component(OksePlan *plan, unsigned index, const OksePlanInputs *inputs, GError **error)
{
    const OkseStackComponent *component = g_ptr_array_index(plan->stack->components, index);
    OkseSource *source = open_source(plan, component, inputs, error);
    guint listed = plan->tensors->len;
    OkseManifestPlan *manifest;

    if (source == NULL)
        return false;
    g_ptr_array_index(plan->sources, index) = source;
    if (!add_inventory(plan, index, source, inputs->dir_fd, error))
        return false;
    if (component->source.form == OKSE_SOURCE_OCI)
        return plan_image(plan, component, source, error);
    if (is_weights(component) && !check_weights(source, error))
        return false;
    manifest =
        okse_plan_manifest(plan, component, needs_tar(source, is_weights(component)) ? OKSE_PLAN_TAR : OKSE_PLAN_RAW);
    manifest->source = source;
    manifest->inventory = g_ptr_array_index(plan->inventories, index);
    if (is_weights(component)) {
        manifest->weights = okse_weights_examine(plan->weights_rules, source, plan->tensors, error);
        if (manifest->weights == NULL)
            return false;
    }
    if (manifest->form == OKSE_PLAN_TAR)
        plan_tar(plan, manifest, source);
    else
        plan_raw(plan, manifest, source);
    okse_tensor_plan_component(plan, manifest, listed);
    return check_paths(source, manifest->form, error);
}

/* Templates see the other components, so they come after them. */
static bool plan_components(OksePlan *plan, const OksePlanInputs *inputs, bool templates, GError **error)
{
    const GPtrArray *components = plan->stack->components;

    for (guint i = 0; i < components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(components, i);

        if ((component->source.form == OKSE_SOURCE_TEMPLATE) != templates || plan_component(plan, i, inputs, error))
            continue;
        if (okse_remote_is(&component->source))
            okse_cache_hint(&(OkseCachePlace){inputs->dir_fd, plan->stack->origin, inputs->cache}, error);
        g_prefix_error(error, "%s:%u:%u: component '%s': ", plan->stack->origin, component->line, component->column,
                       component->name);
        return false;
    }
    return true;
}

/* In the stack's order, whichever was planned first; those of one component stay as they are. order: OkseStackComponent
 * → its number, from 1. */
static int compare_manifests(gconstpointer a, gconstpointer b, gpointer order)
{
    const OkseManifestPlan *one = *(OkseManifestPlan *const *)a, *other = *(OkseManifestPlan *const *)b;
    guint first = GPOINTER_TO_UINT(g_hash_table_lookup(order, one->component));
    guint second = GPOINTER_TO_UINT(g_hash_table_lookup(order, other->component));

    return (first > second) - (first < second); /* the stack manifest has no component, and is first */
}

static void sort_manifests(OksePlan *plan)
{
    g_autoptr(GHashTable) order = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < plan->stack->components->len; i++)
        g_hash_table_insert(order, g_ptr_array_index(plan->stack->components, i), GUINT_TO_POINTER(i + 1));
    g_ptr_array_sort_with_data(plan->manifests, compare_manifests, order);
}

OksePlan *okse_plan_empty(void)
{
    OksePlan *plan = g_new0(OksePlan, 1);

    plan->sources = g_ptr_array_new_with_free_func(source_free);
    plan->images = g_ptr_array_new_with_free_func(image_free);
    plan->tars = g_ptr_array_new_with_free_func(tar_free);
    plan->blobs = g_ptr_array_new_with_free_func(blob_free);
    plan->manifests = g_ptr_array_new_with_free_func(manifest_free);
    plan->documents = g_ptr_array_new_with_free_func(document_free);
    plan->tensors = okse_tensor_files_new();
    plan->inventories = g_ptr_array_new_with_free_func(inventory_free);
    plan->index = okse_plan_blob(plan, 0);
    plan->index->metadata = true;
    return plan;
}

OksePlan *okse_plan_new(const OksePlanInputs *inputs, GError **error)
{
    const OkseResources *resources = inputs->resources;
    g_autoptr(OksePlan) plan = okse_plan_empty();

    plan->stack = inputs->stack;
    plan->country = inputs->country;
    plan->site = inputs->site;
    plan->license_names = okse_patterns_read(resources, "manifests/license-files.yaml", error);
    if (plan->license_names == NULL)
        return NULL;
    plan->filetypes = okse_patterns_read(resources, "manifests/modelpack-filetypes.yaml", error);
    plan->weights_rules = plan->filetypes == NULL ? NULL : okse_weights_rules_read(resources, error);
    if (plan->weights_rules == NULL)
        return NULL;
    okse_plan_manifest(plan, NULL, OKSE_PLAN_STACK);
    g_ptr_array_set_size(plan->sources, (int)inputs->stack->components->len);
    g_ptr_array_set_size(plan->inventories, (int)inputs->stack->components->len);
    if (!plan_components(plan, inputs, false, error) || !plan_components(plan, inputs, true, error))
        return NULL;
    sort_manifests(plan);
    return g_steal_pointer(&plan);
}

void okse_plan_documents(OksePlan *plan)
{
    OkseManifestPlan *stack = g_ptr_array_index(plan->manifests, 0);
    OkseBlobPlan *lock = okse_plan_blob(plan, 0);

    lock->metadata = true;
    g_ptr_array_add(stack->layers, lock);
    for (guint i = 0; i < plan->documents->len; i++) {
        const OkseDocument *document = g_ptr_array_index(plan->documents, i);
        OkseBlobPlan *blob = okse_plan_blob(plan, 0);
        OkseSha256 digest;

        blob->metadata = true;
        if (document->bytes != NULL) {
            digest = okse_sha256_of_bytes(document->bytes);
            set_bytes(blob, document->bytes, &digest);
        }
        g_ptr_array_add(stack->layers, blob);
    }
}
