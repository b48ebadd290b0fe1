/* What others may ask of a bundle that was read. */
#include "packager/bundle_reader.h"

#include "packager/bundle_internal.h"
#include "packager/media_types.h"
#include "packager/tar_header.h"

#include <string.h>

static void component_free(OkseBundleComponent *component)
{
    g_free(component->name);
    g_free(component->kind);
    g_ptr_array_unref(component->files);
    g_free(component);
}

static void statement_free(OkseBundleStatement *statement)
{
    g_clear_pointer(&statement->bytes, g_bytes_unref);
    g_free(statement->predicate_type);
    g_free(statement);
}

void okse_bundle_free(OkseBundle *bundle)
{
    if (bundle == NULL)
        return;
    for (guint i = 0; bundle->components != NULL && i < bundle->components->len; i++)
        component_free(g_ptr_array_index(bundle->components, i));
    for (guint i = 0; bundle->statements != NULL && i < bundle->statements->len; i++)
        statement_free(g_ptr_array_index(bundle->statements, i));
    for (guint i = 0; bundle->parsed != NULL && i < bundle->parsed->len; i++)
        json_decref(g_ptr_array_index(bundle->parsed, i));
    g_clear_pointer(&bundle->components, g_ptr_array_unref);
    g_clear_pointer(&bundle->statements, g_ptr_array_unref);
    g_clear_pointer(&bundle->parsed, g_ptr_array_unref);
    g_clear_pointer(&bundle->stored, g_ptr_array_unref);
    g_clear_pointer(&bundle->expected, g_hash_table_unref);
    for (unsigned i = 0; i < G_N_ELEMENTS(bundle->listed); i++)
        g_clear_pointer(&bundle->listed[i], g_hash_table_unref);
    g_clear_pointer(&bundle->index_bytes, g_bytes_unref);
    json_decref(bundle->index);
    json_decref(bundle->layout_index);
    json_decref(bundle->stack_config);
    g_free(bundle->name);
    g_free(bundle->version);
    g_free(bundle->country);
    g_free(bundle->origin);
    okse_bytes_unref(bundle->bytes);
    bundle_thin_free(bundle->thin);
    g_free(bundle);
}

const OkseBytes *okse_bundle_bytes(const OkseBundle *bundle)
{
    return bundle->bytes;
}

const OkseSha256 *okse_bundle_identity(const OkseBundle *bundle)
{
    return &bundle->identity;
}

const char *okse_bundle_name(const OkseBundle *bundle)
{
    return bundle->name;
}

const char *okse_bundle_version(const OkseBundle *bundle)
{
    return bundle->version;
}

const char *okse_bundle_country(const OkseBundle *bundle)
{
    return bundle->country;
}

uint64_t okse_bundle_sequence(const OkseBundle *bundle)
{
    return bundle->sequence;
}

const json_t *okse_bundle_index(const OkseBundle *bundle)
{
    return bundle->index;
}

GBytes *okse_bundle_index_bytes(const OkseBundle *bundle)
{
    return bundle->index_bytes;
}

const json_t *okse_bundle_stack(const OkseBundle *bundle)
{
    return bundle->stack_config;
}

const json_t *okse_bundle_layout_index(const OkseBundle *bundle)
{
    return bundle->layout_index;
}

unsigned okse_bundle_components(const OkseBundle *bundle)
{
    return bundle->components->len - 1;
}

const OkseBundleComponent *okse_bundle_component(const OkseBundle *bundle, unsigned index)
{
    return g_ptr_array_index(bundle->components, index + 1);
}

unsigned okse_bundle_statements(const OkseBundle *bundle)
{
    return bundle->statements->len;
}

const OkseBundleStatement *okse_bundle_statement(const OkseBundle *bundle, unsigned index)
{
    return g_ptr_array_index(bundle->statements, index);
}

const OkseBundleComponent *okse_bundle_statement_component(const OkseBundle *bundle, unsigned statement)
{
    const char *name = okse_bundle_statement(bundle, statement)->component;

    for (unsigned i = 0; name != NULL && i < okse_bundle_components(bundle); i++)
        if (strcmp(okse_bundle_component(bundle, i)->name, name) == 0)
            return okse_bundle_component(bundle, i);
    return NULL;
}

GBytes *okse_bundle_document(const OkseBundle *bundle, const char *title)
{
    const OkseBundleComponent *stack = g_ptr_array_index(bundle->components, 0);
    const json_t *layers = json_object_get(stack->manifest, "layers");

    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        OkseSha256 digest;

        if (g_strcmp0(okse_json_peek_text(json_object_get(layer, "annotations"), OKSE_NOTE_TITLE), title) == 0 &&
            okse_sha256_parse(okse_json_peek_text(layer, "digest"), &digest, NULL))
            return okse_bundle_metadata(bundle, &digest);
    }
    return NULL;
}

unsigned okse_bundle_blobs(const OkseBundle *bundle)
{
    return bundle->stored->len;
}

const OkseBlob *okse_bundle_blob(const OkseBundle *bundle, unsigned index)
{
    return &((const Stored *)g_ptr_array_index(bundle->stored, index))->blob;
}

static const Stored *find_stored(const OkseBundle *bundle, const OkseSha256 *digest)
{
    const Expected *expected = bundle_expected(bundle, digest);

    return expected == NULL || expected->stored < 0 ? NULL : g_ptr_array_index(bundle->stored, (guint)expected->stored);
}

const OkseBlob *okse_bundle_find(const OkseBundle *bundle, const OkseSha256 *digest)
{
    const Stored *stored = find_stored(bundle, digest);

    return stored == NULL ? NULL : &stored->blob;
}

GBytes *okse_bundle_metadata(const OkseBundle *bundle, const OkseSha256 *digest)
{
    const Stored *stored = find_stored(bundle, digest);

    return stored == NULL ? NULL : stored->bytes;
}

OkseBundleSlots okse_bundle_slots(const OkseBundle *bundle)
{
    OkseBundleSlots slots = bundle->slots;
    OkseSha256 empty = okse_sha256_of("{}", 2);

    slots.area_size = OKSE_TAR_STATEMENT_AREA;
    slots.area_used = 0;
    for (guint i = 1; i < bundle->stored->len; i++) {
        const Stored *stored = g_ptr_array_index(bundle->stored, i);

        if (stored->prefix_at >= slots.area_offset + slots.area_size)
            break;
        if ((stored->prefix & PREFIX_AREA) != 0 &&
            stored->blob.offset == slots.area_offset + slots.area_size + OKSE_TAR_BLOCK)
            slots.area_used = stored->prefix_at - slots.area_offset;
    }
    slots.has_empty_blob = find_stored(bundle, &empty) != NULL;
    return slots;
}
