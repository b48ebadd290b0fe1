#pragma once

#include "packager/readable.h"
#include "packager/source.h"

/* Called with one file at a time, readable until it returns. false ends the walk. Errors: its own. */
typedef bool (*OkseLook)(void *context, const OkseReadable *file, GError **error);

/* Every file of a source, in its order; empty files of an archive do not come. The contents of an archive are spooled,
 * file by file. Errors: SYSTEM, INVALID (changed meanwhile), those of look. */
bool okse_source_look(const OkseSource *source, OkseLook look, void *context, GError **error);

/* path → uint64_t * of its files. */
GHashTable *okse_source_sizes(const OkseSource *source) G_GNUC_WARN_UNUSED_RESULT;

/* read of an OkseReadable whose context is a GBytes. */
bool okse_readable_bytes(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);
