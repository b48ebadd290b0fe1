#include "packager/openssl_bytes.h"

#include <openssl/bio.h>

BIO *okse_openssl_bio(GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    BIO *bio;

    g_assert(length <= G_MAXINT);
    bio = BIO_new_mem_buf(data != NULL ? data : "", (int)length);
    g_assert(bio != NULL);
    return bio;
}
