#pragma once

#include "core/progress.h"
#include "packager/bundle_reader.h"
#include "packager/certificate.h"
#include "packager/statement.h"
#include "packager/trust.h"

/* Signing puts a statement about a bundle's identity into the bundle's own file: payload and identity never change. The
 * change is crash safe: what is overwritten is first written to a journal beside the bundle (NAME.journal) and synced;
 * an interrupted signing is undone by the next one, and until then every reader refuses the file. */
typedef struct {
    const OkseKey *key;
    const OkseCertificates *chain; /* leaf first, of that key; NULL: a bare key */
    const char *role;
    gint64 signed_at;
    gint64 not_before;       /* OKSE_TIME_NONE: from signed_at on */
    gint64 expires;          /* OKSE_TIME_NONE: never */
    const OkseTrust *policy; /* a countersigner's: the bundle is verified by it first (payload too; `role` itself may be
                                missing), and the statement is a verification summary; NULL: a release */
    uint64_t rollback_from;  /* not 0: an override that orders to go back from there; role is "override" */
    const char *reason;      /* of the override */
    const OkseKey *model_key; /* signs each weights component, too (OpenSSF Model Signing); NULL: nobody does */
    const OkseCertificates *model_chain; /* of model_key, or NULL */
    bool built;                          /* the caller has just built it: say from what, too (SLSA provenance) */
    const char *tsa;        /* URL of a time-stamping authority, asked before anything is written; or NULL */
    bool check;             /* hash the whole payload first */
    OkseProgress *progress; /* of that; may be NULL */
} OkseSigning;

/* What came of it. */
typedef struct {
    OkseSha256 identity;
    OkseSha256 statement;       /* of the sigstore bundle that was added */
    GBytes *signature;          /* to be timestamped; owned */
    bool restored;              /* an earlier, interrupted signing was undone first */
    bool present;               /* the very same statement was there already; nothing was written */
    unsigned weights;           /* weights components in the bundle */
    GPtrArray *models;          /* char *: weights components that now carry a model signature by model_key */
    GPtrArray *unsigned_models; /* char *: "component: why it carries none" */
} OkseSigned;
void okse_signed_clear(OkseSigned *made);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseSigned, okse_signed_clear)

/* Sign the bundle at `path`. A bundle that does not read cleanly is not signed; its expired or foreign signatures do
 * not matter. Errors: REFUSED and INVALID (as okse_bundle_open(); no room), SYSTEM. */
bool okse_sign_bundle(const char *path, const OkseSigning *signing, OkseSigned *made, GError **error);

/* Attach an RFC 3161 response to the statement whose signature it is over: a copy of that statement with the timestamp
 * is added. Errors: as above; REFUSED when it fits no statement of the bundle. */
bool okse_sign_timestamp(const char *path, GBytes *response, OkseSigned *made, GError **error);
