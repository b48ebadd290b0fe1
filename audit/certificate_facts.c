/* What an X.509 certificate says of itself (RFC 5280), as OpenSSL reads it. */
#include "audit/collect_tls.h"
#include "core/text.h"
#include "packager/certificate.h"

#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NAMES_LIMIT 256u /* of one certificate */

static char *object_name(const ASN1_OBJECT *object)
{
    int nid = OBJ_obj2nid(object);
    char text[128];

    if (nid != NID_undef)
        return g_strdup(OBJ_nid2ln(nid));
    OBJ_obj2txt(text, sizeof text, object, 1);
    return g_strdup(text);
}

static void add_key(json_t *fact, const X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    ASN1_OBJECT *algorithm = NULL;
    char curve[80] = "";
    g_autofree char *name = NULL;

    X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, X509_get_X509_PUBKEY(certificate));
    name = key != NULL && EVP_PKEY_get0_type_name(key) != NULL ? g_strdup(EVP_PKEY_get0_type_name(key))
                                                               : object_name(algorithm);
    if (key != NULL && EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) != 1)
        *curve = '\0';
    json_object_set_new(fact, "key_algorithm", json_string(name));
    json_object_set_new(fact, "key_bits", key != NULL ? json_integer(EVP_PKEY_get_bits(key)) : json_null());
    json_object_set_new(fact, "curve", *curve != '\0' ? json_string(curve) : json_null());
    ERR_clear_error();
}

/* hash: null where the signature has none of its own (Ed25519) or it is not known (RSASSA-PSS says it elsewhere). */
static void add_signature(json_t *fact, const X509 *certificate)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    g_autofree char *name = NULL;
    int hash = NID_undef, nid = X509_get_signature_nid(certificate);

    X509_get0_signature(NULL, &algorithm, certificate);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    name = object_name(object);
    json_object_set_new(fact, "signature_algorithm", json_string(name));
    if (OBJ_find_sigid_algs(nid, &hash, NULL) != 1)
        hash = NID_undef;
    json_object_set_new(fact, "signature_hash", hash != NID_undef ? json_string(OBJ_nid2sn(hash)) : json_null());
}

static char *name_of(const GENERAL_NAME *name)
{
    int kind;
    const ASN1_STRING *text = GENERAL_NAME_get0_value(name, &kind);
    g_autofree char *raw = NULL;

    if (kind == GEN_DNS || kind == GEN_URI || kind == GEN_EMAIL) {
        raw = g_strndup((const char *)ASN1_STRING_get0_data(text), (gsize)MIN(ASN1_STRING_length(text), 1024));
        return g_utf8_make_valid(raw, -1);
    }
    if (kind == GEN_IPADD && (ASN1_STRING_length(text) == 4 || ASN1_STRING_length(text) == 16)) {
        g_autoptr(GInetAddress) address = g_inet_address_new_from_bytes(
            ASN1_STRING_get0_data(text), ASN1_STRING_length(text) == 4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6);

        return g_inet_address_to_string(address);
    }
    return NULL;
}

static json_t *names_of(const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    json_t *list = json_array();

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && json_array_size(list) < NAMES_LIMIT; i++) {
        g_autofree char *name = name_of(sk_GENERAL_NAME_value(names, i));

        if (name != NULL)
            json_array_append_new(list, json_string(name));
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return list;
}

static json_t *describe(X509 *certificate)
{
    g_autofree char *subject = okse_certificate_subject(certificate), *issuer = okse_certificate_issuer(certificate);
    g_autofree char *first = NULL, *last = NULL, *whose = g_utf8_make_valid(subject, -1);
    g_autofree char *from = g_utf8_make_valid(issuer, -1);
    gint64 not_before, not_after;
    json_t *fact;

    okse_certificate_validity(certificate, &not_before, &not_after);
    first = okse_text_time(not_before);
    last = okse_text_time(not_after);
    fact = json_pack("{s:s,s:s,s:b,s:s,s:s,s:o}", "subject", whose, "issuer", from, "self_signed",
                     X509_self_signed(certificate, 0) == 1, "not_before", first, "not_after", last, "names",
                     names_of(certificate));
    add_key(fact, certificate);
    add_signature(fact, certificate);
    ERR_clear_error();
    return fact;
}

static OkseCertificates *read_any(GBytes *bytes, const char *origin, GError **error)
{
    gsize length;
    const unsigned char *data = g_bytes_get_data(bytes, &length);
    g_autoptr(GPtrArray) der = g_ptr_array_new();

    if (length > 0 && g_strstr_len((const char *)data, (gssize)length, "-----BEGIN") != NULL)
        return okse_certificates_read_pem(bytes, origin, error);
    g_ptr_array_add(der, bytes);
    return okse_certificates_read_der(der, origin, error);
}

/* Other things lie beside certificates: keys, parameters, lists of names. */
static bool may_hold_any(GBytes *bytes)
{
    static const char *const marks[] = {"-----BEGIN CERTIFICATE-----", "-----BEGIN X509 CERTIFICATE-----"};
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    for (unsigned i = 0; length > 0 && i < G_N_ELEMENTS(marks); i++)
        if (g_strstr_len(data, (gssize)length, marks[i]) != NULL)
            return true;
    /* DER: a sequence of a sequence, each with a length of two bytes; a private key begins with a number instead */
    return length > 8 && memcmp(data, "\x30\x82", 2) == 0 && memcmp(data + 4, "\x30\x82", 2) == 0;
}

json_t *okse_certificates_describe(GBytes *bytes, const char *origin, bool *more, GError **error)
{
    g_autoptr(OkseCertificates) list = NULL;
    json_t *facts;

    *more = false;
    if (!may_hold_any(bytes))
        return NULL;
    list = read_any(bytes, origin, error);
    if (list == NULL)
        return NULL;
    facts = json_array();
    for (unsigned i = 0; i < okse_certificates_count(list) && i < OKSE_CERTIFICATES_OF_FILE; i++)
        json_array_append_new(facts, describe(okse_certificates_get(list, i)));
    *more = okse_certificates_count(list) > OKSE_CERTIFICATES_OF_FILE;
    return facts;
}
