/* Digests of single files, from wherever they are known. */
#include "packager/contents_internal.h"

#include "core/limits.h"

#include <string.h>

static bool hash(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    (void)entry;
    (void)error;
    okse_sha256_stream_update(context, data, length);
    return true;
}

static bool digest_of_source(const OkseSource *source, OkseContentsFile *file, GError **error)
{
    gint64 index = okse_source_find(source, file->path);
    const OkseEntry *entry = index < 0 ? NULL : okse_source_entry(source, (unsigned)index);
    g_autoptr(OkseSha256Stream) stream = NULL;

    if (entry == NULL || entry->kind != OKSE_ENTRY_FILE)
        return true;
    file->digest = entry->digest;
    file->found = true;
    if (entry->has_digest)
        return true;
    stream = okse_sha256_stream_new();
    if (entry->size > 0 && !okse_source_copy_one(source, (unsigned)index, hash, stream, error))
        return false;
    file->digest = okse_sha256_stream_end(stream);
    return true;
}

static void digest_of_tree(const OkseTree *tree, OkseContentsFile *file)
{
    gint64 index = tree == NULL ? -1 : okse_tree_find(tree, file->path);
    const OkseTreeEntry *entry = index < 0 ? NULL : okse_tree_entry(tree, (unsigned)index);

    if (entry == NULL || entry->type != OKSE_TREE_FILE || entry->any_content)
        return;
    file->digest = entry->digest;
    file->found = true;
}

/* One platform of an image; the wanted one stays. */
static void digest_of_image(const OkseSha256 *manifest, OkseContentsFile *file)
{
    if (file->found && okse_sha256_equal(&file->digest, &file->wanted))
        return;
    file->digest = *manifest;
    file->found = true;
}

static void digests_of_layout(GBytes *layout, OkseContentsFile *file)
{
    g_autoptr(json_t) index = layout == NULL ? NULL : okse_json_read(layout, OKSE_LIMIT_METADATA, "index.json", NULL);
    const json_t *manifests = json_object_get(index, "manifests");
    OkseSha256 digest;

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const char *text = okse_json_peek_text(json_array_get(manifests, i), "digest");

        if (text != NULL && okse_sha256_parse(text, &digest, NULL))
            digest_of_image(&digest, file);
    }
}

static void look_at_image(const ContentsPart *part, OkseContentsFile *file)
{
    if (part->image != NULL)
        digest_of_image(&part->image->image->manifest_digest, file);
    else if (part->component != NULL && part->component->form == OKSE_FORM_IMAGE)
        digest_of_image(&part->component->manifest_digest, file);
    else if (part->installed != NULL && part->installed->form == OKSE_FORM_IMAGE)
        digests_of_layout(part->installed->layout, file);
}

bool okse_contents_digest(const OkseContents *contents, OkseContentsFile *file, GError **error)
{
    file->found = false;
    for (guint i = 0; i < contents->parts->len; i++) {
        const ContentsPart *part = contents_part(contents, i);

        if (strcmp(part->name, file->component) != 0)
            continue;
        if (file->path == NULL)
            look_at_image(part, file);
        else if (part->source != NULL && !digest_of_source(part->source, file, error))
            return false;
        else if (part->component != NULL)
            digest_of_tree(part->tree, file);
        else if (part->installed != NULL)
            digest_of_tree(part->installed->tree, file);
    }
    return true;
}
