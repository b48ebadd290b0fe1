#include "cli/try_image.h"
#include "cli/bundle_input.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/contents.h"
#include "packager/image_unpack.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    OkseTryImage *image;
    bool config_seen;
} Unpacking;

static char **words_of(const json_t *first, const json_t *second)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    const json_t *const lists[] = {first, second};

    for (unsigned k = 0; k < G_N_ELEMENTS(lists); k++)
        for (size_t i = 0; i < json_array_size(lists[k]); i++)
            if (json_is_string(json_array_get(lists[k], i)))
                g_ptr_array_add(words, g_strdup(json_string_value(json_array_get(lists[k], i))));
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

static bool read_config(const OkseReadable *file, OkseTryImage *image, GError **error)
{
    g_autofree char *data = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) parsed = NULL;
    const json_t *config;

    if (file->size > OKSE_LIMIT_METADATA)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the image's configuration is too large", file->path);
    data = g_malloc(file->size + 1);
    if (!file->read(file->context, 0, data, file->size, error))
        return false;
    bytes = g_bytes_new(data, file->size);
    parsed = okse_json_read(bytes, OKSE_LIMIT_METADATA, file->path, error);
    if (parsed == NULL)
        return false;
    config = json_object_get(parsed, "config");
    image->command = words_of(json_object_get(config, "Entrypoint"), json_object_get(config, "Cmd"));
    image->environment = words_of(json_object_get(config, "Env"), NULL);
    image->directory = g_strdup(okse_json_peek_text(config, "WorkingDir"));
    if (image->directory != NULL && *image->directory == '\0')
        g_clear_pointer(&image->directory, g_free);
    return true;
}

/* To the end, so that its digest is compared: a tar may end before its file does. */
static bool read_rest(const OkseReadable *file, GError **error)
{
    g_autofree char *buffer = g_malloc(1u << 20);

    for (uint64_t at = 0; at < file->size;) {
        size_t length = (size_t)MIN(file->size - at, 1u << 20);

        if (!file->read(file->context, at, buffer, length, error))
            return false;
        at += length;
    }
    return true;
}

/* The configuration comes first, then the layers from below. */
static bool look(void *context, const OkseReadable *file, GError **error)
{
    Unpacking *unpacking = context;

    if (!unpacking->config_seen) {
        unpacking->config_seen = true;
        return read_config(file, unpacking->image, error);
    }
    return okse_image_unpack(file, unpacking->image->root, error) && read_rest(file, error);
}

static bool find(const OkseBundle *bundle, const char *name, unsigned *found, GError **error)
{
    GString *images = g_string_new(NULL);
    unsigned count = 0;
    bool good;

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        if (component->form != OKSE_FORM_IMAGE)
            continue;
        g_string_append_printf(images, "%s%s", images->len > 0 ? ", " : "", component->name);
        if (name == NULL || strcmp(component->name, name) == 0) {
            *found = i;
            count++;
        }
    }
    good = count == 1 ||
           okse_fail(error, OKSE_ERROR_INVALID, "which image? give --component NAME (there is: %s)",
                     images->len > 0 ? images->str : "none; for other components: okse try DIRECTORY -- COMMAND");
    g_string_free(images, TRUE);
    return good;
}

static bool unpack(const OkseBundle *bundle, unsigned index, OkseTryImage *image, GError **error)
{
    g_autoptr(OkseContents) contents = okse_contents_of_bundle(bundle, error);
    g_autofree char *made = contents == NULL ? NULL : g_dir_make_tmp("okse-try-XXXXXX", error);
    Unpacking unpacking = {image, false};

    if (made == NULL)
        return false;
    image->root = realpath(made, NULL);
    if (image->root == NULL)
        return okse_fail_errno(error, "%s", made);
    return okse_contents_look(contents, index, look, &unpacking, error);
}

bool okse_try_image_open(const char *path, const char *component, OkseTryImage *image, GError **error)
{
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(path, NULL, error);
    char digest[OKSE_SHA256_TEXT], identity[OKSE_SHA256_TEXT];
    const OkseBundleComponent *found;
    unsigned index = 0;

    if (bundle == NULL || !find(bundle, component, &index, error) || !unpack(bundle, index, image, error))
        return false;
    found = okse_bundle_component(bundle, index);
    image->subject = json_pack("{s:s,s:s,s:s}", "component", found->name, "digest",
                               okse_sha256_text(&found->manifest_digest, digest), "identity",
                               okse_sha256_text(okse_bundle_identity(bundle), identity));
    return true;
}

void okse_try_image_clear(OkseTryImage *image)
{
    if (image->root != NULL)
        okse_remove_tree(AT_FDCWD, image->root, NULL);
    free(image->root);
    g_strfreev(image->command);
    g_strfreev(image->environment);
    g_free(image->directory);
    json_decref(image->subject);
}
