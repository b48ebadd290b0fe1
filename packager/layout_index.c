/* index.json: tags for every manifest, so that any OCI tool can name one. */
#include "packager/layout_index.h"

#include "packager/media_types.h"
#include "packager/tar_header.h"

#include <string.h>

static const char *annotation(const json_t *descriptor, const char *key)
{
    return okse_json_peek_text(json_object_get(descriptor, "annotations"), key);
}

/* How often each text occurs. */
static GHashTable *occurrences(const GPtrArray *texts)
{
    GHashTable *counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);
        unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, text));

        g_hash_table_insert(counts, g_strdup(text), GUINT_TO_POINTER(count + 1));
    }
    return counts;
}

static char *variant_of(const json_t *descriptor)
{
    return g_strdup(okse_json_peek_text(json_object_get(descriptor, "platform"), "variant"));
}

static char *digest_of(const json_t *descriptor)
{
    const char *digest = okse_json_peek_text(descriptor, "digest");

    return digest == NULL ? NULL : g_strndup(digest + strcspn(digest, ":") + 1, 12);
}

static void lengthen_equal(GPtrArray *names, const GPtrArray *descriptors, char *(*more)(const json_t *))
{
    g_autoptr(GHashTable) counts = occurrences(names);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = NULL, *addition = NULL;

        if (GPOINTER_TO_UINT(g_hash_table_lookup(counts, g_ptr_array_index(names, i))) < 2)
            continue;
        addition = more(g_ptr_array_index(descriptors, i));
        if (addition == NULL || *addition == '\0')
            continue;
        name = g_ptr_array_index(names, i);
        g_ptr_array_index(names, i) = g_strconcat(name, "-", addition, NULL);
    }
}

void okse_layout_distinguish(GPtrArray *names, const GPtrArray *descriptors)
{
    lengthen_equal(names, descriptors, variant_of);
    lengthen_equal(names, descriptors, digest_of);
}

static char *reference_for(const json_t *descriptor, const char *version, bool several)
{
    const char *component = annotation(descriptor, OKSE_NOTE_COMPONENT);
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *os = okse_json_peek_text(platform, "os"), *arch = okse_json_peek_text(platform, "architecture");

    if (!several || os == NULL || arch == NULL)
        return g_strdup_printf("%s-%s", version, component);
    return g_strdup_printf("%s-%s-%s-%s", version, component, os, arch);
}

/* The names of all manifests, in their order. */
static GPtrArray *references(const json_t *manifests, const char *version)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) descriptors = g_ptr_array_new(), components = g_ptr_array_new();
    g_autoptr(GHashTable) counts = NULL;

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *descriptor = json_array_get(manifests, i);

        g_ptr_array_add(descriptors, descriptor);
        g_ptr_array_add(components, (gpointer)(uintptr_t)annotation(descriptor, OKSE_NOTE_COMPONENT));
    }
    counts = occurrences(components);
    for (guint i = 0; i < descriptors->len; i++) {
        gpointer count = g_hash_table_lookup(counts, g_ptr_array_index(components, i));

        g_ptr_array_add(names, reference_for(g_ptr_array_index(descriptors, i), version, GPOINTER_TO_UINT(count) > 1));
    }
    okse_layout_distinguish(names, descriptors);
    return names;
}

json_t *okse_layout_index(const json_t *bundle_index, const OkseSha256 *identity, uint64_t size,
                          const json_t *statements)
{
    const json_t *from = json_object_get(bundle_index, "manifests");
    const char *version = annotation(bundle_index, OKSE_NOTE_VERSION);
    g_autoptr(GPtrArray) names = references(from, version);
    json_t *manifests = json_array();
    char text[OKSE_SHA256_TEXT];

    json_array_append_new(manifests, json_pack("{s:s,s:s,s:I,s:{s:s}}", "mediaType", OKSE_TYPE_INDEX, "digest",
                                               okse_sha256_text(identity, text), "size", (json_int_t)size,
                                               "annotations", OKSE_NOTE_REFERENCE, version));
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *descriptor = json_array_get(from, i);

        json_array_append_new(manifests,
                              json_pack("{s:O,s:O,s:O,s:{s:s}}", "mediaType", json_object_get(descriptor, "mediaType"),
                                        "digest", json_object_get(descriptor, "digest"), "size",
                                        json_object_get(descriptor, "size"), "annotations", OKSE_NOTE_REFERENCE,
                                        (const char *)g_ptr_array_index(names, (guint)i)));
    }
    for (size_t i = 0; i < json_array_size(statements); i++)
        json_array_append(manifests, json_array_get(statements, i));
    return json_pack("{s:i,s:s,s:o}", "schemaVersion", 2, "mediaType", OKSE_TYPE_INDEX, "manifests", manifests);
}

uint64_t okse_layout_index_slot(uint64_t length)
{
    return (length + OKSE_TAR_INDEX_ROOM + OKSE_TAR_ALIGN - 1) / OKSE_TAR_ALIGN * OKSE_TAR_ALIGN;
}
