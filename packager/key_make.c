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

typedef struct {
    const char *name;  /* as people write it */
    const char *type;  /* OpenSSL's name */
    const char *curve; /* EC */
    unsigned bits;     /* RSA */
    const char *since; /* the OpenSSL that has it first; NULL: every one */
} Kind;

static const Kind kinds[] = {
    {"ed25519", "ED25519", NULL, 0, NULL},
    {"ecdsa-p256", "EC", "P-256", 0, NULL},
    {"ecdsa-p384", "EC", "P-384", 0, NULL},
    {"ecdsa-p521", "EC", "P-521", 0, NULL},
    {"rsa-3072", "RSA", NULL, 3072, NULL},
    {"rsa-4096", "RSA", NULL, 4096, NULL},
    {"sm2", "SM2", NULL, 0, NULL},
    {"ml-dsa-65", "ML-DSA-65", NULL, 0, "3.5"},
    {"ml-dsa-87", "ML-DSA-87", NULL, 0, "3.5"},
};

static EVP_PKEY *generate(const Kind *kind)
{
    if (kind->curve != NULL)
        return EVP_EC_gen(kind->curve);
    return kind->bits > 0 ? EVP_RSA_gen(kind->bits) : EVP_PKEY_Q_keygen(NULL, NULL, kind->type);
}

char *okse_key_types(void)
{
    GString *text = g_string_new(kinds[0].name);

    for (size_t i = 1; i < G_N_ELEMENTS(kinds); i++)
        g_string_append_printf(text, ", %s", kinds[i].name);
    return g_string_free(text, FALSE);
}

OkseKey *okse_key_new(const char *type, GError **error)
{
    g_autofree char *known = okse_key_types();

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        EVP_PKEY *pkey;

        if (strcmp(kinds[i].name, type) != 0)
            continue;
        pkey = generate(&kinds[i]);
        if (pkey != NULL)
            return okse_key_take(pkey, type, error);
        if (kinds[i].since != NULL)
            okse_fail(error, OKSE_ERROR_INVALID, "%s needs OpenSSL %s, and this is %s", type, kinds[i].since,
                      OpenSSL_version(OPENSSL_VERSION_STRING));
        else
            okse_fail(error, OKSE_ERROR_SYSTEM, "the key could not be made: %s", okse_openssl_reason());
        ERR_clear_error();
        return NULL;
    }
    okse_fail(error, OKSE_ERROR_INVALID, "unknown key type '%s' (known: %s)", type, known);
    return NULL;
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
