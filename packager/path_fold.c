#include "packager/path_fold.h"

#include <string.h>

/* How a file system that ignores case or composes characters would see a path. */
static char *folded(const char *path)
{
    g_autofree char *normal = NULL, *folded_case = NULL;

    if (g_str_is_ascii(path))
        return g_ascii_strdown(path, -1);
    normal = g_utf8_normalize(path, -1, G_NORMALIZE_NFC);
    folded_case = g_utf8_casefold(normal, -1);

    return g_utf8_normalize(folded_case, -1, G_NORMALIZE_NFC);
}

static const char *first_parent(GHashTable *files, const char *key)
{
    g_autofree char *parent = g_strdup(key);

    for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
        const char *found;

        *slash = '\0';
        found = g_hash_table_lookup(files, parent);
        if (found != NULL)
            return found;
    }
    return NULL;
}

bool okse_paths_distinct(const GPtrArray *paths, const char **one, const char **other)
{
    g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL); /* folded → path */
    GHashTableIter iter;
    gpointer key, path;

    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *name = folded(g_ptr_array_index(paths, i));
        const char *found = g_hash_table_lookup(files, name);

        if (found != NULL) {
            *one = found;
            *other = g_ptr_array_index(paths, i);
            return false;
        }
        g_hash_table_insert(files, g_steal_pointer(&name), g_ptr_array_index(paths, i));
    }
    g_hash_table_iter_init(&iter, files);
    while (g_hash_table_iter_next(&iter, &key, &path)) {
        *one = first_parent(files, key);
        *other = path;
        if (*one != NULL)
            return false;
    }
    return true;
}
