#pragma once

#include "packager/dsse.h"

/* A sigstore bundle: one DSSE envelope with what is needed to check it offline.
 * Source: sigstore protobuf-specs v0.3 (JSON form); what model_signing writes and reads. */
#define OKSE_SIGSTORE_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"

typedef struct {
    OkseEnvelope envelope;
    char *hint;              /* publicKey.hint; NULL when absent or empty */
    GPtrArray *certificates; /* GBytes DER, leaf first; empty when a bare key signed */
    GPtrArray *timestamps;   /* GBytes DER TimeStampResp (RFC 3161) over the signature */
    bool keyless;            /* transparency log entries are there: made by an online identity */
} OkseSigstoreBundle;

/* Read the JSON, strictly. Errors: INVALID; REFUSED (an envelope without signature). */
OkseSigstoreBundle *okse_sigstore_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_sigstore_free(OkseSigstoreBundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSigstoreBundle, okse_sigstore_free)

/* What a signer puts beside the envelope. */
typedef struct {
    const char *hint;              /* of a bare key; ignored when there are certificates */
    const GPtrArray *certificates; /* GBytes DER, leaf first; NULL or empty: a bare key */
    GBytes *timestamp;             /* DER TimeStampResp, or NULL */
} OkseSigstoreMaterial;

/* Canonical JSON. */
GBytes *okse_sigstore_write(GBytes *payload, GBytes *signature,
                            const OkseSigstoreMaterial *material) G_GNUC_WARN_UNUSED_RESULT;
