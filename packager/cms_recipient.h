#pragma once

#include "packager/certificate.h"

#include <openssl/cms.h>

/* Who an encrypted message is for: certificates with an RSA key of 3072 bits or more, or an EC key on P-256, P-384 or
 * P-521. */

/* Can something be encrypted to certificate `index`, as of time `at` (seconds since 1970)? Errors: INVALID (a key that
 * cannot encrypt, a keyUsage that forbids it, a certificate that has ended or not begun). */
bool okse_cms_recipient_check(const OkseCertificates *list, unsigned index, const char *origin, gint64 at,
                              GError **error);

/* Add certificate `index` to a message that is being made: RSA as OAEP with SHA-256, EC as ECDH with the SHA-2 of its
 * curve's strength and AES-256 key wrap (RFC 3560, RFC 5753). Errors: SYSTEM. */
bool okse_cms_recipient_add(CMS_ContentInfo *message, const OkseCertificates *list, unsigned index, GError **error);

/* "issuer CN=…, serial 4f…" or "key id …" of every recipient, made safe to show. New (char). */
GPtrArray *okse_cms_recipients(CMS_ContentInfo *message) G_GNUC_WARN_UNUSED_RESULT;
/* The same words for a certificate, as its recipient has them. New. */
char *okse_cms_recipient_describe(X509 *certificate) G_GNUC_WARN_UNUSED_RESULT;

/* Is the message for this certificate? */
bool okse_cms_recipients_have(CMS_ContentInfo *message, X509 *certificate);
