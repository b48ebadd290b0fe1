#include "packager/cms.h"

#include "packager/openssl_bytes.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CMS_ContentInfo, CMS_ContentInfo_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_TIME, ASN1_TIME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)

static bool failed(GError **error)
{
    return okse_fail(error, OKSE_ERROR_SYSTEM, "the signature could not be made: %s", okse_openssl_reason());
}

static bool check_signer(const OkseKey *key, const OkseCertificates *chain, GError **error)
{
    int type = EVP_PKEY_get_base_id(okse_key_pkey(key));

    if (chain == NULL || okse_certificates_count(chain) == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "a CMS signature needs the key's certificate (--cert PEM)");
    if (type != EVP_PKEY_EC && type != EVP_PKEY_RSA)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "an %s key cannot make a CMS signature that others read: use an ECDSA or RSA key",
                         okse_key_algorithm(key));
    if (X509_check_private_key(okse_certificates_get(chain, 0), okse_key_pkey(key)) != 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "the certificate is not the key's");
    return true;
}

static int compare_bytes(gconstpointer a, gconstpointer b)
{
    GBytes *const *first = a, *const *second = b;

    return g_bytes_compare(*first, *second);
}

/* The signed attributes as they are hashed. Source: RFC 5652 §5.4, a DER SET OF. */
static GByteArray *attributes_der(const CMS_SignerInfo *signer)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    GByteArray *der = g_byte_array_new();
    gsize total = 0;
    guint8 head[] = {0x31, 0x82, 0, 0};

    for (int i = 0; i < CMS_signed_get_attr_count(signer); i++) {
        unsigned char *one = NULL;
        int length = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(signer, i), &one);

        if (length > 0)
            g_ptr_array_add(list, g_bytes_new(one, (gsize)length));
        total += length > 0 ? (gsize)length : 0;
        OPENSSL_free(one);
    }
    g_ptr_array_sort(list, compare_bytes);
    if (total < 0x80) {
        head[1] = (guint8)total;
        g_byte_array_append(der, head, 2);
    } else if (total < 0x100) {
        head[1] = 0x81;
        head[2] = (guint8)total;
        g_byte_array_append(der, head, 3);
    } else {
        g_assert(total < 0x10000); /* three attributes of fixed size */
        head[2] = (guint8)(total >> 8);
        head[3] = (guint8)total;
        g_byte_array_append(der, head, 4);
    }
    for (guint i = 0; i < list->len; i++) {
        gsize length;
        const guint8 *one = g_bytes_get_data(g_ptr_array_index(list, i), &length);

        g_byte_array_append(der, one, (guint)length);
    }
    return der;
}

/* OpenSSL 3.0 always says when it signed. A signature inside a PDF must not: the time stands in the PDF. So the
 * attribute is taken out and the others are signed again. */
static bool without_time(CMS_SignerInfo *signer, const OkseKey *key, GError **error)
{
    int place = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    g_autoptr(GByteArray) der = NULL;
    g_autofree guint8 *signature = NULL;
    size_t length = 0;

    if (place >= 0)
        X509_ATTRIBUTE_free(CMS_signed_delete_attr(signer, place));
    der = attributes_der(signer);
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, okse_key_pkey(key)) != 1 ||
        EVP_DigestSign(context, NULL, &length, der->data, der->len) != 1)
        return failed(error);
    signature = g_malloc(length);
    if (EVP_DigestSign(context, signature, &length, der->data, der->len) != 1 ||
        ASN1_OCTET_STRING_set(CMS_SignerInfo_get0_signature(signer), signature, (int)length) != 1)
        return failed(error);
    return true;
}

static bool set_time(CMS_SignerInfo *signer, gint64 signed_at)
{
    g_autoptr(ASN1_TIME) time = ASN1_TIME_set(NULL, (time_t)signed_at);

    return time != NULL && CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, time->type, time, -1) == 1;
}

static GBytes *encode(CMS_ContentInfo *cms, GError **error)
{
    unsigned char *der = NULL;
    int length = i2d_CMS_ContentInfo(cms, &der);
    GBytes *bytes;

    if (length <= 0)
        return (void)failed(error), NULL;
    bytes = g_bytes_new(der, (gsize)length);
    OPENSSL_free(der);
    return bytes;
}

GBytes *okse_cms_sign(GBytes *content, const OkseKey *key, const OkseCertificates *chain, const gint64 *signed_at,
                      GError **error)
{
    const unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_NOSMIMECAP;
    g_autoptr(CMS_ContentInfo) cms = NULL;
    CMS_SignerInfo *signer;
    bool good;
    BIO *data;

    if (!check_signer(key, chain, error))
        return NULL;
    cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    signer = cms != NULL ? CMS_add1_signer(cms, okse_certificates_get(chain, 0), okse_key_pkey(key), EVP_sha256(),
                                           flags | CMS_CADES)
                         : NULL;
    good = signer != NULL && (signed_at == NULL || set_time(signer, *signed_at));
    for (unsigned i = 1; good && i < okse_certificates_count(chain); i++)
        good = CMS_add1_cert(cms, okse_certificates_get(chain, i)) == 1;
    data = okse_openssl_bio(content);
    good = good && CMS_final(cms, data, NULL, flags) == 1;
    BIO_free(data);
    if (!good)
        return (void)failed(error), NULL;
    if (signed_at == NULL && !without_time(signer, key, error))
        return NULL;
    return encode(cms, error);
}
