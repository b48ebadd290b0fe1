/* index.json: tags for every manifest, so that any OCI tool can name one. */
#include "packager/layout_index.h"

#include "packager/media_types.h"
#include "packager/tar_header.h"

#include <string.h>

static const char *annotation(const json_t *descriptor, const char *key)
{
    return okse_json_peek_text(json_object_get(descriptor, "annotations"), key);
}

/* How many manifests of the index belong to the same component: several platforms of one image. */
static unsigned siblings(const json_t *manifests, const char *component)
{
    unsigned count = 0;

    for (size_t i = 0; i < json_array_size(manifests); i++)
        count += g_strcmp0(annotation(json_array_get(manifests, i), OKSE_NOTE_COMPONENT), component) == 0;
    return count;
}

static char *reference_for(const json_t *manifests, const json_t *descriptor, const char *version)
{
    const char *component = annotation(descriptor, OKSE_NOTE_COMPONENT);
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *os = okse_json_peek_text(platform, "os"), *arch = okse_json_peek_text(platform, "architecture");

    if (siblings(manifests, component) < 2 || os == NULL || arch == NULL)
        return g_strdup_printf("%s-%s", version, component);
    return g_strdup_printf("%s-%s-%s-%s", version, component, os, arch);
}

json_t *okse_layout_index(const json_t *bundle_index, const OkseSha256 *identity, uint64_t size,
                          const json_t *statements)
{
    const json_t *from = json_object_get(bundle_index, "manifests");
    const char *version = annotation(bundle_index, OKSE_NOTE_VERSION);
    json_t *manifests = json_array();
    char text[OKSE_SHA256_TEXT];

    json_array_append_new(manifests, json_pack("{s:s,s:s,s:I,s:{s:s}}", "mediaType", OKSE_TYPE_INDEX, "digest",
                                               okse_sha256_text(identity, text), "size", (json_int_t)size,
                                               "annotations", OKSE_NOTE_REFERENCE, version));
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *descriptor = json_array_get(from, i);
        g_autofree char *reference = reference_for(from, descriptor, version);

        json_array_append_new(
            manifests, json_pack("{s:O,s:O,s:O,s:{s:s}}", "mediaType", json_object_get(descriptor, "mediaType"),
                                 "digest", json_object_get(descriptor, "digest"), "size",
                                 json_object_get(descriptor, "size"), "annotations", OKSE_NOTE_REFERENCE, reference));
    }
    for (size_t i = 0; i < json_array_size(statements); i++)
        json_array_append(manifests, json_array_get(statements, i));
    return json_pack("{s:i,s:s,s:o}", "schemaVersion", 2, "mediaType", OKSE_TYPE_INDEX, "manifests", manifests);
}

uint64_t okse_layout_index_slot(uint64_t length)
{
    return (length + OKSE_TAR_INDEX_ROOM + OKSE_TAR_ALIGN - 1) / OKSE_TAR_ALIGN * OKSE_TAR_ALIGN;
}
