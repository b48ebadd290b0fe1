#pragma once

#include "audit/evaluate.h"

/* Tasks that ask the same are one. numbers[i]: which of the different ones task i is. Returns new: guint, the index of
 * the first of each; those of one control follow each other. */
GArray *okse_tasks_different(const OkseTask *tasks, unsigned count, guint *numbers) G_GNUC_WARN_UNUSED_RESULT;

/* Write the different tasks as programs for jq into a directory, which is made: NNN.jq, and in NNN.json what its $okse
 * is. Each program puts out one line for each of its tasks. Errors: SYSTEM, INVALID when the directory is there. */
bool okse_tasks_write(const OkseTask *tasks, unsigned count, const char *directory, GError **error);
