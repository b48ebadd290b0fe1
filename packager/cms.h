#pragma once

#include "packager/certificate.h"

/* A detached CMS signature (RFC 5652), DER, with the signing-certificate-v2 attribute (CAdES baseline B):
 * `openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE` checks it. SHA-256; RSA as PKCS #1 v1.5, which
 * every reader knows. signed_at: the signing-time attribute; NULL: none, as a signature inside a PDF must
 * have it. Errors: INVALID (no certificate, one that is not the key's, a key that CMS cannot use); SYSTEM. */
GBytes *okse_cms_sign(GBytes *content, const OkseKey *key, const OkseCertificates *chain, const gint64 *signed_at,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
