#include "packager/rebuild.h"

#include "core/limits.h"
#include "packager/bundle_tree.h"
#include "packager/listing.h"
#include "packager/manifest.h"
#include "packager/media_types.h"

#include <string.h>

typedef struct {
    const OksePlan *plan;
    const OkseBundle *bundle;
    OkseDifference *difference;
} Comparison;

void okse_difference_clear(OkseDifference *difference)
{
    g_free(difference->component);
    g_free(difference->path);
    g_free(difference->expected);
    g_free(difference->found);
    *difference = (OkseDifference){0};
}

static bool is_found(const Comparison *comparison)
{
    return comparison->difference->aspect != NULL;
}

/* A value of JSON as people write it: texts without quotes. */
static char *value_text(const json_t *value)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) boxed = NULL;

    if (value == NULL)
        return NULL;
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    boxed = json_pack("[O]", value);
    bytes = okse_json_write(boxed);
    return g_strndup((const char *)g_bytes_get_data(bytes, NULL) + 1, g_bytes_get_size(bytes) - 2);
}

static void differ(const Comparison *comparison, const char *component, const char *path, const char *aspect,
                   const json_t *expected, const json_t *found)
{
    *comparison->difference =
        (OkseDifference){g_strdup(component), g_strdup(path), aspect, value_text(expected), value_text(found)};
}

/* The first member that two objects do not share; what is read from a bundle has them sorted. */
static void compare_objects(const Comparison *comparison, const char *component, const char *aspect, json_t *expected,
                            json_t *found)
{
    const char *key;
    json_t *value;

    json_object_foreach(expected, key, value)
    {
        const json_t *other = json_object_get(found, key);

        if (!is_found(comparison) && (other == NULL || json_equal(value, other) != 1))
            differ(comparison, component, key, aspect, value, other);
    }
    json_object_foreach(found, key, value)
    {
        if (!is_found(comparison) && json_object_get(expected, key) == NULL)
            differ(comparison, component, key, aspect, NULL, value);
    }
}

static json_t *entry_json(const OkseTreeEntry *entry)
{
    char text[OKSE_SHA256_TEXT];

    if (entry->type == OKSE_TREE_DIRECTORY)
        return json_string("directory");
    if (entry->type == OKSE_TREE_LINK)
        return json_sprintf("link to %s", entry->link);
    return json_sprintf("%s, %" G_GUINT64_FORMAT " bytes, mode %s", okse_sha256_text(&entry->digest, text), entry->size,
                        entry->executable ? "0755" : "0644");
}

static bool entries_equal(const OkseTreeEntry *a, const OkseTreeEntry *b)
{
    if (a->type != b->type || a->executable != b->executable)
        return false;
    if (a->type == OKSE_TREE_LINK)
        return strcmp(a->link, b->link) == 0;
    return a->type == OKSE_TREE_DIRECTORY || (a->size == b->size && okse_sha256_equal(&a->digest, &b->digest));
}

/* Both are sorted by path. */
static void compare_trees(const Comparison *comparison, const char *component, const OkseTree *expected,
                          const OkseTree *found)
{
    for (unsigned i = 0; i < MAX(okse_tree_count(expected), okse_tree_count(found)); i++) {
        const OkseTreeEntry *before = i < okse_tree_count(expected) ? okse_tree_entry(expected, i) : NULL;
        const OkseTreeEntry *after = i < okse_tree_count(found) ? okse_tree_entry(found, i) : NULL;
        int order = before == NULL ? 1 : after == NULL ? -1 : strcmp(before->path, after->path);
        g_autoptr(json_t) was = NULL, is = NULL;

        if (order == 0 && entries_equal(before, after))
            continue;
        was = order <= 0 ? entry_json(before) : NULL;
        is = order >= 0 ? entry_json(after) : NULL;
        differ(comparison, component, order <= 0 ? before->path : after->path, order == 0 ? "content" : "presence", was,
               is);
        return;
    }
}

/* The files of a planned component, as okse_bundle_tree() gives those of a packed one. */
static OkseTree *planned_tree(const OkseManifestPlan *manifest, GError **error)
{
    g_autoptr(OkseTree) tree = okse_tree_new();

    if (manifest->form == OKSE_PLAN_TAR) {
        const OkseBlobPlan *listing = g_ptr_array_index(manifest->layers, 0);
        g_autoptr(GBytes) bytes = okse_tar_layer_listing(listing->same_as != NULL && listing->same_as->listing != NULL
                                                             ? listing->same_as->listing
                                                             : listing->listing);

        return okse_listing_read(bytes, manifest->component->name, error);
    }
    for (guint i = 0; manifest->form == OKSE_PLAN_RAW && i < manifest->layers->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i);
        const OkseEntry *file = okse_source_entry(blob->source, blob->entry);
        const OkseTreeEntry entry = {.type = OKSE_TREE_FILE,
                                     .path = file->path,
                                     .size = blob->size,
                                     .digest = blob->digest,
                                     .executable = file->executable};

        if (!okse_tree_add(tree, &entry, error))
            return NULL;
    }
    return okse_tree_finish(tree, error) ? g_steal_pointer(&tree) : NULL;
}

/* What a stack's config says of a component. */
static json_t *config_row(const json_t *config, const char *name)
{
    const json_t *rows = json_object_get(config, "components");

    for (size_t i = 0; i < json_array_size(rows); i++)
        if (g_strcmp0(okse_json_peek_text(json_array_get(rows, i), "name"), name) == 0)
            return json_array_get(rows, i);
    return NULL;
}

/* Its files are equal: then it is where they came from, its kind or license; or, of an image, the manifest. */
static void compare_rows(const Comparison *comparison, const char *name, json_t *expected, json_t *found)
{
    g_autoptr(json_t) before = json_copy(expected), after = json_copy(found);
    g_autoptr(json_t) config = okse_manifest_stack_config(comparison->plan);

    json_object_del(before, "manifest");
    json_object_del(after, "manifest");
    compare_objects(comparison, name, "lock", before, after);
    if (!is_found(comparison))
        compare_objects(comparison, name, "config", config_row(okse_bundle_stack(comparison->bundle), name),
                        config_row(config, name));
    if (!is_found(comparison))
        compare_objects(comparison, name, "lock", expected, found);
}

static bool compare_component(const Comparison *comparison, unsigned index, json_t *expected, json_t *found,
                              GError **error)
{
    const OkseManifestPlan *manifest = g_ptr_array_index(comparison->plan->manifests, index + 1);
    const OkseBundleComponent *component = okse_bundle_component(comparison->bundle, index);
    g_autoptr(OkseTree) before = NULL, after = NULL;

    if (json_equal(expected, found) == 1)
        return true;
    before = okse_bundle_tree(comparison->bundle, component, error);
    after = before == NULL ? NULL : planned_tree(manifest, error);
    if (after == NULL)
        return false;
    compare_trees(comparison, component->name, before, after);
    if (!is_found(comparison))
        compare_rows(comparison, component->name, expected, found);
    return true;
}

static bool compare_components(const Comparison *comparison, const json_t *expected, const json_t *found,
                               GError **error)
{
    size_t count = MAX(json_array_size(expected), json_array_size(found));

    for (size_t i = 0; i < count && !is_found(comparison); i++) {
        json_t *before = json_array_get(expected, i), *after = json_array_get(found, i);
        const char *was = okse_json_peek_text(before, "name"), *is = okse_json_peek_text(after, "name");

        if (g_strcmp0(was, is) != 0 || i >= okse_bundle_components(comparison->bundle))
            differ(comparison, was != NULL ? was : is, NULL, "presence", json_object_get(before, "name"),
                   json_object_get(after, "name"));
        else if (!compare_component(comparison, (unsigned)i, before, after, error))
            return false;
    }
    return true;
}

/* {title: digest} of the documents in a stack manifest; the lock follows from the components. */
static json_t *documents_of(const json_t *manifest)
{
    json_t *documents = json_object();
    const json_t *layers = json_object_get(manifest, "layers");

    for (size_t i = 1; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *title = okse_json_peek_text(json_object_get(layer, "annotations"), OKSE_NOTE_TITLE);

        if (title != NULL)
            json_object_set(documents, title, json_object_get(layer, "digest"));
    }
    return documents;
}

static json_t *stack_manifest(const OkseBundle *bundle, GError **error)
{
    const json_t *first = json_array_get(json_object_get(okse_bundle_index(bundle), "manifests"), 0);
    const char *text = okse_json_peek_text(first, "digest");
    OkseSha256 digest;
    GBytes *bytes =
        text != NULL && okse_sha256_parse(text, &digest, NULL) ? okse_bundle_metadata(bundle, &digest) : NULL;

    if (bytes == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "the bundle has no stack manifest");
        return NULL;
    }
    return okse_json_read(bytes, OKSE_LIMIT_METADATA, "stack manifest", error);
}

static bool compare_stack(const Comparison *comparison, GError **error)
{
    const OkseManifestPlan *stack = g_ptr_array_index(comparison->plan->manifests, 0);
    g_autoptr(json_t) expected = stack_manifest(comparison->bundle, error), found = NULL;
    g_autoptr(json_t) before = NULL, after = NULL, config = NULL;
    json_t *packed = (json_t *)(uintptr_t)okse_bundle_stack(comparison->bundle); /* only read */

    if (expected == NULL)
        return false;
    found = okse_json_read(stack->manifest->bytes, OKSE_LIMIT_METADATA, "stack manifest", error);
    config = okse_json_read(stack->config->bytes, OKSE_LIMIT_METADATA, "stack config", error);
    if (found == NULL || config == NULL)
        return false;
    compare_objects(comparison, OKSE_STACK_COMPONENT, "config", packed, config);
    before = documents_of(expected);
    after = documents_of(found);
    if (!is_found(comparison))
        compare_objects(comparison, OKSE_STACK_COMPONENT, "document", before, after);
    return true;
}

static json_t *packed_lock(const OkseBundle *bundle, GError **error)
{
    GBytes *bytes = okse_bundle_document(bundle, "lock.json");

    if (bytes != NULL)
        return okse_json_read(bytes, OKSE_LIMIT_METADATA, "lock.json", error);
    okse_fail(error, OKSE_ERROR_INVALID, "the bundle has no lock.json");
    return NULL;
}

bool okse_rebuild_compare(const OksePlan *plan, const OkseBundle *bundle, OkseDifference *difference, GError **error)
{
    const OkseManifestPlan *stack = g_ptr_array_index(plan->manifests, 0);
    const OkseBlobPlan *lock = g_ptr_array_index(stack->layers, 0);
    g_auto(OkseDifference) first = {0};
    const Comparison comparison = {plan, bundle, &first};
    g_autoptr(json_t) index = okse_json_read(plan->index->bytes, OKSE_LIMIT_METADATA, "bundle index", error);
    g_autoptr(json_t) expected = index == NULL ? NULL : packed_lock(bundle, error);
    g_autoptr(json_t) found = expected == NULL ? NULL : okse_json_read(lock->bytes, OKSE_LIMIT_METADATA, "lock", error);

    if (found == NULL)
        return false;
    compare_objects(&comparison, NULL, "annotations", json_object_get(okse_bundle_index(bundle), "annotations"),
                    json_object_get(index, "annotations"));
    if (!is_found(&comparison) && !compare_components(&comparison, json_object_get(expected, "components"),
                                                      json_object_get(found, "components"), error))
        return false;
    if (!is_found(&comparison) && !compare_stack(&comparison, error))
        return false;
    if (!is_found(&comparison) && !okse_sha256_equal(okse_bundle_identity(bundle), &plan->index->digest))
        compare_objects(&comparison, NULL, "bundle index", (json_t *)(uintptr_t)okse_bundle_index(bundle), index);
    *difference = first;
    first = (OkseDifference){0};
    return true;
}
