#pragma once

#include "core/error.h"

/* Which files of a directory become entries: by `.okseignore` (everything but …) or by `files:` (only …). */
typedef struct OkseSelection OkseSelection;

#define OKSE_IGNORE_NAME ".okseignore"
#define OKSE_LIMIT_IGNORE 65536u      /* bytes of an .okseignore */
#define OKSE_LIMIT_IGNORE_RULES 1000u /* its lines that say something */

/* bytes: of an .okseignore, a subset of gitignore(5) (docs/stack.md). origin: its name in messages.
 * Errors: INVALID with origin:line:1. */
OkseSelection *okse_selection_of_ignore(GBytes *bytes, const char *origin, GError **error);
/* globs: NULL-terminated. Errors: INVALID, naming the pattern. */
OkseSelection *okse_selection_of_globs(const char *const *globs, GError **error);
void okse_selection_free(OkseSelection *selection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSelection, okse_selection_free)

/* Is this file (or link) taken; may a directory hold something that is? A directory that is not taken is not entered.
 * Globs remember that they matched. */
bool okse_selection_takes(OkseSelection *selection, const char *path, bool is_directory);
/* Does what is not taken count as left out (`.okseignore`), or was it never meant (`files`)? */
bool okse_selection_leaves_out(const OkseSelection *selection);
/* After the walk: a glob that matched nothing is a mistake. Errors: INVALID, naming it. */
bool okse_selection_finish(const OkseSelection *selection, GError **error);
