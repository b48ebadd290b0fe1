#pragma once

#include "packager/git_store.h"

/* A commit with everything before it as a git bundle of version 2 (gitformat-bundle(5)), which `git clone FILE` reads:
 * HEAD and refs/heads/main are the commit; with tag, refs/tags/<name> is `tag_id`, the tag object or the commit.
 * The bytes follow from the history, whatever packs it is stored in, for one version of libgit2 and zlib.
 * Errors: INVALID (history is not all there; over the limit), SYSTEM. */
#define OKSE_GIT_HISTORY_LIMIT (1u << 30)
typedef struct {
    const git_oid *commit;
    const char *tag; /* or NULL */
    const git_oid *tag_id;
} OkseGitTips;
GBytes *okse_git_history(const OkseGitStore *store, const OkseGitTips *tips, GError **error) G_GNUC_WARN_UNUSED_RESULT;
