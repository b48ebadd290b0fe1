#include "cli/recipients.h"

#include "cli/edge.h"
#include "cli/signing_key.h"
#include "core/fd.h"
#include "core/limits.h"
#include "packager/cms_recipient.h"

#include <sys/prctl.h>

#define CERTIFICATE_LIMIT (1u << 20)

static bool add(OkseCertificates *list, const char *path, gint64 now, GError **error)
{
    g_autoptr(GBytes) pem = okse_read_path(path, CERTIFICATE_LIMIT, error);
    g_autoptr(OkseCertificates) read = pem != NULL ? okse_certificates_read_pem(pem, path, error) : NULL;
    X509 *certificate;

    if (read == NULL || !okse_cms_recipient_check(read, 0, path, now, error))
        return false;
    certificate = okse_certificates_get(read, 0);
    for (unsigned i = 0; i < okse_certificates_count(list); i++)
        if (X509_cmp(okse_certificates_get(list, i), certificate) == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: was given as a recipient before", path);
    okse_certificates_add(list, certificate);
    return true;
}

bool okse_recipients_read(char *const *paths, OkseCertificates **recipients, GError **error)
{
    g_autoptr(OkseCertificates) list = okse_certificates_new();
    gint64 now;

    if (paths == NULL || paths[0] == NULL)
        return true;
    if (!okse_edge_signing_time(&now, error))
        return false;
    for (char *const *path = paths; *path != NULL; path++)
        if (!add(list, *path, now, error))
            return false;
    if (okse_certificates_count(list) > OKSE_LIMIT_CMS_RECIPIENTS)
        return okse_fail(error, OKSE_ERROR_INVALID, "--encrypt-to: %u recipients (at most %u)",
                         okse_certificates_count(list), OKSE_LIMIT_CMS_RECIPIENTS);
    prctl(PR_SET_DUMPABLE, 0); /* content keys are in memory */
    *recipients = g_steal_pointer(&list);
    return true;
}

bool okse_opener_open(const char *key, const char *certificate, const char *passphrase_fd, OkseOpener *opener,
                      GError **error)
{
    OkseSigningKey signer = {NULL, NULL};

    if (key == NULL)
        return certificate == NULL || okse_fail(error, OKSE_ERROR_INVALID, "--cert belongs to --key");
    prctl(PR_SET_DUMPABLE, 0);
    if (!okse_decryption_key_open(key, certificate, passphrase_fd, &signer, error))
        return false;
    *opener = (OkseOpener){signer.key, signer.chain};
    return true;
}

void okse_opener_clear(OkseOpener *opener)
{
    g_clear_pointer(&opener->key, okse_key_free);
    g_clear_pointer(&opener->certificate, okse_certificates_free);
}
