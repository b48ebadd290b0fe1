#pragma once

#include "core/error.h"

#include <stdbool.h>

/* Which paths of a sysroot an absolute pattern names: '*', '?' and sets match inside one element (fnmatch), links are
 * followed inside the sysroot only. Calls `found` for each that is there, sorted by bytes; at most OKSE_GLOB_LIMIT of
 * them. Returns false when more may be there: a directory or file on the way could not be looked at, or there were too
 * many. */
#define OKSE_GLOB_LIMIT 20000u

typedef void (*OkseGlobFound)(void *context, const char *path);
bool okse_glob(int sysroot_fd, const char *pattern, OkseGlobFound found, void *context);
