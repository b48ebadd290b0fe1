#pragma once

#include "packager/key.h"

/* A private key that cannot leave its token: a pkcs11: URI (RFC 7512) through OpenSSL's pkcs11 engine
 * (libengine-pkcs11-openssl), the module from PKCS11_MODULE_PATH or openssl.cnf. The access's passphrase is the PIN.
 * Returns a key that the caller owns. Errors: INVALID (no such key, wrong PIN), SYSTEM (no engine). */
EVP_PKEY *okse_token_load(const char *uri, const OkseKeyAccess *access, GError **error) G_GNUC_WARN_UNUSED_RESULT;
