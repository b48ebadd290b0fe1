#include "packager/revocation.h"

#include "core/text.h"
#include "packager/openssl_bytes.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

struct OkseCrl {
    X509_CRL *crl;
    char *name;
    gint64 max_age;
    gint64 this_update, next_update; /* next_update: G_MAXINT64 when there is none */
};

static bool whole(const X509_CRL *crl, const char *origin, GError **error)
{
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is a delta CRL; a complete one is needed", origin);
    /* issuingDistributionPoint (partial, indirect) is critical by definition; authorityKeyIdentifier and cRLNumber are
     * not */
    if (X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: has a critical extension (a partial or indirect CRL); a complete one is needed", origin);
    return true;
}

static gint64 seconds_of(const ASN1_TIME *time, gint64 none)
{
    struct tm parts;

    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (gint64)timegm(&parts) : none;
}

static X509_CRL *crl_parse(GBytes *bytes)
{
    gsize length;
    const unsigned char *data = g_bytes_get_data(bytes, &length);
    const unsigned char *at = data;
    X509_CRL *crl = NULL;

    if (length > 0 && data[0] == 0x30) {
        crl = d2i_X509_CRL(NULL, &at, (long)length);
    } else {
        BIO *bio = okse_openssl_bio(bytes);

        crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        BIO_free(bio);
    }
    ERR_clear_error();
    return crl;
}

OkseCrl *okse_crl_read(GBytes *bytes, const char *origin, gint64 max_age, GError **error)
{
    g_autoptr(OkseCrl) made = g_new0(OkseCrl, 1);

    made->crl = crl_parse(bytes);
    if (made->crl == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no certificate revocation list (PEM or DER)", origin);
        return NULL;
    }
    if (!whole(made->crl, origin, error))
        return NULL;
    made->name = g_strdup(origin);
    made->max_age = max_age;
    made->this_update = seconds_of(X509_CRL_get0_lastUpdate(made->crl), G_MAXINT64);
    made->next_update = seconds_of(X509_CRL_get0_nextUpdate(made->crl), G_MAXINT64);
    return g_steal_pointer(&made);
}

void okse_crl_free(OkseCrl *crl)
{
    if (crl == NULL)
        return;
    X509_CRL_free(crl->crl);
    g_free(crl->name);
    g_free(crl);
}

const char *okse_crl_name(const OkseCrl *crl)
{
    return crl->name;
}

char *okse_crl_issuer(const OkseCrl *crl)
{
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *text;
    long length;

    g_assert(bio != NULL);
    X509_NAME_print_ex(bio, X509_CRL_get_issuer(crl->crl), 0, flags);
    length = BIO_get_mem_data(bio, &data);
    text = g_strndup(data, (gsize)length);
    BIO_free(bio);
    return text;
}

gint64 okse_crl_this_update(const OkseCrl *crl)
{
    return crl->this_update;
}

bool okse_crl_fresh(const OkseCrl *crl, gint64 now, GError **error)
{
    g_autofree char *made = okse_text_time(crl->this_update);
    gint64 limit = crl->next_update;

    if (crl->this_update > now)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "CRL %s: was made on %s, after the time of this verification: the clock is behind", crl->name,
                         made);
    if (crl->max_age > 0 && crl->this_update < G_MAXINT64 - crl->max_age)
        limit = MIN(limit, crl->this_update + crl->max_age);
    if (now > limit) {
        g_autofree char *until = okse_text_time(limit);

        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "CRL %s: is stale: made on %s, good until %s (get a new one from the CA)", crl->name, made,
                         until);
    }
    return true;
}

bool okse_crl_names(const OkseCrl *crl, const X509 *issuer)
{
    return X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer)) == 0;
}

bool okse_crl_issued_by(const OkseCrl *crl, const X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool usage = (X509_get_extension_flags((X509 *)(uintptr_t)issuer) & EXFLAG_KUSAGE) == 0 ||
                 (X509_get_key_usage((X509 *)(uintptr_t)issuer) & KU_CRL_SIGN) != 0; /* OpenSSL forgot const */
    bool good = key != NULL && usage && okse_crl_names(crl, issuer) && X509_CRL_verify(crl->crl, key) == 1;

    ERR_clear_error();
    return good;
}

OkseRevocation okse_crl_look(const OkseCrl *crl, X509 *certificate, gint64 *when, bool *compromised)
{
    X509_REVOKED *entry = NULL;
    ASN1_ENUMERATED *reason;
    long code = CRL_REASON_NONE;

    /* 2 is removeFromCRL: no longer revoked */
    if (X509_CRL_get0_by_cert(crl->crl, &entry, certificate) != 1 || entry == NULL)
        return OKSE_NOT_REVOKED;
    reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
    if (reason != NULL)
        code = ASN1_ENUMERATED_get(reason);
    ASN1_ENUMERATED_free(reason);
    *when = seconds_of(X509_REVOKED_get0_revocationDate(entry), G_MININT64);
    *compromised = code == CRL_REASON_KEY_COMPROMISE || code == CRL_REASON_CA_COMPROMISE;
    return OKSE_REVOKED;
}
