#include "packager/verify.h"

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

GPtrArray *okse_bundle_statement_list(const OkseBundle *bundle)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++)
        g_ptr_array_add(list, g_bytes_ref(okse_bundle_statement(bundle, i)->bytes));
    return list;
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

static bool payload_check(OkseVerified *verified, const OkseVerifying *verifying, GError **error)
{
    GError *cause = NULL;

    if (okse_bundle_check(verified->bundle, &verifying->checking, &verified->checked, &cause))
        return true;
    if (verified->checked.faults == NULL)
        return answer(verified->verification, cause, error);
    g_error_free(cause);
    return true;
}

static void faults_refuse(const OkseVerified *verified)
{
    const GPtrArray *faults = verified->checked.faults;

    for (guint i = 0; faults != NULL && i < faults->len; i++)
        okse_verification_refuse(verified->verification, "%s", (const char *)g_ptr_array_index(faults, i));
}

bool okse_verify_bundle(int fd, const char *origin, const OkseVerifying *verifying, OkseVerified *verified,
                        GError **error)
{
    g_auto(OkseVerified) made = OKSE_VERIFIED_INIT;
    g_autoptr(GPtrArray) statements = NULL;
    GError *cause = NULL;

    made.bundle = verifying->stream ? okse_bundle_read_stream(fd, origin, &verifying->checking, &made.checked, &cause)
                                    : okse_bundle_open(fd, origin, &cause);
    if (made.bundle != NULL) {
        OkseBundleFacts facts = okse_bundle_facts(made.bundle);

        statements = okse_bundle_statement_list(made.bundle);
        made.verification = okse_trust_judge(&facts, statements, verifying->trust, &verifying->terms);
        if (!verifying->stream && !verifying->payload_later && !payload_check(&made, verifying, error))
            return false;
    } else {
        made.verification = okse_verification_new();
        if (!answer(made.verification, cause, error))
            return false;
    }
    faults_refuse(&made);
    *verified = made;
    made = (OkseVerified)OKSE_VERIFIED_INIT;
    return true;
}

void okse_verified_clear(OkseVerified *verified)
{
    g_clear_pointer(&verified->bundle, okse_bundle_free);
    g_clear_pointer(&verified->verification, okse_verification_free);
    okse_checked_clear(&verified->checked);
}
