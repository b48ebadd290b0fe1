/* Files of a plan or a bundle as bytes that can be read at any place. */
#include "packager/contents_internal.h"

#include "packager/blob_copy.h"
#include "packager/bundle_internal.h"
#include "packager/spool.h"

#include <string.h>

typedef struct {
    OkseLook look;
    void *context; /* of look */
} Looking;

static char *blob_path(const OkseSha256 *digest)
{
    char hex[OKSE_SHA256_HEX];

    return g_strconcat("blobs/sha256/", okse_sha256_hex(digest, hex), NULL);
}

static bool look_bytes(const Looking *looking, const OkseSha256 *digest, GBytes *bytes, GError **error)
{
    g_autofree char *path = blob_path(digest);
    OkseReadable file = {path, g_bytes_get_size(bytes), okse_readable_bytes, bytes};

    return looking->look(looking->context, &file, error);
}

/* A layer in a source: copied first where the source can only be read in its own order. */
typedef struct {
    const OkseSource *source;
    unsigned entry;
    OkseSpool spool;
} Layer;

static bool layer_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Layer *layer = context;

    return layer->spool.size > 0 ? okse_spool_read(&layer->spool, offset, buffer, length, error)
                                 : okse_source_peek(layer->source, layer->entry, offset, buffer, length, error);
}

static bool layer_spool(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Layer *layer = context;

    (void)entry;
    return okse_spool_write(&layer->spool, data, length, error);
}

static bool look_layer(const Looking *looking, const OkseBlobPlan *blob, GError **error)
{
    g_autofree char *path = blob_path(&blob->digest);
    Layer layer = {blob->source, blob->entry, {.fd = -1}};
    OkseReadable file = {path, blob->size, layer_read, &layer};
    bool done = (!okse_source_is_sequential(blob->source) || blob->size == 0 ||
                 okse_source_copy_one(blob->source, blob->entry, layer_spool, &layer, error)) &&
                looking->look(looking->context, &file, error);

    okse_spool_clear(&layer.spool);
    return done;
}

static bool look_planned_image(const Looking *looking, const OkseManifestPlan *image, GError **error)
{
    if (!look_bytes(looking, &image->config->digest, image->config->bytes, error))
        return false;
    for (guint i = 0; i < image->layers->len; i++)
        if (!look_layer(looking, g_ptr_array_index(image->layers, i), error))
            return false;
    return true;
}

/* A run of the bundle that is hashed as far as it is read without a gap from its beginning. */
typedef struct {
    OkseBlobRange range;
    const char *name;
    OkseSha256Stream *stream;
    uint64_t *hashed;
} Run;

static bool run_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Run *run = context;

    if (offset > run->range.size || length > run->range.size - offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early", run->name);
    if (!okse_bytes_read(run->range.bytes, run->range.offset + offset, buffer, length, run->name, error))
        return false;
    if (offset <= *run->hashed && offset + length > *run->hashed) {
        size_t known = (size_t)(*run->hashed - offset);

        okse_sha256_stream_update(run->stream, (const uint8_t *)buffer + known, length - known);
        *run->hashed = offset + length;
    }
    return true;
}

static bool look_run(const Looking *looking, const OkseBlobRange *range, const char *path, const char *name,
                     GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    uint64_t hashed = 0;
    Run run = {*range, name, stream, &hashed};
    OkseReadable file = {path, range->size, run_read, &run};
    OkseSha256 found;

    if (!looking->look(looking->context, &file, error))
        return false;
    found = okse_sha256_stream_end(stream);
    return hashed < range->size || okse_blob_check(range, &found, name, error);
}

static bool look_blob(const Looking *looking, const OkseBundle *bundle, const json_t *descriptor, GError **error)
{
    const char *text = okse_json_peek_text(descriptor, "digest");
    OkseSha256 digest;
    const OkseBlob *blob =
        text != NULL && okse_sha256_parse(text, &digest, NULL) ? okse_bundle_find(bundle, &digest) : NULL;
    GBytes *kept = blob != NULL ? okse_bundle_metadata(bundle, &digest) : NULL;
    g_autofree char *path = NULL, *name = NULL;

    if (blob == NULL) /* the strict reader has found every blob that is named */
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: an image names a blob that is not there", bundle->origin);
    if (kept != NULL)
        return look_bytes(looking, &digest, kept, error);
    path = blob_path(&digest);
    name = g_strdup_printf("%s: %s", bundle->origin, path);
    return look_run(looking, &(OkseBlobRange){bundle->bytes, blob->offset, blob->size, digest}, path, name, error);
}

static bool look_bundled_image(const Looking *looking, const OkseBundle *bundle, const OkseBundleComponent *component,
                               GError **error)
{
    const json_t *layers = json_object_get(component->manifest, "layers"), *layer;
    size_t i;

    if (!look_blob(looking, bundle, json_object_get(component->manifest, "config"), error))
        return false;
    json_array_foreach(layers, i, layer) if (!look_blob(looking, bundle, layer, error)) return false;
    return true;
}

static bool look_tree(const Looking *looking, const OkseBundle *bundle, const ContentsPart *part, GError **error)
{
    const OkseBlob *archive =
        part->component->form == OKSE_FORM_TAR ? okse_bundle_find(bundle, &part->component->archive) : NULL;
    uint64_t at = archive != NULL ? archive->offset : 0;

    for (unsigned i = 0; i < okse_tree_count(part->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(part->tree, i);
        OkseBlobRange range = {bundle->bytes, 0, entry->size, entry->digest};
        g_autofree char *name = g_strdup_printf("%s: %s/%s", bundle->origin, part->name, entry->path);

        if (entry->type == OKSE_TREE_FILE || archive != NULL)
            range.offset = contents_place(bundle, part, entry, &at);
        if (entry->type == OKSE_TREE_FILE && !look_run(looking, &range, entry->path, name, error))
            return false;
    }
    return true;
}

bool okse_contents_look(const OkseContents *contents, unsigned component, OkseLook look, void *context, GError **error)
{
    const ContentsPart *part = contents_part(contents, component);
    Looking looking = {look, context};

    if (contents->bundle != NULL)
        return part->component->form == OKSE_FORM_IMAGE
                   ? look_bundled_image(&looking, contents->bundle, part->component, error)
                   : look_tree(&looking, contents->bundle, part, error);
    if (part->image != NULL)
        return look_planned_image(&looking, part->image, error);
    return part->source == NULL || okse_source_look(part->source, look, context, error);
}

bool okse_contents_is_image(const OkseContents *contents, unsigned component)
{
    const ContentsPart *part = contents_part(contents, component);

    return part->image != NULL || (part->component != NULL && part->component->form == OKSE_FORM_IMAGE);
}

GHashTable *okse_contents_sizes(const OkseContents *contents, unsigned component)
{
    const ContentsPart *part = contents_part(contents, component);
    GHashTable *sizes;

    if (part->source != NULL)
        return okse_source_sizes(part->source);
    sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (unsigned i = 0; part->tree != NULL && i < okse_tree_count(part->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(part->tree, i);

        if (entry->type == OKSE_TREE_FILE)
            g_hash_table_insert(sizes, g_strdup(entry->path), g_memdup2(&entry->size, sizeof entry->size));
    }
    return sizes;
}
