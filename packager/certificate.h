#pragma once

#include "packager/key.h"

/* X.509 as far as signatures need it; path building and checking are OpenSSL's. Immutable after reading. */
typedef struct OkseCertificates OkseCertificates; /* an ordered list; a signer's chain stands leaf first */

/* Every certificate of a PEM file, at least one. Errors: INVALID. */
OkseCertificates *okse_certificates_read_pem(GBytes *pem, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* From DER (GBytes), leaf first. Errors: INVALID. */
OkseCertificates *okse_certificates_read_der(const GPtrArray *der, const char *origin,
                                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An empty list, and the certificates of `more` put behind those of `list`. */
OkseCertificates *okse_certificates_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_certificates_join(OkseCertificates *list, const OkseCertificates *more);
/* Adds a reference of its own. */
void okse_certificates_add(OkseCertificates *list, X509 *certificate);
void okse_certificates_free(OkseCertificates *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCertificates, okse_certificates_free)

unsigned okse_certificates_count(const OkseCertificates *list);
/* Borrowed; the leaf of a chain is number 0. */
X509 *okse_certificates_get(const OkseCertificates *list, unsigned index);
/* A new list of GBytes, DER, in order. */
GPtrArray *okse_certificates_der(const OkseCertificates *list) G_GNUC_WARN_UNUSED_RESULT;

/* The public key of certificate `index`. Errors: INVALID (a type or size that is not accepted). */
OkseKey *okse_certificate_key(const OkseCertificates *list, unsigned index, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* RFC 4514, most specific part first: "CN=Release 2026,O=Example AI Lab". */
char *okse_certificate_subject(const X509 *certificate) G_GNUC_WARN_UNUSED_RESULT;
char *okse_certificate_issuer(const X509 *certificate) G_GNUC_WARN_UNUSED_RESULT;
/* Seconds since 1970. */
void okse_certificate_validity(const X509 *certificate, gint64 *not_before, gint64 *not_after);

/* What a trust policy asks of a leaf; NULL members ask nothing. */
typedef struct {
    char *subject,
        *issuer; /* distinguished names; spaces around ',' and '=' do not matter, nor which end comes first */
    char *san;   /* one of its DNS names, e-mail addresses or URIs */
    char *eku;   /* an extended key usage by name or OID ("codeSigning") */
} OkseConstraints;
bool okse_certificate_matches(const X509 *certificate, const OkseConstraints *constraints);
/* True when `text` can be read as the constraint's eku. */
bool okse_eku_known(const char *text);

/* Check a signer's chain against trust anchors as of time `at`: path, validity, CA flags, path length, name constraints
 * by OpenSSL at security level 2; the leaf must be no CA and have keyUsage digitalSignature or EKU codeSigning.
 * Returns the verified path, leaf first, anchor last. Errors: NOT_FOUND (leads to none of the roots); REFUSED with the
 * reason. */
OkseCertificates *okse_chain_verify(const OkseCertificates *chain, const OkseCertificates *roots,
                                    const OkseCertificates *intermediates, gint64 at,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
