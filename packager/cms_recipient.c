#include "packager/cms_recipient.h"

#include "core/limits.h"
#include "core/text.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

static bool check_usage(X509 *certificate, bool rsa, const char *origin, GError **error)
{
    uint32_t wanted = rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;

    /* without the extension every bit is set */
    return (X509_get_key_usage(certificate) & wanted) != 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: its keyUsage does not allow to encrypt to it (%s is missing)",
                     origin, rsa ? "keyEncipherment" : "keyAgreement");
}

static bool check_time(X509 *certificate, const char *origin, gint64 at, GError **error)
{
    g_autofree char *day = NULL;
    gint64 begins, ends;

    okse_certificate_validity(certificate, &begins, &ends);
    day = okse_text_time(at < begins ? begins : ends);
    return (at >= begins && at <= ends) || okse_fail(error, OKSE_ERROR_INVALID, "%s: the certificate %s on %.10s",
                                                     origin, at < begins ? "begins only" : "ended", day);
}

bool okse_cms_recipient_check(const OkseCertificates *list, unsigned index, const char *origin, gint64 at,
                              GError **error)
{
    g_autoptr(OkseKey) key = okse_certificate_key(list, index, error);
    X509 *certificate = okse_certificates_get(list, index);
    int type;

    if (key == NULL)
        return g_prefix_error(error, "%s: ", origin), false;
    type = EVP_PKEY_get_base_id(okse_key_pkey(key));
    if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
        return okse_fail(
            error, OKSE_ERROR_INVALID,
            "%s: nothing can be encrypted to an %s key: use an RSA or EC (P-256, P-384, P-521) certificate", origin,
            okse_key_algorithm(key));
    return check_usage(certificate, type == EVP_PKEY_RSA, origin, error) && check_time(certificate, origin, at, error);
}

/* The hash of the key derivation follows the curve. Source: RFC 5753 §7.1.4, RFC 6318 for P-256 and P-384. */
static const EVP_MD *curve_digest(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    return bits <= 256 ? EVP_sha256() : bits <= 384 ? EVP_sha384() : EVP_sha512();
}

bool okse_cms_recipient_add(CMS_ContentInfo *message, const OkseCertificates *list, unsigned index, GError **error)
{
    X509 *certificate = okse_certificates_get(list, index);
    CMS_RecipientInfo *recipient = CMS_add1_recipient_cert(message, certificate, CMS_KEY_PARAM);
    EVP_PKEY_CTX *context = recipient != NULL ? CMS_RecipientInfo_get0_pkey_ctx(recipient) : NULL;
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    bool good = context != NULL;

    if (good && EVP_PKEY_is_a(key, "RSA"))
        good = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
    else if (good)
        good = EVP_PKEY_CTX_set_ecdh_kdf_md(context, curve_digest(key)) == 1;
    return good ||
           okse_fail(error, OKSE_ERROR_SYSTEM, "the recipient cannot be encrypted to: %s", okse_openssl_reason());
}

static char *describe(const ASN1_OCTET_STRING *id, const X509_NAME *issuer, const ASN1_INTEGER *serial)
{
    g_autofree char *shown = NULL;
    char *result, *text, *hex;
    BIGNUM *number;
    long length = 0;
    BIO *bio;

    if (id != NULL) {
        GString *words = g_string_new("key id ");

        for (int i = 0; i < ASN1_STRING_length(id); i++)
            g_string_append_printf(words, "%02x", ASN1_STRING_get0_data(id)[i]);
        return g_string_free(words, FALSE);
    }
    if (issuer == NULL || serial == NULL)
        return g_strdup("nobody by name");
    bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, issuer, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    length = BIO_get_mem_data(bio, &text);
    shown = okse_text_show(length > 0 ? text : "", (gssize)length, false);
    BIO_free(bio);
    number = ASN1_INTEGER_to_BN(serial, NULL);
    hex = number != NULL ? BN_bn2hex(number) : NULL;
    result = g_strdup_printf("issuer %s, serial %s", shown, hex != NULL ? hex : "?");
    BN_free(number);
    OPENSSL_free(hex);
    return result;
}

static void list_agreement(CMS_RecipientInfo *recipient, GPtrArray *list)
{
    STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(recipient);

    for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++) {
        ASN1_OCTET_STRING *id = NULL;
        ASN1_INTEGER *serial = NULL;
        X509_NAME *issuer = NULL;

        CMS_RecipientEncryptedKey_get0_id(sk_CMS_RecipientEncryptedKey_value(keys, i), &id, NULL, NULL, &issuer,
                                          &serial);
        g_ptr_array_add(list, describe(id, issuer, serial));
    }
}

GPtrArray *okse_cms_recipients(CMS_ContentInfo *message)
{
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(message);
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

    for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(recipients, i);
        ASN1_OCTET_STRING *id = NULL;
        ASN1_INTEGER *serial = NULL;
        X509_NAME *issuer = NULL;

        if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_AGREE)
            list_agreement(recipient, list);
        else if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_TRANS &&
                 CMS_RecipientInfo_ktri_get0_signer_id(recipient, &id, &issuer, &serial) == 1)
            g_ptr_array_add(list, describe(id, issuer, serial));
        else
            g_ptr_array_add(list, g_strdup("a password or a key that is shared"));
    }
    return list;
}

char *okse_cms_recipient_describe(X509 *certificate)
{
    return describe(NULL, X509_get_issuer_name(certificate), X509_get0_serialNumber(certificate));
}

static bool agreement_has(CMS_RecipientInfo *recipient, X509 *certificate)
{
    STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(recipient);

    for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
        if (CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, i), certificate) == 0)
            return true;
    return false;
}

bool okse_cms_recipients_have(CMS_ContentInfo *message, X509 *certificate)
{
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(message);

    for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(recipients, i);
        int type = CMS_RecipientInfo_type(recipient);

        if ((type == CMS_RECIPINFO_TRANS && CMS_RecipientInfo_ktri_cert_cmp(recipient, certificate) == 0) ||
            (type == CMS_RECIPINFO_AGREE && agreement_has(recipient, certificate)))
            return true;
    }
    return false;
}
