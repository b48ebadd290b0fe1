#include "packager/git_store.h"

#include "core/fd.h"
#include "core/text.h"

#include <git2/odb_backend.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <string.h>
#include <sys/stat.h>

#define REFERENCES_LIMIT (64u << 20) /* packed-refs of a large repository */
#define REFERENCE_LIMIT 4096u
#define HEAD_STEPS 5u

struct OkseGitStore {
    char *origin;
    int fd, objects_fd, worktree_fd;
};

void okse_git_store_free(OkseGitStore *store)
{
    if (store == NULL)
        return;
    okse_fd_clear(&store->fd);
    okse_fd_clear(&store->objects_fd);
    okse_fd_clear(&store->worktree_fd);
    g_free(store->origin);
    g_free(store);
}

const char *okse_git_store_origin(const OkseGitStore *store)
{
    return store->origin;
}

int okse_git_store_fd(const OkseGitStore *store)
{
    return store->fd;
}

int okse_git_store_worktree(const OkseGitStore *store)
{
    return store->worktree_fd;
}

/* Objects are taken from here and from nowhere else. */
static bool refuse_alternates(const OkseGitStore *store, GError **error)
{
    struct stat info;

    if (fstatat(store->objects_fd, "info/alternates", &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || errno == ENOTDIR || okse_fail_errno(error, "%s", store->origin);
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "%s: borrows objects of another repository (git repack -a -d there, then remove "
                     "objects/info/alternates)",
                     store->origin);
}

/* fd: a .git directory or a bare repository; taken over. worktree_fd: too; or -1. */
static OkseGitStore *store_new(int fd, int worktree_fd, const char *origin, GError **error)
{
    g_autoptr(OkseGitStore) store = g_new0(OkseGitStore, 1);

    store->fd = fd;
    store->worktree_fd = worktree_fd;
    store->origin = g_strdup(origin);
    store->objects_fd = okse_open_beneath(fd, "objects", O_RDONLY | O_DIRECTORY, 0, NULL);
    if (store->objects_fd < 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is not a git repository", origin);
        return NULL;
    }
    return refuse_alternates(store, error) ? g_steal_pointer(&store) : NULL;
}

OkseGitStore *okse_git_store_open(int dir_fd, const char *location, const char *origin, GError **error)
{
    okse_autofd fd = openat(dir_fd, location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    okse_autofd inner = -1;
    struct stat info;

    if (fd < 0) {
        okse_fail_errno(error, "%s", origin);
        return NULL;
    }
    if (fstatat(fd, ".git", &info, AT_SYMLINK_NOFOLLOW) < 0)
        return store_new(okse_fd_steal(&fd), -1, origin, error);
    if (!S_ISDIR(info.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is a linked work tree or a submodule; name the repository itself",
                  origin);
        return NULL;
    }
    inner = okse_open_beneath(fd, ".git", O_RDONLY | O_DIRECTORY, 0, error);
    if (inner < 0) {
        g_prefix_error(error, "%s: ", origin);
        return NULL;
    }
    return store_new(okse_fd_steal(&inner), okse_fd_steal(&fd), origin, error);
}

OkseGitStore *okse_git_store_open_module(const OkseGitStore *store, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat("modules/", name, NULL), *shown = okse_text_show(name, -1, false);
    g_autofree char *origin = g_strconcat(store->origin, ", submodule ", shown, NULL);
    okse_autofd fd = -1;

    if (!okse_path_check(name, error)) {
        g_prefix_error(error, "%s: ", origin);
        return NULL;
    }
    fd = okse_open_beneath(store->fd, path, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (fd < 0) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "%s: its repository is not there (git submodule update --init --recursive)", origin);
        return NULL;
    }
    return store_new(okse_fd_steal(&fd), -1, origin, error);
}

static bool add_backend(git_odb *odb, git_odb_backend *backend, int priority)
{
    if (git_odb_add_backend(odb, backend, priority) == 0)
        return true;
    backend->free(backend);
    return false;
}

git_odb *okse_git_store_objects(const OkseGitStore *store, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", store->objects_fd);
    g_autoptr(OkseGitOdb) odb = NULL;
    git_odb_backend *loose = NULL, *packs = NULL;

    if (git_odb_new(&odb) != 0 || git_odb_backend_loose(&loose, path, 0, 0, 0, 0) != 0 || !add_backend(odb, loose, 1) ||
        git_odb_backend_pack(&packs, path) != 0 || !add_backend(odb, packs, 2)) {
        okse_git_fail(error, store->origin, "open objects");
        return NULL;
    }
    return g_steal_pointer(&odb);
}

git_repository *okse_git_store_repository(const OkseGitStore *store, GError **error)
{
    g_autoptr(OkseGitOdb) odb = okse_git_store_objects(store, error);
    g_autoptr(OkseGitRepository) repository = NULL;
    git_config *empty = NULL;
    bool good;

    if (odb == NULL)
        return NULL;
    good = git_repository_wrap_odb(&repository, odb) == 0 && git_config_new(&empty) == 0 &&
           git_repository_set_config(repository, empty) == 0;
    git_config_free(empty);
    if (!good) {
        okse_git_fail(error, store->origin, "open");
        return NULL;
    }
    return g_steal_pointer(&repository);
}

/* A small file of the repository, or NULL when there is none. */
static char *read_file(const OkseGitStore *store, const char *path, uint64_t limit)
{
    okse_autofd fd = okse_open_beneath(store->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, limit, path, NULL);

    return bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static bool parse_id(const char *text, git_oid *id)
{
    git_oid parsed;

    if (strlen(text) != GIT_OID_HEXSZ || git_oid_fromstr(&parsed, text) != 0)
        return false;
    *id = parsed;
    return true;
}

/* packed-refs: "ID NAME" lines, comments, and "^ID" lines that belong to the one before. */
static bool find_packed(const OkseGitStore *store, const char *name, git_oid *id)
{
    g_autofree char *text = read_file(store, "packed-refs", REFERENCES_LIMIT);
    size_t length = strlen(name);

    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        size_t size = end == NULL ? strlen(line) : (size_t)(end - line);

        if (size == GIT_OID_HEXSZ + 1 + length && line[GIT_OID_HEXSZ] == ' ' &&
            strncmp(line + GIT_OID_HEXSZ + 1, name, length) == 0) {
            line[GIT_OID_HEXSZ] = '\0';
            return parse_id(line, id);
        }
        line = end == NULL ? NULL : end + 1;
    }
    return false;
}

/* Loose before packed, as git does. */
static bool find_reference(const OkseGitStore *store, const char *first, git_oid *id)
{
    g_autofree char *name = g_strdup(first);

    for (unsigned i = 0; i < HEAD_STEPS && okse_path_check(name, NULL); i++) {
        g_autofree char *text = read_file(store, name, REFERENCE_LIMIT);

        if (text == NULL)
            return find_packed(store, name, id);
        g_strchomp(text);
        if (!g_str_has_prefix(text, "ref: "))
            return parse_id(text, id);
        g_free(name);
        name = g_strdup(text + strlen("ref: "));
    }
    return false;
}

bool okse_git_store_head(const OkseGitStore *store, git_oid *id, GError **error)
{
    return find_reference(store, "HEAD", id) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: HEAD names no commit", store->origin);
}

bool okse_git_store_tag(const OkseGitStore *store, const char *name, git_oid *id, GError **error)
{
    g_autofree char *full = g_strconcat("refs/tags/", name, NULL), *shown = okse_text_show(name, -1, false);

    return find_reference(store, full, id) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: there is no tag '%s'", store->origin, shown);
}
