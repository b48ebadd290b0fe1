#include "packager/git_history.h"

#include "core/worker.h"

#include <string.h>

typedef git_revwalk Revwalk;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Revwalk, git_revwalk_free)
typedef git_packbuilder Packbuilder;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Packbuilder, git_packbuilder_free)

static int append(void *data, size_t length, void *context)
{
    GByteArray *bytes = context;

    if (okse_interrupted() || length > OKSE_GIT_HISTORY_LIMIT - bytes->len)
        return -1;
    g_byte_array_append(bytes, data, (guint)length);
    return 0;
}

static void append_reference(GByteArray *bytes, const git_oid *id, const char *name)
{
    char hex[GIT_OID_HEXSZ + 1];
    g_autofree char *line = g_strdup_printf("%s %s\n", git_oid_tostr(hex, sizeof hex, id), name);

    g_byte_array_append(bytes, (const guint8 *)line, (guint)strlen(line));
}

static void append_header(GByteArray *bytes, const OkseGitTips *tips)
{
    static const char signature[] = "# v2 git bundle\n";
    g_autofree char *tag = tips->tag == NULL ? NULL : g_strconcat("refs/tags/", tips->tag, NULL);

    g_byte_array_append(bytes, (const guint8 *)signature, sizeof signature - 1);
    append_reference(bytes, tips->commit, "HEAD");
    append_reference(bytes, tips->commit, "refs/heads/main");
    if (tag != NULL)
        append_reference(bytes, tips->tag_id, tag);
    g_byte_array_append(bytes, (const guint8 *)"\n", 1);
}

/* The walk's order is that of the history and its times, so the pack does not depend on how objects are stored. */
static bool insert(git_packbuilder *pack, git_repository *repository, const OkseGitTips *tips)
{
    g_autoptr(Revwalk) walk = NULL;

    git_packbuilder_set_threads(pack, 1);
    return git_revwalk_new(&walk, repository) == 0 &&
           git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME) == 0 &&
           git_revwalk_push(walk, tips->commit) == 0 && git_packbuilder_insert_walk(pack, walk) == 0 &&
           (tips->tag == NULL || git_oid_equal(tips->tag_id, tips->commit) ||
            git_packbuilder_insert(pack, tips->tag_id, NULL) == 0);
}

GBytes *okse_git_history(const OkseGitStore *store, const OkseGitTips *tips, GError **error)
{
    const char *origin = okse_git_store_origin(store);
    g_autoptr(OkseGitRepository) repository = okse_git_store_repository(store, error);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(Packbuilder) pack = NULL;

    if (repository == NULL)
        return NULL;
    if (git_packbuilder_new(&pack, repository) != 0 || !insert(pack, repository, tips)) {
        const git_error *last = git_error_last();

        okse_fail(error, OKSE_ERROR_INVALID, "%s: its history is not whole (git fetch --unshallow): %s", origin,
                  last != NULL ? last->message : "unknown cause");
        return NULL;
    }
    append_header(bytes, tips);
    if (git_packbuilder_foreach(pack, append, bytes) != 0) {
        if (okse_interrupted())
            okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        else
            okse_fail(error, OKSE_ERROR_INVALID, "%s: its history cannot be packed, or is over the limit of 1 GiB",
                      origin);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}
