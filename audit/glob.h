#pragma once

#include "core/error.h"

#include <stdbool.h>

/* Which paths of a sysroot an absolute pattern names: '*', '?' and sets match inside one element (fnmatch), links are
 * followed inside the sysroot only. Calls `found` for each, sorted by bytes, also for what could not be
 * looked at and so may be there; at most OKSE_GLOB_LIMIT of them. Returns
 * false when a directory on the way could not be listed, or there were more. */
#define OKSE_GLOB_LIMIT 20000u

typedef void (*OkseGlobFound)(void *context, const char *path);
bool okse_glob(int sysroot_fd, const char *pattern, OkseGlobFound found, void *context);
