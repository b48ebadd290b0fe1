#include "packager/dsse.h"

#include "core/limits.h"

#include <string.h>

GBytes *okse_dsse_pae(const char *type, GBytes *payload)
{
    gsize length;
    const void *data = g_bytes_get_data(payload, &length);
    g_autofree char *head = g_strdup_printf("DSSEv1 %zu %s %" G_GSIZE_FORMAT " ", strlen(type), type, length);
    GByteArray *message = g_byte_array_sized_new((guint)(strlen(head) + length));

    g_byte_array_append(message, (const guint8 *)head, (guint)strlen(head));
    if (length > 0)
        g_byte_array_append(message, data, (guint)length);
    return g_byte_array_free_to_bytes(message);
}

/* GLib's decoder skips what it does not know, so the only texts taken are those it writes back unchanged. */
GBytes *okse_base64_read(const char *text, const char *what, GError **error)
{
    g_autofree char *standard = g_strdup(text);
    g_autofree char *again = NULL;
    bool plain = strpbrk(text, "+/") != NULL;
    bool url = strpbrk(text, "-_") != NULL;
    gsize length = 0;
    guint8 *data;

    g_strdelimit(standard, "-", '+');
    g_strdelimit(standard, "_", '/');
    data = g_base64_decode(standard, &length);
    again = g_base64_encode(data, length);
    if ((plain && url) || strcmp(standard, again) != 0) {
        g_free(data);
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is not canonical base64", what);
        return NULL;
    }
    return g_bytes_new_take(data, length);
}

char *okse_base64_write(GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return g_base64_encode(data, length);
}

static bool signature_read(const json_t *envelope, const char *origin, OkseEnvelope *read, GError **error)
{
    const json_t *signatures = okse_json_array(envelope, "signatures", origin, error);
    const json_t *only;
    const char *text, *hint;

    if (signatures == NULL)
        return false;
    if (json_array_size(signatures) == 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the envelope has no signature", origin);
    if (json_array_size(signatures) > 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the envelope has %zu signatures where exactly one belongs",
                         origin, json_array_size(signatures));
    only = json_array_get(signatures, 0);
    text = okse_json_text(only, "sig", origin, error);
    if (text == NULL)
        return false;
    hint = okse_json_peek_text(only, "keyid");
    if (hint != NULL && hint[0] != '\0')
        read->key_hint = g_strdup(hint);
    read->signature = okse_base64_read(text, "the signature", error);
    if (read->signature == NULL)
        g_prefix_error(error, "%s: ", origin);
    return read->signature != NULL;
}

bool okse_dsse_read(const json_t *envelope, const char *origin, OkseEnvelope *read, GError **error)
{
    g_auto(OkseEnvelope) made = {NULL, NULL, NULL, NULL};
    const char *type = okse_json_text(envelope, "payloadType", origin, error);
    const char *payload = type != NULL ? okse_json_text(envelope, "payload", origin, error) : NULL;

    if (payload == NULL)
        return false;
    made.type = g_strdup(type);
    made.payload = okse_base64_read(payload, "the payload", error);
    if (made.payload == NULL) {
        g_prefix_error(error, "%s: ", origin);
        return false;
    }
    if (g_bytes_get_size(made.payload) > OKSE_LIMIT_METADATA)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the payload is larger than the limit of %u bytes", origin,
                         OKSE_LIMIT_METADATA);
    if (!signature_read(envelope, origin, &made, error))
        return false;
    *read = made;
    made = (OkseEnvelope){NULL, NULL, NULL, NULL};
    return true;
}

void okse_envelope_clear(OkseEnvelope *envelope)
{
    g_clear_pointer(&envelope->payload, g_bytes_unref);
    g_clear_pointer(&envelope->signature, g_bytes_unref);
    g_clear_pointer(&envelope->type, g_free);
    g_clear_pointer(&envelope->key_hint, g_free);
}

json_t *okse_dsse_write(GBytes *payload, GBytes *signature)
{
    g_autofree char *text = okse_base64_write(payload);
    g_autofree char *sig = okse_base64_write(signature);

    return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "payload", text, "payloadType", OKSE_DSSE_TYPE, "signatures",
                     "keyid", "", "sig", sig);
}
