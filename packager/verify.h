#pragma once

#include "core/progress.h"
#include "packager/thin.h"
#include "packager/trust_judge.h"

/* Verification of a whole bundle: every blob against its digests, and the statements against the policy. */
typedef struct {
    const OkseTrust *trust;
    OkseJudgeTerms terms;
    OkseChecking checking;
    bool payload_later; /* not a stream, and the caller checks the payload itself: install, while it copies */
} OkseVerifying;

typedef struct {
    OkseBundle *bundle;             /* NULL when it could not be read */
    OkseVerification *verification; /* never NULL */
    bool stream;                    /* it came through a pipe */
    const OkseThinReport *thin;     /* as it was given; borrowed */
    OkseChecked checked;            /* of payload; nothing when the bundle could not be read, or payload_later */
} OkseVerified;

/* Where a bundle comes from: bytes that can be read at any place, or a pipe. */
typedef struct {
    const OkseBytes *bytes; /* NULL: it is a pipe */
    int pipe;
    const char *origin;         /* its name in messages */
    const OkseThinReport *thin; /* of a thin bundle; NULL: a whole one */
} OkseVerifyInput;

/* Verify what is there. A bundle that cannot be read, is damaged or is not complete is a verdict with its reason and
 * not a failure. Of one that is not complete the payload is not looked at. Errors: SYSTEM, CANCELLED. */
bool okse_verify_bundle(const OkseVerifyInput *input, const OkseVerifying *verifying, OkseVerified *verified,
                        GError **error);
#define OKSE_VERIFIED_INIT                                                                                             \
    {                                                                                                                  \
        NULL, NULL, false, NULL, OKSE_CHECKED_INIT                                                                     \
    }
void okse_verified_clear(OkseVerified *verified);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseVerified, okse_verified_clear)

/* For each weights component the first model signature that the policy believes: what is installed beside it
 * (OkseModelSignature, owned by the caller). */
GArray *okse_verified_models(const OkseVerified *verified) G_GNUC_WARN_UNUSED_RESULT;

/* What the bundle says of itself, for the judge; borrowed from the bundle. */
OkseBundleFacts okse_bundle_facts(const OkseBundle *bundle);
/* The bundle's statements against a policy, each also against the manifest that carries it; the payload is not read. */
OkseVerification *okse_bundle_judge(const OkseBundle *bundle, const OkseTrust *trust,
                                    const OkseJudgeTerms *terms) G_GNUC_WARN_UNUSED_RESULT;
