/* Certificates as lists, their names, and what a policy may ask of them. Checking a chain: chain.c. */
#include "packager/certificate.h"

#include "packager/openssl_bytes.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define CERTIFICATES_LIMIT 4096u /* of one PEM file */
#define CERTIFICATE_SIZE_LIMIT (256u << 10)

struct OkseCertificates {
    GPtrArray *items; /* X509 */
};

static void free_certificate(gpointer certificate)
{
    X509_free(certificate);
}

OkseCertificates *okse_certificates_new(void)
{
    OkseCertificates *list = g_new(OkseCertificates, 1);

    list->items = g_ptr_array_new_with_free_func(free_certificate);
    return list;
}

void okse_certificates_free(OkseCertificates *list)
{
    if (list == NULL)
        return;
    g_ptr_array_unref(list->items);
    g_free(list);
}

void okse_certificates_join(OkseCertificates *list, const OkseCertificates *more)
{
    for (guint i = 0; i < more->items->len; i++)
        okse_certificates_add(list, g_ptr_array_index(more->items, i));
}

void okse_certificates_add(OkseCertificates *list, X509 *certificate)
{
    X509_up_ref(certificate);
    g_ptr_array_add(list->items, certificate);
}

unsigned okse_certificates_count(const OkseCertificates *list)
{
    return list->items->len;
}

X509 *okse_certificates_get(const OkseCertificates *list, unsigned index)
{
    g_assert(index < list->items->len);
    return g_ptr_array_index(list->items, index);
}

/* Extensions are parsed once, here, so that a certificate is only read afterwards and threads may share it. */
static bool certificate_add(OkseCertificates *list, X509 *certificate, const char *origin, GError **error)
{
    g_ptr_array_add(list->items, certificate);
    if (list->items->len > CERTIFICATES_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u certificates", origin, CERTIFICATES_LIMIT);
    X509_check_purpose(certificate, -1, 0);
    if ((X509_get_extension_flags(certificate) & EXFLAG_INVALID) != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: certificate %u has an extension that cannot be read", origin,
                         list->items->len);
    return true;
}

OkseCertificates *okse_certificates_read_pem(GBytes *pem, const char *origin, GError **error)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new();
    BIO *bio = okse_openssl_bio(pem);
    bool good = true;

    while (good) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (certificate == NULL)
            break;
        good = certificate_add(list, certificate, origin, error);
    }
    BIO_free(bio);
    /* "no start line" is how PEM reading says that nothing more comes */
    if (good && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        good = okse_fail(error, OKSE_ERROR_INVALID, "%s: certificate %u is damaged: %s", origin, list->items->len + 1,
                         okse_openssl_reason());
    ERR_clear_error();
    if (good && list->items->len == 0)
        good = okse_fail(error, OKSE_ERROR_INVALID, "%s: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
                         origin);
    return good ? g_steal_pointer(&list) : NULL;
}

OkseCertificates *okse_certificates_read_der(const GPtrArray *der, const char *origin, GError **error)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new();

    for (guint i = 0; i < der->len; i++) {
        gsize length;
        const unsigned char *data = g_bytes_get_data(g_ptr_array_index(der, i), &length);
        const unsigned char *at = data;
        X509 *certificate = length <= CERTIFICATE_SIZE_LIMIT ? d2i_X509(NULL, &at, (long)length) : NULL;

        ERR_clear_error();
        if (certificate == NULL || at != data + length) {
            X509_free(certificate);
            okse_fail(error, OKSE_ERROR_INVALID, "%s: certificate %u of the chain cannot be read", origin, i + 1);
            return NULL;
        }
        if (!certificate_add(list, certificate, origin, error))
            return NULL;
    }
    return g_steal_pointer(&list);
}

GPtrArray *okse_certificates_der(const OkseCertificates *list)
{
    GPtrArray *der = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (guint i = 0; i < list->items->len; i++) {
        unsigned char *data = NULL;
        int length = i2d_X509(g_ptr_array_index(list->items, i), &data);

        g_assert(length > 0);
        g_ptr_array_add(der, g_bytes_new(data, (gsize)length));
        OPENSSL_free(data);
    }
    return der;
}

OkseKey *okse_certificate_key(const OkseCertificates *list, unsigned index, GError **error)
{
    X509 *certificate = okse_certificates_get(list, index);
    g_autofree char *subject = okse_certificate_subject(certificate);
    g_autofree char *origin = g_strdup_printf("certificate of %s", subject);
    EVP_PKEY *pkey = X509_get_pubkey(certificate);

    ERR_clear_error();
    if (pkey != NULL)
        return okse_key_take(pkey, origin, error);
    okse_fail(error, OKSE_ERROR_INVALID, "%s: its key is of no known kind", origin);
    return NULL;
}

/* forward: in the order of the encoding (what many write by hand); otherwise RFC 4514, the other way round. */
static char *name_text(const X509_NAME *name, bool forward)
{
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *text;
    long length;

    g_assert(bio != NULL);
    X509_NAME_print_ex(bio, name, 0, forward ? flags & ~(unsigned long)XN_FLAG_DN_REV : flags);
    length = BIO_get_mem_data(bio, &data);
    text = g_strndup(data, (gsize)length);
    BIO_free(bio);
    return text;
}

char *okse_certificate_subject(const X509 *certificate)
{
    return name_text(X509_get_subject_name(certificate), false);
}

char *okse_certificate_issuer(const X509 *certificate)
{
    return name_text(X509_get_issuer_name(certificate), false);
}

static gint64 seconds_of(const ASN1_TIME *time)
{
    struct tm parts;

    return ASN1_TIME_to_tm(time, &parts) == 1 ? (gint64)timegm(&parts) : 0;
}

void okse_certificate_validity(const X509 *certificate, gint64 *not_before, gint64 *not_after)
{
    *not_before = seconds_of(X509_get0_notBefore(certificate));
    *not_after = seconds_of(X509_get0_notAfter(certificate));
}

/* "CN = a, O=b" → "CN=a,O=b": spaces around unescaped ',' and '=' go. */
static char *name_normalize(const char *text)
{
    GString *out = g_string_new(NULL);
    bool escaped = false;

    for (const char *c = text; *c != '\0'; c++) {
        bool separator = !escaped && (*c == ',' || *c == '=');

        if (separator)
            while (out->len > 0 && out->str[out->len - 1] == ' ')
                g_string_truncate(out, out->len - 1);
        if (!(*c == ' ' && !escaped &&
              (out->len == 0 || out->str[out->len - 1] == ',' || out->str[out->len - 1] == '=')))
            g_string_append_c(out, *c);
        escaped = !escaped && *c == '\\';
    }
    return g_string_free(out, FALSE);
}

static bool name_matches(const X509_NAME *name, const char *wanted)
{
    g_autofree char *normal = name_normalize(wanted);
    g_autofree char *backward = name_text(name, false);
    g_autofree char *forward = name_text(name, true);

    return strcmp(normal, backward) == 0 || strcmp(normal, forward) == 0;
}

static bool san_matches(const X509 *certificate, const char *wanted)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names) && !found; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

        if (type == GEN_DNS || type == GEN_EMAIL || type == GEN_URI)
            found = (size_t)ASN1_STRING_length(value) == strlen(wanted) &&
                    memcmp(ASN1_STRING_get0_data(value), wanted, strlen(wanted)) == 0;
    }
    GENERAL_NAMES_free(names);
    return found;
}

static ASN1_OBJECT *eku_object(const char *text)
{
    ASN1_OBJECT *object = OBJ_txt2obj(text, 0);

    ERR_clear_error();
    return object;
}

bool okse_eku_known(const char *text)
{
    ASN1_OBJECT *object = eku_object(text);
    bool known = object != NULL;

    ASN1_OBJECT_free(object);
    return known;
}

static bool eku_matches(const X509 *certificate, const char *wanted)
{
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    ASN1_OBJECT *object = eku_object(wanted);
    bool found = false;

    for (int i = 0; usages != NULL && object != NULL && i < sk_ASN1_OBJECT_num(usages) && !found; i++)
        found = OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), object) == 0;
    EXTENDED_KEY_USAGE_free(usages);
    ASN1_OBJECT_free(object);
    return found;
}

bool okse_certificate_matches(const X509 *certificate, const OkseConstraints *constraints)
{
    return (constraints->subject == NULL || name_matches(X509_get_subject_name(certificate), constraints->subject)) &&
           (constraints->issuer == NULL || name_matches(X509_get_issuer_name(certificate), constraints->issuer)) &&
           (constraints->san == NULL || san_matches(certificate, constraints->san)) &&
           (constraints->eku == NULL || eku_matches(certificate, constraints->eku));
}
