#pragma once

#include "core/digest.h"

#include <openssl/types.h>

/* Keys and the small messages they sign. What a signature's algorithm is follows from what the key *is* (type, curve,
 * size), never from what a message claims. Private bytes stay inside OpenSSL. */
typedef struct OkseKey OkseKey;

/* How to open a protected key. */
typedef struct {
    const char *passphrase; /* borrowed; NULL: none was given */
    bool prompt;            /* ask on the terminal when one is needed and none was given */
} OkseKeyAccess;

/* The names of all algorithms that may stand in a trust policy, strongest first, NULL-terminated:
 * "ed25519", "ecdsa-p256-sha256", … */
const char *const *okse_key_algorithms(void);

/* Open a private key: a path or file: URI (PEM, DER, PKCS#8, PKCS#12), or a pkcs11: URI (RFC 7512).
 * Errors: INVALID (no key in there, a passphrase that is missing or wrong, a type or size that is too weak, by name);
 * NOT_FOUND, SYSTEM. */
OkseKey *okse_key_open(const char *uri, const OkseKeyAccess *access, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read a public key (PEM SubjectPublicKeyInfo). Errors: INVALID as above, also when it is a private key. */
OkseKey *okse_key_read_public(GBytes *pem, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Take ownership of an OpenSSL key (of a certificate, of a token); freed on failure too. Errors: INVALID (too weak). */
OkseKey *okse_key_take(EVP_PKEY *pkey, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make a key pair of one of okse_key_types(). Errors: INVALID (an unknown type, or one that the linked OpenSSL has
 * not), SYSTEM. */
OkseKey *okse_key_new(const char *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "ed25519, ecdsa-p256, …". */
char *okse_key_types(void) G_GNUC_WARN_UNUSED_RESULT;

void okse_key_free(OkseKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseKey, okse_key_free)

/* Borrowed. */
const char *okse_key_algorithm(const OkseKey *key);
EVP_PKEY *okse_key_pkey(const OkseKey *key);
/* SHA-256 of the DER SubjectPublicKeyInfo: who a key is. `openssl pkey -pubin -outform DER | sha256sum` prints it. */
const OkseSha256 *okse_key_id(const OkseKey *key);

/* PEM texts. The private one is PKCS#8, encrypted (AES-256-CBC, PBKDF2) when a passphrase is given; the bytes are
 * wiped when they are freed. */
GBytes *okse_key_public_pem(const OkseKey *key) G_GNUC_WARN_UNUSED_RESULT;
GBytes *okse_key_private_pem(const OkseKey *key, const char *passphrase, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sign a small message (a DSSE PAE, never a payload). ECDSA: DER; RSA: PSS, MGF1 and salt as long as SHA-256.
 * Errors: SYSTEM. */
GBytes *okse_key_sign(const OkseKey *key, GBytes *message, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* True when the signature is this key's over the message. */
bool okse_key_verify(const OkseKey *key, GBytes *message, GBytes *signature);

/* As okse_key_verify() with SHA-256 whatever the key asks for: only for the broken envelopes of model_signing 0.2. */
bool okse_key_verify_sha256(const OkseKey *key, GBytes *message, GBytes *signature);

/* The reason of OpenSSL's first queued error, for messages; clears the queue. Borrowed, static. */
const char *okse_openssl_reason(void);
