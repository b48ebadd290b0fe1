#pragma once

#include "packager/key.h"

/* Certificates for people without a PKI. subject: "CN=Release,O=Example AI Lab" (RFC 4514; backslash escapes).
 * The certificate is no CA and may only sign (digitalSignature, codeSigning). PEM. Errors: INVALID (subject), SYSTEM.
 */
GBytes *okse_certificate_self_signed(const OkseKey *key, const char *subject, gint64 now, unsigned days,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes *okse_certificate_request(const OkseKey *key, const char *subject, GError **error) G_GNUC_WARN_UNUSED_RESULT;
