/* What compressed parts carry is known long before what stands in front of it (set.json names the digests of all), and
 * coding it twice would cost more than keeping it. So it is kept in the parts' own files, behind the place that it will
 * have there, and not readable: under AES-256-CTR with a key that nobody but this process ever has. No place is written
 * twice, so no piece of the key stream serves twice. Sealing reads it front to back and writes the message over it,
 * which never reaches what was not read yet. */
#include "core/fd.h"
#include "packager/key.h"
#include "packager/split_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define COUNTED 16u /* bytes of the key stream for each count */
#define PIECE (256u << 10)

struct SplitVeil {
    uint8_t key[32];
    uint64_t at; /* where `data` is kept in each file */
};

static bool failed(GError **error)
{
    return okse_fail(error, OKSE_ERROR_SYSTEM, "what a part carries could not be made unreadable: %s",
                     okse_openssl_reason());
}

SplitVeil *split_veil_new(uint64_t at, GError **error)
{
    SplitVeil *veil = g_new0(SplitVeil, 1);

    veil->at = at;
    if (RAND_priv_bytes(veil->key, sizeof veil->key) == 1)
        return veil;
    split_veil_free(veil);
    return (void)failed(error), NULL;
}

void split_veil_free(SplitVeil *veil)
{
    if (veil == NULL)
        return;
    OPENSSL_cleanse(veil->key, sizeof veil->key);
    g_free(veil);
}

uint64_t split_veil_at(const SplitVeil *veil)
{
    return veil->at;
}

/* The key stream from byte `at` of a part's `data`: part and place are the counter. */
static EVP_CIPHER_CTX *stream_at(const SplitVeil *veil, unsigned number, uint64_t at, GError **error)
{
    EVP_CIPHER_CTX *stream = EVP_CIPHER_CTX_new();
    const uint32_t part = GUINT32_TO_BE(number);
    const uint64_t count = GUINT64_TO_BE(at / COUNTED);
    uint8_t counter[COUNTED] = {0}, passed[COUNTED] = {0};
    int made;

    memcpy(counter, &part, sizeof part);
    memcpy(counter + sizeof counter - sizeof count, &count, sizeof count);
    if (stream != NULL && EVP_EncryptInit_ex(stream, EVP_aes_256_ctr(), NULL, veil->key, counter) == 1 &&
        EVP_EncryptUpdate(stream, passed, &made, passed, (int)(at % COUNTED)) == 1)
        return stream;
    EVP_CIPHER_CTX_free(stream);
    return (void)failed(error), NULL;
}

static bool turn(EVP_CIPHER_CTX *stream, const uint8_t *from, uint8_t *to, size_t length, GError **error)
{
    int made;

    return EVP_EncryptUpdate(stream, to, &made, from, (int)length) == 1 || failed(error);
}

bool split_veil_write(const SplitOutput *output, const OkseVolume *volume, uint64_t at, const void *data, size_t length,
                      GError **error)
{
    const SplitVeil *veil = output->veil;
    g_autofree uint8_t *piece = g_malloc(PIECE);
    okse_autofd fd = split_part_open(output, volume, 0, error);
    EVP_CIPHER_CTX *stream = fd < 0 ? NULL : stream_at(veil, volume->number, at, error);
    bool good = stream != NULL;

    for (size_t done = 0; good && done < length;) {
        size_t now = MIN(length - done, (size_t)PIECE);

        good = turn(stream, (const uint8_t *)data + done, piece, now, error) &&
               okse_pwrite_all(fd, piece, now, veil->at + at + done, output->directory, error);
        done += now;
    }
    EVP_CIPHER_CTX_free(stream);
    return good;
}

bool split_veil_read(const SplitOutput *output, const OkseVolume *volume, uint64_t at, void *buffer, size_t length,
                     GError **error)
{
    const SplitVeil *veil = output->veil;
    okse_autofd fd = split_part_open(output, volume, 0, error);
    EVP_CIPHER_CTX *stream;
    bool good;

    g_assert(length <= OKSE_VOLUME_BLOCK);
    if (fd < 0 || !okse_pread_exact(fd, buffer, length, veil->at + at, output->directory, error))
        return false;
    stream = stream_at(veil, volume->number, at, error);
    good = stream != NULL && turn(stream, buffer, buffer, length, error);
    EVP_CIPHER_CTX_free(stream);
    return good;
}
