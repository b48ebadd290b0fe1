#pragma once

#include "core/error.h"

#include <jansson.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Parse one JSON document strictly: UTF-8, no repeated keys, nothing behind the value but white space, no NUL in
 * strings, at most OKSE_LIMIT_DEPTH levels and `limit` bytes. origin: its name in messages.
 * Returns a value that the caller owns. Errors: INVALID with origin:line:column.
 * Source: RFC 8259; repeated keys refused because readers disagree about them. */
json_t *okse_json_read(GBytes *bytes, uint64_t limit, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The one way Okse writes JSON that is hashed or signed: keys sorted by bytes, no spaces, UTF-8, no final newline. */
GBytes *okse_json_write(const json_t *value) G_GNUC_WARN_UNUSED_RESULT;

/* The same for people: two-space indentation, final newline. */
char *okse_json_write_pretty(const json_t *value) G_GNUC_WARN_UNUSED_RESULT;

/* Members of an object, with the type checked. NULL/false and INVALID ("origin: key: …") when absent or otherwise
 * typed. Borrowed results. */
const char *okse_json_text(const json_t *object, const char *key, const char *origin, GError **error);
bool okse_json_unsigned(const json_t *object, const char *key, uint64_t *value, const char *origin, GError **error);
const json_t *okse_json_object(const json_t *object, const char *key, const char *origin, GError **error);
const json_t *okse_json_array(const json_t *object, const char *key, const char *origin, GError **error);

/* The text of a member, or NULL when it is absent or no text; borrowed. */
const char *okse_json_peek_text(const json_t *object, const char *key);
