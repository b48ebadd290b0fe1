#pragma once

#include <glib.h>
#include <openssl/types.h>

/* Bytes for OpenSSL to read; freed with BIO_free() before the bytes are. OpenSSL counts in int, and has no BIO over no
 * bytes at all: more than G_MAXINT bytes are a bug here (every caller has a limit), none are an empty BIO. Never NULL.
 */
BIO *okse_openssl_bio(GBytes *bytes);
