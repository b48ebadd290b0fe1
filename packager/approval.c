#include "packager/approval.h"

#include "core/text.h"
#include "packager/judge_statement.h"
#include "packager/sigstore_bundle.h"

#include <string.h>

GBytes *okse_statement_seal(GBytes *payload, const OkseKey *key, const OkseCertificates *chain, GError **error)
{
    g_autoptr(GBytes) message = okse_dsse_pae(OKSE_DSSE_TYPE, payload);
    g_autoptr(GBytes) signature = okse_key_sign(key, message, error);
    g_autoptr(GPtrArray) certificates = chain != NULL ? okse_certificates_der(chain) : NULL;
    char hint[OKSE_SHA256_HEX];
    OkseSigstoreMaterial material = {okse_sha256_hex(okse_key_id(key), hint), certificates, NULL};

    return signature == NULL ? NULL : okse_sigstore_write(payload, signature, &material);
}

GBytes *okse_approval_sign(GBytes *document, const char *name, const OkseApproving *approving, GError **error)
{
    const OkseRelease said = {
        .role = (char *)(uintptr_t)approving->role, .signed_at = approving->signed_at, .expires = approving->expires};
    OkseSha256 digest = okse_sha256_of_bytes(document);
    g_autofree char *shown = okse_text_show(name, -1, false);
    g_autoptr(GBytes) payload = okse_approval_write(&said, shown, &digest);

    return okse_statement_seal(payload, approving->key, approving->chain, error);
}

/* What the statement says of itself, believed by nobody yet. */
static bool claim_peek(GBytes *signature, OkseRelease *claim)
{
    g_autoptr(OkseSigstoreBundle) bundle = okse_sigstore_read(signature, "approval", NULL);
    g_auto(OkseStatement) statement = {0};

    return bundle != NULL && okse_statement_read(bundle->envelope.payload, "approval", &statement, NULL) &&
           okse_approval_read(&statement, "approval", claim, NULL);
}

static void settle(OkseApproval *approval, const char *status, char *reason)
{
    approval->status = status;
    approval->reason = reason;
}

static void weigh(const OkseJudged *judged, const OkseTrust *trust, gint64 at, OkseApproval *approval)
{
    const OkseSignatureVerdict *verdict = judged->verdict;
    const OkseRole *role = approval->role == NULL ? NULL : okse_trust_approvers(trust, approval->role);
    g_autofree char *until = okse_text_time(judged->release.expires != OKSE_TIME_NONE ? judged->release.expires : 0);

    approval->signer = g_strdup(verdict->signer);
    if (!judged->valid)
        settle(approval, strcmp(verdict->status, "unknown") == 0 ? "stranger" : "rejected",
               g_strdup(verdict->reason != NULL ? verdict->reason : "it does not hold"));
    else if (role == NULL || okse_judge_signer(role, judged) == NULL)
        settle(approval, "stranger",
               g_strdup_printf("the trust policy does not let %s approve as %s", verdict->signer, approval->role));
    else if (judged->release.expires != OKSE_TIME_NONE && judged->release.expires <= at)
        settle(approval, "expired", g_strdup_printf("the approval ended on %s", until));
    else
        settle(approval, "valid", NULL);
}

void okse_approval_judge(const OkseSha256 *document, GBytes *signature, const OkseTrust *trust, gint64 at,
                         OkseApproval *approval)
{
    const OkseBundleFacts facts = {.identity = document, .name = "", .version = "", .country = "", .document = true};
    g_autoptr(OkseVerification) verification = okse_verification_new();
    OkseSignatureVerdict *verdict = g_new0(OkseSignatureVerdict, 1);
    OkseJudgeTerms terms = {.now = at, .shown = "approval"};
    OkseJudged judged = {.verdict = verdict};
    g_auto(OkseRelease) claim = {0};

    g_ptr_array_add(verification->signatures, verdict);
    if (claim_peek(signature, &claim)) {
        /* forward only: whose certificate has ended cannot help himself by another date */
        terms.now = MAX(at, claim.signed_at);
        approval->role = okse_text_show(claim.role, -1, false);
        approval->signed_at = okse_text_time(claim.signed_at);
    }
    okse_judge_statement(signature, 0, &facts, trust, &terms, &judged);
    weigh(&judged, trust, at, approval);
    okse_judged_clear(&judged);
}

void okse_approval_clear(OkseApproval *approval)
{
    g_clear_pointer(&approval->role, g_free);
    g_clear_pointer(&approval->signer, g_free);
    g_clear_pointer(&approval->signed_at, g_free);
    g_clear_pointer(&approval->reason, g_free);
}
