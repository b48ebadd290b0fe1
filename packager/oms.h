#pragma once

#include "packager/certificate.h"
#include "packager/tree.h"
#include "packager/trust_judge.h"

/* OpenSSF Model Signing: a signature over the files of a model, that `model_signing` reads and writes too.
 * Source: sigstore/model-transparency (its code and fixtures); docs/formats/oms.md. */
typedef struct {
    const OkseKey *key;            /* the expected signer's public key; or NULL */
    const OkseCertificates *roots; /* or the roots that its chain must lead to */
    const char *const *ignored;    /* paths beneath the model that were not signed; NULL-terminated, may be NULL */
    gint64 now;
    bool legacy; /* take the broken envelopes of model_signing 0.2 */
} OkseOmsTerms;

typedef struct {
    OkseVerification *verification; /* one signature in it */
    char *model;                    /* the name that was signed; NULL when unreadable */
    unsigned files;                 /* items that were hashed and agree */
} OkseOmsVerified;

/* Verify the model (a directory, or one file) at `path`. Errors: NOT_FOUND, SYSTEM, CANCELLED. */
bool okse_oms_verify(const char *path, GBytes *signature, const OkseOmsTerms *terms, OkseOmsVerified *verified,
                     GError **error);
void okse_oms_verified_clear(OkseOmsVerified *verified);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseOmsVerified, okse_oms_verified_clear)

/* One file of a model about to be signed. */
typedef struct {
    const char *name;
    OkseSha256 digest;
} OkseOmsFile;

/* The signature over a model's files (OkseOmsFile, sorted here by name): what is installed as model.sig beside them.
 * chain: of the key, leaf first; NULL: a bare key. Errors: INVALID (the key is not ECDSA), SYSTEM. */
GBytes *okse_oms_sign(const char *model, GArray *files, const OkseKey *key, const OkseCertificates *chain,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What a component of a bundle holds, for a signature over it. files: NULL when they are not known. */
typedef struct {
    const char *component;
    GArray *files; /* OkseOmsFile, sorted by name */
} OkseOmsModelFacts;

/* Which statement becomes the model.sig of which component. */
typedef struct {
    const char *component; /* borrowed from the bundle */
    OkseSha256 statement;  /* of the sigstore bundle */
} OkseModelSignature;

/* The files of a component as a model signature counts them: all but what model_signing leaves out. Names are borrowed
 * from the tree. *carried: it has a model.sig of its own. */
GArray *okse_oms_files(const OkseTree *tree, bool *carried) G_GNUC_WARN_UNUSED_RESULT;

/* A verified payload says exactly that the component holds these files. Errors: INVALID (no model statement), REFUSED
 * (other files, other digests, another kind of digest). */
bool okse_oms_covers(GBytes *payload, const OkseOmsModelFacts *model, GError **error);

/* Hash and sign a model on disk; the file `signature` beneath it (model.sig) is left out. */
GBytes *okse_oms_sign_path(const char *path, const char *signature, const OkseKey *key, const OkseCertificates *chain,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
