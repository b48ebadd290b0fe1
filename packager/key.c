/* Keys through EVP. The table says which kinds exist; everything else is refused with its name. */
#include "packager/key.h"

#include "core/fd.h"
#include "packager/key_token.h"
#include "packager/openssl_bytes.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_PEM_LIMIT (64u << 10) /* a public key file */
#define KEY_FILE_LIMIT (1u << 20) /* a private key file, PKCS#12 with its chain included */
#define RSA_BITS_MINIMUM 3072
#define SM2_DEFAULT_ID "1234567812345678" /* GM/T 0009-2012, section 10; GB/T 35276 */

typedef struct {
    const char *name;   /* in trust policies and verdicts */
    const char *type;   /* what EVP_PKEY_is_a() knows */
    const char *curve;  /* OpenSSL's group name; NULL where there is none */
    const char *digest; /* NULL: the algorithm has its own */
    bool pss;
} Algorithm;

static const Algorithm algorithms[] = {
    {"ed25519", "ED25519", NULL, NULL, false},
    {"ecdsa-p256-sha256", "EC", "prime256v1", "SHA256", false},
    {"ecdsa-p384-sha384", "EC", "secp384r1", "SHA384", false},
    {"ecdsa-p521-sha512", "EC", "secp521r1", "SHA512", false},
    {"rsa-pss-sha256", "RSA", NULL, "SHA256", true},
    {"rsa-pss-sha256", "RSA-PSS", NULL, "SHA256", true},
    {"sm2-sm3", "SM2", NULL, "SM3", false},
    {"ml-dsa-65", "ML-DSA-65", NULL, NULL, false},
    {"ml-dsa-87", "ML-DSA-87", NULL, NULL, false},
};

static const char *const algorithm_names[] = {"ed25519",           "ecdsa-p256-sha256", "ecdsa-p384-sha384",
                                              "ecdsa-p521-sha512", "rsa-pss-sha256",    "sm2-sm3",
                                              "ml-dsa-65",         "ml-dsa-87",         NULL};

struct OkseKey {
    EVP_PKEY *pkey;
    const Algorithm *algorithm;
    OkseSha256 id;
};

const char *const *okse_key_algorithms(void)
{
    return algorithm_names;
}

const char *okse_openssl_reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return reason != NULL ? reason : "unknown cause";
}

static const Algorithm *algorithm_find(EVP_PKEY *pkey, const char *origin, GError **error)
{
    const char *type = EVP_PKEY_get0_type_name(pkey);
    char curve[64] = "";
    size_t length;

    EVP_PKEY_get_group_name(pkey, curve, sizeof curve, &length);
    ERR_clear_error();
    for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
        const Algorithm *known = &algorithms[i];

        if (!EVP_PKEY_is_a(pkey, known->type) || (known->curve != NULL && strcmp(known->curve, curve) != 0))
            continue;
        if (known->pss && EVP_PKEY_get_bits(pkey) < RSA_BITS_MINIMUM) {
            okse_fail(error, OKSE_ERROR_INVALID, "%s: an RSA key of %d bits is too weak (at least %d are needed)",
                      origin, EVP_PKEY_get_bits(pkey), RSA_BITS_MINIMUM);
            return NULL;
        }
        return known;
    }
    okse_fail(error, OKSE_ERROR_INVALID,
              "%s: keys of type %s%s%s are not accepted (use ed25519, ecdsa-p256, ecdsa-p384)", origin,
              type != NULL ? type : "unknown", curve[0] != '\0' ? " " : "", curve);
    return NULL;
}

/* The identity of a key, and the proof that OpenSSL can write it at all. */
static bool key_identify(EVP_PKEY *pkey, OkseSha256 *id)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(pkey, &der);

    if (length <= 0)
        return false;
    *id = okse_sha256_of(der, (size_t)length);
    OPENSSL_free(der);
    return true;
}

OkseKey *okse_key_take(EVP_PKEY *pkey, const char *origin, GError **error)
{
    const Algorithm *algorithm = algorithm_find(pkey, origin, error);
    OkseKey *key;
    OkseSha256 id;

    if (algorithm == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    if (!key_identify(pkey, &id)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: the public key cannot be read: %s", origin, okse_openssl_reason());
        EVP_PKEY_free(pkey);
        return NULL;
    }
    key = g_new(OkseKey, 1);
    *key = (OkseKey){pkey, algorithm, id};
    return key;
}

void okse_key_free(OkseKey *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    g_free(key);
}

typedef struct {
    const OkseKeyAccess *access;
    const char *origin;
    bool asked, answered;
    char typed[512]; /* on the terminal; wiped by whoever began */
} Passphrase;

/* OpenSSL's pem_password_cb: called only when the key turns out to be encrypted, and then by every decoder that tries:
 * a person is asked once. */
static int passphrase_give(char *buffer, int size, int writing, void *data)
{
    Passphrase *passphrase = data;
    const char *given = passphrase->access->passphrase;

    (void)writing;
    passphrase->asked = true;
    if (given == NULL && passphrase->access->prompt && *passphrase->typed == '\0') {
        g_autofree char *question = g_strdup_printf("Passphrase for %s: ", passphrase->origin);

        if (EVP_read_pw_string_min(passphrase->typed, 1, (int)sizeof passphrase->typed, question, 0) != 0)
            return -1;
    }
    if (given == NULL && *passphrase->typed != '\0')
        given = passphrase->typed;
    if (given == NULL || size < 0 || strlen(given) > (size_t)size)
        return -1;
    memcpy(buffer, given, strlen(given));
    passphrase->answered = true;
    return (int)strlen(given);
}

static EVP_PKEY *store_load(BIO *bio, const UI_METHOD *method, Passphrase *passphrase)
{
    OSSL_STORE_CTX *store = OSSL_STORE_attach(bio, "file", NULL, NULL, method, passphrase, NULL, NULL, NULL);
    EVP_PKEY *pkey = NULL;

    if (store == NULL)
        return NULL;
    if (OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        while (pkey == NULL && !OSSL_STORE_eof(store)) {
            OSSL_STORE_INFO *info = OSSL_STORE_load(store);

            if (info == NULL && OSSL_STORE_error(store))
                break;
            if (info != NULL)
                pkey = OSSL_STORE_INFO_get1_PKEY(info);
            OSSL_STORE_INFO_free(info);
        }
    OSSL_STORE_close(store);
    return pkey;
}

/* Read here and not by OpenSSL, which takes a failed or interrupted read for the end of the file. */
static bool file_read(int fd, uint8_t *memory, size_t *length, const char *path, GError **error)
{
    size_t used = 0;

    for (;;) {
        ssize_t got = read(fd, memory + used, KEY_FILE_LIMIT + 1 - used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return okse_fail_errno(error, "read %s", path);
        used += (size_t)got;
        if (used > KEY_FILE_LIMIT)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of %u bytes for a key", path,
                             KEY_FILE_LIMIT);
        if (got == 0)
            break;
    }
    *length = used;
    return true;
}

static EVP_PKEY *memory_load(const uint8_t *memory, size_t length, Passphrase *passphrase)
{
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(passphrase_give, 0);
    BIO *bio = BIO_new_mem_buf(memory, (int)length); /* within KEY_FILE_LIMIT */
    EVP_PKEY *pkey;

    g_assert(method != NULL && bio != NULL);
    ERR_clear_error();
    pkey = store_load(bio, method, passphrase);
    BIO_free(bio);
    UI_destroy_method(method);
    return pkey;
}

static EVP_PKEY *file_load(int fd, Passphrase *passphrase, GError **error)
{
    g_autofree uint8_t *memory = g_malloc(KEY_FILE_LIMIT + 1);
    EVP_PKEY *pkey = NULL;
    size_t length = 0;
    bool good = file_read(fd, memory, &length, passphrase->origin, error);

    if (good)
        pkey = memory_load(memory, length, passphrase);
    OPENSSL_cleanse(memory, KEY_FILE_LIMIT + 1);
    if (!good)
        return NULL;
    if (pkey == NULL && passphrase->asked && !passphrase->answered)
        okse_fail(error, OKSE_ERROR_INVALID, "%s: the key is encrypted and no passphrase was given (--passphrase-fd N)",
                  passphrase->origin);
    else if (pkey == NULL && passphrase->asked)
        okse_fail(error, OKSE_ERROR_INVALID, "%s: the passphrase is wrong, or the key is damaged", passphrase->origin);
    else if (pkey == NULL)
        okse_fail(error, OKSE_ERROR_INVALID, "%s: holds no private key (PEM, DER or PKCS#12)", passphrase->origin);
    ERR_clear_error();
    return pkey;
}

OkseKey *okse_key_open(const char *uri, const OkseKeyAccess *access, GError **error)
{
    const char *path = g_str_has_prefix(uri, "file://") ? uri + 7 : g_str_has_prefix(uri, "file:") ? uri + 5 : uri;
    Passphrase passphrase = {.access = access, .origin = path};
    okse_autofd fd = -1;
    struct stat status;
    EVP_PKEY *pkey;

    if (g_str_has_prefix(uri, "pkcs11:")) {
        pkey = okse_token_load(uri, access, error);
        return pkey != NULL ? okse_key_take(pkey, uri, error) : NULL;
    }
    fd = okse_open(path, O_RDONLY | O_NOCTTY, 0, error);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) < 0) {
        okse_fail_errno(error, "%s", path);
        return NULL;
    }
    if (S_ISDIR(status.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is a directory where a key file belongs", path);
        return NULL;
    }
    pkey = file_load(fd, &passphrase, error);
    OPENSSL_cleanse(passphrase.typed, sizeof passphrase.typed);
    return pkey != NULL ? okse_key_take(pkey, path, error) : NULL;
}

OkseKey *okse_key_read_public(GBytes *pem, const char *origin, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(pem, &length);
    EVP_PKEY *pkey;
    BIO *bio;

    if (length > KEY_PEM_LIMIT) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of %u bytes for a public key", origin,
                  KEY_PEM_LIMIT);
        return NULL;
    }
    if (length > 0 && g_strstr_len(data, (gssize)length, "PRIVATE KEY-----") != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "%s: is a private key where a public key belongs (openssl pkey -in … -pubout)", origin);
        return NULL;
    }
    bio = okse_openssl_bio(pem);
    pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no public key in PEM (-----BEGIN PUBLIC KEY-----)", origin);
        return NULL;
    }
    return okse_key_take(pkey, origin, error);
}

const char *okse_key_algorithm(const OkseKey *key)
{
    return key->algorithm->name;
}

EVP_PKEY *okse_key_pkey(const OkseKey *key)
{
    return key->pkey;
}

const OkseSha256 *okse_key_id(const OkseKey *key)
{
    return &key->id;
}

/* The context for one signing or verifying operation; NULL when OpenSSL refuses the combination. */
static EVP_MD_CTX *operation_start(const OkseKey *key, const char *digest, bool signing)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    char id[] = SM2_DEFAULT_ID;
    const OSSL_PARAM set[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_DIST_ID, id, strlen(id)), OSSL_PARAM_END};
    int started;

    g_assert(context != NULL);
    started = signing ? EVP_DigestSignInit_ex(context, &parameters, digest, NULL, NULL, key->pkey, NULL)
                      : EVP_DigestVerifyInit_ex(context, &parameters, digest, NULL, NULL, key->pkey, NULL);
    if (started == 1 && EVP_PKEY_is_a(key->pkey, "SM2")) /* not at the start: 3.0.19 computes nothing from it then */
        started = EVP_PKEY_CTX_set_params(parameters, set) == 1;
    if (started == 1 && key->algorithm->pss)
        started = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (started == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

GBytes *okse_key_sign(const OkseKey *key, GBytes *message, GError **error)
{
    EVP_MD_CTX *context = operation_start(key, key->algorithm->digest, true);
    gsize length;
    const void *data = g_bytes_get_data(message, &length);
    g_autofree uint8_t *signature = NULL;
    size_t size = 0;
    bool done = context != NULL && EVP_DigestSign(context, NULL, &size, data, length) == 1;

    if (done) {
        signature = g_malloc(size);
        done = EVP_DigestSign(context, signature, &size, data, length) == 1;
    }
    EVP_MD_CTX_free(context);
    if (!done) {
        okse_fail(error, OKSE_ERROR_SYSTEM, "the key cannot sign: %s", okse_openssl_reason());
        return NULL;
    }
    return g_bytes_new(signature, size);
}

static bool verify_with(const OkseKey *key, const char *digest, GBytes *message, GBytes *signature)
{
    EVP_MD_CTX *context = operation_start(key, digest, false);
    gsize length, size;
    const void *data = g_bytes_get_data(message, &length);
    const void *claimed = g_bytes_get_data(signature, &size);
    bool good = context != NULL && EVP_DigestVerify(context, claimed, size, data, length) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

bool okse_key_verify(const OkseKey *key, GBytes *message, GBytes *signature)
{
    return verify_with(key, key->algorithm->digest, message, signature);
}

bool okse_key_verify_sha256(const OkseKey *key, GBytes *message, GBytes *signature)
{
    return verify_with(key, "SHA256", message, signature);
}
