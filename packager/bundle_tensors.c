#include "packager/bundle_tensors.h"

#include "packager/bundle_internal.h"
#include "packager/media_types.h"
#include "packager/tensor_list.h"

#include <string.h>

static bool read_document(const OkseBundle *bundle, const json_t *layer, GPtrArray *files, GError **error)
{
    const char *title = okse_json_peek_text(json_object_get(layer, "annotations"), OKSE_NOTE_TITLE);
    g_autofree char *origin = g_strdup_printf("%s: %s", bundle->origin, title);
    g_autoptr(GError) why = NULL;
    OkseSha256 digest;
    GBytes *bytes = okse_sha256_parse(okse_json_peek_text(layer, "digest"), &digest, NULL)
                        ? okse_bundle_metadata(bundle, &digest)
                        : NULL;

    g_assert(bytes != NULL); /* the reader has every document */
    return okse_tensor_list_read(bytes, origin, files, &why) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s", why->message);
}

static bool is_of(const OkseBundle *bundle, const OkseTensorFile *listed)
{
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        if (strcmp(component->name, listed->component) != 0 || strcmp(component->kind, "weights") != 0)
            continue;
        for (guint k = 0; k < component->files->len; k++) {
            const OkseBundleFile *file = g_ptr_array_index(component->files, k);

            if (strcmp(file->path, listed->path) == 0)
                return file->size == listed->size && okse_sha256_equal(&file->digest, &listed->digest);
        }
    }
    return false;
}

static bool check_file(const OkseBundle *bundle, OkseTensorFile *file, GHashTable *seen, GError **error)
{
    if (!is_of(bundle, file))
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: tensors of '%s/%s' are listed, which is no file of a weights component with this digest "
                         "and size",
                         bundle->origin, file->component, file->path);
    if (!g_hash_table_add(seen, g_strconcat(file->component, "/", file->path, NULL)) || !okse_tensor_file_finish(file))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: '%s/%s' or a tensor of it is listed twice", bundle->origin,
                         file->component, file->path);
    return true;
}

GPtrArray *okse_bundle_tensors(const OkseBundle *bundle, GError **error)
{
    const OkseBundleComponent *stack = g_ptr_array_index(bundle->components, 0);
    const json_t *layers = json_object_get(stack->manifest, "layers");
    g_autoptr(GPtrArray) files = okse_tensor_files_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);

        if (g_strcmp0(okse_json_peek_text(layer, "mediaType"), OKSE_TYPE_TENSORS) == 0 &&
            !read_document(bundle, layer, files, error))
            return NULL;
    }
    for (guint i = 0; i < files->len; i++)
        if (!check_file(bundle, g_ptr_array_index(files, i), seen, error))
            return NULL;
    return g_steal_pointer(&files);
}
