/* The listing of a tar component: no crash, an error exactly when nothing is returned, and what was accepted is safe:
 * every path found again where it stands, every link inside, every directory there before what is in it. */
#include "core/fd.h"
#include "packager/listing.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseTree) tree = okse_listing_read(bytes, "fuzz", &error);

    g_assert((tree == NULL) == (error != NULL));
    for (unsigned i = 0; tree != NULL && i < okse_tree_count(tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);
        g_autofree char *parent = g_path_get_dirname(entry->path);
        gint64 above = strcmp(parent, ".") == 0 ? -1 : okse_tree_find(tree, parent);

        g_assert(okse_path_check(entry->path, NULL));
        g_assert(okse_tree_find(tree, entry->path) == (gint64)i);
        g_assert(entry->type != OKSE_TREE_LINK || okse_link_check(entry->path, entry->link, NULL));
        g_assert(strcmp(parent, ".") == 0 || (above >= 0 && above < (gint64)i &&
                                              okse_tree_entry(tree, (unsigned)above)->type == OKSE_TREE_DIRECTORY));
    }
    return 0;
}
