#include "packager/bundle_tree.h"

#include "packager/blob_copy.h"
#include "packager/bundle_internal.h"
#include "packager/listing.h"
#include "packager/part.h"

static OkseTree *read_listing(const OkseBundle *bundle, const OkseBundleComponent *component, GError **error)
{
    g_autofree char *origin = g_strdup_printf("%s: %s.mtree", bundle->origin, component->name);
    const OkseBlob *blob = okse_bundle_find(bundle, &component->listing);
    OkseBlobRange range = {bundle->bytes, blob->offset, blob->size, blob->digest};
    g_autoptr(GBytes) listing = NULL;

    if (bundle->bytes == NULL) { /* a pipe went by */
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is not kept while a pipe is read", origin);
        return NULL;
    }
    listing = okse_blob_read(&range, OKSE_LIMIT_LISTING, origin, error);

    return listing == NULL ? NULL : okse_listing_read(listing, origin, error);
}

OkseTree *okse_bundle_tree(const OkseBundle *bundle, const OkseBundleComponent *component, GError **error)
{
    g_autoptr(OkseTree) tree = NULL;

    if (component->form == OKSE_FORM_TAR)
        return read_listing(bundle, component, error);
    tree = okse_tree_new();
    for (guint i = 0; i < component->files->len; i++) {
        const OkseBundleFile *file = g_ptr_array_index(component->files, i);
        OkseTreeEntry entry = {.path = file->path,
                               .size = file->size,
                               .digest = file->digest,
                               .verity = file->verity,
                               .type = OKSE_TREE_FILE,
                               .executable = file->executable,
                               .has_verity = true};

        if (!okse_tree_add(tree, &entry, error))
            return NULL;
    }
    return okse_tree_finish(tree, error) ? g_steal_pointer(&tree) : NULL;
}
