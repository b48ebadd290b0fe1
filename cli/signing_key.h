#pragma once

#include "packager/certificate.h"
#include "packager/key.h"
#include "packager/sign.h"

/* The key, and the certificates of it, that a command was told to sign with. */
typedef struct {
    OkseKey *key;
    OkseCertificates *chain; /* NULL: a bare key */
} OkseSigningKey;

/* certificate, passphrase_fd: as on the command line, may be NULL. Errors: those of reading a key and certificates. */
bool okse_signing_key_open(const char *key, const char *certificate, const char *passphrase_fd, OkseSigningKey *signer,
                           GError **error);
/* The same, for a key that decrypts: nothing is said about when its certificate ends. */
bool okse_decryption_key_open(const char *key, const char *certificate, const char *passphrase_fd,
                              OkseSigningKey *opened, GError **error);
/* Who signs weights by OpenSSF Model Signing, which takes ECDSA keys only: --oms-key, else the signer when it can. */
typedef struct {
    const char *key, *certificate; /* --oms-key, --oms-cert; or NULL */
    bool never;                    /* --no-oms */
} OkseModelKeyOptions;
/* model: to be cleared by the caller; *key and *chain are borrowed from it or from `signer`, and stay NULL when nobody
 * signs. Errors: as okse_signing_key_open(); INVALID (the options contradict each other). */
bool okse_model_key_open(const OkseModelKeyOptions *options, const OkseSigningKey *signer, OkseSigningKey *model,
                         const OkseKey **key, const OkseCertificates **chain, GError **error);
/* Say which weights carry no model signature, and why. */
void okse_model_key_note(const OkseModelKeyOptions *options, const OkseSigned *made);

void okse_signing_key_clear(OkseSigningKey *signer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseSigningKey, okse_signing_key_clear)
