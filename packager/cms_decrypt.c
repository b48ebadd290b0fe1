#include "packager/cms_decrypt.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/cms_recipient.h"
#include "packager/cms_structure.h"
#include "packager/cms_walk.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#define PIECE (1u << 20)

struct OkseCmsReader {
    int fd;
    char *name;
    OkseCmsStructure structure;
    OkseCmsWindow *window; /* for the headers of pieces; NULL when there is one piece */
    CMS_ContentInfo *message;
    GPtrArray *recipients;
    BIO *bio;               /* owns the cipher; NULL until unlocked */
    EVP_CIPHER_CTX *cipher; /* borrowed from it */
    uint8_t nonce[OKSE_CMS_NONCE], tag[OKSE_CMS_TAG];
    uint64_t at;         /* in the file */
    uint64_t piece_left; /* of the piece that is being read */
    uint64_t left;       /* plain bytes to come */
    bool authentic;
};

void okse_cms_reader_free(OkseCmsReader *reader)
{
    if (reader == NULL)
        return;
    BIO_free_all(reader->bio); /* wipes the cipher's key */
    CMS_ContentInfo_free(reader->message);
    okse_cms_window_free(reader->window);
    okse_cms_structure_clear(&reader->structure);
    g_clear_pointer(&reader->recipients, g_ptr_array_unref);
    g_free(reader->name);
    g_free(reader);
}

static bool message_read(OkseCmsReader *reader, GError **error)
{
    gsize length;
    const unsigned char *cursor = g_bytes_get_data(reader->structure.head, &length), *end = cursor + length;

    reader->message = d2i_CMS_ContentInfo(NULL, &cursor, (long)length);
    if (reader->message == NULL || cursor != end)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the recipients of the CMS message cannot be read: %s",
                         reader->name, okse_openssl_reason());
    reader->recipients = okse_cms_recipients(reader->message);
    if (reader->recipients->len == 0 || reader->recipients->len > OKSE_LIMIT_CMS_RECIPIENTS)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: %u recipients (1 to %u can be)", reader->name,
                         reader->recipients->len, OKSE_LIMIT_CMS_RECIPIENTS);
    ERR_clear_error();
    return true;
}

/* The tag stands at the end of the head: an OCTET STRING of 16 bytes before three ends of containers. */
static void tag_take(OkseCmsReader *reader)
{
    gsize length;
    const uint8_t *head = g_bytes_get_data(reader->structure.head, &length);

    memcpy(reader->tag, head + length - 6 - OKSE_CMS_TAG, OKSE_CMS_TAG);
}

static void go_to_front(OkseCmsReader *reader)
{
    reader->at = reader->structure.content_at;
    reader->left = reader->structure.size;
    reader->piece_left = reader->structure.pieces ? 0 : reader->structure.size;
    reader->authentic = false;
}

OkseCmsReader *okse_cms_reader_new(int fd, const char *name, GError **error)
{
    g_autoptr(OkseCmsReader) reader = g_new0(OkseCmsReader, 1);
    struct stat status;

    reader->fd = fd;
    reader->name = g_strdup(name);
    if (!okse_cms_structure_read(fd, name, &reader->structure, error) || !message_read(reader, error))
        return NULL;
    if (reader->structure.pieces && fstat(fd, &status) < 0)
        return (void)okse_fail_errno(error, "look at %s", name), NULL;
    if (reader->structure.pieces)
        reader->window = okse_cms_window_new(fd, (uint64_t)status.st_size, reader->name);
    tag_take(reader);
    go_to_front(reader);
    return g_steal_pointer(&reader);
}

uint64_t okse_cms_reader_size(const OkseCmsReader *reader)
{
    return reader->structure.size;
}

const GPtrArray *okse_cms_reader_recipients(const OkseCmsReader *reader)
{
    return reader->recipients;
}

static bool not_for(const OkseCmsReader *reader, const char *what, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < reader->recipients->len; i++)
        g_string_append_printf(list, "%s%s", i > 0 ? "; " : "", (const char *)g_ptr_array_index(reader->recipients, i));
    ERR_clear_error();
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: is not encrypted to %s; its recipients are: %s", reader->name,
                     what, list->str);
}

static bool is_oaep(CMS_RecipientInfo *recipient)
{
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;

    if (CMS_RecipientInfo_ktri_get0_algs(recipient, NULL, NULL, &algorithm) != 1)
        return false;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return OBJ_obj2nid(object) == NID_rsaesOaep;
}

/* OAEP says at once whether the key is the right one. */
static bool open_oaep(OkseCmsReader *reader, EVP_PKEY *key, X509 *certificate)
{
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(reader->message);

    for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(recipients, i);
        int good;

        if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_TRANS || !is_oaep(recipient) ||
            (certificate != NULL && CMS_RecipientInfo_ktri_cert_cmp(recipient, certificate) != 0))
            continue;
        EVP_PKEY_up_ref(key);
        CMS_RecipientInfo_set0_pkey(recipient, key);
        good = CMS_RecipientInfo_decrypt(reader->message, recipient);
        CMS_RecipientInfo_set0_pkey(recipient, NULL);
        if (good > 0)
            return true;
    }
    return false;
}

static bool has_old_padding(OkseCmsReader *reader, X509 *certificate)
{
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(reader->message);

    for (int i = 0; i < sk_CMS_RecipientInfo_num(recipients); i++) {
        CMS_RecipientInfo *recipient = sk_CMS_RecipientInfo_value(recipients, i);

        if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_TRANS && !is_oaep(recipient) &&
            (certificate == NULL || CMS_RecipientInfo_ktri_cert_cmp(recipient, certificate) == 0))
            return true;
    }
    return false;
}

/* PKCS #1 v1.5 must not say whether the padding was good (RFC 3218): OpenSSL goes on with a random key then, and what
 * comes out has no good tag. */
static bool open_recipient(OkseCmsReader *reader, EVP_PKEY *key, X509 *certificate)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        if (open_oaep(reader, key, certificate))
            return true;
        ERR_clear_error();
        if (!has_old_padding(reader, certificate))
            return false;
    }
    return CMS_decrypt_set1_pkey(reader->message, key, certificate) == 1;
}

static bool cipher_take(OkseCmsReader *reader, GError **error)
{
    BIO *nowhere = BIO_new(BIO_s_null());

    reader->bio = nowhere != NULL ? CMS_dataInit(reader->message, nowhere) : NULL;
    if (reader->bio == NULL) {
        BIO_free(nowhere);
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: cannot be decrypted: %s", reader->name, okse_openssl_reason());
    }
    if (BIO_get_cipher_ctx(reader->bio, &reader->cipher) != 1 ||
        EVP_CIPHER_CTX_get_iv_length(reader->cipher) != OKSE_CMS_NONCE ||
        EVP_CIPHER_CTX_get_original_iv(reader->cipher, reader->nonce, sizeof reader->nonce) != 1)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: cannot be decrypted: %s", reader->name, okse_openssl_reason());
    return true;
}

bool okse_cms_reader_unlock(OkseCmsReader *reader, const OkseKey *key, X509 *certificate, GError **error)
{
    EVP_PKEY *pkey = okse_key_pkey(key);
    int type = EVP_PKEY_get_base_id(pkey);
    g_autofree char *who = NULL;

    g_assert(reader->bio == NULL);
    if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "an %s key decrypts nothing: the key of the certificate is needed "
                         "that the parts were encrypted to",
                         okse_key_algorithm(key));
    if (certificate != NULL && X509_check_private_key(certificate, pkey) != 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "the certificate is not the key's: %s", okse_openssl_reason());
    if (certificate != NULL && !okse_cms_recipients_have(reader->message, certificate)) {
        who = okse_cms_recipient_describe(certificate);
        return not_for(reader, who, error);
    }
    if (!open_recipient(reader, pkey, certificate))
        return not_for(reader, "this key", error);
    return cipher_take(reader, error);
}

bool okse_cms_reader_rewind(OkseCmsReader *reader, GError **error)
{
    if (EVP_DecryptInit_ex(reader->cipher, NULL, NULL, NULL, reader->nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(reader->cipher, EVP_CTRL_AEAD_SET_TAG, OKSE_CMS_TAG, reader->tag) != 1)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: cannot be decrypted: %s", reader->name, okse_openssl_reason());
    go_to_front(reader);
    return true;
}

/* Enciphered bytes of the content into `buffer`, at most `length` and not beyond a piece. */
static bool content_take(OkseCmsReader *reader, uint8_t *buffer, size_t length, size_t *taken, GError **error)
{
    while (reader->piece_left == 0) { /* empty pieces are allowed */
        if (!okse_cms_window_piece(reader->window, &reader->at, reader->structure.content_end, &reader->piece_left,
                                   error))
            return false;
    }
    *taken = (size_t)MIN((uint64_t)length, MIN(reader->piece_left, reader->left)); /* the file may have changed */
    if (!okse_pread_exact(reader->fd, buffer, *taken, reader->at, reader->name, error))
        return false;
    reader->at += *taken;
    reader->piece_left -= *taken;
    return true;
}

static bool check_tag(OkseCmsReader *reader, GError **error)
{
    uint8_t nothing[EVP_MAX_BLOCK_LENGTH];
    int made = 0;

    reader->authentic = EVP_DecryptFinal_ex(reader->cipher, nothing, &made) == 1;
    ERR_clear_error();
    return reader->authentic || okse_fail(error, OKSE_ERROR_REFUSED,
                                          "%s: was changed or damaged: its authentication tag is wrong", reader->name);
}

bool okse_cms_reader_read(OkseCmsReader *reader, void *buffer, size_t length, size_t *got, GError **error)
{
    uint8_t *bytes = buffer;

    g_assert(reader->bio != NULL);
    *got = 0;
    while (length > 0 && reader->left > 0) {
        size_t taken = 0;
        int made = 0;

        if (!content_take(reader, bytes, MIN(length, (size_t)PIECE), &taken, error))
            return false;
        if (EVP_DecryptUpdate(reader->cipher, bytes, &made, bytes, (int)taken) != 1 || (size_t)made != taken)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: cannot be decrypted: %s", reader->name,
                             okse_openssl_reason());
        bytes += taken;
        length -= taken;
        *got += taken;
        reader->left -= taken;
    }
    return reader->left > 0 || reader->authentic || check_tag(reader, error);
}

bool okse_cms_reader_is_authentic(const OkseCmsReader *reader)
{
    return reader->authentic;
}
