#pragma once

#include "core/digest.h"
#include "core/progress.h"
#include "packager/credentials.h"
#include "packager/http.h"

/* One repository of one OCI registry, seen by a client that believes its digests alone. What it asks for needs the
 * action "pull"; a token holds for the repository and the action.
 * Source: OCI distribution-spec 1.1; distribution's token authentication. */
typedef struct OkseRegistry OkseRegistry;

typedef struct {
    OkseHttp *http;                     /* borrowed */
    const OkseCredentials *credentials; /* borrowed; or NULL */
    bool plain;                         /* http; taken for this machine only */
} OkseRegistryAccess;

/* host: with its port; repository: as okse_image_name_read() takes it; both copied. Errors: INVALID. */
OkseRegistry *okse_registry_new(const OkseRegistryAccess *access, const char *host, const char *repository,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_registry_free(OkseRegistry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseRegistry, okse_registry_free)

/* A manifest or index, at most OKSE_LIMIT_METADATA. reference: a tag, or "sha256:…", which the bytes then have.
 * Errors: REFUSED (another digest, access denied, hostile answers), NOT_FOUND, SYSTEM, CANCELLED. */
GBytes *okse_registry_manifest(OkseRegistry *registry, const char *reference, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    OkseSha256 digest;
    uint64_t size;
} OkseRegistryBlob;

/* A blob into the file fd (read and write): what an earlier try left there is hashed and gone on from. On success it
 * holds exactly the blob; after REFUSED nothing. *fetched: bytes that came over the network are added.
 * Errors: REFUSED (another digest or size), NOT_FOUND, SYSTEM, CANCELLED. */
bool okse_registry_blob(OkseRegistry *registry, const OkseRegistryBlob *blob, int fd, OkseProgress *progress,
                        uint64_t *fetched, GError **error);
