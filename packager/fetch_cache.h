#pragma once

#include "packager/source.h"
#include "packager/stack.h"

/* Where sources lie that were fetched (docs/fetch.md): oci/, one OCI layout of all images; git/SHA256-OF-THE-ADDRESS/,
 * a bare repository each; partial/, what has not arrived yet. Other tools may fill it, too: what is taken from it is
 * checked as anybody's. */
#define OKSE_CACHE_DEFAULT ".okse-cache" /* beside stack.yaml */
#define OKSE_CACHE_OCI "oci"
#define OKSE_CACHE_PARTIAL "partial"

typedef struct {
    int dir_fd;             /* the stack's directory */
    const char *stack_path; /* for the command that is named in messages */
    const char *path;       /* of the cache, as the user named it; or NULL for the default */
} OkseCachePlace;

/* "git/…": the repository of an address. */
char *okse_cache_repository(const char *url) G_GNUC_WARN_UNUSED_RESULT;
/* "oci/blobs/sha256/…" */
char *okse_cache_blob(const OkseSha256 *digest) G_GNUC_WARN_UNUSED_RESULT;

/* The cache's directory, made when `make`. Errors: NOT_FOUND, INVALID, SYSTEM. */
int okse_cache_open(const OkseCachePlace *place, bool make, GError **error);

/* A source that okse_remote_is(), from the cache and from nowhere else.
 * Errors: INVALID with the command that fetches it; those of the source itself. */
OkseSource *okse_cache_source(const OkseCachePlace *place, const OkseStackSource *wanted,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Add to an error, whatever it says, how the cache is filled. */
void okse_cache_hint(const OkseCachePlace *place, GError **error);
