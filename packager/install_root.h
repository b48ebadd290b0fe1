#pragma once

#include "core/error.h"

/* The directory that install, rollback and status work in: generations/, current, state.json, config/, .lock.
 * Everything happens beneath its descriptor. */

/* Open it; create: make the directory (not its parents) when it is missing, and generations/ in it. An existing
 * `current` that is not our link is refused. Errors: INVALID (no directory, not an install root), NOT_FOUND, SYSTEM. */
int okse_root_open(const char *path, bool create, GError **error);

/* Take the lock for changes; waits for other commands unless `wait` is false. The descriptor holds it until closed; -1
 * without an error: somebody else has it. Errors: SYSTEM (also a root that may not be written). */
int okse_root_lock(int root_fd, bool wait, GError **error);

/* The generation that `current` names, or NULL without an error when there is none yet.
 * Errors: INVALID when `current` is not a link of ours. */
char *okse_root_current(int root_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same where one must be there. root: for the message. Errors: also NOT_FOUND. */
char *okse_root_current_of(const char *root, int root_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Open the directory of a generation. Errors: NOT_FOUND, REFUSED (a link), SYSTEM. */
int okse_root_generation(int root_fd, const char *name, GError **error);

/* Point `current` at a generation, in one instant, synced. Errors: SYSTEM. */
bool okse_root_switch(int root_fd, const char *name, GError **error);

/* Remove what commands that were killed left behind. Errors: SYSTEM. */
bool okse_root_clean(int root_fd, GError **error);
