#pragma once

#include "core/digest.h"
#include "core/progress.h"
#include "packager/credentials.h"
#include "packager/http.h"

/* One repository of one OCI registry, seen by a client that believes its digests alone.
 * Source: OCI distribution-spec 1.1; distribution's token authentication. */
typedef struct OkseRegistry OkseRegistry;

typedef struct {
    OkseHttp *http;                     /* borrowed */
    const OkseCredentials *credentials; /* borrowed; or NULL */
    bool plain;                         /* http; taken for this machine only */
    bool push;                          /* what is asked for needs the actions "pull" and "push", else "pull" alone */
    const char *from; /* borrowed: another repository of the registry, to be pulled from as well; or NULL */
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

/* "HOST/REPOSITORY", for messages; borrowed. */
const char *okse_registry_name(const OkseRegistry *registry);

/* Where in a file a blob belongs. */
typedef struct {
    int fd; /* read and write */
    uint64_t at;
    bool followed; /* what is behind the blob's last byte may stay; otherwise the file ends with the blob */
} OkseRegistryPlace;

/* A blob into a file: what an earlier try left there is hashed and gone on from; when that was wrong, the file is cut
 * at place->at and all of it fetched. On success the blob is there; after REFUSED the file ends at place->at.
 * *fetched: bytes that came over the network are added. Errors: REFUSED (another digest or size), NOT_FOUND, SYSTEM,
 * CANCELLED. */
bool okse_registry_blob(OkseRegistry *registry, const OkseRegistryBlob *blob, const OkseRegistryPlace *place,
                        OkseProgress *progress, uint64_t *fetched, GError **error);

/* The same into memory. Errors: INVALID over OKSE_LIMIT_METADATA, and those above. */
GBytes *okse_registry_blob_bytes(OkseRegistry *registry, const OkseRegistryBlob *blob,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Does the registry have this blob? Errors: REFUSED (with another size, access denied), SYSTEM, CANCELLED. */
bool okse_registry_has_blob(OkseRegistry *registry, const OkseRegistryBlob *blob, bool *there, GError **error);

/* A manifest or index under a tag or its digest. type: its media type. *linked: the registry says that it lists it as
 * a referrer of its subject by itself. Errors: REFUSED, SYSTEM, CANCELLED. */
typedef struct {
    const char *reference, *type;
    GBytes *bytes;
} OkseRegistryManifest;
bool okse_registry_put_manifest(OkseRegistry *registry, const OkseRegistryManifest *manifest, bool *linked,
                                GError **error);
