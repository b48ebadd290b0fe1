#pragma once

#include "packager/certificate.h"
#include "packager/key.h"

/* The key, and the certificates of it, that a command was told to sign with. */
typedef struct {
    OkseKey *key;
    OkseCertificates *chain; /* NULL: a bare key */
} OkseSigningKey;

/* certificate, passphrase_fd: as on the command line, may be NULL. Errors: those of reading a key and certificates. */
bool okse_signing_key_open(const char *key, const char *certificate, const char *passphrase_fd, OkseSigningKey *signer,
                           GError **error);
void okse_signing_key_clear(OkseSigningKey *signer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseSigningKey, okse_signing_key_clear)
