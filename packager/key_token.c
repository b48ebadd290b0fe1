/* PKCS#11 on OpenSSL 3.0: libcrypto registers no store scheme for tokens (only the openssl command does), so the engine
 * is asked directly. ENGINE is deprecated without a replacement in 3.0; this is the one room that uses it. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "packager/key_token.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <string.h>

static int pin_give(char *buffer, int size, int writing, void *data)
{
    const OkseKeyAccess *access = data;

    (void)writing;
    if (access->passphrase == NULL && access->prompt)
        return EVP_read_pw_string_min(buffer, 1, size, "PIN of the token: ", 0) == 0 ? (int)strlen(buffer) : -1;
    if (access->passphrase == NULL || size < 0 || strlen(access->passphrase) > (size_t)size)
        return -1;
    memcpy(buffer, access->passphrase, strlen(access->passphrase));
    return (int)strlen(access->passphrase);
}

EVP_PKEY *okse_token_load(const char *uri, const OkseKeyAccess *access, GError **error)
{
    OkseKeyAccess copy = *access; /* the callback takes a pointer that is not const */
    UI_METHOD *method = NULL;
    EVP_PKEY *pkey = NULL;
    ENGINE *engine;

    ENGINE_load_dynamic();
    engine = ENGINE_by_id("pkcs11");
    if (engine == NULL || ENGINE_init(engine) != 1) {
        ENGINE_free(engine);
        okse_fail(error, OKSE_ERROR_SYSTEM,
                  "%s: the pkcs11 engine of OpenSSL cannot be loaded: %s (install libengine-pkcs11-openssl and set "
                  "PKCS11_MODULE_PATH)",
                  uri, okse_openssl_reason());
        return NULL;
    }
    method = UI_UTIL_wrap_read_pem_callback(pin_give, 0);
    g_assert(method != NULL);
    pkey = ENGINE_load_private_key(engine, uri, method, &copy);
    UI_destroy_method(method);
    ENGINE_finish(engine);
    ENGINE_free(engine);
    if (pkey == NULL)
        okse_fail(error, OKSE_ERROR_INVALID, "%s: no such private key on a token, or the PIN is wrong: %s", uri,
                  okse_openssl_reason());
    return pkey;
}
