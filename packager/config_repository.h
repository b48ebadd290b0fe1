#pragma once

#include "packager/part.h"

/* config/ of an install root: a git repository whose work tree is ../../current, with one commit a generation that
 * holds the files of its infra and compliance components, so that `git -C ROOT/config diff` shows drift by itself. */

/* Write the commit of a generation (directory generation_fd, named `name`) and refs/heads/generations/<name>; HEAD
 * stays. The author is okse, the time `when` (seconds since 1970), the parent the commit of generation `previous` (may
 * be NULL). The repository is made when it is not there. A commit that is there already is left alone. root_path: the
 * root, for libgit2, which knows paths only. Errors: SYSTEM; REFUSED (a file is not what part says). */
typedef struct {
    const char *root_path;
    int root_fd;
    const char *name, *previous;
    gint64 when;
    const char *title; /* first line of the message */
} OkseConfigCommit;
bool okse_config_commit(const OkseConfigCommit *commit, int generation_fd, const GPtrArray *parts, GError **error);

/* Make HEAD and the index those of generation `name`. Nothing is done when they are. Errors: SYSTEM; NOT_FOUND (no
 * commit of that generation). */
bool okse_config_follow(const char *root_path, int root_fd, const char *name, GError **error);

/* *agrees: HEAD names the commit of this generation; false also when there is no repository. Errors: SYSTEM. */
bool okse_config_agrees(const char *root_path, const char *name, bool *agrees, GError **error);
