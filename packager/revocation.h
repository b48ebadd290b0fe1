#pragma once

#include "packager/certificate.h"

/* Certificate revocation lists of a trust policy. Checked here and not by OpenSSL's path check, because with a
 * timestamp the path is judged in the past while the lists must be fresh now. Source: RFC 5280 §5, §6.3. */
typedef struct OkseCrl OkseCrl;

/* Read one full CRL, PEM or DER. max_age: seconds since thisUpdate after which it is stale; 0: only nextUpdate counts.
 * Errors: INVALID (no CRL, a partial, indirect or delta CRL, an unknown critical extension). */
OkseCrl *okse_crl_read(GBytes *bytes, const char *origin, gint64 max_age, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_crl_free(OkseCrl *crl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCrl, okse_crl_free)

const char *okse_crl_name(const OkseCrl *crl);
char *okse_crl_issuer(const OkseCrl *crl) G_GNUC_WARN_UNUSED_RESULT;
/* thisUpdate: a clock that reads earlier is behind. */
gint64 okse_crl_this_update(const OkseCrl *crl);

/* The list is neither too old nor from the future at `now`. Errors: REFUSED. */
bool okse_crl_fresh(const OkseCrl *crl, gint64 now, GError **error);

/* True when `issuer` has the name and the key that made the list (and may sign CRLs). */
bool okse_crl_issued_by(const OkseCrl *crl, const X509 *issuer);
/* True when the name alone fits. */
bool okse_crl_names(const OkseCrl *crl, const X509 *issuer);

typedef enum { OKSE_NOT_REVOKED, OKSE_REVOKED } OkseRevocation;
/* Whether the list revokes a certificate of its issuer, and when. compromised: the key is out, so that the date proves
 * nothing about earlier signatures. */
OkseRevocation okse_crl_look(const OkseCrl *crl, X509 *certificate, gint64 *when, bool *compromised);
