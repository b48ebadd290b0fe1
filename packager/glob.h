#pragma once

#include "core/error.h"

/* Patterns over paths, as gitignore(5) has them: elements between "/"; in an element `*` is any run of characters, `?`
 * one character, `[a-z]` and `[!a-z]` one of a set, `\` takes the next character as it is; an element `**` stands for
 * any number of directories, at the end for everything inside. Matching takes time in the product of the lengths. */
typedef struct OkseGlob OkseGlob;

/* Errors: INVALID (empty, "." or ".." elements, a set that does not end or has a named class, not UTF-8). */
OkseGlob *okse_glob_new(const char *pattern, GError **error);
void okse_glob_free(OkseGlob *glob);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseGlob, okse_glob_free)

/* path: okse_path_check()ed. Is it meant? */
bool okse_glob_matches(const OkseGlob *glob, const char *path);
/* Could something below this directory be meant? */
bool okse_glob_reaches_below(const OkseGlob *glob, const char *directory);
