#pragma once

#include "core/json.h"

/* DSSE: the envelope of a signed message. Source: DSSE v1.0.2 (protocol.md, envelope.md). */
#define OKSE_DSSE_TYPE "application/vnd.in-toto+json"

typedef struct {
    GBytes *payload;   /* as in the envelope, never written again before it is verified */
    GBytes *signature; /* raw */
    char *type;        /* payloadType */
    char *key_hint;    /* keyid: a hint, never trusted; NULL when absent or empty */
} OkseEnvelope;

/* The bytes that are signed: "DSSEv1" SP length SP type SP length SP payload. */
GBytes *okse_dsse_pae(const char *type, GBytes *payload) G_GNUC_WARN_UNUSED_RESULT;

/* Read the JSON object of an envelope with exactly one signature. origin: its name in messages.
 * Errors: INVALID (shape, base64, more than one signature), REFUSED (no signature at all). */
bool okse_dsse_read(const json_t *envelope, const char *origin, OkseEnvelope *read, GError **error);
void okse_envelope_clear(OkseEnvelope *envelope);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseEnvelope, okse_envelope_clear)

/* The JSON object of an envelope of type OKSE_DSSE_TYPE; a new reference. */
json_t *okse_dsse_write(GBytes *payload, GBytes *signature) G_GNUC_WARN_UNUSED_RESULT;

/* Strict base64: padded, canonical, no white space; the standard alphabet or the URL-safe one, not mixed.
 * Errors: INVALID. Source: RFC 4648 §3.5, §4, §5. */
GBytes *okse_base64_read(const char *text, const char *what, GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *okse_base64_write(GBytes *bytes) G_GNUC_WARN_UNUSED_RESULT;
