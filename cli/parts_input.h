#pragma once

#include "packager/volumes_bytes.h"

/* Is this BUNDLE argument a set of parts: a directory of some, or one of them? */
bool okse_parts_input_is(const char *path);
/* The same of what was opened by that name. */
bool okse_parts_input_is_at(int fd, const char *path);

/* The bundle that they carry. path: a directory, or one part with the others beside it. more: further directories and
 * parts (--part), or NULL. What is missing or foreign is told on stderr now, what turns out damaged when the bytes are
 * let go. Errors: as okse_volumes_open() and okse_volumes_bytes(). */
OkseBytes *okse_parts_input_open(const char *path, char *const *more, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* One line on stderr for each part that is not as it should be; those that were told before are left out. */
void okse_parts_tell(OkseVolumes *volumes, GHashTable *told);
