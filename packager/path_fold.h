#pragma once

#include <glib.h>
#include <stdbool.h>

/* Would these paths (const char *, UTF-8, each safe, sorted by bytes) all exist beside each other on any file system,
 * also on one that ignores case or composes characters? False names two that would not (borrowed): they are equal
 * there, or `one` is a directory of `other` and a file too. */
bool okse_paths_distinct(const GPtrArray *paths, const char **one, const char **other);

/* How messages say it: "'A' and 'B' " OKSE_PATHS_CLASH. */
#define OKSE_PATHS_CLASH "cannot both exist where case and composition of letters do not count"
