/* Encrypting and decrypting a stream: every length around the pieces, and a bit flipped in every region. That other
 * programs agree is shown by tests/e2e/test_encrypted_parts.py. */
#include "core/fd.h"
#include "packager/cms_decrypt.h"
#include "packager/cms_encrypt.h"
#include "packager/cms_recipient.h"
#include "packager/cms_structure.h"

#include <openssl/x509v3.h>
#include <string.h>
#include <sys/mman.h>

#define NOW 1790000000

static OkseKey *recipient_new(const char *type, const char *usage, OkseCertificates *list)
{
    g_autoptr(GError) error = NULL;
    OkseKey *key = okse_key_new(type, &error);
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *extension = usage != NULL ? X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage) : NULL;

    g_assert_no_error(error);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)type, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 0x4711);
    X509_set_pubkey(certificate, okse_key_pkey(key));
    ASN1_TIME_set(X509_getm_notBefore(certificate), NOW - 10);
    ASN1_TIME_set(X509_getm_notAfter(certificate), NOW + 10);
    if (extension != NULL)
        X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, okse_key_pkey(key), strcmp(type, "ed25519") == 0 ? NULL : EVP_sha256());
    okse_certificates_add(list, certificate);
    X509_free(certificate);
    return key;
}

static bool collect(void *context, const void *data, size_t length, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)length);
    return true;
}

static GByteArray *encrypt(const OkseCertificates *recipients, const uint8_t *plain, size_t size, size_t step)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseCmsWriter) writer = okse_cms_writer_new(recipients, size, &error);
    GByteArray *out = g_byte_array_new();

    g_assert_no_error(error);
    for (size_t at = 0; at < size; at += step)
        g_assert_true(okse_cms_writer_write(writer, plain + at, MIN(step, size - at), collect, out, &error));
    g_assert_true(okse_cms_writer_end(writer, collect, out, &error));
    g_assert_cmpuint(okse_cms_writer_length(writer), ==, out->len);
    return out;
}

static int file_of(const uint8_t *data, size_t length)
{
    int fd = memfd_create("message", MFD_CLOEXEC);

    g_assert_true(okse_write_all(fd, data, length, "memory", NULL));
    return fd;
}

/* The plain bytes, or NULL and what was wrong. */
static GByteArray *decrypt(const uint8_t *data, size_t length, const OkseKey *key, size_t step, GError **error)
{
    okse_autofd fd = file_of(data, length);
    g_autoptr(OkseCmsReader) reader = okse_cms_reader_new(fd, "message", error);
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autofree uint8_t *buffer = g_malloc(step);
    size_t got = 0;

    if (reader == NULL || !okse_cms_reader_unlock(reader, key, NULL, error))
        return NULL;
    for (unsigned round = 0; round < 2; round++) {
        g_byte_array_set_size(plain, 0);
        do {
            if (!okse_cms_reader_read(reader, buffer, step, &got, error)) {
                g_assert_false(okse_cms_reader_is_authentic(reader));
                return NULL;
            }
            g_byte_array_append(plain, buffer, (guint)got);
        } while (got > 0);
        g_assert_true(okse_cms_reader_is_authentic(reader));
        g_assert_cmpuint(plain->len, ==, okse_cms_reader_size(reader));
        if (round == 0)
            g_assert_true(okse_cms_reader_rewind(reader, error));
    }
    return g_steal_pointer(&plain);
}

static void lengths_come_back(void)
{
    const size_t sizes[] = {0, 1, 15, 16, 17, 1000, (1u << 20) - 1, 1u << 20, (1u << 20) + 1, (3u << 20) + 5};
    g_autoptr(OkseCertificates) list = okse_certificates_new();
    g_autoptr(OkseKey) first = recipient_new("ecdsa-p256", NULL, list),
                       second = recipient_new("ecdsa-p521", NULL, list),
                       third = recipient_new("rsa-3072", "keyEncipherment", list);
    const OkseKey *keys[] = {first, second, third};
    g_autofree uint8_t *plain = g_malloc(4u << 20);

    for (unsigned i = 0; i < 4u << 20; i++)
        plain[i] = (uint8_t)(i * 7 + (i >> 9));
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        for (gsize step = 4099; step < 3u << 20; step *= 300) {
            g_autoptr(GByteArray) message = encrypt(list, plain, sizes[i], step);

            for (gsize k = 0; k < G_N_ELEMENTS(keys); k++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GByteArray) back = decrypt(message->data, message->len, keys[k], step, &error);

                g_assert_no_error(error);
                g_assert_cmpmem(back->data, back->len, plain, (int)sizes[i]);
            }
        }
}

/* Nothing but the exact message is taken: not one with a bit flipped anywhere, not one that ends early. */
static void damage_is_refused(void)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new();
    g_autoptr(OkseKey) key = recipient_new("ecdsa-p256", NULL, list);
    const uint8_t plain[40] = "a part of a bundle";
    g_autoptr(GByteArray) message = encrypt(list, plain, sizeof plain, 7);
    unsigned opened = 0;

    for (guint at = 0; at < message->len; at++) {
        g_autoptr(GError) error = NULL, early = NULL;
        g_autoptr(GByteArray) back = NULL, shorter = decrypt(message->data, at, key, 64, &early);

        g_assert_null(shorter);
        g_assert_nonnull(early);
        message->data[at] ^= 1;
        back = decrypt(message->data, message->len, key, 64, &error);
        message->data[at] ^= 1;
        g_assert_true((back == NULL) == (error != NULL));
        /* who a recipient is by name protects nobody: the key is found without it */
        if (back != NULL) {
            g_assert_cmpmem(back->data, back->len, plain, (int)sizeof plain);
            opened++;
        }
    }
    g_assert_cmpuint(opened, <, 64); /* issuer, serial, versions, unused bits */
}

static bool same_content(const GByteArray *one, const GByteArray *other)
{
    return memcmp(one->data + one->len - 90, other->data + other->len - 90, 90) == 0;
}

static void keys_are_fresh(void)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new();
    G_GNUC_UNUSED g_autoptr(OkseKey) key = recipient_new("ecdsa-p256", NULL, list);
    const uint8_t plain[60] = "the same";
    g_autoptr(GByteArray) one = encrypt(list, plain, sizeof plain, 60), other = encrypt(list, plain, sizeof plain, 60);

    g_assert_false(same_content(one, other));
}

static void expect_refusal(const char *type, const char *usage, gint64 at, const char *words)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new();
    G_GNUC_UNUSED g_autoptr(OkseKey) key = recipient_new(type, usage, list);
    g_autoptr(GError) error = NULL;
    bool good = okse_cms_recipient_check(list, 0, "x.pem", at, &error);

    g_assert_cmpint(good, ==, words == NULL);
    if (words != NULL)
        g_assert_nonnull(strstr(error->message, words));
}

static void recipients_are_checked(void)
{
    expect_refusal("ecdsa-p256", NULL, NOW, NULL);
    expect_refusal("ecdsa-p384", "keyAgreement", NOW, NULL);
    expect_refusal("ecdsa-p256", "digitalSignature", NOW, "keyAgreement is missing");
    expect_refusal("rsa-3072", "keyAgreement", NOW, "keyEncipherment is missing");
    expect_refusal("ecdsa-p256", NULL, NOW + 11, "ended on 2026-09-21");
    expect_refusal("ecdsa-p256", NULL, NOW - 11, "begins only on 2026-09-21");
    expect_refusal("ed25519", NULL, NOW, "nothing can be encrypted to an ed25519 key");
}

static void others_are_told_who(void)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new(), others = okse_certificates_new();
    G_GNUC_UNUSED g_autoptr(OkseKey) first = recipient_new("ecdsa-p256", NULL, list);
    g_autoptr(OkseKey) other = recipient_new("rsa-3072", NULL, others);
    g_autoptr(OkseKey) third = recipient_new("ecdsa-p384", NULL, others);
    g_autoptr(GByteArray) message = encrypt(list, (const uint8_t *)"x", 1, 1);
    g_autoptr(GError) error = NULL, second = NULL;

    g_assert_null(decrypt(message->data, message->len, other, 1, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_REFUSED);
    g_assert_cmpstr(error->message, ==,
                    "message: is not encrypted to this key; its recipients are: issuer CN=ecdsa-p256, serial 4711");
    g_assert_null(decrypt(message->data, message->len, third, 1, &second));
    g_assert_error(second, OKSE_ERROR, OKSE_ERROR_REFUSED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/cms/lengths-come-back", lengths_come_back);
    g_test_add_func("/packager/cms/damage-is-refused", damage_is_refused);
    g_test_add_func("/packager/cms/keys-are-fresh", keys_are_fresh);
    g_test_add_func("/packager/cms/recipients-are-checked", recipients_are_checked);
    g_test_add_func("/packager/cms/others-are-told-who", others_are_told_who);
    return g_test_run();
}
