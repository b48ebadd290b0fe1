/* A commit of a repository as a source. What is packed comes from the object database, so the working tree, its line
 * endings and its filters never touch a byte. */
#include "core/limits.h"
#include "core/worker.h"
#include "packager/git_clean.h"
#include "packager/git_export.h"
#include "packager/git_history.h"
#include "packager/git_signature.h"
#include "packager/source_internal.h"

#include <string.h>

#define CHUNK (1u << 20)
#define HISTORY_NAME "history.bundle"
#define HISTORY_OBJECT G_MAXUINT
#define TAG_STEPS 16u /* a tag of a tag … */

typedef struct {
    OkseGitLibrary library;
    OkseGitExport export;
    GBytes *history;
} Repository;

static void repository_free(gpointer data)
{
    Repository *repository = data;

    g_clear_pointer(&repository->export.stores, g_ptr_array_unref);
    g_clear_pointer(&repository->export.blobs, g_array_unref);
    json_decref(repository->export.submodules);
    g_clear_pointer(&repository->history, g_bytes_unref);
    okse_git_library_end(&repository->library);
    g_free(repository);
}

static void store_free(gpointer data)
{
    okse_git_store_free(data);
}

static Repository *repository_new(void)
{
    Repository *repository = g_new0(Repository, 1);

    repository->library = okse_git_library_begin();
    repository->export.stores = g_ptr_array_new_with_free_func(store_free);
    repository->export.blobs = g_array_new(FALSE, FALSE, sizeof(OkseGitBlob));
    repository->export.submodules = json_array();
    return repository;
}

typedef struct {
    OkseSourceSink sink;
    void *context;
} Target;

static bool deliver(const Target *target, unsigned index, const void *data, size_t size, GError **error)
{
    for (size_t at = 0; at < size; at += CHUNK) {
        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!target->sink(target->context, index, (const char *)data + at, MIN(size - at, CHUNK), error))
            return false;
    }
    return true;
}

static void odb_free(gpointer odb)
{
    git_odb_free(odb);
}

/* odbs: one for each store, opened when it is first needed. */
static bool copy_blob(const OkseSource *source, unsigned index, GPtrArray *odbs, const Target *target, GError **error)
{
    const Repository *repository = source->detail;
    const OkseEntry *entry = okse_source_entry(source, index);
    const OkseGitBlob *blob = &g_array_index(repository->export.blobs, OkseGitBlob, entry->object);
    g_autofree char *name = g_strconcat(source->origin, "/", entry->path, NULL);
    g_autoptr(OkseGitObject) object = NULL;

    if (g_ptr_array_index(odbs, blob->store) == NULL) {
        g_ptr_array_index(odbs, blob->store) =
            okse_git_store_objects(g_ptr_array_index(repository->export.stores, blob->store), error);
        if (g_ptr_array_index(odbs, blob->store) == NULL)
            return false;
    }
    object = okse_git_blob_read(g_ptr_array_index(odbs, blob->store), &blob->id, name, error);
    if (object == NULL)
        return false;
    g_assert(git_odb_object_size(object) == entry->size); /* the library checks an object against its id */
    return deliver(target, index, git_odb_object_data(object), git_odb_object_size(object), error);
}

static bool copy(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context, GError **error)
{
    const Repository *repository = source->detail;
    g_autoptr(GPtrArray) odbs = g_ptr_array_new_full(repository->export.stores->len, odb_free);
    const Target target = {sink, context};

    g_ptr_array_set_size(odbs, (int)repository->export.stores->len);
    for (unsigned i = 0; i < source->entries->len; i++) {
        const OkseEntry *entry = okse_source_entry(source, i);

        if (entry->kind != OKSE_ENTRY_FILE || (wanted != NULL && !wanted[i]))
            continue;
        if (entry->object == HISTORY_OBJECT) {
            if (!deliver(&target, i, g_bytes_get_data(repository->history, NULL), entry->size, error))
                return false;
        } else if (!copy_blob(source, i, odbs, &target, error)) {
            return false;
        }
    }
    return true;
}

/* What a tag object points to; its id and signature go into record, when there is one. */
static bool read_tag(git_repository *repository, const git_oid *id, json_t *record, git_oid *next, GError **error)
{
    git_tag *tag = NULL;
    const char *signature;
    char hex[GIT_OID_HEXSZ + 1];
    json_t *json = NULL;

    if (git_tag_lookup(&tag, repository, id) != 0)
        return okse_git_fail(error, "tag", "read");
    *next = *git_tag_target_id(tag);
    if (record == NULL) {
        git_tag_free(tag);
        return true;
    }
    json_object_set_new(record, "object", json_string(git_oid_tostr(hex, sizeof hex, id)));
    signature = git_tag_message(tag) == NULL ? NULL : okse_git_signature_find(git_tag_message(tag));
    if (signature != NULL)
        json = okse_git_signature_json(signature, strlen(signature), error);
    git_tag_free(tag);
    if (json != NULL)
        json_object_set_new(record, "signature", json);
    return signature == NULL || json != NULL;
}

/* From what a reference names to a commit. Of several tags on the way the outermost is recorded. */
static bool peel(git_repository *repository, const git_oid *from, json_t *tag, git_oid *commit, GError **error)
{
    git_oid id = *from;

    for (unsigned i = 0; i < TAG_STEPS; i++) {
        git_object *object = NULL;
        git_object_t type;
        git_oid next;

        int found = git_object_lookup(&object, repository, &id, GIT_OBJECT_ANY);
        char hex[GIT_OID_HEXSZ + 1];

        if (found == GIT_ENOTFOUND)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s is not there (git fetch)",
                             git_oid_tostr(hex, sizeof hex, &id));
        if (found != 0)
            return okse_git_fail(error, git_oid_tostr(hex, sizeof hex, &id), "read");
        type = git_object_type(object);
        git_object_free(object);
        if (type == GIT_OBJECT_COMMIT) {
            *commit = id;
            return true;
        }
        if (type != GIT_OBJECT_TAG)
            break;
        if (!read_tag(repository, &id, i == 0 ? tag : NULL, &next, error))
            return false;
        id = next;
    }
    return okse_fail(error, OKSE_ERROR_INVALID, "the reference leads to no commit");
}

static bool add_commit_signature(git_repository *repository, const git_oid *commit, json_t *record, GError **error)
{
    git_buf signature = {0}, data = {0};
    git_oid id = *commit;
    json_t *json = NULL;
    int found = git_commit_extract_signature(&signature, &data, repository, &id, NULL);

    if (found == 0)
        json = okse_git_signature_json(signature.ptr, signature.size, error);
    git_buf_dispose(&signature);
    git_buf_dispose(&data);
    if (json != NULL)
        json_object_set_new(record, "signature", json);
    return found == GIT_ENOTFOUND || json != NULL || (found != 0 && okse_git_fail(error, "commit", "read signature"));
}

/* Resolved: what the stack's words mean in this repository. */
typedef struct {
    git_oid reference, commit;
} Resolved;

static bool resolve(const OkseGitStore *store, const OkseStackSource *wanted, git_repository *repository,
                    json_t *record, Resolved *resolved, GError **error)
{
    g_autoptr(json_t) tag = json_object();
    char hex[GIT_OID_HEXSZ + 1];

    if (wanted->tag != NULL) {
        if (!okse_git_store_tag(store, wanted->tag, &resolved->reference, error))
            return false;
        json_object_set_new(tag, "name", json_string(wanted->tag));
    } else if (strcmp(wanted->commit, "HEAD") == 0) {
        if (!okse_git_store_head(store, &resolved->reference, error))
            return false;
    } else if (git_oid_fromstr(&resolved->reference, wanted->commit) != 0) {
        return okse_git_fail(error, okse_git_store_origin(store), "commit");
    }
    if (!peel(repository, &resolved->reference, tag, &resolved->commit, error)) {
        g_prefix_error(error, "%s: ", okse_git_store_origin(store));
        return false;
    }
    json_object_set_new(record, "commit", json_string(git_oid_tostr(hex, sizeof hex, &resolved->commit)));
    if (wanted->tag != NULL)
        json_object_set(record, "tag", tag);
    return add_commit_signature(repository, &resolved->commit, record, error);
}

static bool check_clean(const OkseGitStore *store, const OkseStackSource *wanted, git_repository *repository,
                        const git_oid *id, GError **error)
{
    g_autoptr(OkseGitCommit) commit = NULL;

    if (g_strcmp0(wanted->commit, "HEAD") != 0 || wanted->allow_dirty)
        return true;
    if (git_commit_lookup(&commit, repository, id) != 0)
        return okse_git_fail(error, okse_git_store_origin(store), "HEAD");
    return okse_git_check_clean(store, commit, wanted->subdirectory, error);
}

static bool add_history(OkseSource *source, const OkseGitStore *store, const OkseStackSource *wanted,
                        const Resolved *resolved, GError **error)
{
    const OkseGitTips tips = {&resolved->commit, wanted->tag, &resolved->reference};
    Repository *repository = source->detail;
    OkseEntry *entry;

    if (!wanted->history)
        return true;
    repository->history = okse_git_history(store, &tips, error);
    if (repository->history == NULL)
        return false;
    entry = g_new0(OkseEntry, 1);
    entry->kind = OKSE_ENTRY_FILE;
    entry->path = g_strdup(HISTORY_NAME);
    entry->size = g_bytes_get_size(repository->history);
    entry->digest = okse_sha256_of_bytes(repository->history);
    entry->has_digest = true;
    entry->object = HISTORY_OBJECT;
    g_ptr_array_add(source->entries, entry);
    return true;
}

/* The submodules and the time, once the walk knows them. */
static void finish_record(OkseSource *source, const OkseStackSource *wanted)
{
    const Repository *repository = source->detail;

    if (wanted->subdirectory != NULL)
        json_object_set_new(source->provenance, "subdirectory", json_string(wanted->subdirectory));
    if (json_array_size(repository->export.submodules) > 0)
        json_object_set(source->provenance, "submodules", repository->export.submodules);
    if (wanted->history)
        json_object_set_new(source->provenance, "history", json_string(HISTORY_NAME));
    source->time = repository->export.newest;
    json_object_set_new(source->provenance, "time", json_integer(source->time));
}

OkseSource *okse_source_open_git(int dir_fd, const OkseStackSource *wanted, const char *origin, GError **error)
{
    const char *location =
        g_str_has_prefix(wanted->location, "file://") ? wanted->location + strlen("file://") : wanted->location;
    g_autoptr(OkseSource) source = source_new(origin, -1, copy);
    Repository *repository = source->detail = repository_new();
    g_autoptr(OkseGitRepository) opened = NULL;
    OkseGitStore *store;
    Resolved resolved;

    source->detail_free = repository_free;
    source->sequential = true;
    if (repository->library < 0) {
        okse_git_fail(error, origin, "start libgit2");
        return NULL;
    }
    store = okse_git_store_open(dir_fd, location, origin, error);
    if (store == NULL)
        return NULL;
    g_ptr_array_add(repository->export.stores, store);
    source->provenance = json_object();
    opened = okse_git_store_repository(store, error);
    if (opened == NULL || !resolve(store, wanted, opened, source->provenance, &resolved, error) ||
        !check_clean(store, wanted, opened, &resolved.commit, error) ||
        !okse_git_export(&repository->export, &resolved.commit, wanted->subdirectory, source, error) ||
        !add_history(source, store, wanted, &resolved, error))
        return NULL;
    finish_record(source, wanted);
    if (source->entries->len == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: an empty tree cannot be a component", origin);
        return NULL;
    }
    return source_finish(source, error) ? g_steal_pointer(&source) : NULL;
}
