#pragma once

#include "packager/certificate.h"

/* RFC 3161 timestamps over a signature: proof that it existed at a time, so that it stays good after its certificate
 * has expired. All by OpenSSL's TS functions. */

/* Verify a DER TimeStampResp over `signature`: its imprint (SHA-256 or stronger), the TSA's signature, its certificate
 * (extended key usage timeStamping, critical) up to one of `roots` as of the token's own time. *time: when, in seconds.
 * Errors: REFUSED with the reason; INVALID when it cannot be read. */
bool okse_timestamp_verify(GBytes *response, GBytes *signature, const OkseCertificates *roots, gint64 *time,
                           GError **error);

/* A DER TimeStampReq for `signature` (SHA-256, certificates wanted), to be sent to a TSA. `openssl ts -reply` and every
 * TSA answers it. */
GBytes *okse_timestamp_request(GBytes *signature, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* True when the response is over `signature`; says nothing of who made it. */
bool okse_timestamp_over(GBytes *response, GBytes *signature);
