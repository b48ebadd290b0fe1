#pragma once

#include "packager/bundle_reader.h"

/* What a BUNDLE argument may be, opened in one place for every command: a file, a
 * directory of parts, or one part with the others beside it (docs/parts.md). (A pipe is for okse verify alone.)
 * path: as the user gave it, and the name in messages. */

/* Its bytes, which close what was opened when they are let go. Errors: INVALID (a directory, a pipe, a device),
 * NOT_FOUND, SYSTEM. */
OkseBytes *okse_bundle_input_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same, where parts lie in further places: --part. parts: NULL-terminated, or NULL. */
OkseBytes *okse_bundle_input_open_with(const char *path, char *const *parts, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The bundle that it is. Errors: as above, and as okse_bundle_of(). */
OkseBundle *okse_bundle_input_read(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
