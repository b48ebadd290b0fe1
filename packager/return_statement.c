#include "packager/return_statement.h"

#include "core/limits.h"
#include "packager/certificate.h"
#include "packager/sigstore_bundle.h"
#include "packager/statement.h"

#define SIGNATURE_LIMIT 1024u /* bytes: RSA with 8192 bits */

static bool payload_check(const OkseSigstoreBundle *bundle, const char *origin, const char *name,
                          const OkseSha256 *document, GError **error)
{
    g_auto(OkseStatement) read = {0};
    g_auto(OkseRelease) approval = {0};
    g_autoptr(GBytes) again = NULL;

    if (!okse_statement_read(bundle->envelope.payload, origin, &read, error) ||
        !okse_approval_read(&read, origin, &approval, error))
        return false;
    if (!okse_sha256_equal(&read.subject, document))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: is about another document than '%s'", origin, name);
    again = okse_approval_write(&approval, name, document);
    return g_bytes_equal(again, bundle->envelope.payload) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: says something else than who approves '%s', and when", origin,
                     name);
}

/* The envelope is not under the signature: a member more, or a text where a key is named, would go along unseen. */
static bool envelope_check(GBytes *statement, const OkseSigstoreBundle *bundle, const char *origin, GError **error)
{
    const OkseSigstoreMaterial material = {bundle->hint != NULL ? bundle->hint : "", bundle->certificates, NULL};
    g_autoptr(GBytes) again = okse_sigstore_write(bundle->envelope.payload, bundle->envelope.signature, &material);
    g_autoptr(json_t) there = okse_json_read(statement, OKSE_LIMIT_METADATA, origin, error);
    g_autoptr(json_t) known = okse_json_read(again, OKSE_LIMIT_METADATA, origin, error);
    g_autoptr(OkseCertificates) certificates = okse_certificates_read_der(bundle->certificates, origin, error);
    OkseSha256 key;

    if (there == NULL || known == NULL || certificates == NULL)
        return false;
    return (json_equal(there, known) && g_bytes_get_size(bundle->envelope.signature) <= SIGNATURE_LIMIT &&
            (bundle->hint == NULL || okse_sha256_parse(bundle->hint, &key, NULL))) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: holds more than okse sign --document writes", origin);
}

static GPtrArray *inside_of(const OkseSigstoreBundle *bundle)
{
    GPtrArray *inside = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    g_ptr_array_add(inside, g_bytes_ref(bundle->envelope.payload));
    g_ptr_array_add(inside, g_bytes_ref(bundle->envelope.signature));
    for (guint i = 0; i < bundle->certificates->len; i++)
        g_ptr_array_add(inside, g_bytes_ref(g_ptr_array_index(bundle->certificates, i)));
    return inside;
}

bool okse_return_statement_check(GBytes *statement, const char *origin, const char *name, const OkseSha256 *document,
                                 GPtrArray **inside, GError **error)
{
    g_autoptr(OkseSigstoreBundle) bundle = okse_sigstore_read(statement, origin, error);

    if (bundle == NULL || !payload_check(bundle, origin, name, document, error) ||
        !envelope_check(statement, bundle, origin, error))
        return false;
    *inside = inside_of(bundle);
    return true;
}
