/* A repository into the cache: bare, with the commit that the stack names, everything before it, and its submodules at
 * the commits it records, where git itself keeps them (modules/NAME). What a repository says of other places is not
 * obeyed but for the addresses of submodules, and those only on https or relative to their parent's. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/fetch_cache.h"
#include "packager/fetch_internal.h"
#include "packager/git_export.h"
#include "packager/git_modules.h"
#include "packager/git_store.h"
#include "packager/git_wire.h"
#include "packager/remote.h"

#include <git2/sys/repository.h>
#include <string.h>
#include <sys/stat.h>

#define MODULES_LIMIT 256u
#define NESTING_LIMIT 16u

typedef git_remote Remote;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Remote, git_remote_free)

/* One repository: of the stack, or a submodule. */
typedef struct {
    Fetch *fetch;
    const char *url;
    const char *path;   /* beneath the cache */
    const char *origin; /* for messages: the address */
    const char *tag;    /* wanted; or NULL … */
    git_oid commit;     /* … and this is; of a tag, once it is known */
    unsigned depth;
    unsigned *modules; /* how many there were, of all repositories of the source */
} Mirror;

static bool is_there(const Mirror *mirror, const git_oid *id)
{
    g_autoptr(OkseGitStore) store = okse_git_store_open(mirror->fetch->cache_fd, mirror->path, mirror->origin, NULL);
    g_autoptr(OkseGitOdb) odb = store == NULL ? NULL : okse_git_store_objects(store, NULL);

    return odb != NULL && git_odb_exists(odb, id) == 1;
}

static git_repository *open_bare(const Mirror *mirror, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", mirror->fetch->cache_fd, mirror->path);
    git_repository_init_options options;
    g_autoptr(OkseGitRepository) repository = NULL;
    git_config *empty = NULL;
    bool good;

    git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_DOTGIT_DIR;
    options.initial_head = "main";
    if (!okse_make_directories(mirror->fetch->cache_fd, mirror->path, error))
        return NULL;
    /* a mirror that others made has a configuration, which could lead elsewhere (url.*.insteadOf) */
    good = git_repository_init_ext(&repository, path, &options) == 0 && git_config_new(&empty) == 0 &&
           git_repository_set_config(repository, empty) == 0;
    git_config_free(empty);
    if (good)
        return g_steal_pointer(&repository);
    okse_git_fail(error, mirror->origin, "make its mirror");
    return NULL;
}

static bool fail_wire(OkseGitWire *wire, const char *what, GError **error)
{
    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (wire->error == NULL)
        return okse_git_fail(error, wire->url, what);
    g_propagate_error(error, g_error_copy(wire->error));
    return false;
}

static int on_transfer(const git_indexer_progress *progress, void *payload)
{
    (void)progress;
    (void)payload;
    return okse_interrupted() ? -1 : 0;
}

static bool check_tag(git_remote *remote, const Mirror *mirror, GError **error)
{
    g_autofree char *name = g_strconcat("refs/tags/", mirror->tag, NULL);
    g_autofree char *shown = okse_text_show(mirror->tag, -1, false);
    const git_remote_head **heads = NULL;
    size_t count = 0;

    if (git_remote_ls(&heads, &count, remote) != 0)
        return okse_git_fail(error, mirror->url, "list references");
    for (size_t i = 0; i < count; i++)
        if (strcmp(heads[i]->name, name) == 0)
            return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: there is no tag '%s'", mirror->url, shown);
}

/* One connection that downloads what the references name. *answered: the server did, whatever libgit2 makes of it. */
static bool download(const Mirror *mirror, git_repository *repository, char **references, size_t count, bool *answered,
                     GError **error)
{
    g_auto(OkseGitWire) wire = {.http = mirror->fetch->http,
                                .credentials = mirror->fetch->request->credentials,
                                .url = mirror->url,
                                .spool_fd = mirror->fetch->partial_fd};
    git_fetch_options options;
    git_strarray wanted = {references, count};
    g_autoptr(Remote) remote = NULL;
    bool done = false;

    git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
    options.callbacks.transport = okse_git_wire_transport;
    options.callbacks.transfer_progress = on_transfer;
    options.callbacks.payload = &wire;
    options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    options.update_fetchhead = 0;
    if (git_remote_create_anonymous(&remote, repository, mirror->url) != 0)
        return okse_git_fail(error, mirror->url, "use the address");
    if (git_remote_connect(remote, GIT_DIRECTION_FETCH, &options.callbacks, NULL, NULL) != 0)
        fail_wire(&wire, "connect", error);
    else if (mirror->tag == NULL || check_tag(remote, mirror, error))
        done = git_remote_fetch(remote, &wanted, &options, NULL) == 0 || fail_wire(&wire, "fetch", error);
    *answered = done || wire.error == NULL;
    mirror->fetch->fetched += wire.fetched;
    git_remote_disconnect(remote);
    return done;
}

/* A server need not give what no reference names; then everything that references name is asked for. */
static bool download_commit(const Mirror *mirror, git_repository *repository, GError **error)
{
    char hex[GIT_OID_HEXSZ + 1];
    char heads[] = "+refs/heads/*:refs/heads/*", tags[] = "+refs/tags/*:refs/tags/*";
    g_autofree char *one = g_strdup_printf("%s:refs/okse/%s", git_oid_tostr(hex, sizeof hex, &mirror->commit), hex);
    char *exact[] = {one}, *all[] = {heads, tags};
    g_autoptr(GError) cause = NULL;
    bool answered;

    if (download(mirror, repository, exact, 1, &answered, &cause) && is_there(mirror, &mirror->commit))
        return true;
    if (!answered || g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!download(mirror, repository, all, 2, &answered, error))
        return false;
    return is_there(mirror, &mirror->commit) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: has no commit %s that a branch or tag leads to", mirror->url, hex);
}

static bool download_tag(const Mirror *mirror, git_repository *repository, GError **error)
{
    g_autofree char *reference = g_strdup_printf("+refs/tags/%s:refs/tags/%s", mirror->tag, mirror->tag);
    char *references[] = {reference};
    bool answered;

    return download(mirror, repository, references, 1, &answered, error);
}

/* The commit that a tag leads to, in the mirror. */
static bool resolve_tag(Mirror *mirror, const OkseGitStore *store, GError **error)
{
    g_autoptr(OkseGitRepository) repository = okse_git_store_repository(store, error);
    git_object *object = NULL, *commit = NULL;
    git_oid id;
    bool good;

    if (repository == NULL || !okse_git_store_tag(store, mirror->tag, &id, error))
        return false;
    good = git_object_lookup(&object, repository, &id, GIT_OBJECT_ANY) == 0 &&
           git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0;
    if (good)
        mirror->commit = *git_object_id(commit);
    git_object_free(object);
    git_object_free(commit);
    return good || okse_git_fail(error, mirror->url, "the tag leads to no commit");
}

static bool fill_mirror(Mirror *mirror, GError **error)
{
    g_autoptr(OkseGitStore) store = okse_git_store_open(mirror->fetch->cache_fd, mirror->path, mirror->origin, NULL);
    g_autoptr(OkseGitRepository) repository = NULL;
    git_oid known;
    bool has_tag = store != NULL && mirror->tag != NULL && okse_git_store_tag(store, mirror->tag, &known, NULL);

    if (mirror->tag == NULL ? is_there(mirror, &mirror->commit) : has_tag && is_there(mirror, &known))
        return mirror->tag == NULL || resolve_tag(mirror, store, error);
    if (has_tag)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: what the cache has of it is damaged; remove it: %s",
                         mirror->url, mirror->path);
    repository = open_bare(mirror, error);
    if (repository == NULL)
        return false;
    if (mirror->tag == NULL)
        return download_commit(mirror, repository, error);
    if (!download_tag(mirror, repository, error))
        return false;
    g_clear_pointer(&store, okse_git_store_free);
    store = okse_git_store_open(mirror->fetch->cache_fd, mirror->path, mirror->origin, error);
    return store != NULL && resolve_tag(mirror, store, error);
}

/* What git keeps for itself must not come to lie inside another submodule's repository. */
static bool name_is_good(const Mirror *mirror, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    g_autoptr(GString) path = g_string_new(mirror->path);
    struct stat info;

    if (!okse_path_check(name, NULL))
        return false;
    g_string_append(path, "/modules");
    for (unsigned i = 0; parts[i] != NULL; i++) {
        g_autofree char *inside = g_strconcat(path->str, "/objects", NULL);

        if (fstatat(mirror->fetch->cache_fd, inside, &info, AT_SYMLINK_NOFOLLOW) == 0)
            return false;
        g_string_append_printf(path, "/%s", parts[i]);
    }
    return true;
}

/* gitmodules(5): "./" and "../" are meant from the parent's address on. */
static char *module_url(const Mirror *mirror, const char *url, GError **error)
{
    g_autofree char *base = g_strconcat(mirror->url, g_str_has_suffix(mirror->url, "/") ? "" : "/", NULL);
    g_autofree char *shown = okse_text_show(url, MIN(strlen(url), 200), false);
    bool relative = g_str_has_prefix(url, "./") || g_str_has_prefix(url, "../");
    g_autofree char *found = relative || strstr(url, "://") != NULL ? okse_url_resolve(base, url, NULL) : NULL;

    /* http, which is this machine's, only where the parent is there, too */
    if (found != NULL && (g_str_has_prefix(found, "https://") || g_str_has_prefix(mirror->url, "http://")))
        return g_steal_pointer(&found);
    okse_fail(error, OKSE_ERROR_REFUSED, "%s: a submodule at '%s', which is neither https nor relative", mirror->url,
              shown);
    return NULL;
}

static bool mirror_whole(Mirror *mirror, const char *subdirectory, GError **error);

typedef struct {
    const Mirror *mirror;
    GBytes *modules;   /* .gitmodules, or NULL */
    const char *above; /* "" or the subdirectory with a slash */
    GError *error;
} Walk;

/* NOLINTNEXTLINE(misc-no-recursion): bounded by NESTING_LIMIT */
static bool fetch_module(const Walk *walk, const char *inside, const git_oid *commit, GError **error)
{
    const Mirror *above = walk->mirror;
    g_autofree char *name = walk->modules == NULL ? NULL : okse_git_module_name(walk->modules, inside);
    g_autofree char *written = name == NULL ? NULL : okse_git_module_url(walk->modules, name);
    g_autofree char *shown = okse_text_show(inside, -1, false), *url = NULL, *path = NULL;
    Mirror mirror = {.fetch = above->fetch, .depth = above->depth + 1, .modules = above->modules, .commit = *commit};

    if (written == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is a submodule that .gitmodules gives no address",
                         above->url, shown);
    if (++*above->modules > MODULES_LIMIT || mirror.depth > NESTING_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u submodules, or nested deeper than %u", above->url,
                         MODULES_LIMIT, NESTING_LIMIT);
    if (!name_is_good(above, name))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the submodule at '%s' has an unsafe name", above->url, shown);
    url = module_url(above, written, error);
    if (url == NULL)
        return false;
    path = g_strconcat(above->path, "/modules/", name, NULL);
    mirror.url = mirror.origin = url;
    mirror.path = path;
    return mirror_whole(&mirror, NULL, error);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by NESTING_LIMIT */
static int on_entry(const char *root, const git_tree_entry *item, void *context)
{
    Walk *walk = context;
    g_autofree char *inside = g_strconcat(walk->above, root, git_tree_entry_name(item), NULL);

    if (okse_interrupted()) {
        okse_fail(&walk->error, OKSE_ERROR_CANCELLED, "interrupted");
        return -1;
    }
    if (git_tree_entry_filemode(item) != GIT_FILEMODE_COMMIT)
        return 0;
    return fetch_module(walk, inside, git_tree_entry_id(item), &walk->error) ? 0 : -1;
}

static GBytes *read_modules(git_repository *repository, const git_tree *root)
{
    const git_tree_entry *item = git_tree_entry_byname(root, ".gitmodules");
    g_autoptr(OkseGitOdb) odb = NULL;
    g_autoptr(OkseGitObject) object = NULL;

    if (item == NULL || git_repository_odb(&odb, repository) != 0)
        return NULL;
    object = okse_git_blob_read(odb, git_tree_entry_id(item), ".gitmodules", NULL);
    if (object == NULL || git_odb_object_size(object) > OKSE_LIMIT_METADATA)
        return NULL;
    return g_bytes_new(git_odb_object_data(object), git_odb_object_size(object));
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by NESTING_LIMIT */
static bool fetch_modules(const Mirror *mirror, const char *subdirectory, GError **error)
{
    g_autoptr(OkseGitStore) store = okse_git_store_open(mirror->fetch->cache_fd, mirror->path, mirror->origin, error);
    g_autoptr(OkseGitRepository) repository = store == NULL ? NULL : okse_git_store_repository(store, error);
    g_autoptr(OkseGitCommit) commit = NULL;
    g_autoptr(OkseGitTree) root = NULL, tree = NULL;
    g_autoptr(GBytes) modules = NULL;
    g_autofree char *above = subdirectory == NULL ? g_strdup("") : g_strconcat(subdirectory, "/", NULL);
    Walk walk = {.mirror = mirror, .above = above};

    if (repository == NULL)
        return false;
    if (git_commit_lookup(&commit, repository, &mirror->commit) != 0)
        return okse_git_fail(error, mirror->url, "read the commit");
    root = okse_git_tree_find(commit, NULL, mirror->origin, error);
    tree = root == NULL ? NULL : okse_git_tree_find(commit, subdirectory, mirror->origin, error);
    if (tree == NULL)
        return false;
    walk.modules = modules = read_modules(repository, root);
    if (git_tree_walk(tree, GIT_TREEWALK_PRE, on_entry, &walk) == 0)
        return true;
    if (walk.error == NULL)
        return okse_git_fail(error, mirror->url, "read the commit's tree");
    g_propagate_error(error, walk.error);
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by NESTING_LIMIT */
static bool mirror_whole(Mirror *mirror, const char *subdirectory, GError **error)
{
    return fill_mirror(mirror, error) && fetch_modules(mirror, subdirectory, error);
}

bool fetch_repository(Fetch *fetch, const OkseStackSource *source, json_t *row, GError **error)
{
    g_auto(OkseGitLibrary) library = okse_git_library_begin();
    g_autofree char *path = okse_cache_repository(source->location);
    unsigned modules = 0;
    Mirror mirror = {.fetch = fetch,
                     .url = source->location,
                     .path = path,
                     .origin = source->location,
                     .tag = source->tag,
                     .modules = &modules};
    char hex[GIT_OID_HEXSZ + 1];

    if (library < 0)
        return okse_git_fail(error, source->location, "start libgit2");
    if (source->tag == NULL && git_oid_fromstr(&mirror.commit, source->commit) != 0)
        return okse_git_fail(error, source->location, "commit");
    if (!mirror_whole(&mirror, source->subdirectory, error))
        return false;
    json_object_set_new(row, "commit", json_string(git_oid_tostr(hex, sizeof hex, &mirror.commit)));
    if (source->tag != NULL)
        json_object_set_new(row, "tag", json_string(source->tag));
    return true;
}
