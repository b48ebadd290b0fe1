#include "packager/config_repository.h"

#include "core/fd.h"
#include "packager/git_library.h"

#include <stdio.h>
#include <string.h>

#define NEXT ".config.next"
#define NEXT_INDEX "index.okse"

typedef git_repository Repository;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repository, git_repository_free)
typedef git_index Index;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Index, git_index_free)
typedef git_commit Commit;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Commit, git_commit_free)
typedef git_tree Tree;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tree, git_tree_free)
typedef git_reference Reference;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reference, git_reference_free)

static bool git_fail(GError **error, const char *what)
{
    return okse_git_fail(error, "config repository", what);
}

static char *reference_name(const char *generation)
{
    return g_strconcat("refs/heads/generations/", generation, NULL);
}

static bool configure(git_repository *repository, GError **error)
{
    git_config *config = NULL;
    bool set = git_repository_config(&config, repository) == 0 &&
               git_config_set_string(config, "core.worktree", "../../current") == 0 &&
               git_config_set_string(config, "core.autocrlf", "false") == 0 &&
               git_config_set_bool(config, "core.filemode", 1) == 0 &&
               git_config_set_string(config, "status.showUntrackedFiles", "no") == 0;

    git_config_free(config);
    return set || git_fail(error, "configure");
}

/* Made beside and renamed, so that a half-made repository is never there. */
static bool make_repository(const char *root_path, int root_fd, GError **error)
{
    g_autofree char *path = g_build_filename(root_path, NEXT, NULL);
    git_repository_init_options options = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};
    g_autoptr(Repository) repository = NULL;

    if (!okse_remove_tree(root_fd, NEXT, error))
        return false;
    options.flags = GIT_REPOSITORY_INIT_MKPATH | GIT_REPOSITORY_INIT_NO_REINIT;
    options.initial_head = "generations/none";
    if (git_repository_init_ext(&repository, path, &options) != 0)
        return git_fail(error, "make");
    if (!configure(repository, error))
        return false;
    if (renameat2(root_fd, NEXT, root_fd, "config", RENAME_NOREPLACE) < 0)
        return okse_fail_errno(error, "make config");
    return true;
}

static git_repository *open_repository(const char *root_path, GError **error)
{
    g_autofree char *path = g_build_filename(root_path, "config", ".git", NULL);
    git_repository *repository = NULL;

    /* As a bare one: before the first switch its work tree is not there. */
    if (git_repository_open_ext(&repository, path, GIT_REPOSITORY_OPEN_BARE | GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) != 0)
        git_fail(error, "open");
    return repository;
}

static bool is_configuration(const OksePart *part)
{
    return part->tree != NULL && (strcmp(part->kind, "infra") == 0 || strcmp(part->kind, "compliance") == 0);
}

static bool write_stream(git_odb_stream *stream, int fd, const char *path, GError **error)
{
    char buffer[65536];

    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return okse_fail_errno(error, "read %s", path);
        if (got == 0)
            return true;
        if (git_odb_stream_write(stream, buffer, (size_t)got) != 0)
            return git_fail(error, "write");
    }
}

static bool write_file(git_odb *odb, int part_fd, const OkseTreeEntry *entry, git_oid *id, GError **error)
{
    okse_autofd fd = okse_open_beneath(part_fd, entry->path, O_RDONLY | O_NONBLOCK, 0, error);
    git_odb_stream *stream = NULL;
    bool written;

    if (fd < 0)
        return false;
    if (git_odb_open_wstream(&stream, odb, (git_object_size_t)entry->size, GIT_OBJECT_BLOB) != 0)
        return git_fail(error, "write");
    written = write_stream(stream, fd, entry->path, error);
    if (written && git_odb_stream_finalize_write(id, stream) != 0)
        written = git_fail(error, "write");
    git_odb_stream_free(stream);
    return written;
}

/* Asked of the library, which knows all spellings: a first add, replaced by the real one. */
static bool is_tracked(git_index *index, const char *path)
{
    const git_index_entry probe = {.path = path, .mode = GIT_FILEMODE_BLOB, .id = {{1}}};

    return git_index_add(index, &probe) == 0;
}

static bool add_entry(git_odb *odb, git_index *index, const OksePart *part, int part_fd, const OkseTreeEntry *entry,
                      GError **error)
{
    g_autofree char *path = g_strconcat(part->name, "/", entry->path, NULL);
    git_index_entry item = {.path = path};

    /* Names that git keeps for itself ("x/.git/y") cannot be in a tree; drift watches those files. */
    if (!is_tracked(index, path))
        return true;
    if (entry->type == OKSE_TREE_LINK) {
        item.mode = GIT_FILEMODE_LINK;
        if (git_odb_write(&item.id, odb, entry->link, strlen(entry->link), GIT_OBJECT_BLOB) != 0)
            return git_fail(error, "write");
    } else {
        item.mode = entry->executable ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB;
        if (!write_file(odb, part_fd, entry, &item.id, error))
            return false;
    }
    return git_index_add(index, &item) == 0 || git_fail(error, path);
}

static bool add_part(git_odb *odb, git_index *index, const OksePart *part, int generation_fd, GError **error)
{
    okse_autofd fd = okse_open_beneath(generation_fd, part->name, O_RDONLY | O_DIRECTORY, 0, error);

    if (fd < 0)
        return false;
    for (unsigned i = 0; i < okse_tree_count(part->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(part->tree, i);

        if (entry->type != OKSE_TREE_DIRECTORY && !add_entry(odb, index, part, fd, entry, error))
            return false;
    }
    return true;
}

static bool write_tree(git_repository *repository, int generation_fd, const GPtrArray *parts, git_oid *tree,
                       GError **error)
{
    g_autoptr(Index) index = NULL;
    git_odb *odb = NULL;
    bool good = git_repository_odb(&odb, repository) == 0 && git_index_new(&index) == 0;

    if (!good)
        git_fail(error, "open");
    for (guint i = 0; good && i < parts->len; i++)
        if (is_configuration(g_ptr_array_index(parts, i)))
            good = add_part(odb, index, g_ptr_array_index(parts, i), generation_fd, error);
    git_odb_free(odb);
    return good && (git_index_write_tree_to(tree, index, repository) == 0 || git_fail(error, "write tree"));
}

/* The commit of a generation, or NULL. */
static git_commit *find_commit(git_repository *repository, const char *generation)
{
    g_autofree char *name = generation == NULL ? NULL : reference_name(generation);
    git_commit *commit = NULL;
    git_oid id;

    if (name == NULL || git_reference_name_to_id(&id, repository, name) != 0 ||
        git_commit_lookup(&commit, repository, &id) != 0)
        return NULL;
    return commit;
}

static bool write_commit(git_repository *repository, const OkseConfigCommit *commit, const git_oid *tree_id,
                         GError **error)
{
    g_autofree char *reference = reference_name(commit->name);
    g_autofree char *message = g_strdup_printf("%s\n\nGeneration %s\n", commit->title, commit->name);
    g_autoptr(Commit) parent = find_commit(repository, commit->previous);
    const git_commit *parents[] = {parent};
    g_autoptr(Reference) made = NULL;
    g_autoptr(Tree) tree = NULL;
    git_signature *author = NULL;
    git_oid id;
    bool good = git_tree_lookup(&tree, repository, tree_id) == 0 &&
                git_signature_new(&author, "okse", "okse", commit->when, 0) == 0 &&
                git_commit_create(&id, repository, NULL, author, author, "UTF-8", message, tree, parent != NULL,
                                  parents) == 0 &&
                git_reference_create(&made, repository, reference, &id, 1, "okse") == 0;

    git_signature_free(author);
    return good || git_fail(error, "write commit");
}

/* A lock that a killed command left; whoever is here holds the root's lock. */
static bool remove_lock(int root_fd, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat("config/.git/", name, ".lock", NULL);

    return unlinkat(root_fd, path, 0) == 0 || errno == ENOENT || errno == ENOTDIR ||
           okse_fail_errno(error, "remove %s", path);
}

bool okse_config_commit(const OkseConfigCommit *commit, int generation_fd, const GPtrArray *parts, GError **error)
{
    g_auto(OkseGitLibrary) library = okse_git_library_begin();
    g_autofree char *reference = reference_name(commit->name);
    g_autoptr(Repository) repository = NULL;
    g_autoptr(Commit) known = NULL;
    git_oid tree;

    if (library < 0)
        return git_fail(error, "start");
    if (faccessat(commit->root_fd, "config", F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
        !make_repository(commit->root_path, commit->root_fd, error))
        return false;
    if (!remove_lock(commit->root_fd, reference, error))
        return false;
    repository = open_repository(commit->root_path, error);
    if (repository == NULL)
        return false;
    known = find_commit(repository, commit->name);
    if (known != NULL)
        return true;
    return write_tree(repository, generation_fd, parts, &tree, error) && write_commit(repository, commit, &tree, error);
}

/* The index is written under another name and renamed: an administrator's `git status` may hold git's own lock. */
static bool write_index(git_repository *repository, int root_fd, const char *generation, GError **error)
{
    g_autofree char *path = g_build_filename(git_repository_path(repository), NEXT_INDEX, NULL);
    g_autoptr(Commit) commit = find_commit(repository, generation);
    g_autoptr(Index) index = NULL;
    g_autoptr(Tree) tree = NULL;

    if (commit == NULL)
        return okse_fail(error, OKSE_ERROR_NOT_FOUND, "config repository: no commit of generation %s", generation);
    if (!remove_lock(root_fd, NEXT_INDEX, error) ||
        (unlinkat(root_fd, "config/.git/" NEXT_INDEX, 0) < 0 && errno != ENOENT &&
         !okse_fail_errno(error, "remove config/.git/" NEXT_INDEX)))
        return false;
    if (git_commit_tree(&tree, commit) != 0 || git_index_open(&index, path) != 0 ||
        git_index_read_tree(index, tree) != 0 || git_index_write(index) != 0)
        return git_fail(error, "write index");
    return renameat(root_fd, "config/.git/" NEXT_INDEX, root_fd, "config/.git/index") == 0 ||
           okse_fail_errno(error, "write index of the config repository");
}

static bool head_is(git_repository *repository, const char *generation, bool *is, GError **error)
{
    g_autofree char *wanted = reference_name(generation);
    g_autoptr(Reference) head = NULL;
    int found = git_reference_lookup(&head, repository, "HEAD");

    *is = found == 0 && git_reference_type(head) == GIT_REFERENCE_SYMBOLIC &&
          strcmp(git_reference_symbolic_target(head), wanted) == 0;
    return found == 0 || found == GIT_ENOTFOUND || git_fail(error, "read HEAD");
}

bool okse_config_follow(const char *root_path, int root_fd, const char *name, GError **error)
{
    g_auto(OkseGitLibrary) library = okse_git_library_begin();
    g_autofree char *reference = reference_name(name);
    g_autoptr(Repository) repository = NULL;
    bool follows;

    if (library < 0)
        return git_fail(error, "start");
    repository = open_repository(root_path, error);
    if (repository == NULL || !head_is(repository, name, &follows, error))
        return false;
    if (follows)
        return true;
    if (!remove_lock(root_fd, "HEAD", error) || !write_index(repository, root_fd, name, error))
        return false;
    return git_repository_set_head(repository, reference) == 0 || git_fail(error, "move HEAD");
}

bool okse_config_agrees(const char *root_path, const char *name, bool *agrees, GError **error)
{
    g_autofree char *path = g_build_filename(root_path, "config", ".git", NULL);
    g_auto(OkseGitLibrary) library = okse_git_library_begin();
    g_autoptr(Repository) repository = NULL;

    *agrees = false;
    if (library < 0)
        return git_fail(error, "start");
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return true;
    repository = open_repository(root_path, error);
    return repository != NULL && head_is(repository, name, agrees, error);
}
