#pragma once

#include "packager/git_store.h"

/* Do the index and the working tree hold what `commit` holds below `subdirectory` (NULL: everywhere)? Files that git
 * does not track are not looked at: they are not exported. True as well where there is no working tree.
 * Errors: INVALID naming the first file that differs; SYSTEM. */
bool okse_git_check_clean(const OkseGitStore *store, const git_commit *commit, const char *subdirectory,
                          GError **error);
