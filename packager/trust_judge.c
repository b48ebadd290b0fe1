/* From statements to a verdict: which signatures count for which role, and everything that speaks against it. */
#include "packager/trust_judge.h"

#include "core/text.h"
#include "packager/judge_statement.h"
#include "packager/stack.h"

#include <string.h>

typedef struct {
    const OkseBundleFacts *facts;
    const OkseTrust *trust;
    const OkseJudgeTerms *terms;
    OkseVerification *verification;
    OkseJudged *judged; /* one for each statement */
    unsigned count;
} Court;

/* Who has counted already: key ids and holders, each with the role they counted for. */
typedef struct {
    GHashTable *used; /* char * → const char * role */
} Tally;

static void signature_free(gpointer memory)
{
    OkseSignatureVerdict *verdict = memory;

    g_free(verdict->component);
    g_free(verdict->role);
    g_free(verdict->signer);
    g_free(verdict->key);
    g_free(verdict->algorithm);
    g_free(verdict->signed_at);
    g_free(verdict->timestamp);
    g_free(verdict->predicate);
    g_free(verdict->reason);
    g_free(verdict);
}

OkseVerification *okse_verification_new(void)
{
    OkseVerification *verification = g_new0(OkseVerification, 1);

    verification->verified = true;
    verification->newest = G_MININT64;
    verification->signatures = g_ptr_array_new_with_free_func(signature_free);
    verification->reasons = g_ptr_array_new_with_free_func(g_free);
    verification->notes = g_ptr_array_new_with_free_func(g_free);
    return verification;
}

void okse_verification_free(OkseVerification *verification)
{
    if (verification == NULL)
        return;
    g_ptr_array_unref(verification->signatures);
    g_ptr_array_unref(verification->reasons);
    g_ptr_array_unref(verification->notes);
    g_free(verification);
}

void okse_verification_refuse(OkseVerification *verification, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(verification->reasons, g_strdup_vprintf(format, arguments));
    va_end(arguments);
    verification->verified = false;
}

static void facts_judge(const Court *court)
{
    const OkseBundleFacts *facts = court->facts;
    const OkseJudgeTerms *terms = court->terms;
    OkseVerification *verification = court->verification;

    if (terms->expect != NULL && !okse_sha256_equal(terms->expect, facts->identity)) {
        char wanted[OKSE_SHA256_TEXT], found[OKSE_SHA256_TEXT];

        okse_verification_refuse(verification, "identity is %s, expected was %s",
                                 okse_sha256_text(facts->identity, found), okse_sha256_text(terms->expect, wanted));
    }
    if (terms->country != NULL && strcmp(facts->country, OKSE_COUNTRY_EVERYWHERE) != 0 &&
        g_ascii_strcasecmp(terms->country, facts->country) != 0)
        okse_verification_refuse(verification, "the bundle is for destination %s, this site is in %s", facts->country,
                                 terms->country);
    for (guint i = 0; i < court->trust->minimum_sequence->len; i++) {
        const OkseMinimum *minimum = &g_array_index(court->trust->minimum_sequence, OkseMinimum, i);

        if (strcmp(minimum->name, facts->name) == 0 && facts->sequence < minimum->sequence)
            okse_verification_refuse(verification,
                                     "sequence %" G_GUINT64_FORMAT
                                     " of %s is below the policy's minimum of %" G_GUINT64_FORMAT,
                                     facts->sequence, facts->name, minimum->sequence);
    }
}

static bool issued_here(const OkseCrl *crl, const OkseCertificates *list, bool *named)
{
    for (unsigned i = 0; i < okse_certificates_count(list); i++) {
        *named = *named || okse_crl_names(crl, okse_certificates_get(list, i));
        if (okse_crl_issued_by(crl, okse_certificates_get(list, i)))
            return true;
    }
    return false;
}

/* A list that is stale, or belongs to nobody, is a mistake that would otherwise go unnoticed until it matters. */
static void crls_judge(const Court *court)
{
    for (guint i = 0; i < court->trust->crls->len; i++) {
        const OkseCrl *crl = g_ptr_array_index(court->trust->crls, i);
        g_autoptr(GError) cause = NULL;
        bool named = false, good;

        good = issued_here(crl, court->trust->roots, &named) || issued_here(crl, court->trust->intermediates, &named);
        for (unsigned j = 0; j < court->count && !good; j++)
            if (court->judged[j].chain_trusted)
                good = issued_here(crl, court->judged[j].chain, &named);
        if (!good) {
            g_autofree char *issuer = okse_crl_issuer(crl);

            okse_verification_refuse(court->verification,
                                     named ? "CRL %s is not signed by the authority it names (%s)"
                                           : "CRL %s: its issuer %s is no authority of the trust policy",
                                     okse_crl_name(crl), issuer);
        }
        if (!okse_crl_fresh(crl, court->terms->now, &cause))
            okse_verification_refuse(court->verification, "%s", cause->message);
        else
            court->verification->newest = MAX(court->verification->newest, okse_crl_this_update(crl));
    }
}

static void verdict_note(OkseSignatureVerdict *verdict, const char *status, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void verdict_note(OkseSignatureVerdict *verdict, const char *status, const char *format, ...)
{
    va_list arguments;

    verdict->status = status;
    g_free(verdict->reason);
    va_start(arguments, format);
    verdict->reason = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

/* True when this key or holder may still count for the role. */
static bool tally_allows(const Tally *tally, const Court *court, const char *who, const char *role)
{
    const char *before = g_hash_table_lookup(tally->used, who);

    return before == NULL || (court->trust->shared_signers && strcmp(before, role) != 0);
}

static bool signature_counts(const Court *court, Tally *tally, const OkseRole *role, OkseJudged *judged)
{
    OkseSignatureVerdict *verdict = judged->verdict;
    const OkseSigner *signer = okse_judge_signer(role, judged);
    g_autofree char *holder = NULL;

    if (signer == NULL) {
        verdict_note(verdict, "unknown", "the signer is not listed for role '%s'", role->name);
        return false;
    }
    holder = g_strdup_printf("holder %s", signer->holder != NULL ? signer->holder
                                          : signer->key != NULL  ? verdict->key
                                                                 : verdict->signer);
    if (!tally_allows(tally, court, verdict->key, role->name) || !tally_allows(tally, court, holder, role->name)) {
        const char *before = g_hash_table_lookup(tally->used, verdict->key);

        if (before == NULL)
            before = g_hash_table_lookup(tally->used, holder);
        verdict_note(verdict, "ignored",
                     strcmp(before, role->name) == 0
                         ? "this signer has already counted for role '%s': a threshold counts distinct signers"
                         : "this signer has already counted for role '%s', and one signer counts for one role",
                     before);
        return false;
    }
    g_hash_table_insert(tally->used, g_strdup(verdict->key), role->name);
    g_hash_table_insert(tally->used, g_steal_pointer(&holder), role->name);
    court->verification->newest = MAX(court->verification->newest, judged->newest);
    return true;
}

/* Orders to accept this sequence after `highest`, by distinct signers that the policy names for it. */
static void rollback_judge(const Court *court, uint64_t highest)
{
    const OkseBundleFacts *facts = court->facts;
    const OkseRole *role = court->trust->override;
    Tally tally = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    unsigned counted = 0;

    for (unsigned i = 0; role != NULL && i < court->count; i++) {
        OkseJudged *judged = &court->judged[i];

        if (!judged->valid || judged->says != OKSE_SAYS_OVERRIDE || judged->release.rollback_from != highest ||
            !signature_counts(court, &tally, role, judged))
            continue;
        counted++;
        verdict_note(judged->verdict, "valid", "orders to go back from sequence %" G_GUINT64_FORMAT ": %s", highest,
                     judged->release.reason);
    }
    g_hash_table_unref(tally.used);
    court->verification->rollback = role != NULL && counted >= role->threshold;
    if (!court->verification->rollback)
        okse_verification_refuse(court->verification,
                                 "rolled back: sequence %" G_GUINT64_FORMAT " of %s, but %" G_GUINT64_FORMAT
                                 " was accepted here before (%s)",
                                 facts->sequence, facts->name, highest,
                                 role != NULL ? "an override by okse sign --rollback-from would allow it"
                                              : "the trust policy names nobody who may override that");
}

static void state_judge(const Court *court)
{
    const OkseTrustState *state = court->terms->state;
    const OkseBundleFacts *facts = court->facts;
    OkseVerification *verification = court->verification;
    OkseSha256 known;
    uint64_t highest;

    if (state == NULL)
        return;
    if (okse_trust_state_newest(state) > court->terms->now) {
        g_autofree char *newest = okse_text_time(okse_trust_state_newest(state));
        g_autofree char *now = okse_text_time(court->terms->now);

        okse_verification_refuse(verification, "the clock is behind: it says %s, but this site has already seen %s",
                                 now, newest);
    }
    if (!okse_trust_state_find(state, facts->name, &highest, &known))
        return;
    if (facts->sequence < highest)
        rollback_judge(court, highest);
    else if (facts->sequence == highest && !okse_sha256_equal(facts->identity, &known))
        okse_verification_refuse(verification,
                                 "equivocation: another bundle with sequence %" G_GUINT64_FORMAT
                                 " of %s was accepted here before",
                                 highest, facts->name);
}

static void role_judge(const Court *court, Tally *tally, const OkseRole *role)
{
    unsigned counted = 0;

    for (unsigned i = 0; i < court->count; i++)
        if (court->judged[i].valid && court->judged[i].says == OKSE_SAYS_RELEASE &&
            strcmp(court->judged[i].release.role, role->name) == 0)
            counted += signature_counts(court, tally, role, &court->judged[i]);
    if (counted < role->threshold && g_strcmp0(court->terms->except_role, role->name) != 0)
        okse_verification_refuse(court->verification,
                                 "role '%s': %u of %u needed signatures (sign with: okse sign %s --role %s --key KEY)",
                                 role->name, counted, role->threshold, court->terms->shown, role->name);
}

/* What it was built from, said by those whom the policy asks. */
static void provenance_judge(const Court *court)
{
    const OkseRole *role = court->trust->provenance;
    Tally tally = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    unsigned counted = 0;

    for (unsigned i = 0; i < court->count; i++) {
        if (!court->judged[i].valid || court->judged[i].says != OKSE_SAYS_PROVENANCE)
            continue;
        if (role != NULL)
            counted += signature_counts(court, &tally, role, &court->judged[i]);
        else
            court->judged[i].verdict->status = "ignored"; /* the policy does not ask; no reason to say more */
    }
    g_hash_table_unref(tally.used);
    if (role != NULL && counted < role->threshold)
        okse_verification_refuse(court->verification,
                                 "provenance: %u of %u needed statements (okse build --key and okse rebuild --key "
                                 "write them)",
                                 counted, role->threshold);
}

static void roles_judge(const Court *court)
{
    Tally tally = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};

    for (guint i = 0; i < court->trust->roles->len; i++)
        role_judge(court, &tally, g_ptr_array_index(court->trust->roles, i));
    for (unsigned i = 0; i < court->count; i++) {
        OkseSignatureVerdict *verdict = court->judged[i].verdict;
        OkseSays says = court->judged[i].says;
        bool asked = false;

        for (guint j = 0; j < court->trust->roles->len; j++) {
            const OkseRole *role = g_ptr_array_index(court->trust->roles, j);

            asked = asked || g_strcmp0(role->name, verdict->role) == 0;
        }
        if (court->judged[i].valid && says == OKSE_SAYS_OVERRIDE && verdict->reason == NULL)
            verdict_note(verdict, "ignored", "an override that nothing here needs");
        else if (court->judged[i].valid && says == OKSE_SAYS_RELEASE && !asked)
            verdict_note(verdict, "ignored", "the trust policy asks for no role '%s'", verdict->role);
    }
    g_hash_table_unref(tally.used);
}

/* A reason for each statement that speaks against the bundle; for the others a note, unless the bundle is refused
 * anyway. */
static void statements_report(const Court *court)
{
    for (unsigned i = 0; i < court->count; i++) {
        const OkseJudged *judged = &court->judged[i];
        const OkseSignatureVerdict *verdict = judged->verdict;
        g_autofree char *line = g_strdup_printf(
            "statement %u%s%s%s%s: %s", i + 1, verdict->role != NULL ? " as " : "",
            verdict->role != NULL ? verdict->role : "", verdict->signer != NULL ? " by " : "",
            verdict->signer != NULL ? verdict->signer : "", verdict->reason != NULL ? verdict->reason : "");

        if (verdict->reason == NULL)
            continue;
        if (judged->fatal || (!court->verification->verified && strcmp(verdict->status, "valid") != 0))
            okse_verification_refuse(court->verification, "%s", line);
        else
            g_ptr_array_add(court->verification->notes, g_steal_pointer(&line));
        court->verification->malformed = court->verification->malformed || judged->malformed;
    }
}

OkseVerification *okse_trust_judge(const OkseBundleFacts *facts, const GPtrArray *statements, const OkseTrust *trust,
                                   const OkseJudgeTerms *terms)
{
    OkseVerification *verification = okse_verification_new();
    g_autofree OkseJudged *judged = g_new0(OkseJudged, statements->len + 1);
    Court court = {facts, trust, terms, verification, judged, statements->len};

    facts_judge(&court);
    for (guint i = 0; i < statements->len; i++) {
        judged[i].verdict = g_new0(OkseSignatureVerdict, 1);
        g_ptr_array_add(verification->signatures, judged[i].verdict);
        okse_judge_statement(g_ptr_array_index(statements, i), i, facts, trust, terms, &judged[i]);
    }
    if (statements->len == 0 && terms->except_role == NULL)
        okse_verification_refuse(verification, "the bundle carries no signature");
    state_judge(&court);
    roles_judge(&court);
    provenance_judge(&court);
    crls_judge(&court);
    for (guint i = 0; i < statements->len; i++)
        verification->verified = verification->verified && !judged[i].fatal;
    statements_report(&court);
    for (guint i = 0; i < statements->len; i++)
        okse_judged_clear(&judged[i]);
    return verification;
}
