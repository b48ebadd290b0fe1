#pragma once

#include "packager/bundle_reader.h"
#include "packager/source_look.h"

/* What would be installed, seen before it is: the components of a stack that is being built, or of a bundle, as paths
 * and bytes; or what was installed. For checks that must see one thing on both sides of the seal. Images have no files
 * here. */
typedef struct OkseContents OkseContents;
typedef struct OksePlan OksePlan;

/* plan, bundle: borrowed, must outlive the contents. bundle: from okse_bundle_open(). Errors: those of
 * okse_bundle_tree(). */
OkseContents *okse_contents_of_plan(const OksePlan *plan) G_GNUC_WARN_UNUSED_RESULT;
OkseContents *okse_contents_of_bundle(const OkseBundle *bundle, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The running generation of an install root: the files that its bundle promised, as they are now. Whether they still
 * are what was promised says okse_drift_check(). Errors: NOT_FOUND (nothing is installed), INVALID, SYSTEM. */
OkseContents *okse_contents_of_install(int root_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_contents_free(OkseContents *contents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseContents, okse_contents_free)

/* What the stack says (docs/formats/bundle.md, "Stack manifest"). Borrowed. */
const json_t *okse_contents_stack(const OkseContents *contents);
/* The bundle's identity; NULL while there is none yet. Borrowed. */
const OkseSha256 *okse_contents_identity(const OkseContents *contents);

/* The one time that is in the bundle, seconds since 1970. */
gint64 okse_contents_created(const OkseContents *contents);

unsigned okse_contents_count(const OkseContents *contents);
const char *okse_contents_name(const OkseContents *contents, unsigned component);
const char *okse_contents_kind(const OkseContents *contents, unsigned component);
/* What was found in a weights component of a plan (okse_weights_examine()); NULL for others. Borrowed. */
const json_t *okse_contents_weights(const OkseContents *contents, unsigned component);
/* okse_model_said() of a weights component of a plan or a bundle; NULL for others, and when nothing is said. A new
 * value. */
json_t *okse_contents_model(const OkseContents *contents, unsigned component) G_GNUC_WARN_UNUSED_RESULT;
/* Its files and their bytes. An image counts its blobs. */
uint64_t okse_contents_files(const OkseContents *contents, unsigned component);
uint64_t okse_contents_bytes(const OkseContents *contents, unsigned component);

/* Ask `wants` about every file, then give those it wants to `file`, whole, one at a time, in the order in which they
 * lie. wants must bound the size: a file is held in memory. */
typedef struct {
    bool (*wants)(void *context, const char *path, uint64_t size);
    void (*file)(void *context, const char *path, GBytes *bytes);
    void *context; /* of both */
} OkseContentsVisitor;

/* Errors: INVALID (a source changed since it was listed; what an install holds is not known), REFUSED (a file of a
 * bundle has other bytes than its name says), NOT_FOUND (a file of an install is gone), SYSTEM. */
bool okse_contents_visit(const OkseContents *contents, unsigned component, const OkseContentsVisitor *visitor,
                         GError **error);
/* The same, but of a larger file only the first `head` bytes are given (it is read whole all the same). */
bool okse_contents_visit_heads(const OkseContents *contents, unsigned component, const OkseContentsVisitor *visitor,
                               uint64_t head, GError **error);

/* Give every file to `look`, one at a time, readable at any place; of an image its config and its layers, as
 * "blobs/sha256/…". A bundle's file that is read from its beginning to its end is hashed on the way and must be what
 * its name says; what look did with it before must not be used when this fails. Errors: as okse_contents_visit(); those
 * of look. */
bool okse_contents_look(const OkseContents *contents, unsigned component, OkseLook look, void *context, GError **error);
/* The configs of an image (OCI image specification, config), one a platform known here; empty for what is no image.
 * *configs: a new value, NULL with an error. Errors: INVALID (missing, no JSON, changed since the install), SYSTEM. */
bool okse_contents_image_configs(const OkseContents *contents, unsigned component, json_t **configs, GError **error);
/* Whether the component has a file or link of this path. */
bool okse_contents_has(const OkseContents *contents, unsigned component, const char *path);
bool okse_contents_is_image(const OkseContents *contents, unsigned component);
/* path → uint64_t * of the files that okse_contents_look() gives. */
GHashTable *okse_contents_sizes(const OkseContents *contents, unsigned component) G_GNUC_WARN_UNUSED_RESULT;

/* The SHA-256 of one file, or of an image's manifest: `wanted`, if any of its platforms has it. A file of a stack is
 * read for it, whatever its size. */
typedef struct {
    const char *component;
    const char *path; /* NULL: the image */
    OkseSha256 wanted;
    OkseSha256 digest; /* becomes what is there, with found */
    bool found;
} OkseContentsFile;
/* Errors: INVALID (changed since it was listed), SYSTEM. */
bool okse_contents_digest(const OkseContents *contents, OkseContentsFile *file, GError **error);

/* okse_evaluations_of() a plan, made once when it was planned; NULL for other contents. Borrowed. */
const json_t *okse_contents_evaluations(const OkseContents *contents);
