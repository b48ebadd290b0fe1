#include "packager/verify.h"

#include "core/text.h"

#include <string.h>

OkseBundleFacts okse_bundle_facts(const OkseBundle *bundle)
{
    return (OkseBundleFacts){
        .identity = okse_bundle_identity(bundle),
        .name = okse_bundle_name(bundle),
        .version = okse_bundle_version(bundle),
        .country = okse_bundle_country(bundle),
        .sequence = okse_bundle_sequence(bundle),
    };
}

/* Its statements (GBytes); a new array of references. */
static GPtrArray *statement_list(const OkseBundle *bundle)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++)
        g_ptr_array_add(list, g_bytes_ref(okse_bundle_statement(bundle, i)->bytes));
    return list;
}

/* What a statement's manifest says it is must be what was signed: inspect and other OCI tools read the manifest. Only
 * payloads under a signature that holds are compared; the others count for nothing and may not be looked at. */
static void labels_judge(const OkseBundle *bundle, OkseVerification *verification)
{
    for (guint i = 0; i < verification->signatures->len; i++) {
        const OkseSignatureVerdict *verdict = g_ptr_array_index(verification->signatures, i);
        const char *label = okse_bundle_statement(bundle, i)->predicate_type;
        g_autofree char *shown = okse_text_show(label, (gssize)MIN(strlen(label), 80), false);

        if (verdict->predicate != NULL && strcmp(verdict->predicate, label) != 0)
            okse_verification_refuse(
                verification, "statement %u: its manifest says it is of type %s, what was signed is not", i + 1, shown);
    }
}

OkseVerification *okse_bundle_judge(const OkseBundle *bundle, const OkseTrust *trust, const OkseJudgeTerms *terms)
{
    OkseBundleFacts facts = okse_bundle_facts(bundle);
    g_autoptr(GPtrArray) statements = statement_list(bundle);
    OkseVerification *verification = okse_trust_judge(&facts, statements, trust, terms);

    labels_judge(bundle, verification);
    return verification;
}

/* REFUSED and INVALID are an answer; anything else is a failure to answer. */
static bool answer(OkseVerification *verification, GError *cause, GError **error)
{
    if (!g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_REFUSED) &&
        !g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID)) {
        g_propagate_error(error, cause);
        return false;
    }
    okse_verification_refuse(verification, "%s", cause->message);
    verification->malformed = verification->malformed || g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_error_free(cause);
    return true;
}

static bool payload_check(const OkseBundle *bundle, const OkseVerifying *verifying, OkseVerification *verification,
                          GError **error)
{
    g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
    GError *cause = NULL;

    if (okse_bundle_check(bundle, verifying->threads, verifying->all, verifying->progress, faults, &cause))
        return true;
    for (guint i = 0; i < faults->len && verifying->all; i++)
        okse_verification_refuse(verification, "%s", (const char *)g_ptr_array_index(faults, i));
    if (faults->len == 0 || !verifying->all)
        return answer(verification, cause, error);
    g_error_free(cause);
    return true;
}

bool okse_verify_bundle(int fd, const char *origin, const OkseVerifying *verifying, OkseVerified *verified,
                        GError **error)
{
    g_auto(OkseVerified) made = {NULL, NULL};
    GError *cause = NULL;

    made.bundle = verifying->stream ? okse_bundle_read_stream(fd, origin, verifying->progress, &cause)
                                    : okse_bundle_open(fd, origin, &cause);
    if (made.bundle != NULL) {
        made.verification = okse_bundle_judge(made.bundle, verifying->trust, &verifying->terms);
        if (!verifying->stream && !verifying->payload_later &&
            !payload_check(made.bundle, verifying, made.verification, error))
            return false;
    } else {
        made.verification = okse_verification_new();
        if (!answer(made.verification, cause, error))
            return false;
    }
    *verified = made;
    made = (OkseVerified){NULL, NULL};
    return true;
}

void okse_verified_clear(OkseVerified *verified)
{
    g_clear_pointer(&verified->bundle, okse_bundle_free);
    g_clear_pointer(&verified->verification, okse_verification_free);
}
