/* Compared by content: git's own shortcut through times and sizes can be fooled, and its filters are configuration. */
#include "packager/git_clean.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/git_export.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef git_index Index;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Index, git_index_free)

typedef struct {
    const OkseGitStore *store;
    git_index *index; /* NULL: there is none */
    const char *prefix;
    char *differs;
} Comparison;

static bool link_is(int dir_fd, const char *path, const git_oid *id)
{
    char target[OKSE_LIMIT_PATH + 2];
    ssize_t length = readlinkat(dir_fd, path, target, sizeof target);
    git_oid actual;

    return length >= 0 && git_odb_hash(&actual, target, (size_t)length, GIT_OBJECT_BLOB) == 0 &&
           git_oid_equal(&actual, id);
}

static bool file_is(int dir_fd, const char *path, const git_tree_entry *item)
{
    okse_autofd fd = okse_open_beneath(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    bool executable = (git_tree_entry_filemode_raw(item) & 0100) != 0;
    struct stat info;
    git_oid actual;

    return fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && ((info.st_mode & 0100) != 0) == executable &&
           git_odb_hashfile(&actual, self, GIT_OBJECT_BLOB) == 0 && git_oid_equal(&actual, git_tree_entry_id(item));
}

static bool in_index(const Comparison *comparison, const char *path, const git_tree_entry *item)
{
    const git_index_entry *entry = git_index_get_bypath(comparison->index, path, 0);

    return entry != NULL && entry->mode == (uint32_t)git_tree_entry_filemode(item) &&
           git_oid_equal(&entry->id, git_tree_entry_id(item));
}

/* Stops the walk (a value below zero) at the first difference. */
static int compare_item(const char *root, const git_tree_entry *item, void *context)
{
    Comparison *comparison = context;
    g_autofree char *path = g_strconcat(comparison->prefix, root, git_tree_entry_name(item), NULL);
    int worktree = okse_git_store_worktree(comparison->store);
    git_filemode_t mode = git_tree_entry_filemode(item);
    bool same;

    if (mode == GIT_FILEMODE_TREE)
        return 0;
    if (mode == GIT_FILEMODE_COMMIT)
        same = true; /* a submodule is taken at the recorded commit, whatever is checked out */
    else if (mode == GIT_FILEMODE_LINK)
        same = link_is(worktree, path, git_tree_entry_id(item));
    else
        same = file_is(worktree, path, item);
    if (same && (comparison->index == NULL || in_index(comparison, path, item)))
        return 0;
    comparison->differs = g_steal_pointer(&path);
    return -1;
}

/* What is staged and not in the commit, or in conflict. */
static char *first_staged(const Comparison *comparison, const git_tree *tree)
{
    size_t count = comparison->index == NULL ? 0 : git_index_entrycount(comparison->index);
    size_t length = strlen(comparison->prefix);

    for (size_t i = 0; i < count; i++) {
        const git_index_entry *entry = git_index_get_byindex(comparison->index, i);
        git_tree_entry *item = NULL;

        if (strncmp(entry->path, comparison->prefix, length) != 0)
            continue;
        if (git_index_entry_stage(entry) != 0 || git_tree_entry_bypath(&item, tree, entry->path + length) != 0)
            return g_strdup(entry->path);
        git_tree_entry_free(item);
    }
    return NULL;
}

static bool open_index(const OkseGitStore *store, git_index **index, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/index", okse_git_store_fd(store));
    struct stat info;

    if (fstatat(okse_git_store_fd(store), "index", &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || okse_fail_errno(error, "%s: index", okse_git_store_origin(store));
    if (!S_ISREG(info.st_mode))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: its index is no file", okse_git_store_origin(store));
    return git_index_open(index, path) == 0 || okse_git_fail(error, okse_git_store_origin(store), "index");
}

bool okse_git_check_clean(const OkseGitStore *store, const git_commit *commit, const char *subdirectory, GError **error)
{
    const char *origin = okse_git_store_origin(store);
    g_autofree char *prefix = subdirectory == NULL ? g_strdup("") : g_strconcat(subdirectory, "/", NULL);
    g_autoptr(OkseGitTree) tree = NULL;
    g_autoptr(Index) index = NULL;
    Comparison comparison = {.store = store, .prefix = prefix};
    g_autofree char *differs = NULL, *shown = NULL;

    if (okse_git_store_worktree(store) < 0)
        return true;
    tree = okse_git_tree_find(commit, subdirectory, origin, error);
    if (tree == NULL || !open_index(store, &index, error))
        return false;
    comparison.index = index;
    if (git_tree_walk(tree, GIT_TREEWALK_PRE, compare_item, &comparison) != 0 && comparison.differs == NULL)
        return okse_git_fail(error, origin, "compare with the working tree");
    differs = comparison.differs != NULL ? comparison.differs : first_staged(&comparison, tree);
    if (differs == NULL)
        return true;
    shown = okse_text_show(differs, -1, false);
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "%s: '%s' differs from HEAD; commit it, or say 'allow_dirty: true' to take the commit as it is",
                     origin, shown);
}
