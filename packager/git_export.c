/* A tree is only names and ids, and anybody can have written it: every name is checked, every object once is enough (a
 * few small trees can name one blob a billion times), and what is not content is refused by name. */
#include "packager/git_export.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/git_modules.h"

#include <string.h>

#define TIME_LIMIT 253402300799 /* the end of the year 9999 */
#define MODULES_LIMIT 256u      /* each holds descriptors */
#define LFS_POINTER "version https://git-lfs.github.com/spec/"
#define LFS_POINTER_LIMIT 1024u

/* What is known of a blob. */
typedef struct {
    unsigned object;
    uint64_t size;
    OkseSha256 digest;
} Known;

typedef struct {
    OkseGitExport *export;
    OkseSource *source;
    GPtrArray *known; /* a map for each store: id → Known */
    unsigned visited; /* entries of trees, also of empty ones */
} Walk;

/* One repository of the walk. */
typedef struct {
    unsigned store;
    git_repository *repository;
    git_odb *odb;
    const git_tree *root;
} Place;

static guint hash_id(gconstpointer id)
{
    guint hash;

    memcpy(&hash, id, sizeof hash); /* an id is a digest */
    return hash;
}

static gboolean equal_ids(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, GIT_OID_RAWSZ) == 0;
}

static GHashTable *known_new(void)
{
    return g_hash_table_new_full(hash_id, equal_ids, g_free, g_free);
}

static const char *shown_origin(const Walk *walk)
{
    return walk->source->origin;
}

bool okse_git_name_is_reserved(const char *name)
{
    g_autoptr(GString) plain = g_string_new(NULL);

    for (const char *p = name; *p != '\0'; p += g_utf8_skip[*(const guchar *)p]) {
        gunichar c = g_utf8_get_char(p);

        if (c == ':')
            break; /* a stream of the name before it */
        if (g_unichar_type(c) != G_UNICODE_FORMAT)
            g_string_append_unichar(plain, g_unichar_tolower(c));
    }
    while (plain->len > 0 && strchr(" .", plain->str[plain->len - 1]) != NULL)
        g_string_truncate(plain, plain->len - 1);
    return strcmp(plain->str, ".git") == 0 || strcmp(plain->str, "git~1") == 0;
}

git_odb_object *okse_git_blob_read(git_odb *odb, const git_oid *id, const char *name, GError **error)
{
    git_odb_object *object = NULL;
    git_object_t type;
    size_t size = 0;

    if (git_odb_read_header(&size, &type, odb, id) != 0) {
        okse_git_fail(error, name, "read");
        return NULL;
    }
    if (type != GIT_OBJECT_BLOB || size > OKSE_GIT_BLOB_LIMIT) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no file, or larger than the limit of 1 GiB for a file in git",
                  name);
        return NULL;
    }
    if (git_odb_read(&object, odb, id) != 0)
        okse_git_fail(error, name, "read");
    return object;
}

static bool is_lfs_pointer(const git_odb_object *object)
{
    size_t size = git_odb_object_size((git_odb_object *)(uintptr_t)object);

    return size < LFS_POINTER_LIMIT && size >= strlen(LFS_POINTER) &&
           memcmp(git_odb_object_data((git_odb_object *)(uintptr_t)object), LFS_POINTER, strlen(LFS_POINTER)) == 0;
}

/* Read a blob once, however often it is named. */
static const Known *know(Walk *walk, const Place *place, const git_oid *id, const char *name, GError **error)
{
    GHashTable *known = g_ptr_array_index(walk->known, place->store);
    const Known *found = g_hash_table_lookup(known, id->id);
    OkseGitBlob blob = {place->store, *id};
    g_autoptr(OkseGitObject) object = NULL;
    Known *made;

    if (found != NULL)
        return found;
    object = okse_git_blob_read(place->odb, id, name, error);
    if (object == NULL)
        return NULL;
    if (is_lfs_pointer(object)) {
        okse_fail(
            error, OKSE_ERROR_INVALID,
            "%s: is a Git LFS pointer, not the content (git lfs pull, and pack those files with 'path' or 'files')",
            name);
        return NULL;
    }
    made = g_new0(Known, 1);
    made->object = walk->export->blobs->len;
    made->size = git_odb_object_size(object);
    made->digest = okse_sha256_of(git_odb_object_data(object), made->size);
    g_array_append_val(walk->export->blobs, blob);
    g_hash_table_insert(known, g_memdup2(id->id, GIT_OID_RAWSZ), made);
    return made;
}

static OkseEntry *entry_new(OkseEntryKind kind, const char *path)
{
    OkseEntry *entry = g_new0(OkseEntry, 1);

    entry->kind = kind;
    entry->path = g_strdup(path);
    return entry;
}

static bool add_file(Walk *walk, const Place *place, const git_tree_entry *item, const char *path, GError **error)
{
    g_autofree char *name = g_strconcat(shown_origin(walk), "/", path, NULL);
    const Known *known = know(walk, place, git_tree_entry_id(item), name, error);
    OkseEntry *entry;

    if (known == NULL)
        return false;
    entry = entry_new(OKSE_ENTRY_FILE, path);
    entry->executable = (git_tree_entry_filemode_raw(item) & 0111) != 0;
    entry->size = known->size;
    entry->digest = known->digest;
    entry->has_digest = true;
    entry->object = known->object;
    g_ptr_array_add(walk->source->entries, entry);
    return true;
}

static bool add_link(Walk *walk, const Place *place, const git_tree_entry *item, const char *path, GError **error)
{
    g_autofree char *name = g_strconcat(shown_origin(walk), "/", path, NULL), *target = NULL, *shown = NULL;
    g_autoptr(OkseGitObject) object = okse_git_blob_read(place->odb, git_tree_entry_id(item), name, error);
    OkseEntry *entry;
    size_t size;

    if (object == NULL)
        return false;
    size = git_odb_object_size(object);
    target = g_strndup(git_odb_object_data(object), MIN(size, OKSE_LIMIT_PATH + 1));
    if (strlen(target) != size || !source_link_stays(path, target)) {
        shown = okse_text_show(target, -1, false);
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: symbolic link to '%s', outside the component", name, shown);
    }
    entry = entry_new(OKSE_ENTRY_LINK, path);
    entry->target = g_steal_pointer(&target);
    g_ptr_array_add(walk->source->entries, entry);
    return true;
}

static char *join(const char *directory, const char *name)
{
    return *directory == '\0' ? g_strdup(name) : g_strconcat(directory, "/", name, NULL);
}

static bool check_name(const Walk *walk, const char *path, const char *name, GError **error)
{
    g_autofree char *shown = okse_text_show(path, -1, false);

    if (!okse_path_check(path, error)) {
        g_prefix_error(error, "%s/%s: ", shown_origin(walk), shown);
        return false;
    }
    if (strchr(name, '/') != NULL || okse_git_name_is_reserved(name))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: a name that git keeps for itself", shown_origin(walk),
                         shown);
    return true;
}

/* Where a walk is: the path in the component, and in the repository that is walked. */
typedef struct {
    const char *path, *inside;
    unsigned depth;
} Position;

static bool walk_tree(Walk *walk, const Place *place, const git_tree *tree, const Position *at, GError **error);
static bool walk_commit(Walk *walk, unsigned store, const git_oid *id, const char *subdirectory, const Position *at,
                        GError **error);

/* The repository of the submodule at `inside`, by the .gitmodules of the same commit. */
static OkseGitStore *find_module(const Walk *walk, const Place *place, const char *inside, GError **error)
{
    const OkseGitStore *store = g_ptr_array_index(walk->export->stores, place->store);
    const git_tree_entry *item = git_tree_entry_byname(place->root, ".gitmodules");
    g_autoptr(OkseGitObject) object = NULL;
    g_autofree char *name = NULL, *shown = okse_text_show(inside, -1, false);

    if (item != NULL && (git_tree_entry_filemode_raw(item) & 0170000) == 0100000) {
        object = okse_git_blob_read(place->odb, git_tree_entry_id(item), ".gitmodules", error);
        if (object == NULL)
            return NULL;
        if (git_odb_object_size(object) <= OKSE_LIMIT_METADATA) {
            g_autoptr(GBytes) bytes = g_bytes_new(git_odb_object_data(object), git_odb_object_size(object));

            name = okse_git_module_name(bytes, inside);
        }
    }
    if (name == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is a submodule that .gitmodules does not name",
                  okse_git_store_origin(store), shown);
        return NULL;
    }
    return okse_git_store_open_module(store, name, error);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool add_module(Walk *walk, const Place *place, const git_tree_entry *item, const Position *at, GError **error)
{
    g_autoptr(OkseGitStore) store = find_module(walk, place, at->inside, error);
    char id[GIT_OID_HEXSZ + 1];

    if (store == NULL)
        return false;
    if (walk->export->stores->len > MODULES_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u submodules", shown_origin(walk), MODULES_LIMIT);
    g_ptr_array_add(walk->export->stores, g_steal_pointer(&store));
    g_ptr_array_add(walk->known, known_new());
    json_array_append_new(walk->export->submodules, json_pack("{s:s,s:s}", "path", at->path, "commit",
                                                              git_oid_tostr(id, sizeof id, git_tree_entry_id(item))));
    return walk_commit(walk, walk->export->stores->len - 1, git_tree_entry_id(item), NULL,
                       &(Position){at->path, "", at->depth}, error);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool walk_subtree(Walk *walk, const Place *place, const git_tree_entry *item, const Position *at, GError **error)
{
    g_autoptr(OkseGitTree) tree = NULL;

    if (git_tree_lookup(&tree, place->repository, git_tree_entry_id(item)) != 0)
        return okse_git_fail(error, shown_origin(walk), at->path);
    return walk_tree(walk, place, tree, at, error);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool add_item(Walk *walk, const Place *place, const git_tree_entry *item, const Position *above, GError **error)
{
    const char *name = git_tree_entry_name(item);
    g_autofree char *path = join(above->path, name), *inside = join(above->inside, name);
    const Position at = {path, inside, above->depth + 1};

    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (!check_name(walk, path, name, error))
        return false;
    if (++walk->visited > OKSE_LIMIT_FILES || at.depth > OKSE_LIMIT_DEPTH)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: more than %u files, or nested deeper than %u directories",
                         shown_origin(walk), path, OKSE_LIMIT_FILES, OKSE_LIMIT_DEPTH);
    switch (git_tree_entry_filemode_raw(item) & 0170000) {
    case 0100000:
        return add_file(walk, place, item, path, error);
    case 0120000:
        return add_link(walk, place, item, path, error);
    case 0040000:
        return walk_subtree(walk, place, item, &at, error);
    case 0160000:
        return add_module(walk, place, item, &at, error);
    default:
        return okse_fail(error, OKSE_ERROR_INVALID, "%s/%s: is neither file, link, directory nor submodule",
                         shown_origin(walk), path);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool walk_tree(Walk *walk, const Place *place, const git_tree *tree, const Position *at, GError **error)
{
    for (size_t i = 0; i < git_tree_entrycount(tree); i++)
        if (!add_item(walk, place, git_tree_entry_byindex(tree, i), at, error))
            return false;
    return true;
}

git_tree *okse_git_tree_find(const git_commit *commit, const char *subdirectory, const char *origin, GError **error)
{
    g_autoptr(OkseGitTree) root = NULL;
    git_tree_entry *item = NULL;
    git_tree *tree = NULL;

    if (git_commit_tree(&root, commit) != 0) {
        okse_git_fail(error, origin, "read the commit's tree");
        return NULL;
    }
    if (subdirectory == NULL)
        return g_steal_pointer(&root);
    if (git_tree_entry_bypath(&item, root, subdirectory) != 0 || git_tree_entry_type(item) != GIT_OBJECT_TREE)
        okse_fail(error, OKSE_ERROR_INVALID, "%s: there is no directory '%s' in the commit", origin, subdirectory);
    else if (git_tree_lookup(&tree, git_commit_owner(commit), git_tree_entry_id(item)) != 0)
        okse_git_fail(error, origin, subdirectory);
    git_tree_entry_free(item);
    return tree;
}

static bool take_time(Walk *walk, const git_commit *commit, const char *origin, GError **error)
{
    gint64 time = git_commit_time(commit);

    if (time < 0 || time > TIME_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the commit's time is not between 1970 and 9999", origin);
    walk->export->newest = MAX(walk->export->newest, time);
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool walk_commit(Walk *walk, unsigned store, const git_oid *id, const char *subdirectory, const Position *at,
                        GError **error)
{
    const OkseGitStore *from = g_ptr_array_index(walk->export->stores, store);
    const char *origin = okse_git_store_origin(from);
    g_autoptr(OkseGitRepository) repository = okse_git_store_repository(from, error);
    g_autoptr(OkseGitCommit) commit = NULL;
    g_autoptr(OkseGitTree) root = NULL, tree = NULL;
    g_autoptr(OkseGitOdb) odb = NULL;
    char text[GIT_OID_HEXSZ + 1];

    if (repository == NULL)
        return false;
    if (git_commit_lookup(&commit, repository, id) != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: commit %s is not there (git fetch)", origin,
                         git_oid_tostr(text, sizeof text, id));
    if (!take_time(walk, commit, origin, error))
        return false;
    if (git_repository_odb(&odb, repository) != 0)
        return okse_git_fail(error, origin, "open objects");
    root = okse_git_tree_find(commit, NULL, origin, error);
    tree = root == NULL ? NULL : okse_git_tree_find(commit, subdirectory, origin, error);
    return tree != NULL && walk_tree(walk, &(Place){store, repository, odb, root}, tree, at, error);
}

bool okse_git_export(OkseGitExport *export, const git_oid *commit, const char *subdirectory, OkseSource *source,
                     GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
    Walk walk = {export, source, known, 0};
    const Position top = {"", subdirectory != NULL ? subdirectory : "", 0};

    g_ptr_array_add(known, known_new());
    return walk_commit(&walk, 0, commit, subdirectory, &top, error);
}
