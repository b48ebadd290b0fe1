#pragma once

#include "packager/trust.h"

/* A document that somebody answers for: a waiver of findings, a decision on export control. The signature lies beside
 * the document, in a file of its name and OKSE_APPROVAL_SUFFIX: a sigstore bundle with an in-toto statement about the
 * document's SHA-256. Format: docs/formats/statements.md. */
#define OKSE_APPROVAL_SUFFIX ".sigstore.json"
#define OKSE_LIMIT_APPROVAL (1u << 20) /* bytes of one signature file */

typedef struct {
    const OkseKey *key;
    const OkseCertificates *chain; /* leaf first, of that key; NULL: a bare key */
    const char *role;              /* "waiver", "export-control" */
    gint64 signed_at;
    gint64 expires; /* OKSE_TIME_NONE: never */
} OkseApproving;

/* Sign an in-toto statement: a sigstore bundle, canonical JSON. chain: leaf first, of that key; NULL: a bare key.
 * Errors: those of signing. */
GBytes *okse_statement_seal(GBytes *payload, const OkseKey *key, const OkseCertificates *chain,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The signature file. name: the document's, for people. Errors: those of signing. */
GBytes *okse_approval_sign(GBytes *document, const char *name, const OkseApproving *approving,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* status: "valid"; "expired"; "stranger" (it holds, but the policy does not name the signer for this role); "rejected"
 * (it does not hold, is about another document or breaks its form). */
typedef struct {
    const char *status;
    char *role, *signer; /* as far as they are known */
    char *signed_at;     /* as claimed, or NULL */
    char *reason;        /* NULL when valid */
} OkseApproval;

/* Judge the signature over a document by the policy, as of `at`. It may be younger than `at`: a package is judged under
 * the law of a day that follows from its inputs, and approved when it is made. */
void okse_approval_judge(const OkseSha256 *document, GBytes *signature, const OkseTrust *trust, gint64 at,
                         OkseApproval *approval);
void okse_approval_clear(OkseApproval *approval);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseApproval, okse_approval_clear)
