/* New keys, and keys as PEM text. */
#include "packager/key.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

typedef struct {
    void *data;
    size_t length;
} Secret;

static void secret_free(void *memory)
{
    Secret *secret = memory;

    OPENSSL_cleanse(secret->data, secret->length);
    g_free(secret->data);
    g_free(secret);
}

static GBytes *bio_bytes(BIO *bio)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    Secret *secret = g_new(Secret, 1);

    *secret = (Secret){g_memdup2(data, (gsize)length), (size_t)length};
    return g_bytes_new_with_free_func(secret->data, secret->length, secret_free, secret);
}

OkseKey *okse_key_new(const char *type, GError **error)
{
    EVP_PKEY *pkey = NULL;

    if (strcmp(type, "ed25519") == 0) {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    } else if (strcmp(type, "ecdsa-p256") == 0) {
        pkey = EVP_EC_gen("P-256");
    } else if (strcmp(type, "ecdsa-p384") == 0) {
        pkey = EVP_EC_gen("P-384");
    } else if (strcmp(type, "ecdsa-p521") == 0) {
        pkey = EVP_EC_gen("P-521");
    } else if (strcmp(type, "rsa-3072") == 0) {
        pkey = EVP_RSA_gen(3072);
    } else {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "unknown key type '%s' (known: ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-3072)", type);
        return NULL;
    }
    if (pkey == NULL) {
        okse_fail(error, OKSE_ERROR_SYSTEM, "the key could not be made: %s", okse_openssl_reason());
        return NULL;
    }
    return okse_key_take(pkey, type, error);
}

GBytes *okse_key_public_pem(const OkseKey *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    GBytes *pem;

    g_assert(bio != NULL);
    if (PEM_write_bio_PUBKEY(bio, okse_key_pkey(key)) != 1)
        g_error("a public key that was read cannot be written");
    pem = bio_bytes(bio);
    BIO_free(bio);
    return pem;
}

GBytes *okse_key_private_pem(const OkseKey *key, const char *passphrase, GError **error)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_256_cbc() : NULL;
    int length = passphrase != NULL ? (int)strlen(passphrase) : 0;
    GBytes *pem = NULL;

    g_assert(bio != NULL);
    if (PEM_write_bio_PKCS8PrivateKey(bio, okse_key_pkey(key), cipher, passphrase, length, NULL, NULL) == 1)
        pem = bio_bytes(bio);
    else
        okse_fail(error, OKSE_ERROR_SYSTEM, "the private key cannot be written: %s", okse_openssl_reason());
    BIO_free(bio);
    return pem;
}
