/* From sources to blobs: which form a component takes and which blobs it has. */
#include "packager/plan.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/path_fold.h"
#include "packager/patterns.h"

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
    g_bytes_unref(document->bytes);
    g_free(document);
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
    json_decref(plan->filetypes);
    g_free(plan);
}

OkseBlobPlan *okse_plan_blob(OksePlan *plan, uint64_t size)
{
    OkseBlobPlan *blob = g_new0(OkseBlobPlan, 1);

    blob->size = size;
    g_ptr_array_add(plan->blobs, blob);
    return blob;
}

static OkseManifestPlan *add_manifest(OksePlan *plan, const OkseStackComponent *component, OksePlanForm form)
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

/* An empty directory (a download's cache, say) is no reason to give up one layer a file for weights; there it is left
 * out, because nothing a model is made of can be in it. */
static bool needs_tar(const OkseSource *source, bool weights)
{
    unsigned files = 0;

    for (unsigned i = 0; i < okse_source_count(source); i++) {
        OkseEntryKind kind = okse_source_entry(source, i)->kind;

        files += kind == OKSE_ENTRY_FILE;
        if (kind == OKSE_ENTRY_LINK || (kind == OKSE_ENTRY_DIRECTORY && !weights))
            return true;
    }
    return files > OKSE_LIMIT_RAW_FILES;
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
    OkseManifestPlan *manifest = add_manifest(plan, component, OKSE_PLAN_IMAGE);

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

static bool plan_image(OksePlan *plan, const OkseStackComponent *component, const OkseSource *source, GError **error)
{
    OkseImage *image = okse_image_read(source, component->reference, component->platform, error);

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

/* An image may be a directory or an archive of either kind; the file system knows which. */
static OkseSource *open_source(const OkseStackComponent *component, int dir_fd, const char *origin, GError **error)
{
    okse_autofd probe = -1;

    if (component->source == OKSE_SOURCE_ARCHIVE)
        return okse_source_open_archive(dir_fd, component->location, origin, error);
    if (component->source == OKSE_SOURCE_PATH)
        return okse_source_open_directory(dir_fd, component->location, origin, error);
    probe = openat(dir_fd, component->location, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (probe < 0 && errno != ENOTDIR) {
        okse_fail_errno(error, "%s", origin);
        return NULL;
    }
    return probe >= 0 ? okse_source_open_directory(dir_fd, component->location, origin, error)
                      : okse_source_open_archive(dir_fd, component->location, origin, error);
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
static bool check_paths(const OkseSource *source, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    g_autofree char *first = NULL, *second = NULL;
    const char *one, *other;

    for (unsigned i = 0; i < okse_source_count(source); i++)
        if (okse_source_entry(source, i)->kind == OKSE_ENTRY_FILE)
            g_ptr_array_add(paths, okse_source_entry(source, i)->path);
    if (okse_paths_distinct(paths, &one, &other))
        return true;
    first = okse_text_show(one, -1, false);
    second = okse_text_show(other, -1, false);
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' and '%s' " OKSE_PATHS_CLASH, okse_source_origin(source),
                     first, second);
}

/* A license text that is named must be there. */
static bool check_license(const OkseStackComponent *component, int dir_fd, GError **error)
{
    struct stat info;

    if (component->license_file == NULL)
        return true;
    if (fstatat(dir_fd, component->license_file, &info, 0) < 0)
        return okse_fail_errno(error, "license file %s", component->license_file);
    return S_ISREG(info.st_mode)
               ? true
               : okse_fail(error, OKSE_ERROR_INVALID, "license file %s: not a regular file", component->license_file);
}

static bool plan_component(OksePlan *plan, const OkseStackComponent *component, int dir_fd, GError **error)
{
    g_autofree char *base = g_path_get_dirname(plan->stack->origin);
    g_autofree char *origin =
        strcmp(base, ".") == 0 ? g_strdup(component->location) : g_build_filename(base, component->location, NULL);
    OkseSource *source = open_source(component, dir_fd, origin, error);
    OkseManifestPlan *manifest;

    if (source == NULL)
        return false;
    g_ptr_array_add(plan->sources, source);
    if (!check_license(component, dir_fd, error))
        return false;
    if (component->source == OKSE_SOURCE_OCI)
        return plan_image(plan, component, source, error);
    if (is_weights(component) && !check_weights(source, error))
        return false;
    manifest = add_manifest(plan, component, needs_tar(source, is_weights(component)) ? OKSE_PLAN_TAR : OKSE_PLAN_RAW);
    manifest->source = source;
    if (manifest->form == OKSE_PLAN_TAR) {
        plan_tar(plan, manifest, source);
        return true;
    }
    plan_raw(plan, manifest, source);
    return check_paths(source, error);
}

OksePlan *okse_plan_new(const OkseStack *stack, int dir_fd, const OkseResources *resources, GError **error)
{
    g_autoptr(OksePlan) plan = g_new0(OksePlan, 1);

    plan->stack = stack;
    plan->sources = g_ptr_array_new_with_free_func(source_free);
    plan->images = g_ptr_array_new_with_free_func(image_free);
    plan->tars = g_ptr_array_new_with_free_func(tar_free);
    plan->blobs = g_ptr_array_new_with_free_func(blob_free);
    plan->manifests = g_ptr_array_new_with_free_func(manifest_free);
    plan->documents = g_ptr_array_new_with_free_func(document_free);
    plan->filetypes = okse_patterns_read(resources, "manifests/modelpack-filetypes.yaml", error);
    if (plan->filetypes == NULL)
        return NULL;
    plan->index = okse_plan_blob(plan, 0);
    plan->index->metadata = true;
    add_manifest(plan, NULL, OKSE_PLAN_STACK);
    for (guint i = 0; i < stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(stack->components, i);

        if (!plan_component(plan, component, dir_fd, error)) {
            g_prefix_error(error, "%s:%u:%u: component '%s': ", stack->origin, component->line, component->column,
                           component->name);
            return NULL;
        }
    }
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
        OkseSha256 digest = okse_sha256_of_bytes(document->bytes);
        OkseBlobPlan *blob = okse_plan_blob(plan, 0);

        blob->metadata = true;
        set_bytes(blob, document->bytes, &digest);
        g_ptr_array_add(stack->layers, blob);
    }
}
