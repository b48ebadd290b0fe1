/* OpenSSL makes keys, recipients and the algorithm, and gives the cipher that it has set up; the bytes go through that
 * in large pieces, so that nothing is held and nothing is copied twice. */
#include "packager/cms_encrypt.h"

#include "core/limits.h"
#include "packager/cms_recipient.h"
#include "packager/cms_structure.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>

#define PIECE (128u << 10) /* a parity group has many writers at once */

struct OkseCmsWriter {
    CMS_ContentInfo *message;
    BIO *bio;               /* owns the cipher */
    EVP_CIPHER_CTX *cipher; /* borrowed from it */
    GBytes *front;          /* NULL once written */
    uint64_t length;        /* of the whole message */
    uint64_t left;          /* plain bytes to come */
    uint8_t *piece;
};

static bool failed(GError **error)
{
    return okse_fail(error, OKSE_ERROR_SYSTEM, "the part could not be encrypted: %s", okse_openssl_reason());
}

void okse_cms_writer_free(OkseCmsWriter *writer)
{
    if (writer == NULL)
        return;
    BIO_free_all(writer->bio); /* wipes the cipher's key */
    CMS_ContentInfo_free(writer->message);
    g_clear_pointer(&writer->front, g_bytes_unref);
    g_free(writer->piece);
    g_free(writer);
}

/* The keys are made and wrapped here, by OpenSSL. */
static bool begin(OkseCmsWriter *writer, const OkseCertificates *recipients, GError **error)
{
    const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_DETACHED;
    BIO *nowhere = BIO_new(BIO_s_null());

    writer->message = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), flags);
    if (writer->message == NULL || nowhere == NULL) {
        BIO_free(nowhere);
        return failed(error);
    }
    for (unsigned i = 0; i < okse_certificates_count(recipients); i++)
        if (!okse_cms_recipient_add(writer->message, recipients, i, error)) {
            BIO_free(nowhere);
            return false;
        }
    writer->bio = CMS_dataInit(writer->message, nowhere);
    if (writer->bio == NULL) {
        BIO_free(nowhere);
        return failed(error);
    }
    return BIO_get_cipher_ctx(writer->bio, &writer->cipher) == 1 || failed(error);
}

static GBytes *head_encode(CMS_ContentInfo *message, GError **error)
{
    unsigned char *der = NULL;
    int length = i2d_CMS_ContentInfo(message, &der);
    GBytes *head;

    if (length <= 0)
        return (void)failed(error), NULL;
    head = g_bytes_new(der, (gsize)length);
    OPENSSL_free(der);
    return head;
}

OkseCmsWriter *okse_cms_writer_new(const OkseCertificates *recipients, uint64_t size, GError **error)
{
    g_autoptr(OkseCmsWriter) writer = g_new0(OkseCmsWriter, 1);
    g_autoptr(GBytes) head = NULL;

    g_assert(okse_certificates_count(recipients) > 0 &&
             okse_certificates_count(recipients) <= OKSE_LIMIT_CMS_RECIPIENTS && size <= OKSE_LIMIT_CMS_PART);
    if (!begin(writer, recipients, error))
        return NULL;
    head = head_encode(writer->message, error);
    writer->front = head != NULL ? okse_cms_structure_front(head, size, error) : NULL;
    if (writer->front == NULL)
        return NULL;
    writer->left = size;
    writer->length = g_bytes_get_size(writer->front) + size + 2 + OKSE_CMS_TAG;
    writer->piece = g_malloc(PIECE);
    return g_steal_pointer(&writer);
}

uint64_t okse_cms_writer_length(const OkseCmsWriter *writer)
{
    return writer->length;
}

static bool front_write(OkseCmsWriter *writer, OkseCmsSink sink, void *context, GError **error)
{
    g_autoptr(GBytes) front = g_steal_pointer(&writer->front);
    const void *data;
    gsize length;

    if (front == NULL)
        return true;
    data = g_bytes_get_data(front, &length);
    return sink(context, data, length, error);
}

bool okse_cms_writer_write(OkseCmsWriter *writer, const void *data, size_t length, OkseCmsSink sink, void *context,
                           GError **error)
{
    const uint8_t *bytes = data;

    g_assert(length <= writer->left);
    if (!front_write(writer, sink, context, error))
        return false;
    while (length > 0) {
        int take = (int)MIN(length, (size_t)PIECE), made = 0;

        if (EVP_EncryptUpdate(writer->cipher, writer->piece, &made, bytes, take) != 1 || made != take)
            return failed(error);
        if (!sink(context, writer->piece, (size_t)made, error))
            return false;
        bytes += take;
        length -= (size_t)take;
        writer->left -= (uint64_t)take;
    }
    return true;
}

bool okse_cms_writer_end(OkseCmsWriter *writer, OkseCmsSink sink, void *context, GError **error)
{
    uint8_t tag[2 + OKSE_CMS_TAG] = {V_ASN1_OCTET_STRING, OKSE_CMS_TAG};
    int made = 0;

    g_assert(writer->left == 0);
    if (!front_write(writer, sink, context, error))
        return false;
    if (EVP_EncryptFinal_ex(writer->cipher, writer->piece, &made) != 1 || made != 0 ||
        EVP_CIPHER_CTX_ctrl(writer->cipher, EVP_CTRL_AEAD_GET_TAG, OKSE_CMS_TAG, tag + 2) != 1)
        return failed(error);
    return sink(context, tag, sizeof tag, error);
}
