#pragma once

#include "core/error.h"

/* What is known as data (manifests/, templates/) is embedded in the binary, and a directory of the same shape can stand
 * in for it (--manifests DIR). Paths are relative: "manifests/controls/egress.destinations.yaml". */
typedef struct OkseResources OkseResources;

/* directory: replaces the embedded manifests/ as a whole, or NULL. Errors: INVALID, NOT_FOUND, SYSTEM. */
OkseResources *okse_resources_open(const char *directory, GError **error);
/* The same for a directory that is open already. fd: taken over, also on failure. name: what messages call it.
 * identity: of the bundle that promised these bytes ("sha256:…"), which whoever calls has checked. */
OkseResources *okse_resources_open_at(int fd, const char *name, const char *identity);
/* NULL: nobody vouches for them but the binary itself or whoever named the directory. Borrowed. */
const char *okse_resources_identity(const OkseResources *resources);
void okse_resources_free(OkseResources *resources);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseResources, okse_resources_free)

/* The bytes of one file. Errors: NOT_FOUND; INVALID over OKSE_LIMIT_DOCUMENT. */
GBytes *okse_resources_read(const OkseResources *resources, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names of the regular files directly in `directory` ("manifests/controls"), sorted by bytes. Never NULL on success.
 * A directory that is not there is an empty list. */
GStrv okse_resources_list(const OkseResources *resources, const char *directory,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Paths of all regular files below `directory`, relative to it, sorted by bytes; at most OKSE_LIMIT_DEPTH levels. Never
 * NULL on success. A directory that is not there is an empty list. */
GStrv okse_resources_tree(const OkseResources *resources, const char *directory,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names of the directories directly in `directory`, sorted by bytes. */
GStrv okse_resources_directories(const OkseResources *resources, const char *directory,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How messages call a file: the real path, or "(built in)/manifests/…". */
char *okse_resources_name(const OkseResources *resources, const char *path) G_GNUC_WARN_UNUSED_RESULT;
