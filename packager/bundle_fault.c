/* The line for a blob with the wrong bytes. Only made when there is a fault, so it looks everything up anew. */
#include "packager/bundle_internal.h"

#define PLACES 4u /* named in one line; more are counted */

typedef struct {
    GString *text;
    unsigned count;
} Places;

static void place_add(Places *places, const OkseBundleComponent *component, const char *what)
{
    if (places->count++ < PLACES)
        g_string_append_printf(places->text, "%s/%s, ", component->name, what);
}

static void places_find(const OkseBundle *bundle, const OkseSha256 *digest, Places *places)
{
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);
        const json_t *layers = json_object_get(component->manifest, "layers");

        for (guint k = 0; k < component->files->len; k++) {
            const OkseBundleFile *file = g_ptr_array_index(component->files, k);

            if (okse_sha256_equal(&file->digest, digest))
                place_add(places, component, file->path);
        }
        for (size_t k = 0; component->form != OKSE_FORM_RAW && k < json_array_size(layers); k++) {
            g_autofree char *layer = g_strdup_printf("layer %zu", k + 1);
            OkseSha256 found;

            if (okse_sha256_parse(okse_json_peek_text(json_array_get(layers, k), "digest"), &found, NULL) &&
                okse_sha256_equal(&found, digest))
                place_add(places, component, layer);
        }
    }
}

char *bundle_fault(const OkseBundle *bundle, const Stored *stored, bool by_verity)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *from =
        bundle->bytes != NULL ? okse_bytes_from(bundle->bytes, stored->blob.offset, stored->blob.size) : g_strdup("");
    Places places = {text, 0};
    char hex[OKSE_SHA256_HEX];

    g_string_append_printf(text, "blob %s (", okse_sha256_hex(&stored->blob.digest, hex));
    places_find(bundle, &stored->blob.digest, &places);
    if (places.count > PLACES)
        g_string_append_printf(text, "%u more, ", places.count - PLACES);
    g_string_append_printf(text, "byte %" G_GUINT64_FORMAT "%s) has other content than its %s says",
                           stored->blob.offset, from, by_verity ? "fs-verity digest" : "name");
    return g_string_free(g_steal_pointer(&text), FALSE);
}
