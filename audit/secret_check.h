#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What a value must be, beyond its shape, to be the secret it looks like. Pure functions over bytes of any origin; none
 * of them keeps or shows a byte of the value. */
typedef enum {
    OKSE_CHECK_NONE,
    OKSE_CHECK_CRC32_BASE62, /* the last 6 characters are the CRC-32 of what lies between the first '_' and them, in
                                base 62. Source: github.blog, "Behind GitHub's new authentication token formats"; npm */
    OKSE_CHECK_GRAFANA,      /* glsa_RANDOM_CRC: CRC-32 of RANDOM in hexadecimal. Source: grafana, satokengen */
    OKSE_CHECK_BECH32,       /* checksum of BIP-173, upper or lower case. Source: age-encryption.org/v1 */
    OKSE_CHECK_JWT,          /* header and payload decode to JSON objects; the header has "alg". Source: RFC 7519 */
    OKSE_CHECK_DER,         /* base64, with any white space, \n, \r or + between, of a DER SEQUENCE. Source: RFC 7468 */
    OKSE_CHECK_BASE64_32,   /* base64 of 32 bytes. Source: WireGuard */
    OKSE_CHECK_BASE64_64,   /* base64 of 64 bytes. Source: Azure storage */
    OKSE_CHECK_BASE64_PAIR, /* base64 of USER:PASSWORD, both printable and not empty. Source: RFC 7617 */
    OKSE_CHECK_BASE64_TEXT, /* base64 of something that is no placeholder: at least 4 bytes */
    OKSE_CHECKS
} OkseSecretCheck;

/* "crc32-base62", …; false when there is no such check. */
bool okse_secret_check_read(const char *name, OkseSecretCheck *check);
bool okse_secret_check(OkseSecretCheck check, const uint8_t *value, size_t length);

/* Bits a byte of the value's own distribution; 0 for nothing. */
double okse_secret_entropy(const uint8_t *value, size_t length);
