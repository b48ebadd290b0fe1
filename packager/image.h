#pragma once

#include "core/json.h"
#include "packager/source.h"

/* An OCI image inside a source (OCI layout directory, oci-archive, docker-archive): manifests and configs as bytes,
 * layers as entries of the source. Everything keeps its bytes; of a docker-archive, which has no OCI manifest, one is
 * made as `skopeo copy docker-archive:… oci:…` would. Source: OCI image-spec 1.1. */
typedef struct {
    OkseSha256 digest; /* as the manifest says; the copy must agree */
    uint64_t size;
    unsigned entry; /* of the source */
} OkseImageLayer;

typedef struct {
    GBytes *manifest, *config;
    OkseSha256 manifest_digest, config_digest;
    char *media_type; /* of the manifest */
    json_t *platform; /* {"architecture","os","variant"?} */
    GArray *layers;   /* OkseImageLayer */
} OkseImageManifest;

typedef struct {
    GPtrArray *manifests; /* OkseImageManifest, in the order of the upstream index */
    bool has_index;
    OkseSha256 index; /* the upstream index, when there is one */
} OkseImage;

/* reference: tag, digest or TAG@digest (the tag must have that digest), or NULL when there is only one; platform:
 * "os/arch[/variant]" or NULL for all. Errors: NOT_FOUND (no such tag or platform; names what there is), INVALID,
 * SYSTEM. */
OkseImage *okse_image_read(const OkseSource *source, const char *reference, const char *platform,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_image_free(OkseImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseImage, okse_image_free)

/* Is an entry of an image index one that is read: an image, for the platform when one is wanted (or NULL)? */
bool okse_image_is_wanted(const json_t *descriptor, const char *wanted);

/* The media type of an image's manifest: OCI's, or Docker's second. */
bool okse_image_is_manifest_type(const char *media_type);

/* A manifest that says of itself what its descriptor (`media_type`) says, and is no index at the same time: readers
 * that look at different members would see different images. Source: CVE-2021-41190. */
bool okse_image_is_manifest(const json_t *manifest, const char *media_type);
