#pragma once

#include "packager/registry.h"
#include "packager/upload_memory.h"

/* Sending a blob: mounted from another repository where the registry can, else in chunks that a broken line, a
 * registry that restarts and another process go on from where the registry says it is.
 * Source: OCI distribution-spec 1.1, "Pushing blobs". */
typedef struct {
    OkseRegistryBlob blob;
    const OkseReadable *content;    /* all of it; hashed on the way, and never closed under another digest */
    const OkseUploadMemory *memory; /* of uploads that were begun; or NULL */
    OkseProgress *progress;
} OkseUpload;

typedef struct {
    uint64_t sent;    /* bytes that went over the network, those that were lost included */
    uint64_t resumed; /* bytes of it that were there from an earlier try */
    bool mounted;
} OkseUploaded;

/* The blob is there afterwards, by the registry's word and under the digest that it was sent with. It need not be
 * asked for before. Errors: REFUSED (the content has another digest; the registry denies access or answers what cannot
 * be), SYSTEM, CANCELLED, those of content. */
bool okse_registry_upload(OkseRegistry *registry, const OkseUpload *upload, OkseUploaded *uploaded, GError **error);
