#include "packager/timestamp.h"

#include "packager/openssl_bytes.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ts.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <time.h>

#define RESPONSE_LIMIT (1u << 20)

static bool token_time(TS_RESP *response, gint64 *time)
{
    TS_TST_INFO *info = TS_RESP_get_tst_info(response);
    const ASN1_GENERALIZEDTIME *made = info != NULL ? TS_TST_INFO_get_time(info) : NULL;
    struct tm parts;

    if (made == NULL || ASN1_TIME_to_tm(made, &parts) != 1)
        return false;
    *time = (gint64)timegm(&parts);
    return true;
}

/* A token over a broken digest would prove nothing. */
static bool imprint_strong(TS_RESP *response)
{
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(TS_RESP_get_tst_info(response));
    const ASN1_OBJECT *algorithm = NULL;
    int kind;

    X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    kind = OBJ_obj2nid(algorithm);
    return kind == NID_sha256 || kind == NID_sha384 || kind == NID_sha512 || kind == NID_sha3_256 || kind == NID_sm3;
}

/* The anchors, judged as of the token's own time. Owned by the verification context. */
static X509_STORE *store_of(const OkseCertificates *roots, gint64 at)
{
    X509_STORE *store = X509_STORE_new();
    X509_VERIFY_PARAM *parameters;

    g_assert(store != NULL);
    parameters = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)at);
    X509_VERIFY_PARAM_set_auth_level(parameters, 2);
    for (unsigned i = 0; i < okse_certificates_count(roots); i++)
        X509_STORE_add_cert(store, okse_certificates_get(roots, i));
    return store;
}

static bool response_verify(TS_RESP *response, GBytes *signature, const OkseCertificates *roots, gint64 at)
{
    TS_VERIFY_CTX *context = TS_VERIFY_CTX_new();
    BIO *bio = okse_openssl_bio(signature);
    bool good;

    g_assert(context != NULL);
    TS_VERIFY_CTX_set_flags(context, TS_VFY_VERSION | TS_VFY_DATA | TS_VFY_SIGNER | TS_VFY_SIGNATURE);
    TS_VERIFY_CTX_set_data(context, bio); /* takes the BIO */
    TS_VERIFY_CTX_set_store(context, store_of(roots, at));
    ERR_clear_error();
    good = TS_RESP_verify_response(context, response) == 1;
    TS_VERIFY_CTX_free(context);
    return good;
}

bool okse_timestamp_verify(GBytes *response, GBytes *signature, const OkseCertificates *roots, gint64 *time,
                           GError **error)
{
    gsize length;
    const unsigned char *data = g_bytes_get_data(response, &length);
    const unsigned char *at = data;
    TS_RESP *parsed = length <= RESPONSE_LIMIT ? d2i_TS_RESP(NULL, &at, (long)length) : NULL;
    gint64 made = 0;
    bool good = false;

    if (parsed == NULL || at != data + length || !token_time(parsed, &made))
        okse_fail(error, OKSE_ERROR_INVALID, "the timestamp cannot be read");
    else if (!imprint_strong(parsed))
        okse_fail(error, OKSE_ERROR_REFUSED, "the timestamp's digest algorithm is too weak");
    else if (!response_verify(parsed, signature, roots, made))
        okse_fail(error, OKSE_ERROR_REFUSED, "the timestamp does not hold: %s", okse_openssl_reason());
    else
        good = true;
    ERR_clear_error();
    TS_RESP_free(parsed);
    if (good)
        *time = made;
    return good;
}

static bool request_fill(TS_REQ *request, const OkseSha256 *digest)
{
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_INTEGER *nonce = ASN1_INTEGER_new();
    uint64_t number = 0;
    bool good = imprint != NULL && algorithm != NULL && nonce != NULL &&
                RAND_bytes((unsigned char *)&number, sizeof number) == 1 &&
                X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1 &&
                TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 &&
                TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest->bytes, /* copied */
                                       OKSE_SHA256_LENGTH) == 1 &&
                TS_REQ_set_version(request, 1) == 1 && TS_REQ_set_msg_imprint(request, imprint) == 1 &&
                TS_REQ_set_cert_req(request, 1) == 1 && ASN1_INTEGER_set_uint64(nonce, number >> 1) == 1 &&
                TS_REQ_set_nonce(request, nonce) == 1;

    TS_MSG_IMPRINT_free(imprint);
    X509_ALGOR_free(algorithm);
    ASN1_INTEGER_free(nonce);
    return good;
}

GBytes *okse_timestamp_request(GBytes *signature, GError **error)
{
    OkseSha256 digest = okse_sha256_of_bytes(signature);
    TS_REQ *request = TS_REQ_new();
    unsigned char *der = NULL;
    GBytes *bytes = NULL;
    int length;

    if (request != NULL && request_fill(request, &digest) && (length = i2d_TS_REQ(request, &der)) > 0)
        bytes = g_bytes_new(der, (gsize)length);
    else
        okse_fail(error, OKSE_ERROR_SYSTEM, "a timestamp request cannot be made: %s", okse_openssl_reason());
    OPENSSL_free(der);
    TS_REQ_free(request);
    return bytes;
}

bool okse_timestamp_over(GBytes *response, GBytes *signature)
{
    gsize length;
    const unsigned char *data = g_bytes_get_data(response, &length);
    const unsigned char *at = data;
    TS_RESP *parsed = length <= RESPONSE_LIMIT ? d2i_TS_RESP(NULL, &at, (long)length) : NULL;
    TS_TST_INFO *info = parsed != NULL ? TS_RESP_get_tst_info(parsed) : NULL;
    bool same = false;

    if (info != NULL) {
        TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
        const ASN1_OCTET_STRING *message = TS_MSG_IMPRINT_get_msg(imprint);
        const ASN1_OBJECT *algorithm = NULL;
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        const EVP_MD *md;

        X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
        md = EVP_get_digestbyobj(algorithm);
        same =
            md != NULL &&
            EVP_Digest(g_bytes_get_data(signature, NULL), g_bytes_get_size(signature), digest, &size, md, NULL) == 1 &&
            ASN1_STRING_length(message) == (int)size && memcmp(ASN1_STRING_get0_data(message), digest, size) == 0;
    }
    ERR_clear_error();
    TS_RESP_free(parsed);
    return same;
}
