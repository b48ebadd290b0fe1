#include "packager/return_statement.h"

#include "packager/sigstore_bundle.h"
#include "packager/statement.h"

bool okse_return_statement_check(GBytes *statement, const char *origin, const char *name, const OkseSha256 *document,
                                 GBytes **payload, GError **error)
{
    g_autoptr(OkseSigstoreBundle) bundle = okse_sigstore_read(statement, origin, error);
    g_auto(OkseStatement) read = {0};
    g_auto(OkseRelease) approval = {0};
    g_autoptr(GBytes) again = NULL;

    if (bundle == NULL || !okse_statement_read(bundle->envelope.payload, origin, &read, error) ||
        !okse_approval_read(&read, origin, &approval, error))
        return false;
    if (!okse_sha256_equal(&read.subject, document))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: is about another document than '%s'", origin, name);
    again = okse_approval_write(&approval, name, document);
    if (!g_bytes_equal(again, bundle->envelope.payload))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: says something else than who approves '%s', and when", origin,
                         name);
    *payload = g_bytes_ref(bundle->envelope.payload);
    return true;
}
