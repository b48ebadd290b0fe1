/* An encrypted message from a courier: its containers, its recipients, and its bytes with a key that fits the corpus.
 */
#include "core/fd.h"
#include "packager/cms_decrypt.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The private key 1 on P-256, whose public key is the curve's generator. */
static EVP_PKEY *key_one(void)
{
    static const uint8_t generator[] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
                                        0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
                                        0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
                                        0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
                                        0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *one = BN_new();
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters;

    BN_one(one);
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, generator, sizeof generator);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, one);
    parameters = OSSL_PARAM_BLD_to_param(build);
    g_assert_true(EVP_PKEY_fromdata_init(context) == 1 &&
                  EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) == 1);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    BN_free(one);
    return key;
}

static void read_all(OkseCmsReader *reader)
{
    g_autoptr(GError) error = NULL;
    uint8_t buffer[4096];
    uint64_t sum = 0;
    size_t got = 0;

    do {
        if (!okse_cms_reader_read(reader, buffer, sizeof buffer, &got, &error)) {
            g_assert_true(error != NULL && !okse_cms_reader_is_authentic(reader));
            return;
        }
        sum += got;
    } while (got > 0);
    g_assert_true(okse_cms_reader_is_authentic(reader) && sum == okse_cms_reader_size(reader));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OkseKey *key;
    okse_autofd fd = memfd_create("message", MFD_CLOEXEC);
    g_autoptr(OkseCmsReader) reader = NULL;
    g_autoptr(GError) error = NULL;

    if (key == NULL)
        key = okse_key_take(key_one(), "fuzz", NULL);
    g_assert_true(okse_write_all(fd, data, size, "memory", NULL));
    reader = okse_cms_reader_new(fd, "fuzz", &error);
    g_assert_true((reader == NULL) == (error != NULL));
    if (reader == NULL)
        return 0;
    for (guint i = 0; i < okse_cms_reader_recipients(reader)->len; i++)
        g_assert_nonnull(g_ptr_array_index(okse_cms_reader_recipients(reader), i));
    if (okse_cms_reader_unlock(reader, key, NULL, &error))
        read_all(reader);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    return 0;
}
