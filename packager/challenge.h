#pragma once

#include "core/error.h"

#include <stdint.h>

/* What a server answers about access and ranges: header values and a token document, of anybody. */
typedef struct {
    bool bearer; /* else Basic */
    char *realm; /* bearer: an address that okse_origin_read() takes */
    char *service;
} OkseChallenge;

/* One value of WWW-Authenticate: of its challenges the first that is Bearer with a realm, else Basic. false: neither.
 * Source: RFC 9110 §11.6.1; RFC 6750 §3. */
bool okse_challenge_read(const char *value, OkseChallenge *challenge);
void okse_challenge_clear(OkseChallenge *challenge);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseChallenge, okse_challenge_clear)

/* "Bearer TOKEN" of a token server's answer, or NULL and INVALID; a secret (okse_secret_free()). origin: for messages.
 * Source: distribution's token authentication: {"token"} or {"access_token"}. */
char *okse_challenge_token(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Does a value of Content-Range say "bytes FROM-…/SIZE"? An unknown size ("*") will do. Source: RFC 9110 §14.4. */
bool okse_range_is(const char *value, uint64_t from, uint64_t size);

/* How much of an upload is there, by a value of Range: "0-LAST", also with "bytes=" in front. "0-0" is what registries
 * say of nothing, so one single byte is never told from none. Source: distribution-spec 1.1, "Pushing a blob in
 * chunks".
 */
bool okse_range_received(const char *value, uint64_t *length);

/* A value of OCI-Chunk-Min-Length: bytes, at most OKSE_LIMIT_FILE_SIZE. */
bool okse_chunk_minimum(const char *value, uint64_t *length);

/* The address of the next page in a value of Link (rel="next"), or NULL; as written. Source: RFC 8288 §3. */
char *okse_link_next(const char *value) G_GNUC_WARN_UNUSED_RESULT;
