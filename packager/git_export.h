#pragma once

#include "packager/git_store.h"
#include "packager/source_internal.h"

/* A commit's tree as entries of a source: from the object database alone, submodules at the commits it records. */

/* A blob of the export; OkseEntry.object is its index. */
typedef struct {
    unsigned store;
    git_oid id;
} OkseGitBlob;

typedef struct {
    GPtrArray *stores;  /* OkseGitStore, owned; the repository itself first, then its submodules */
    GArray *blobs;      /* OkseGitBlob */
    json_t *submodules; /* [{"path", "commit"}], in the order of the walk */
    gint64 newest;      /* time of the newest commit, seconds since 1970 */
} OkseGitExport;

/* Every blob of `commit` of the first store, below `subdirectory` (NULL: all), becomes an entry of source with its size
 * and digest. Errors: INVALID by name (what cannot be packed, LFS pointers, missing submodules, limits), SYSTEM. */
bool okse_git_export(OkseGitExport *export, const git_oid *commit, const char *subdirectory, OkseSource *source,
                     GError **error);

/* A blob's bytes, at most OKSE_GIT_BLOB_LIMIT. Errors: INVALID, SYSTEM. */
#define OKSE_GIT_BLOB_LIMIT (1ull << 30)
git_odb_object *okse_git_blob_read(git_odb *odb, const git_oid *id, const char *name, GError **error);

/* The tree of a commit, or of a directory in it. Errors: INVALID, SYSTEM. */
git_tree *okse_git_tree_find(const git_commit *commit, const char *subdirectory, const char *origin, GError **error);

/* Would git itself, on some file system, take this name for its own directory? */
bool okse_git_name_is_reserved(const char *name);
