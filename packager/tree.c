#include "packager/tree.h"

#include "core/fd.h"
#include "core/limits.h"

#include <string.h>

struct OkseTree {
    GArray *entries; /* OkseTreeEntry */
    GStringChunk *texts;
    uint64_t files, bytes;
};

OkseTree *okse_tree_new(void)
{
    OkseTree *tree = g_new0(OkseTree, 1);

    tree->entries = g_array_new(FALSE, FALSE, sizeof(OkseTreeEntry));
    tree->texts = g_string_chunk_new(65536);
    return tree;
}

void okse_tree_free(OkseTree *tree)
{
    if (tree == NULL)
        return;
    g_array_unref(tree->entries);
    g_string_chunk_free(tree->texts);
    g_free(tree);
}

/* Only leading ".." elements: behind a name, which may be a link itself, ".." would lead to who knows where. */
bool okse_link_check(const char *path, const char *target, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);
    g_auto(GStrv) elements = g_strsplit(target, "/", -1);
    unsigned room = 0, up = 0;

    if (*target == '\0' || *target == '/' || strlen(target) > OKSE_LIMIT_PATH)
        return okse_fail(error, OKSE_ERROR_INVALID, "link '%s': its target is empty, absolute or over %u bytes", path,
                         OKSE_LIMIT_PATH);
    for (const char *p = path; *p != '\0'; p++)
        room += *p == '/';
    for (char **element = elements; *element != NULL; element++) {
        bool parent = strcmp(*element, "..") == 0;

        if (**element == '\0' || strcmp(*element, ".") == 0)
            continue;
        if (parent && (names->len > 0 || ++up > room))
            return okse_fail(error, OKSE_ERROR_INVALID, "link '%s': its target leaves the component, or may", path);
        if (!parent)
            g_string_append_printf(names, "%s%s", names->len > 0 ? "/" : "", *element);
    }
    if (names->len == 0 || okse_path_check(names->str, error))
        return true;
    g_prefix_error(error, "target of link '%s': ", path);
    return false;
}

bool okse_tree_add(OkseTree *tree, const OkseTreeEntry *entry, GError **error)
{
    OkseTreeEntry copy = *entry;

    if (tree->entries->len >= OKSE_LIMIT_FILES)
        return okse_fail(error, OKSE_ERROR_INVALID, "more than %u files in one component", OKSE_LIMIT_FILES);
    if (!okse_path_check(entry->path, error))
        return false;
    if (entry->type == OKSE_TREE_LINK && !okse_link_check(entry->path, entry->link, error))
        return false;
    copy.path = g_string_chunk_insert(tree->texts, entry->path);
    copy.link = entry->type == OKSE_TREE_LINK ? g_string_chunk_insert(tree->texts, entry->link) : NULL;
    if (entry->type == OKSE_TREE_FILE) {
        tree->files++;
        if (__builtin_add_overflow(tree->bytes, entry->size, &tree->bytes) || tree->bytes > OKSE_LIMIT_BUNDLE_SIZE)
            return okse_fail(error, OKSE_ERROR_INVALID, "files of one component are larger than %llu bytes together",
                             OKSE_LIMIT_BUNDLE_SIZE);
    }
    g_array_append_val(tree->entries, copy);
    return true;
}

/* Every directory above `path` that is not known yet becomes an entry. */
static bool imply_parents(OkseTree *tree, GHashTable *directories, const char *path, GError **error)
{
    char parent[OKSE_LIMIT_PATH + 1];
    size_t length = strlen(path);

    memcpy(parent, path, length + 1);
    for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
        OkseTreeEntry implied = {.type = OKSE_TREE_DIRECTORY};

        *slash = '\0';
        if (g_hash_table_contains(directories, parent))
            return true;
        implied.path = parent;
        if (!okse_tree_add(tree, &implied, error))
            return false;
        g_hash_table_add(directories, (gpointer)(uintptr_t)okse_tree_entry(tree, tree->entries->len - 1)->path);
    }
    return true;
}

static int entry_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(((const OkseTreeEntry *)a)->path, ((const OkseTreeEntry *)b)->path);
}

/* A file that other entries stand below got an implied directory of the same name, so it shows as a repetition. */
static bool repetitions_check(const OkseTree *tree, GError **error)
{
    for (unsigned i = 1; i < tree->entries->len; i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i), *last = okse_tree_entry(tree, i - 1);

        if (strcmp(entry->path, last->path) != 0)
            continue;
        if (entry->type != last->type)
            return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is a directory and something else at once", entry->path);
        return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is listed twice", entry->path);
    }
    return true;
}

bool okse_tree_finish(OkseTree *tree, GError **error)
{
    g_autoptr(GHashTable) directories = g_hash_table_new(g_str_hash, g_str_equal);
    guint listed = tree->entries->len;

    for (guint i = 0; i < listed; i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);

        if (entry->type == OKSE_TREE_DIRECTORY && !g_hash_table_add(directories, (gpointer)(uintptr_t)entry->path))
            return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is listed twice", entry->path);
    }
    for (guint i = 0; i < listed; i++)
        if (!imply_parents(tree, directories, okse_tree_entry(tree, i)->path, error))
            return false;
    g_array_sort(tree->entries, entry_compare);
    return repetitions_check(tree, error);
}

unsigned okse_tree_count(const OkseTree *tree)
{
    return tree->entries->len;
}

const OkseTreeEntry *okse_tree_entry(const OkseTree *tree, unsigned index)
{
    return &g_array_index(tree->entries, OkseTreeEntry, index);
}

gint64 okse_tree_find(const OkseTree *tree, const char *path)
{
    OkseTreeEntry wanted = {.path = path};
    guint index;

    return g_array_binary_search(tree->entries, &wanted, entry_compare, &index) ? (gint64)index : -1;
}

bool okse_tree_is_implied(const OkseTree *tree, unsigned index)
{
    const OkseTreeEntry *entry = okse_tree_entry(tree, index);
    size_t length = strlen(entry->path);
    unsigned low = index + 1, high = tree->entries->len;

    if (entry->type != OKSE_TREE_DIRECTORY)
        return false;
    /* "a-b" and "a.b" sort between "a" and "a/b": the first that does not sort before what is in "a". */
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const char *path = okse_tree_entry(tree, middle)->path;
        int order = strncmp(path, entry->path, length);

        if (order < 0 || (order == 0 && (unsigned char)path[length] < '/'))
            low = middle + 1;
        else
            high = middle;
    }
    return low < tree->entries->len && strncmp(okse_tree_entry(tree, low)->path, entry->path, length) == 0 &&
           okse_tree_entry(tree, low)->path[length] == '/';
}

uint64_t okse_tree_files(const OkseTree *tree)
{
    return tree->files;
}

uint64_t okse_tree_bytes(const OkseTree *tree)
{
    return tree->bytes;
}

uint64_t okse_tree_space(const OkseTree *tree, uint64_t block)
{
    uint64_t space = 0;

    for (unsigned i = 0; i < tree->entries->len; i++) {
        const OkseTreeEntry *entry = okse_tree_entry(tree, i);

        space += entry->type == OKSE_TREE_FILE ? (entry->size + block - 1) / block * block : block;
    }
    return space;
}
