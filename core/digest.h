#pragma once

#include "core/error.h"

#include <stdint.h>

#define OKSE_SHA256_LENGTH 32
#define OKSE_SHA256_HEX 65  /* 64 hex digits + NUL */
#define OKSE_SHA256_TEXT 72 /* "sha256:" + 64 hex digits + NUL */

/* A SHA-256 value; compared with okse_sha256_equal(). Source: FIPS 180-4, computed by OpenSSL. */
typedef struct {
    uint8_t bytes[OKSE_SHA256_LENGTH];
} OkseSha256;

bool okse_sha256_equal(const OkseSha256 *a, const OkseSha256 *b);
/* Order by bytes, for sorting. */
int okse_sha256_compare(const OkseSha256 *a, const OkseSha256 *b);
/* For a GHashTable whose keys are OkseSha256. */
guint okse_sha256_hash(gconstpointer digest);
gboolean okse_sha256_same(gconstpointer a, gconstpointer b);

OkseSha256 okse_sha256_of(const void *data, size_t length);
OkseSha256 okse_sha256_of_bytes(GBytes *bytes);

/* Write 64 lower-case hex digits and a NUL / the OCI form "sha256:…" into text. Returns text. */
char *okse_sha256_hex(const OkseSha256 *digest, char text[OKSE_SHA256_HEX]);
char *okse_sha256_text(const OkseSha256 *digest, char text[OKSE_SHA256_TEXT]);

/* Parse the OCI form "sha256:<64 lower-case hex>", or 64 bare hex digits. Nothing else (no upper case, no space) is
 * taken; *digest is untouched on failure. Errors: INVALID. */
bool okse_sha256_parse(const char *text, OkseSha256 *digest, GError **error);

/* SHA-256 of a stream. update() takes any length; the length is never narrowed to int. */
typedef struct OkseSha256Stream OkseSha256Stream;
OkseSha256Stream *okse_sha256_stream_new(void);
void okse_sha256_stream_update(OkseSha256Stream *stream, const void *data, size_t length);
/* One file of a set, as "path, NUL, SHA-256 of its bytes, newline". */
void okse_sha256_stream_file(OkseSha256Stream *stream, const char *path, GBytes *bytes);
/* Ends the stream and makes it ready for another. */
OkseSha256 okse_sha256_stream_end(OkseSha256Stream *stream);
void okse_sha256_stream_free(OkseSha256Stream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSha256Stream, okse_sha256_stream_free)
