/* What the configs of images and models say, on every side of the seal. */
#include "packager/contents_internal.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/bundle_internal.h"

#include <sys/stat.h>

static bool digest_of(const json_t *descriptor, OkseSha256 *digest)
{
    const char *text = okse_json_peek_text(descriptor, "digest");

    return text != NULL && okse_sha256_parse(text, digest, NULL);
}

static bool append(json_t *configs, GBytes *bytes, const char *name, GError **error)
{
    json_t *config = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, name, error);

    if (bytes == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the config of the image is not there", name);
    return config != NULL && json_array_append_new(configs, config) == 0;
}

static bool add_bundled(json_t *configs, const OkseContents *contents, const ContentsPart *part, GError **error)
{
    OkseSha256 digest;
    bool named = digest_of(json_object_get(part->component->manifest, "config"), &digest);

    return append(configs, named ? okse_bundle_metadata(contents->bundle, &digest) : NULL, part->name, error);
}

/* A blob of the layout directory, which must still be what its name says. */
static GBytes *read_blob(int directory_fd, const char *component, const OkseSha256 *digest, GError **error)
{
    char hex[OKSE_SHA256_HEX];
    g_autofree char *path = g_strdup_printf("%s/blobs/sha256/%s", component, okse_sha256_hex(digest, hex));
    okse_autofd fd = okse_open_beneath(directory_fd, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    g_autofree void *data = NULL;
    g_autoptr(GBytes) bytes = NULL;
    OkseSha256 found;
    struct stat info;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size > OKSE_LIMIT_METADATA) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: not the file that was installed", path);
        return NULL;
    }
    data = g_malloc((gsize)info.st_size + 1);
    if (!okse_read_exact(fd, data, (size_t)info.st_size, path, error))
        return NULL;
    bytes = g_bytes_new_take(g_steal_pointer(&data), (gsize)info.st_size);
    found = okse_sha256_of_bytes(bytes);
    if (memcmp(found.bytes, digest->bytes, OKSE_SHA256_LENGTH) == 0)
        return g_steal_pointer(&bytes);
    okse_fail(error, OKSE_ERROR_INVALID, "%s: has other bytes than its name says", path);
    return NULL;
}

json_t *okse_contents_model(const OkseContents *contents, unsigned component)
{
    const ContentsPart *part = contents_part(contents, component);
    g_autoptr(json_t) config = NULL;
    OkseSha256 digest;
    GBytes *bytes;

    if (part->weights != NULL)
        return okse_model_said(json_object_get(part->weights, "summary"));
    if (part->component == NULL || strcmp(part->kind, "weights") != 0 ||
        !digest_of(json_object_get(part->component->manifest, "config"), &digest))
        return NULL;
    bytes = okse_bundle_metadata(contents->bundle, &digest);
    config = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, part->name, NULL);
    return okse_model_said(json_object_get(config, "config"));
}

/* Every platform that the layout names. */
static bool add_installed(json_t *configs, const OkseContents *contents, const ContentsPart *part, GError **error)
{
    GBytes *layout = part->installed->layout;
    g_autoptr(json_t) index = layout == NULL ? NULL : okse_json_read(layout, OKSE_LIMIT_METADATA, part->name, NULL);
    const json_t *manifests = json_object_get(index, "manifests"), *descriptor;
    size_t i;

    json_array_foreach(manifests, i, descriptor)
    {
        OkseSha256 digest;
        g_autoptr(GBytes) bytes =
            digest_of(descriptor, &digest) ? read_blob(contents->generation_fd, part->name, &digest, error) : NULL;
        g_autoptr(json_t) manifest =
            bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, part->name, error);
        g_autoptr(GBytes) config = digest_of(json_object_get(manifest, "config"), &digest)
                                       ? read_blob(contents->generation_fd, part->name, &digest, error)
                                       : NULL;

        if (config == NULL && error != NULL && *error != NULL)
            return false;
        if (!append(configs, config, part->name, error))
            return false;
    }
    return true;
}

bool okse_contents_image_configs(const OkseContents *contents, unsigned component, json_t **configs, GError **error)
{
    const ContentsPart *part = contents_part(contents, component);
    g_autoptr(json_t) found = json_array();
    bool done = true;

    *configs = NULL;
    if (part->image != NULL)
        done = append(found, part->image->config->bytes, part->name, error);
    else if (part->component != NULL && part->component->form == OKSE_FORM_IMAGE)
        done = add_bundled(found, contents, part, error);
    else if (part->installed != NULL && part->installed->form == OKSE_FORM_IMAGE)
        done = add_installed(found, contents, part, error);
    if (done)
        *configs = g_steal_pointer(&found);
    return done;
}

/* A file of the component as it would be, or was, installed. */
bool okse_contents_has(const OkseContents *contents, unsigned component, const char *path)
{
    const ContentsPart *part = contents_part(contents, component);
    const OkseTree *tree = part->tree != NULL ? part->tree : part->installed != NULL ? part->installed->tree : NULL;

    for (unsigned i = 0; tree != NULL && i < okse_tree_count(tree); i++)
        if (okse_tree_entry(tree, i)->type != OKSE_TREE_DIRECTORY &&
            g_strcmp0(okse_tree_entry(tree, i)->path, path) == 0)
            return true;
    return part->source != NULL && okse_source_find(part->source, path) >= 0;
}
