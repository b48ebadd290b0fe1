/* Is this chain good, at that time, under these anchors? */
#include "packager/certificate.h"

#include "core/text.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#define SECURITY_LEVEL 2 /* 112 bits: no SHA-1 signature, no RSA below 2048, anywhere in the chain */
#define DEPTH_LIMIT 8

static STACK_OF(X509) * stack_of(const OkseCertificates *list, unsigned from, STACK_OF(X509) * stack)
{
    if (stack == NULL)
        stack = sk_X509_new_null();
    g_assert(stack != NULL);
    for (unsigned i = from; i < okse_certificates_count(list); i++)
        if (sk_X509_push(stack, okse_certificates_get(list, i)) == 0)
            g_error("out of memory");
    return stack;
}

static bool leaf_check(X509 *leaf, const char *subject, GError **error)
{
    bool signs =
        (X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0;
    bool code = (X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0 &&
                (X509_get_extended_key_usage(leaf) & XKU_CODE_SIGN) != 0;

    if (X509_check_ca(leaf) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "certificate of %s: is a certificate authority, which may not sign statements itself",
                         subject);
    if (!signs && !code)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "certificate of %s: has neither keyUsage digitalSignature nor extended key usage codeSigning",
                         subject);
    return true;
}

static bool path_refused(X509_STORE_CTX *context, gint64 at, GError **error)
{
    int code = X509_STORE_CTX_get_error(context);
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    g_autofree char *subject = certificate != NULL ? okse_certificate_subject(certificate) : g_strdup("the signer");
    g_autofree char *when = okse_text_time(at);
    gint64 from = 0, until = 0;

    if (certificate != NULL)
        okse_certificate_validity(certificate, &from, &until);
    if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID) {
        bool expired = code == X509_V_ERR_CERT_HAS_EXPIRED;
        g_autofree char *limit = okse_text_time(expired ? until : from);

        return okse_fail(error, OKSE_ERROR_REFUSED, "certificate of %s: %s %s, checked for %s", subject,
                         expired ? "expired on" : "is not valid before", limit, when);
    }
    if (code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
        code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
        code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)
        return okse_fail(error, OKSE_ERROR_NOT_FOUND, "certificate of %s: does not lead to a root of the trust policy",
                         subject);
    return okse_fail(error, OKSE_ERROR_REFUSED, "certificate of %s: %s, checked for %s", subject,
                     X509_verify_cert_error_string(code), when);
}

static void parameters_set(X509_STORE_CTX *context, gint64 at)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);

    X509_VERIFY_PARAM_set_time(parameters, (time_t)at);
    X509_VERIFY_PARAM_set_depth(parameters, DEPTH_LIMIT);
    X509_VERIFY_PARAM_set_auth_level(parameters, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CHECK_SS_SIGNATURE);
}

static OkseCertificates *path_of(X509_STORE_CTX *context)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
    OkseCertificates *list = okse_certificates_new();

    for (int i = 0; i < sk_X509_num(path); i++)
        okse_certificates_add(list, sk_X509_value(path, i));
    return list;
}

OkseCertificates *okse_chain_verify(const OkseCertificates *chain, const OkseCertificates *roots,
                                    const OkseCertificates *intermediates, gint64 at, GError **error)
{
    X509 *leaf = okse_certificates_get(chain, 0);
    g_autofree char *subject = okse_certificate_subject(leaf);
    STACK_OF(X509) *anchors = stack_of(roots, 0, NULL);
    STACK_OF(X509) *others = stack_of(intermediates, 0, stack_of(chain, 1, NULL));
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    OkseCertificates *path = NULL;

    g_assert(store != NULL && context != NULL);
    if (X509_STORE_CTX_init(context, store, leaf, others) != 1)
        g_error("a certificate store cannot be set up");
    X509_STORE_CTX_set0_trusted_stack(context, anchors);
    parameters_set(context, at);
    if (X509_verify_cert(context) != 1)
        path_refused(context, at, error);
    else if (leaf_check(leaf, subject, error))
        path = path_of(context);
    ERR_clear_error();
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(anchors);
    sk_X509_free(others);
    return path;
}
