/* SHA-256 through EVP. A failure of the hash itself is a broken OpenSSL, which is a bug and aborts: a digest that
 * was not computed must never be compared. */
#include "core/digest.h"

#include <openssl/evp.h>
#include <string.h>

struct OkseSha256Stream {
    EVP_MD_CTX *context;
};

/* Fetched once: with the name of an algorithm alone OpenSSL looks it up again for every digest. */
static const EVP_MD *algorithm(void)
{
    static gsize once;
    static EVP_MD *sha256;

    if (g_once_init_enter(&once)) {
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (sha256 == NULL)
            g_error("SHA-256 is not available");
        g_once_init_leave(&once, 1);
    }
    return sha256;
}

bool okse_sha256_equal(const OkseSha256 *a, const OkseSha256 *b)
{
    return memcmp(a->bytes, b->bytes, OKSE_SHA256_LENGTH) == 0;
}

int okse_sha256_compare(const OkseSha256 *a, const OkseSha256 *b)
{
    return memcmp(a->bytes, b->bytes, OKSE_SHA256_LENGTH);
}

guint okse_sha256_hash(gconstpointer digest)
{
    guint value;

    memcpy(&value, ((const OkseSha256 *)digest)->bytes, sizeof value);
    return value;
}

gboolean okse_sha256_same(gconstpointer a, gconstpointer b)
{
    return okse_sha256_equal(a, b);
}

OkseSha256 okse_sha256_of(const void *data, size_t length)
{
    OkseSha256 digest;
    unsigned size = 0;

    if (EVP_Digest(data, length, digest.bytes, &size, algorithm(), NULL) != 1 || size != OKSE_SHA256_LENGTH)
        g_error("SHA-256 is not available");
    return digest;
}

OkseSha256 okse_sha256_of_bytes(GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return okse_sha256_of(data, length);
}

char *okse_sha256_hex(const OkseSha256 *digest, char text[OKSE_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < OKSE_SHA256_LENGTH; i++) {
        text[2 * i] = digits[digest->bytes[i] >> 4];
        text[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    text[2 * OKSE_SHA256_LENGTH] = '\0';
    return text;
}

char *okse_sha256_text(const OkseSha256 *digest, char text[OKSE_SHA256_TEXT])
{
    memcpy(text, "sha256:", 7);
    okse_sha256_hex(digest, text + 7);
    return text;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool okse_sha256_parse(const char *text, OkseSha256 *digest, GError **error)
{
    const char *hex = g_str_has_prefix(text, "sha256:") ? text + 7 : text;
    OkseSha256 parsed;

    if (strlen(hex) != 2 * OKSE_SHA256_LENGTH)
        return okse_fail(error, OKSE_ERROR_INVALID, "not a sha256 digest: wrong length");
    for (int i = 0; i < OKSE_SHA256_LENGTH; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "not a sha256 digest: lower-case hex digits only");
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *digest = parsed;
    return true;
}

static void stream_begin(OkseSha256Stream *stream)
{
    if (EVP_DigestInit_ex(stream->context, algorithm(), NULL) != 1)
        g_error("SHA-256 is not available");
}

OkseSha256Stream *okse_sha256_stream_new(void)
{
    OkseSha256Stream *stream = g_new0(OkseSha256Stream, 1);

    stream->context = EVP_MD_CTX_new();
    g_assert(stream->context != NULL);
    stream_begin(stream);
    return stream;
}

void okse_sha256_stream_update(OkseSha256Stream *stream, const void *data, size_t length)
{
    if (EVP_DigestUpdate(stream->context, data, length) != 1)
        g_error("SHA-256 failed");
}

void okse_sha256_stream_file(OkseSha256Stream *stream, const char *path, GBytes *bytes)
{
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];

    okse_sha256_stream_update(stream, path, strlen(path) + 1);
    okse_sha256_text(&digest, text);
    okse_sha256_stream_update(stream, text, strlen(text));
    okse_sha256_stream_update(stream, "\n", 1);
}

OkseSha256 okse_sha256_stream_end(OkseSha256Stream *stream)
{
    OkseSha256 digest;
    unsigned size = 0;

    if (EVP_DigestFinal_ex(stream->context, digest.bytes, &size) != 1 || size != OKSE_SHA256_LENGTH)
        g_error("SHA-256 failed");
    stream_begin(stream);
    return digest;
}

void okse_sha256_stream_free(OkseSha256Stream *stream)
{
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    g_free(stream);
}
