/* Everything in a bundle that Okse itself writes as JSON. Shapes: docs/formats/bundle.md. */
#include "packager/manifest.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/media_types.h"
#include "packager/patterns.h"

#include <string.h>

static json_t *descriptor(const char *media_type, const OkseBlobPlan *blob)
{
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:I}", "mediaType", media_type, "digest", okse_sha256_text(&blob->digest, text), "size",
                     (json_int_t)blob->size);
}

static void note(json_t *annotations, const char *key, const char *value)
{
    json_object_set_new(annotations, key, json_string(value));
}

/* bytes: taken over. */
static bool set_bytes(OkseBlobPlan *blob, GBytes *bytes, const char *what, GError **error)
{
    g_clear_pointer(&blob->bytes, g_bytes_unref);
    blob->bytes = bytes;
    blob->size = g_bytes_get_size(blob->bytes);
    blob->digest = okse_sha256_of_bytes(blob->bytes);
    blob->has_digest = true;
    if (blob->size > OKSE_LIMIT_METADATA)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: its metadata is %" G_GUINT64_FORMAT " bytes, over the limit of %u", what, blob->size,
                         OKSE_LIMIT_METADATA);
    return true;
}

static bool set_json(OkseBlobPlan *blob, const json_t *value, const char *what, GError **error)
{
    return set_bytes(blob, okse_json_write(value), what, error);
}

static bool is_weights(const OkseManifestPlan *manifest)
{
    return manifest->component != NULL && strcmp(manifest->component->kind, "weights") == 0;
}

static void note_model_file(json_t *annotations, const OkseEntry *entry, gint64 epoch)
{
    g_autofree char *time = okse_text_time(epoch);
    g_autoptr(json_t) file =
        json_pack("{s:s,s:i,s:i,s:i,s:I,s:s,s:i}", "name", entry->path, "mode", entry->executable ? 0755 : 0644, "uid",
                  0, "gid", 0, "size", (json_int_t)entry->size, "mtime", time, "typeflag", 0);
    g_autoptr(GBytes) text = okse_json_write(file);

    json_object_set_new(annotations, OKSE_NOTE_MODEL_FILE,
                        json_stringn(g_bytes_get_data(text, NULL), g_bytes_get_size(text)));
    note(annotations, OKSE_NOTE_MODEL_PATH, entry->path);
    note(annotations, OKSE_NOTE_MODEL_UNTESTED, "false");
}

static json_t *raw_layer(const OksePlan *plan, const OkseManifestPlan *manifest, const OkseBlobPlan *blob)
{
    const OkseEntry *entry = okse_source_entry(blob->source, blob->entry);
    const char *kind =
        is_weights(manifest) ? okse_json_peek_text(okse_patterns_find(plan->filetypes, entry->path), "kind") : NULL;
    g_autofree char *type = kind != NULL ? g_strdup_printf(OKSE_TYPE_MODEL_RAW_FORMAT, kind) : g_strdup(OKSE_TYPE_FILE);
    json_t *annotations = json_object(), *layer = descriptor(type, blob);
    char verity[OKSE_SHA256_TEXT];

    note(annotations, OKSE_NOTE_TITLE, entry->path);
    note(annotations, OKSE_NOTE_MODE, entry->executable ? "0755" : "0644");
    note(annotations, OKSE_NOTE_VERITY, okse_sha256_text(&blob->verity, verity));
    if (is_weights(manifest))
        note_model_file(annotations, entry, plan->epoch);
    json_object_set_new(layer, "annotations", annotations);
    return layer;
}

static json_t *titled_layer(const char *type, const OkseBlobPlan *blob, const char *title)
{
    json_t *layer = descriptor(type, blob);

    json_object_set_new(layer, "annotations", json_pack("{s:s}", OKSE_NOTE_TITLE, title));
    return layer;
}

static json_t *layers_of(const OksePlan *plan, const OkseManifestPlan *manifest)
{
    const char *name = manifest->component->name;
    g_autofree char *listing = g_strconcat(name, ".mtree", NULL), *tar = g_strconcat(name, ".tar", NULL);
    json_t *layers = json_array();

    if (manifest->form == OKSE_PLAN_TAR) {
        json_array_append_new(layers, titled_layer(OKSE_TYPE_LISTING, g_ptr_array_index(manifest->layers, 0), listing));
        json_array_append_new(layers, titled_layer(is_weights(manifest) ? OKSE_TYPE_MODEL_TAR : OKSE_TYPE_TAR,
                                                   g_ptr_array_index(manifest->layers, 1), tar));
        return layers;
    }
    for (guint i = 0; i < manifest->layers->len; i++)
        json_array_append_new(layers, raw_layer(plan, manifest, g_ptr_array_index(manifest->layers, i)));
    return layers;
}

static json_t *manifest_json(const char *artifact_type, const char *config_type, const OkseBlobPlan *config,
                             json_t *layers)
{
    return json_pack("{s:i,s:s,s:s,s:o,s:o}", "schemaVersion", 2, "mediaType", OKSE_TYPE_MANIFEST, "artifactType",
                     artifact_type, "config", descriptor(config_type, config), "layers", layers);
}

/* The format of the first file that is a weight. */
static const char *weights_format(const OksePlan *plan, const OkseManifestPlan *manifest)
{
    for (unsigned i = 0; i < okse_source_count(manifest->source); i++) {
        const json_t *row = okse_patterns_find(plan->filetypes, okse_source_entry(manifest->source, i)->path);
        const char *format = okse_json_peek_text(row, "format");

        if (format != NULL)
            return format;
    }
    return NULL;
}

/* CNCF model-spec, config: descriptor, config, modelfs. */
static json_t *model_config(const OksePlan *plan, const OkseManifestPlan *manifest)
{
    const OkseStack *stack = plan->stack;
    const char *format = weights_format(plan, manifest);
    json_t *descriptor_part = json_pack("{s:s,s:s,s:s}", "name", manifest->component->name, "version", stack->version,
                                        "vendor", stack->vendor_name);
    json_t *config_part = json_object(), *ids = json_array();
    static const char *const known[] = {"architecture", "precision", "quantization", "paramSize"};
    const json_t *summary = json_object_get(manifest->weights, "summary");
    char text[OKSE_SHA256_TEXT];

    if (manifest->component->spdx != NULL)
        json_object_set_new(descriptor_part, "licenses", json_pack("[s]", manifest->component->spdx));
    if (format != NULL)
        json_object_set_new(config_part, "format", json_string(format));
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (json_object_get(summary, known[i]) != NULL)
            json_object_set(config_part, known[i], json_object_get(summary, known[i]));
    for (guint i = 0; i < manifest->layers->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i);

        json_array_append_new(ids, json_string(okse_sha256_text(&blob->digest, text)));
    }
    return json_pack("{s:o,s:o,s:{s:s,s:o}}", "descriptor", descriptor_part, "config", config_part, "modelfs", "type",
                     "layers", "diffIds", ids);
}

static json_t *component_config(const OkseManifestPlan *manifest)
{
    json_t *config =
        json_pack("{s:s,s:s,s:s,s:s}", "schema", "okse.component.v1", "name", manifest->component->name, "kind",
                  manifest->component->kind, "form", manifest->form == OKSE_PLAN_TAR ? "tar" : "raw");

    if (manifest->component->spdx != NULL)
        json_object_set_new(config, "license", json_string(manifest->component->spdx));
    return config;
}

static bool render_component(const OksePlan *plan, OkseManifestPlan *manifest, GError **error)
{
    bool weights = is_weights(manifest);
    const char *name = manifest->component->name;
    g_autofree char *artifact =
        weights ? g_strdup(OKSE_TYPE_MODEL) : g_strdup_printf(OKSE_TYPE_ARTIFACT_FORMAT, manifest->component->kind);
    g_autoptr(json_t) config = weights ? model_config(plan, manifest) : component_config(manifest);
    g_autoptr(json_t) rendered = NULL;

    if (manifest->form == OKSE_PLAN_IMAGE)
        return true;
    if (!set_json(manifest->config, config, name, error))
        return false;
    rendered = manifest_json(artifact, weights ? OKSE_TYPE_MODEL_CONFIG : OKSE_TYPE_COMPONENT, manifest->config,
                             layers_of(plan, manifest));
    return set_json(manifest->manifest, rendered, name, error);
}

static json_t *lock_files(const OkseManifestPlan *manifest)
{
    json_t *files = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < manifest->layers->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i);

        json_array_append_new(files, json_pack("{s:s,s:s,s:I}", "path",
                                               okse_source_entry(blob->source, blob->entry)->path, "digest",
                                               okse_sha256_text(&blob->digest, text), "size", (json_int_t)blob->size));
    }
    return files;
}

static json_t *lock_component(const OkseManifestPlan *manifest)
{
    const OkseStackComponent *component = manifest->component;
    g_autofree char *source =
        g_strdup_printf("%s:%s", okse_source_forms[component->source.form], component->source.location);
    char text[OKSE_SHA256_TEXT];
    json_t *lock = json_pack("{s:s,s:s,s:s,s:s}", "name", component->name, "kind", component->kind, "source", source,
                             "manifest", okse_sha256_text(&manifest->manifest->digest, text));

    if (manifest->form == OKSE_PLAN_RAW) {
        json_object_set_new(lock, "files", lock_files(manifest));
    } else if (manifest->form == OKSE_PLAN_TAR) {
        const OkseBlobPlan *listing = g_ptr_array_index(manifest->layers, 0),
                           *tar = g_ptr_array_index(manifest->layers, 1);

        json_object_set_new(lock, "listing", json_string(okse_sha256_text(&listing->digest, text)));
        json_object_set_new(lock, "archive", json_string(okse_sha256_text(&tar->digest, text)));
    } else if (manifest->of_image->has_index) {
        json_object_set_new(lock, "index", json_string(okse_sha256_text(&manifest->of_image->index, text)));
    }
    if (manifest->source != NULL && okse_source_provenance(manifest->source) != NULL)
        json_object_set_new(lock, okse_source_forms[component->source.form],
                            json_deep_copy(okse_source_provenance(manifest->source)));
    if (component->source.reference != NULL)
        json_object_set_new(lock, "ref", json_string(component->source.reference));
    if (component->source.platform != NULL)
        json_object_set_new(lock, "platform", json_string(component->source.platform));
    return lock;
}

static json_t *lock_json(const OksePlan *plan)
{
    json_t *components = json_array();

    for (guint i = 1; i < plan->manifests->len; i++)
        json_array_append_new(components, lock_component(g_ptr_array_index(plan->manifests, i)));
    return json_pack("{s:s,s:o}", "schema", "okse.lock.v1", "components", components);
}

json_t *okse_manifest_stack_config(const OksePlan *plan)
{
    const OkseStack *stack = plan->stack;
    json_t *vendor = json_pack("{s:s,s:s}", "name", stack->vendor_name, "country", stack->vendor_country);
    json_t *components = json_array(), *config;

    if (stack->vendor_contact != NULL)
        json_object_set_new(vendor, "contact", json_string(stack->vendor_contact));
    for (guint i = 0; i < stack->components->len; i++) {
        const OkseStackComponent *component = g_ptr_array_index(stack->components, i);
        json_t *row = json_pack("{s:s,s:s}", "name", component->name, "kind", component->kind);

        if (component->spdx != NULL)
            json_object_set_new(row, "license", json_string(component->spdx));
        if (component->supports != NULL)
            json_object_set(row, "supports", component->supports);
        if (component->compiled != NULL)
            json_object_set(row, "compiled", component->compiled);
        json_array_append_new(components, row);
    }
    config = json_pack("{s:s,s:s,s:s,s:I,s:s,s:o,s:o}", "schema", "okse.stack.v1", "name", stack->name, "version",
                       stack->version, "sequence", (json_int_t)stack->sequence, "country", plan->country, "vendor",
                       vendor, "components", components);
    if (stack->compliance != NULL)
        json_object_set(config, "compliance", stack->compliance);
    return config;
}

static bool render_stack(const OksePlan *plan, GError **error)
{
    OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, 0);
    OkseBlobPlan *lock = g_ptr_array_index(manifest->layers, 0);
    g_autoptr(json_t) config = okse_manifest_stack_config(plan), locked = lock_json(plan), rendered = NULL;
    json_t *layers = json_array();

    if (!set_json(manifest->config, config, "stack", error) || !set_json(lock, locked, "lock.json", error)) {
        json_decref(layers);
        return false;
    }
    json_array_append_new(layers, titled_layer(OKSE_TYPE_LOCK, lock, "lock.json"));
    for (guint i = 0; i < plan->documents->len; i++) {
        const OkseDocument *document = g_ptr_array_index(plan->documents, i);
        OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i + 1);
        GBytes *bytes = document->render == NULL ? NULL : document->render(plan, document->context, error);

        if (document->render != NULL && (bytes == NULL || !set_bytes(blob, bytes, document->title, error))) {
            json_decref(layers);
            return false;
        }
        json_array_append_new(layers, titled_layer(document->media_type, blob, document->title));
    }
    rendered = manifest_json(OKSE_TYPE_STACK, OKSE_TYPE_STACK, manifest->config, layers);
    return set_json(manifest->manifest, rendered, "stack", error);
}

static json_t *index_entry(const OkseManifestPlan *manifest)
{
    const OkseStackComponent *component = manifest->component;
    json_t *entry =
        descriptor(manifest->image != NULL ? manifest->image->media_type : OKSE_TYPE_MANIFEST, manifest->manifest);

    json_object_set_new(entry, "annotations",
                        json_pack("{s:s,s:s}", OKSE_NOTE_COMPONENT,
                                  component != NULL ? component->name : OKSE_STACK_COMPONENT, OKSE_NOTE_KIND,
                                  component != NULL ? component->kind : OKSE_STACK_COMPONENT));
    if (manifest->image != NULL)
        json_object_set(entry, "platform", manifest->image->platform);
    return entry;
}

static bool render_index(const OksePlan *plan, GError **error)
{
    const OkseStack *stack = plan->stack;
    g_autofree char *sequence = g_strdup_printf("%" G_GUINT64_FORMAT, stack->sequence);
    g_autofree char *created = okse_text_time(plan->epoch);
    json_t *annotations = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", OKSE_NOTE_TYPE, OKSE_BUNDLE_TYPE,
                                    OKSE_NOTE_NAME, stack->name, OKSE_NOTE_VERSION, stack->version, OKSE_NOTE_SEQUENCE,
                                    sequence, OKSE_NOTE_COUNTRY, plan->country, OKSE_NOTE_VENDOR, stack->vendor_name,
                                    OKSE_NOTE_VENDOR_COUNTRY, stack->vendor_country, OKSE_NOTE_CREATED, created);
    json_t *manifests = json_array();
    g_autoptr(json_t) index = NULL;

    for (guint i = 0; i < plan->manifests->len; i++)
        json_array_append_new(manifests, index_entry(g_ptr_array_index(plan->manifests, i)));
    index = json_pack("{s:i,s:s,s:o,s:o}", "schemaVersion", 2, "mediaType", OKSE_TYPE_INDEX, "annotations", annotations,
                      "manifests", manifests);
    return set_json(plan->index, index, "bundle index", error);
}

bool okse_manifest_render(OksePlan *plan, GError **error)
{
    for (guint i = 1; i < plan->manifests->len; i++)
        if (!render_component(plan, g_ptr_array_index(plan->manifests, i), error))
            return false;
    return render_stack(plan, error) && render_index(plan, error);
}
