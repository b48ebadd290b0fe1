#include "packager/certificate_make.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

static bool part_add(X509_NAME *name, const char *part)
{
    g_auto(GStrv) pair = g_strsplit(part, "=", 2);

    if (g_strv_length(pair) != 2 || *g_strstrip(pair[0]) == '\0' || *g_strstrip(pair[1]) == '\0')
        return false;
    /* RFC 4514 writes the most specific part first, certificates store it last */
    return X509_NAME_add_entry_by_txt(name, pair[0], MBSTRING_UTF8, (const unsigned char *)pair[1], -1, 0, 0) == 1;
}

static X509_NAME *name_parse(const char *subject, GError **error)
{
    X509_NAME *name = X509_NAME_new();
    g_autoptr(GString) part = g_string_new(NULL);
    bool good = true;

    g_assert(name != NULL);
    for (const char *c = subject; good; c++) {
        if (*c == ',' || *c == '\0') {
            good = part_add(name, part->str);
            g_string_truncate(part, 0);
            if (*c == '\0')
                break;
        } else {
            if (*c == '\\' && c[1] != '\0')
                c++;
            g_string_append_c(part, *c);
        }
    }
    ERR_clear_error();
    if (good)
        return name;
    X509_NAME_free(name);
    okse_fail(error, OKSE_ERROR_INVALID, "'%s' is no distinguished name such as \"CN=Release,O=Example\"", subject);
    return NULL;
}

static const EVP_MD *digest_for(const OkseKey *key)
{
    const char *algorithm = okse_key_algorithm(key);

    if (strcmp(algorithm, "ed25519") == 0)
        return NULL;
    return strcmp(algorithm, "ecdsa-p384-sha384") == 0   ? EVP_sha384()
           : strcmp(algorithm, "ecdsa-p521-sha512") == 0 ? EVP_sha512()
                                                         : EVP_sha256();
}

static bool extension_add(X509 *certificate, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool good;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool serial_set(X509 *certificate)
{
    uint64_t number = 0;

    return RAND_bytes((unsigned char *)&number, sizeof number) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number >> 1 | 1) == 1;
}

static bool certificate_fill(X509 *certificate, const OkseKey *key, const X509_NAME *name, gint64 now, unsigned days)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 && serial_set(certificate) &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)now) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)now + (time_t)days * 86400) != NULL &&
           X509_set_subject_name(certificate, name) == 1 && X509_set_issuer_name(certificate, name) == 1 &&
           X509_set_pubkey(certificate, okse_key_pkey(key)) == 1 &&
           extension_add(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           extension_add(certificate, NID_key_usage, "critical,digitalSignature") &&
           extension_add(certificate, NID_ext_key_usage, "codeSigning") &&
           extension_add(certificate, NID_subject_key_identifier, "hash");
}

static GBytes *pem_take(BIO *bio)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);

    return g_bytes_new(data, (gsize)length);
}

GBytes *okse_certificate_self_signed(const OkseKey *key, const char *subject, gint64 now, unsigned days, GError **error)
{
    X509_NAME *name = name_parse(subject, error);
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    GBytes *pem = NULL;

    g_assert(certificate != NULL && bio != NULL);
    if (name != NULL) {
        if (certificate_fill(certificate, key, name, now, days) &&
            X509_sign(certificate, okse_key_pkey(key), digest_for(key)) > 0 &&
            PEM_write_bio_X509(bio, certificate) == 1)
            pem = pem_take(bio);
        else
            okse_fail(error, OKSE_ERROR_SYSTEM, "the certificate could not be made: %s", okse_openssl_reason());
    }
    BIO_free(bio);
    X509_free(certificate);
    X509_NAME_free(name);
    return pem;
}

GBytes *okse_certificate_request(const OkseKey *key, const char *subject, GError **error)
{
    X509_NAME *name = name_parse(subject, error);
    X509_REQ *request = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    GBytes *pem = NULL;

    g_assert(request != NULL && bio != NULL);
    if (name != NULL) {
        if (X509_REQ_set_version(request, 0) == 1 && X509_REQ_set_subject_name(request, name) == 1 &&
            X509_REQ_set_pubkey(request, okse_key_pkey(key)) == 1 &&
            X509_REQ_sign(request, okse_key_pkey(key), digest_for(key)) > 0 &&
            PEM_write_bio_X509_REQ(bio, request) == 1)
            pem = pem_take(bio);
        else
            okse_fail(error, OKSE_ERROR_SYSTEM, "the request could not be made: %s", okse_openssl_reason());
    }
    BIO_free(bio);
    X509_REQ_free(request);
    X509_NAME_free(name);
    return pem;
}
