#pragma once

#include "packager/trust.h"
#include "packager/trust_state.h"

/* The verdict on a bundle's statements: a function of (identity and what the bundle says of itself, statements, policy,
 * time, state). It opens nothing and gives every reason. */
typedef struct {
    const OkseSha256 *identity;
    const char *name, *version, *country;
    uint64_t sequence;
    /* For each statement what weights it is about (const struct OkseOmsModelFacts *), or NULL: the bundle. NULL: all
     * are about the bundle. */
    const GPtrArray *models;
    bool document; /* no bundle: `identity` is the digest of a document, and only its approval is looked for */
} OkseBundleFacts;

typedef struct {
    gint64 now;                  /* seconds since 1970 */
    const char *country;         /* the destination this site is in; NULL: not asked */
    const OkseSha256 *expect;    /* the only identity wanted; NULL: any */
    const OkseTrustState *state; /* NULL: none */
    const char *except_role;     /* a role that need not have signed yet: the one about to countersign; NULL */
    const char *shown;           /* how messages call the bundle, for the commands they suggest */
} OkseJudgeTerms;

/* status: "valid" counts towards its role; "ignored" holds but counts for nothing; "unknown" is by nobody the policy
 * knows; "rejected" does not hold; "malformed" cannot be read. */
typedef struct {
    char *component; /* the weights that it is about; NULL: the bundle */
    char *role;      /* claimed; NULL when unreadable, and of weights */
    char *signer;    /* key file or subject; NULL when unknown */
    char *key;       /* SHA-256 of the key that verified it; NULL when none did */
    char *algorithm; /* of that key */
    char *signed_at; /* as claimed */
    char *timestamp; /* as proven by a timestamp */
    char *predicate; /* predicate type; NULL when unreadable */
    const char *status;
    char *reason; /* NULL when there is nothing to say */
} OkseSignatureVerdict;

typedef struct {
    bool verified;
    bool malformed;        /* not a matter of trust: some input has no valid format */
    GPtrArray *signatures; /* OkseSignatureVerdict, in the order of the bundle */
    GPtrArray *reasons;    /* char *: why it is refused; empty when verified */
    GPtrArray *notes;      /* char *: what else somebody should know */
    bool rollback;         /* a lower sequence than before, and an override that allows it */
    gint64 newest;         /* the newest time that counted signatures and lists prove; G_MININT64 */
} OkseVerification;

/* statements: GBytes of sigstore bundles. */
OkseVerification *okse_trust_judge(const OkseBundleFacts *facts, const GPtrArray *statements, const OkseTrust *trust,
                                   const OkseJudgeTerms *terms) G_GNUC_WARN_UNUSED_RESULT;

OkseVerification *okse_verification_new(void) G_GNUC_WARN_UNUSED_RESULT;
/* Add a reason; the verdict is then "refused". */
void okse_verification_refuse(OkseVerification *verification, const char *format, ...) G_GNUC_PRINTF(2, 3);
void okse_verification_free(OkseVerification *verification);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseVerification, okse_verification_free)
