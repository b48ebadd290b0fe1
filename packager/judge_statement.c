/* One sigstore bundle against one policy. The order matters: nothing of the payload is looked at before the signature
 * over it holds. */
#include "packager/judge_statement.h"

#include "core/text.h"
#include "packager/oms.h"
#include "packager/oms_statement.h"
#include "packager/provenance.h"
#include "packager/sigstore_bundle.h"
#include "packager/timestamp.h"

#include <string.h>

typedef struct {
    const OkseBundleFacts *facts;
    const OkseTrust *trust;
    const OkseJudgeTerms *terms;
    OkseSigstoreBundle *bundle;
    OkseJudged *judged;
    OkseKey *leaf;      /* of the chain, owned */
    const OkseKey *key; /* that verified the signature */
    gint64 proven;      /* by a timestamp; OKSE_TIME_NONE */
} Case;

static bool settle(Case *one, const char *status, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* End the case with a status and a reason; always false. */
static bool settle(Case *one, const char *status, const char *format, ...)
{
    va_list arguments;

    one->judged->verdict->status = status;
    g_free(one->judged->verdict->reason);
    va_start(arguments, format);
    one->judged->verdict->reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return false;
}

static bool settle_fatal(Case *one, const GError *cause)
{
    bool malformed = g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID);

    one->judged->fatal = true;
    one->judged->malformed = malformed;
    return settle(one, malformed ? "malformed" : "rejected", "%s", cause->message);
}

/* Signers name their key in three ways: SHA-256 of the DER (ours), of the PEM text (model_signing), and the first in
 * base64 (cosign). A hint selects; it proves nothing. */
static bool hint_names(const char *hint, const OkseKey *key)
{
    const OkseSha256 *id = okse_key_id(key);
    g_autoptr(GBytes) pem = okse_key_public_pem(key);
    OkseSha256 text = okse_sha256_of_bytes(pem);
    g_autofree char *base64 = g_base64_encode(id->bytes, OKSE_SHA256_LENGTH);
    char hex[OKSE_SHA256_HEX], pem_hex[OKSE_SHA256_HEX];

    return strcmp(hint, okse_sha256_hex(id, hex)) == 0 || strcmp(hint, okse_sha256_hex(&text, pem_hex)) == 0 ||
           strcmp(hint, base64) == 0;
}

/* The roles, and behind them those who are asked for something else; NULL at the end. */
static const OkseRole *role_at(const OkseTrust *trust, guint index)
{
    const OkseRole *const special[] = {trust->override, trust->provenance};

    if (index < trust->roles->len)
        return g_ptr_array_index(trust->roles, index);
    index -= trust->roles->len;
    if (index < trust->approvals->len)
        return g_ptr_array_index(trust->approvals, index);
    index -= trust->approvals->len;
    for (guint i = 0; i < G_N_ELEMENTS(special); i++)
        if (special[i] != NULL && index-- == 0)
            return special[i];
    return NULL;
}

/* The next bare key of the policy from *role, *signer on; NULL at the end. */
static const OkseSigner *next_key(const OkseTrust *trust, guint *role, guint *signer)
{
    for (const OkseRole *current = role_at(trust, *role); current != NULL; current = role_at(trust, *role)) {

        if (*signer < current->signers->len) {
            const OkseSigner *found = g_ptr_array_index(current->signers, (*signer)++);

            if (found->key != NULL)
                return found;
        } else {
            (*role)++;
            *signer = 0;
        }
    }
    return NULL;
}

static const OkseSigner *signer_named(const OkseTrust *trust, const char *hint)
{
    guint role = 0, index = 0;

    for (const OkseSigner *signer = next_key(trust, &role, &index); signer != NULL;
         signer = next_key(trust, &role, &index))
        if (hint_names(hint, signer->key))
            return signer;
    return NULL;
}

static void signer_set(Case *one, const OkseKey *key, const char *label)
{
    OkseSignatureVerdict *verdict = one->judged->verdict;
    char hex[OKSE_SHA256_HEX];

    one->key = key;
    one->judged->key_id = *okse_key_id(key);
    verdict->signer = g_strdup(label);
    verdict->key = g_strdup(okse_sha256_hex(okse_key_id(key), hex));
    verdict->algorithm = g_strdup(okse_key_algorithm(key));
}

static bool wrong_signature(Case *one, const char *label)
{
    one->judged->fatal = true;
    if (one->judged->verdict->signer == NULL)
        one->judged->verdict->signer = g_strdup(label);
    return settle(one, "rejected", "the signature is not one of %s over this statement: it was changed or forged",
                  label);
}

static bool bare_key_find(Case *one, GBytes *message)
{
    const OkseEnvelope *envelope = &one->bundle->envelope;
    const char *hint = one->bundle->hint != NULL ? one->bundle->hint : envelope->key_hint;
    const OkseSigner *named = hint != NULL ? signer_named(one->trust, hint) : NULL;
    guint role = 0, index = 0;

    if (named != NULL) {
        if (!okse_key_verify(named->key, message, envelope->signature))
            return wrong_signature(one, named->label);
        signer_set(one, named->key, named->label);
        return true;
    }
    if (hint != NULL) {
        g_autofree char *shown = okse_text_show(hint, (gssize)MIN(strlen(hint), 80), false);

        return settle(one, "unknown", "signed by key %s, which the trust policy does not know", shown);
    }
    for (const OkseSigner *signer = next_key(one->trust, &role, &index); signer != NULL;
         signer = next_key(one->trust, &role, &index))
        if (okse_key_verify(signer->key, message, envelope->signature)) {
            signer_set(one, signer->key, signer->label);
            return true;
        }
    return settle(one, "unknown", "signed by no key that the trust policy knows");
}

static bool chain_find(Case *one, GBytes *message)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *subject = NULL;

    one->judged->chain = okse_certificates_read_der(one->bundle->certificates, "the certificate chain", &cause);
    if (one->judged->chain == NULL)
        return settle_fatal(one, cause);
    subject = okse_certificate_subject(okse_certificates_get(one->judged->chain, 0));
    one->leaf = okse_certificate_key(one->judged->chain, 0, &cause);
    if (one->leaf == NULL)
        return settle(one, "rejected", "%s", cause->message);
    if (!okse_key_verify(one->leaf, message, one->bundle->envelope.signature))
        return wrong_signature(one, subject);
    signer_set(one, one->leaf, subject);
    return true;
}

/* keyid is a hint too; one that names a trusted key over another key's signature is a lie. */
static bool key_hints_agree(Case *one)
{
    const char *const hints[] = {one->bundle->hint, one->bundle->envelope.key_hint};

    for (size_t i = 0; i < G_N_ELEMENTS(hints); i++) {
        const OkseSigner *named = hints[i] != NULL ? signer_named(one->trust, hints[i]) : NULL;

        if (named != NULL && !okse_sha256_equal(okse_key_id(named->key), &one->judged->key_id)) {
            one->judged->fatal = true;
            return settle(one, "rejected", "the statement names %s, but another key signed it", named->label);
        }
    }
    return true;
}

static bool signature_check(Case *one)
{
    const OkseEnvelope *envelope = &one->bundle->envelope;
    g_autoptr(GBytes) message = okse_dsse_pae(envelope->type, envelope->payload);
    bool found = one->bundle->certificates->len > 0 ? chain_find(one, message) : bare_key_find(one, message);

    if (!found || !key_hints_agree(one))
        return false;
    if (strcmp(envelope->type, OKSE_DSSE_TYPE) != 0)
        return settle(one, "rejected", "the payload's type is not " OKSE_DSSE_TYPE);
    if (!okse_trust_allows(one->trust, okse_key_algorithm(one->key)))
        return settle(one, "rejected", "algorithm %s is not among those the trust policy allows",
                      okse_key_algorithm(one->key));
    return true;
}

/* What the statement claims, as far as it can be read: a verdict that rejects it should still say for which role. */
static void claim_show(Case *one)
{
    OkseSignatureVerdict *verdict = one->judged->verdict;
    g_auto(OkseStatement) statement = {0};
    g_auto(OkseRelease) release = {0};

    if (!okse_statement_read(one->bundle->envelope.payload, "statement", &statement, NULL))
        return;
    verdict->predicate = g_strdup(statement.predicate_type);
    if ((!okse_statement_counts(&statement) && !okse_statement_overrides(&statement)) ||
        !okse_release_read(&statement, "statement", &release, NULL))
        return;
    verdict->role = g_strdup(release.role);
    verdict->signed_at = okse_text_time(release.signed_at);
}

static bool provenance_check(Case *one, const OkseStatement *statement)
{
    g_autoptr(GError) cause = NULL;

    one->judged->says = OKSE_SAYS_PROVENANCE;
    return okse_provenance_check(statement, "provenance", &cause) || settle(one, "ignored", "%s", cause->message);
}

static bool approval_check(Case *one, const OkseStatement *statement)
{
    g_autoptr(GError) cause = NULL;

    one->judged->says = OKSE_SAYS_APPROVAL;
    return okse_approval_read(statement, "approval", &one->judged->release, &cause) ||
           settle(one, "rejected", "%s", cause->message);
}

static bool content_check(Case *one)
{
    OkseRelease *release = &one->judged->release;
    const OkseBundleFacts *facts = one->facts;
    g_auto(OkseStatement) statement = {0};
    g_autoptr(GError) cause = NULL;

    if (!okse_statement_read(one->bundle->envelope.payload, "statement", &statement, &cause))
        return g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID) ? settle_fatal(one, cause)
                                                                      : settle(one, "rejected", "%s", cause->message);
    if (!okse_sha256_equal(&statement.subject, facts->identity)) {
        char hex[OKSE_SHA256_HEX];

        return settle(one, "rejected",
                      facts->document ? "the statement is about another document (sha256:%s)"
                                      : "the statement is about another bundle (identity %s)",
                      okse_sha256_hex(&statement.subject, hex));
    }
    if (facts->document)
        return approval_check(one, &statement);
    if (strcmp(statement.predicate_type, OKSE_PREDICATE_PROVENANCE) == 0)
        return provenance_check(one, &statement);
    if (okse_statement_overrides(&statement))
        one->judged->says = OKSE_SAYS_OVERRIDE;
    else if (!okse_statement_counts(&statement)) {
        g_autofree char *shown = okse_text_show(statement.predicate_type, -1, false);

        return settle(one, "ignored", "predicate type %s counts for no role", shown);
    }
    if (!okse_release_read(&statement, "statement", release, &cause))
        return g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID) ? settle_fatal(one, cause)
                                                                      : settle(one, "rejected", "%s", cause->message);
    if (strcmp(release->name, facts->name) != 0 || strcmp(release->version, facts->version) != 0 ||
        release->sequence != facts->sequence)
        return settle(one, "rejected",
                      "the statement is for %s %s (sequence %" G_GUINT64_FORMAT "), the bundle is another",
                      release->name, release->version, release->sequence);
    if (strcmp(release->destination, facts->country) != 0)
        return settle(one, "rejected", "the statement is for destination %s, the bundle for %s", release->destination,
                      facts->country);
    return true;
}

static bool time_check(Case *one)
{
    const OkseRelease *release = &one->judged->release;
    gint64 now = one->terms->now;
    gint64 made = one->proven != OKSE_TIME_NONE ? one->proven : release->signed_at;
    g_autofree char *when = okse_text_time(MAX(release->not_before, release->signed_at));
    g_autofree char *clock = okse_text_time(now);
    gint64 limit;

    if (one->judged->says == OKSE_SAYS_PROVENANCE || one->judged->says == OKSE_SAYS_APPROVAL)
        return true; /* the one says when, but nothing that could be over; of the other approval.c judges the end */
    if (release->signed_at > now || release->not_before > now)
        return settle(
            one, "rejected",
            "the statement is from the future: it counts from %s on, the clock says %s (is the clock behind?)", when,
            clock);
    if (release->expires != OKSE_TIME_NONE && release->expires <= now) {
        g_autofree char *until = okse_text_time(release->expires);

        return settle(one, "rejected",
                      "the statement expired on %s (ask the signer for a new one: the bundle stays the same)", until);
    }
    if (one->trust->maximum_age > 0 && !__builtin_add_overflow(made, one->trust->maximum_age, &limit) && limit < now) {
        g_autofree char *signed_at = okse_text_time(made);

        return settle(one, "rejected", "the statement was made on %s, longer ago than the policy's maximum_age",
                      signed_at);
    }
    one->judged->newest = MAX(release->signed_at, made);
    return true;
}

/* The time at which the signature is proven to have existed, if any. */
static bool timestamp_check(Case *one)
{
    for (guint i = 0; i < one->bundle->timestamps->len; i++) {
        g_autoptr(GError) cause = NULL;
        gint64 time;

        if (okse_certificates_count(one->trust->timestamp_roots) == 0)
            return true; /* nobody here could say; the certificate is then judged as of now */
        if (!okse_timestamp_verify(g_ptr_array_index(one->bundle->timestamps, i), one->bundle->envelope.signature,
                                   one->trust->timestamp_roots, &time, &cause)) {
            if (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID))
                return settle_fatal(one, cause);
            return settle(one, "rejected", "%s", cause->message);
        }
        if (time > one->terms->now)
            return settle(one, "rejected", "the timestamp is from the future: the clock is behind");
        one->proven = one->proven == OKSE_TIME_NONE ? time : MIN(one->proven, time);
    }
    if (one->proven != OKSE_TIME_NONE)
        one->judged->verdict->timestamp = okse_text_time(one->proven);
    return true;
}

static bool revocation_look(Case *one, const OkseCrl *crl, X509 *certificate)
{
    g_autofree char *subject = okse_certificate_subject(certificate);
    bool compromised = false;
    gint64 when = 0;
    g_autofree char *text = NULL;

    if (okse_crl_look(crl, certificate, &when, &compromised) == OKSE_NOT_REVOKED)
        return true;
    text = okse_text_time(when);
    if (one->proven != OKSE_TIME_NONE && one->proven < when && !compromised) {
        settle(one, "valid", "certificate of %s was revoked on %s, after the timestamp", subject, text);
        return true;
    }
    return settle(one, "rejected", "certificate of %s was revoked on %s%s", subject, text,
                  compromised ? " because its key was compromised" : "");
}

/* Every certificate below the anchor, against the list of its issuer. */
static bool revocation_check(Case *one, const OkseCertificates *path)
{
    for (unsigned i = 0; i + 1 < okse_certificates_count(path); i++) {
        X509 *issuer = okse_certificates_get(path, i + 1);
        bool found = false;

        for (guint j = 0; j < one->trust->crls->len; j++) {
            const OkseCrl *crl = g_ptr_array_index(one->trust->crls, j);

            if (!okse_crl_names(crl, issuer))
                continue;
            if (!okse_crl_issued_by(crl, issuer))
                return settle(one, "rejected", "CRL %s is not signed by the authority it names", okse_crl_name(crl));
            found = true;
            if (!revocation_look(one, crl, okse_certificates_get(path, i)))
                return false;
        }
        if (!found && i == 0 && one->trust->crl_required) {
            g_autofree char *name = okse_certificate_subject(issuer);

            return settle(one, "rejected", "the trust policy has no CRL of %s (crls; or crl_check: listed)", name);
        }
    }
    return true;
}

static bool pinned(const OkseTrust *trust, const OkseSha256 *id)
{
    guint role = 0, index = 0;

    for (const OkseSigner *signer = next_key(trust, &role, &index); signer != NULL;
         signer = next_key(trust, &role, &index))
        if (okse_sha256_equal(okse_key_id(signer->key), id))
            return true;
    return false;
}

/* A key that the policy pins itself needs no chain; a certificate that came along is then not asked, and counts for
 * nothing: the holder of a pinned key can write any name into one. */
static bool trust_check(Case *one)
{
    gint64 at = one->proven != OKSE_TIME_NONE ? one->proven : one->terms->now;
    g_autoptr(OkseCertificates) path = NULL;
    g_autoptr(GError) cause = NULL;

    if (one->judged->chain == NULL || pinned(one->trust, &one->judged->key_id))
        return true;
    path = okse_chain_verify(one->judged->chain, one->trust->roots, one->trust->intermediates, at, &cause);
    if (path == NULL) {
        bool stranger = g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);

        return settle(one, stranger ? "unknown" : "rejected", "%s", cause->message);
    }
    one->judged->chain_trusted = revocation_check(one, path);
    return one->judged->chain_trusted;
}

const OkseSigner *okse_judge_signer(const OkseRole *role, const OkseJudged *judged)
{
    for (guint i = 0; i < role->signers->len; i++) {
        const OkseSigner *signer = g_ptr_array_index(role->signers, i);

        if (signer->key != NULL && okse_sha256_equal(okse_key_id(signer->key), &judged->key_id))
            return signer;
        if (signer->key == NULL && judged->chain_trusted &&
            okse_certificate_matches(okse_certificates_get(judged->chain, 0), &signer->leaf))
            return signer;
    }
    return NULL;
}

/* One whom the policy lists for some role may vouch for weights; who only approves documents may not. */
static bool is_listed(const Case *one)
{
    const OkseRole *role;

    for (guint i = 0; (role = role_at(one->trust, i)) != NULL; i++)
        if (okse_trust_approvers(one->trust, role->name) != role && okse_judge_signer(role, one->judged) != NULL)
            return true;
    return false;
}

/* A signature over weights has no time and no role of its own; it says which files they are. */
static bool model_check(Case *one, const OkseOmsModelFacts *model)
{
    g_autoptr(GError) cause = NULL;

    if (!is_listed(one))
        return settle(one, "unknown", "the signer of the model is not listed in the trust policy");
    if (g_strcmp0(one->judged->verdict->predicate, OKSE_OMS_PREDICATE) != 0) {
        one->judged->fatal = true;
        return settle(one, "rejected", "a statement about weights must be a model signature");
    }
    if (okse_oms_covers(one->bundle->envelope.payload, model, &cause))
        return true;
    if (model->files == NULL)
        return settle(one, "ignored", "%s", cause->message);
    settle_fatal(one, cause);
    return false;
}

void okse_judge_statement(GBytes *bytes, unsigned index, const OkseBundleFacts *facts, const OkseTrust *trust,
                          const OkseJudgeTerms *terms, OkseJudged *judged)
{
    const OkseOmsModelFacts *model = facts->models != NULL ? g_ptr_array_index(facts->models, index) : NULL;
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseSigstoreBundle) bundle = okse_sigstore_read(bytes, "statement", &cause);
    Case one = {facts, trust, terms, bundle, judged, NULL, NULL, OKSE_TIME_NONE};

    judged->newest = G_MININT64;
    judged->says = model != NULL ? OKSE_SAYS_MODEL : OKSE_SAYS_RELEASE;
    judged->verdict->component = model != NULL ? g_strdup(model->component) : NULL;
    if (bundle == NULL) {
        settle_fatal(&one, cause);
        return;
    }
    judged->verdict->status = "valid";
    if (signature_check(&one)) {
        claim_show(&one);
        judged->valid = timestamp_check(&one) && trust_check(&one) &&
                        (model != NULL ? model_check(&one, model) : content_check(&one) && time_check(&one));
    }
    okse_key_free(one.leaf);
}

void okse_judged_clear(OkseJudged *judged)
{
    okse_release_clear(&judged->release);
    g_clear_pointer(&judged->chain, okse_certificates_free);
}
