#pragma once

#include "packager/thin.h"
#include "packager/thin_write.h"

/* What a BUNDLE argument may be, opened in one place for every command: a file, a directory of parts, or one part with
 * the others beside it (docs/parts.md); whole or thin. (A pipe is for okse verify alone.) path: as the user gave it,
 * and the name in messages. */

/* Where more of it may be. */
typedef struct {
    char *const *parts; /* --part: further directories of parts; NULL: none */
    char *const *bases; /* --base: bundles and install roots; NULL: none */
    const char *root;   /* an install root that is looked at last, if it is one; NULL: none */
} OkseBundlePlaces;

/* Its bytes, which keep what was opened for them. places: may be NULL. *thin: what is known of a thin bundle, borrowed
 * from the bytes, NULL for a whole one; thin itself may be NULL. Errors: INVALID (a directory, a pipe, a device; a base
 * that is thin itself), NOT_FOUND, SYSTEM; for a base and a thin bundle as okse_bundle_of(). */
OkseBytes *okse_bundle_input_open(const char *path, const OkseBundlePlaces *places, const OkseThinReport **thin,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The bundle that it is. Of a thin one without its bases the metadata can be read, and reading what is left out is an
 * error. Errors: as above, and as okse_bundle_of(). */
OkseBundle *okse_bundle_input_read(const char *path, const OkseThinReport **thin,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Its bytes where all of the payload is needed and there is nowhere else to look for it: a thin bundle is INVALID. */
OkseBytes *okse_bundle_input_open_whole(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The bundle, and its bytes as they lie there: of a thin one, what it carries. Errors: as okse_bundle_input_read(). */
OkseBundle *okse_bundle_input_read_as_it_is(const char *path, OkseBytes **lies,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A line that says what a thin bundle leaves out. label: "thin      ". */
void okse_print_thin(const char *label, const OkseThinReport *thin);

/* What was left out of a bundle that was just written: {"leftOut":{"blobs","bytes","recipes"},"carried":{"bytes",
 * "pieces"}}; and as a line. */
json_t *okse_thinned_json(const OkseThinned *thinned) G_GNUC_WARN_UNUSED_RESULT;
void okse_print_thinned(const char *label, const OkseThinned *thinned);

/* Those of them that are directories, in which files are still opened while the payload is read: for a sandbox.
 * Borrowed, NULL-terminated. */
GPtrArray *okse_bundle_bases_roots(char *const *bases) G_GNUC_WARN_UNUSED_RESULT;

/* Bundles alone, to make one thin against; option: which names them. Errors: as above; INVALID for a directory. */
GPtrArray *okse_bundles_open(char *const *paths, const char *option, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Bundles and install roots (OkseBase, owned by the array). Errors: as above. */
GPtrArray *okse_bundle_bases_open(const OkseBundlePlaces *places, GError **error) G_GNUC_WARN_UNUSED_RESULT;
