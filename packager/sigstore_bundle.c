#include "packager/sigstore_bundle.h"

#include "core/limits.h"

#include <string.h>

#define CERTIFICATES_LIMIT 10u
#define TIMESTAMPS_LIMIT 4u

/* versions 0.1 and 0.2 spell the media type another way; what we read from them is the same. */
static const char *const media_types[] = {OKSE_SIGSTORE_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3",
                                          "application/vnd.dev.sigstore.bundle+json;version=0.2",
                                          "application/vnd.dev.sigstore.bundle+json;version=0.1", NULL};

static bool raw_append(const json_t *object, const char *key, GPtrArray *list, const char *origin, GError **error)
{
    const char *text = okse_json_text(object, key, origin, error);
    GBytes *bytes;

    if (text == NULL)
        return false;
    bytes = okse_base64_read(text, key, error);
    if (bytes == NULL) {
        g_prefix_error(error, "%s: ", origin);
        return false;
    }
    g_ptr_array_add(list, bytes);
    return true;
}

static bool list_read(const json_t *list, const char *key, GPtrArray *out, const char *origin, GError **error)
{
    size_t limit = strcmp(key, "rawBytes") == 0 ? CERTIFICATES_LIMIT : TIMESTAMPS_LIMIT;

    if (json_array_size(list) > limit)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %zu entries with '%s'", origin, limit, key);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!raw_append(json_array_get(list, i), key, out, origin, error))
            return false;
    return true;
}

/* Who signed: exactly one of a named key, a chain, a certificate. */
static bool signer_read(const json_t *material, OkseSigstoreBundle *bundle, const char *origin, GError **error)
{
    const json_t *key = json_object_get(material, "publicKey");
    const json_t *chain = json_object_get(material, "x509CertificateChain");
    const json_t *single = json_object_get(material, "certificate");
    const char *hint = okse_json_peek_text(key, "hint");

    if ((key != NULL) + (chain != NULL) + (single != NULL) != 1)
        return okse_fail(
            error, OKSE_ERROR_INVALID,
            "%s: verificationMaterial names not exactly one of publicKey, x509CertificateChain, certificate", origin);
    if (single != NULL)
        return raw_append(single, "rawBytes", bundle->certificates, origin, error);
    if (chain != NULL) {
        const json_t *list = okse_json_array(chain, "certificates", origin, error);

        if (list == NULL || !list_read(list, "rawBytes", bundle->certificates, origin, error))
            return false;
        return bundle->certificates->len > 0 ||
               okse_fail(error, OKSE_ERROR_INVALID, "%s: the certificate chain is empty", origin);
    }
    if (!json_is_object(key))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'publicKey' is not an object", origin);
    if (hint != NULL && hint[0] != '\0')
        bundle->hint = g_strdup(hint);
    return true;
}

static bool material_read(const json_t *material, OkseSigstoreBundle *bundle, const char *origin, GError **error)
{
    const json_t *times = json_object_get(material, "timestampVerificationData");
    const json_t *tokens = json_object_get(times, "rfc3161Timestamps");
    const json_t *entries = json_object_get(material, "tlogEntries");

    if ((tokens != NULL && !json_is_array(tokens)) || (entries != NULL && !json_is_array(entries)))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'rfc3161Timestamps' or 'tlogEntries' is not a list", origin);
    bundle->keyless = json_array_size(entries) > 0;
    return signer_read(material, bundle, origin, error) &&
           list_read(tokens, "signedTimestamp", bundle->timestamps, origin, error);
}

static bool bundle_fill(const json_t *value, OkseSigstoreBundle *bundle, const char *origin, GError **error)
{
    const char *type = okse_json_text(value, "mediaType", origin, error);
    const json_t *material, *envelope;

    if (type == NULL)
        return false;
    if (!g_strv_contains(media_types, type))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the mediaType is not that of a sigstore bundle", origin);
    material = okse_json_object(value, "verificationMaterial", origin, error);
    envelope = material != NULL ? okse_json_object(value, "dsseEnvelope", origin, error) : NULL;
    return envelope != NULL && material_read(material, bundle, origin, error) &&
           okse_dsse_read(envelope, origin, &bundle->envelope, error);
}

OkseSigstoreBundle *okse_sigstore_read(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    g_autoptr(OkseSigstoreBundle) bundle = g_new0(OkseSigstoreBundle, 1);

    if (value == NULL)
        return NULL;
    bundle->certificates = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    bundle->timestamps = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    return bundle_fill(value, bundle, origin, error) ? g_steal_pointer(&bundle) : NULL;
}

void okse_sigstore_free(OkseSigstoreBundle *bundle)
{
    if (bundle == NULL)
        return;
    okse_envelope_clear(&bundle->envelope);
    g_free(bundle->hint);
    g_clear_pointer(&bundle->certificates, g_ptr_array_unref);
    g_clear_pointer(&bundle->timestamps, g_ptr_array_unref);
    g_free(bundle);
}

static json_t *chain_write(const GPtrArray *certificates)
{
    json_t *list = json_array();

    for (guint i = 0; i < certificates->len; i++) {
        g_autofree char *text = okse_base64_write(g_ptr_array_index(certificates, i));

        json_array_append_new(list, json_pack("{s:s}", "rawBytes", text));
    }
    return json_pack("{s:o}", "certificates", list);
}

GBytes *okse_sigstore_write(GBytes *payload, GBytes *signature, const OkseSigstoreMaterial *material)
{
    g_autoptr(json_t) value = json_object();
    json_t *verification = json_pack("{s:[]}", "tlogEntries");

    if (material->certificates != NULL && material->certificates->len > 0)
        json_object_set_new(verification, "x509CertificateChain", chain_write(material->certificates));
    else
        json_object_set_new(verification, "publicKey", json_pack("{s:s}", "hint", material->hint));
    if (material->timestamp != NULL) {
        g_autofree char *token = okse_base64_write(material->timestamp);

        json_object_set_new(verification, "timestampVerificationData",
                            json_pack("{s:[{s:s}]}", "rfc3161Timestamps", "signedTimestamp", token));
    }
    json_object_set_new(value, "mediaType", json_string(OKSE_SIGSTORE_TYPE));
    json_object_set_new(value, "verificationMaterial", verification);
    json_object_set_new(value, "dsseEnvelope", okse_dsse_write(payload, signature));
    return okse_json_write(value);
}
