/* Layers that Okse wrote say exactly what docs/formats/bundle.md lists. */
#include "core/limits.h"
#include "packager/bundle_internal.h"
#include "packager/media_types.h"

#include <string.h>

static const char *const layer_members[] = {"annotations", "digest", "mediaType", "size", NULL};

static bool refuse(const OkseBundle *bundle, GError **error, const char *why)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: layer: %s", bundle->origin, why);
}

static const char *annotation(const json_t *object, const char *key)
{
    return okse_json_peek_text(json_object_get(object, "annotations"), key);
}

/* application/octet-stream, or for models application/vnd.cncf.model.KIND.v1.raw. */
static bool is_file_type(const char *type, bool weights)
{
    static const char *const kinds[] = {"weight", "weight.config", "doc", "code", "dataset"};

    if (g_strcmp0(type, OKSE_TYPE_FILE) == 0)
        return true;
    for (unsigned i = 0; weights && i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *known = g_strdup_printf(OKSE_TYPE_MODEL_RAW_FORMAT, kinds[i]);

        if (g_strcmp0(type, known) == 0)
            return true;
    }
    return false;
}

/* ModelPack names the file a second and third time, and its size and mode again: they must not differ. */
static bool check_model_notes(const OkseBundle *bundle, const json_t *layer, GError **error)
{
    const char *path = annotation(layer, OKSE_NOTE_TITLE), *text = annotation(layer, OKSE_NOTE_MODEL_FILE);
    g_autoptr(GBytes) bytes = g_bytes_new(text, text == NULL ? 0 : strlen(text));
    g_autoptr(json_t) file = text == NULL ? NULL : bundle_canonical(bundle, bytes, OKSE_NOTE_MODEL_FILE, error);
    const json_t *size, *mode;
    bool executable = g_strcmp0(annotation(layer, OKSE_NOTE_MODE), "0755") == 0;

    if (text == NULL)
        return refuse(bundle, error, "a model's file has no " OKSE_NOTE_MODEL_FILE);
    if (file == NULL)
        return false;
    size = json_object_get(file, "size");
    mode = json_object_get(file, "mode");
    if (g_strcmp0(annotation(layer, OKSE_NOTE_MODEL_PATH), path) != 0 ||
        g_strcmp0(okse_json_peek_text(file, "name"), path) != 0)
        return refuse(bundle, error, "a file has two names");
    if ((size != NULL && json_equal(size, json_object_get(layer, "size")) != 1) ||
        (mode != NULL && json_integer_value(mode) != (executable ? 0755 : 0644)))
        return refuse(bundle, error, "a file has two sizes or modes");
    if (g_strcmp0(annotation(layer, OKSE_NOTE_MODEL_UNTESTED), "false") != 0)
        return refuse(bundle, error, OKSE_NOTE_MODEL_UNTESTED " is not \"false\"");
    return true;
}

bool bundle_check_file_layer(const OkseBundle *bundle, const char *kind, const json_t *layer, GError **error)
{
    static const char *const plain[] = {OKSE_NOTE_MODE, OKSE_NOTE_TITLE, OKSE_NOTE_VERITY, NULL};
    static const char *const model[] = {OKSE_NOTE_MODE,
                                        OKSE_NOTE_TITLE,
                                        OKSE_NOTE_VERITY,
                                        OKSE_NOTE_MODEL_PATH,
                                        OKSE_NOTE_MODEL_FILE,
                                        OKSE_NOTE_MODEL_UNTESTED,
                                        NULL};
    bool weights = strcmp(kind, "weights") == 0;

    if (!bundle_members(bundle, layer, "layer", layer_members, error) ||
        !bundle_members(bundle, json_object_get(layer, "annotations"), "layer annotations", weights ? model : plain,
                        error))
        return false;
    if (!is_file_type(okse_json_peek_text(layer, "mediaType"), weights))
        return refuse(bundle, error, "a file has a media type that no file of its kind has");
    return weights ? check_model_notes(bundle, layer, error) : true;
}

bool bundle_check_titled_layer(const OkseBundle *bundle, const json_t *layer, const char *type, const char *title,
                               GError **error)
{
    static const char *const notes[] = {OKSE_NOTE_TITLE, NULL};

    if (!bundle_members(bundle, layer, "layer", layer_members, error) ||
        !bundle_members(bundle, json_object_get(layer, "annotations"), "layer annotations", notes, error))
        return false;
    if ((type != NULL && g_strcmp0(okse_json_peek_text(layer, "mediaType"), type) != 0) ||
        g_strcmp0(annotation(layer, OKSE_NOTE_TITLE), title) != 0)
        return refuse(bundle, error, "its type or title is not the one that belongs there");
    return true;
}
