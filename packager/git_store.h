#pragma once

#include "packager/git_library.h"

#include <stdint.h>

/* A local git repository that nobody vouches for: objects and references are read, and nothing else of it. Its
 * configuration, hooks, attributes, filters, alternates and grafts are not looked at; libgit2 checks every object
 * against its id. */
typedef struct OkseGitStore OkseGitStore;

/* location: a working tree with its .git directory, a bare repository, or such a .git directory; relative to dir_fd.
 * origin: how messages call it; copied. Errors: INVALID (no repository, a linked work tree, borrowed objects),
 * NOT_FOUND, SYSTEM. */
OkseGitStore *okse_git_store_open(int dir_fd, const char *location, const char *origin, GError **error);
/* The repository of submodule `name`, where git keeps it: modules/NAME. Errors: as above. */
OkseGitStore *okse_git_store_open_module(const OkseGitStore *store, const char *name, GError **error);
void okse_git_store_free(OkseGitStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGitStore, okse_git_store_free)

const char *okse_git_store_origin(const OkseGitStore *store);
/* Borrowed: the .git directory, and the working tree, or -1 when there is none. */
int okse_git_store_fd(const OkseGitStore *store);
int okse_git_store_worktree(const OkseGitStore *store);

/* The object database, opened anew: what libgit2 keeps belongs to one thread. Errors: SYSTEM. */
git_odb *okse_git_store_objects(const OkseGitStore *store, GError **error);
/* The same as a repository without configuration. Errors: SYSTEM. */
git_repository *okse_git_store_repository(const OkseGitStore *store, GError **error);

/* What HEAD, or the tag `name`, points to: for an annotated tag, the tag object. Errors: INVALID (not there, or not a
 * reference), SYSTEM. */
bool okse_git_store_head(const OkseGitStore *store, git_oid *id, GError **error);
bool okse_git_store_tag(const OkseGitStore *store, const char *name, git_oid *id, GError **error);

typedef git_odb OkseGitOdb;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGitOdb, git_odb_free)
typedef git_repository OkseGitRepository;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGitRepository, git_repository_free)
typedef git_commit OkseGitCommit;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGitCommit, git_commit_free)
typedef git_tree OkseGitTree;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGitTree, git_tree_free)
typedef git_odb_object OkseGitObject;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGitObject, git_odb_object_free)
