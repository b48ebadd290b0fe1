#include "cli/signing_key.h"

#include "cli/edge.h"
#include "core/fd.h"

#include <unistd.h>

#define CHAIN_LIMIT (1u << 20)

static OkseKey *key_open(const char *uri, const char *passphrase_fd, GError **error)
{
    g_auto(OksePassphrase) passphrase = {NULL};
    OkseKeyAccess access = {NULL, isatty(STDIN_FILENO) == 1};

    if (!okse_edge_passphrase(passphrase_fd, &passphrase, error))
        return NULL;
    access.passphrase = passphrase.text;
    return okse_key_open(uri, &access, error);
}

static OkseCertificates *chain_read(const char *path, GError **error)
{
    g_autoptr(GBytes) pem = okse_read_path(path, CHAIN_LIMIT, error);

    return pem != NULL ? okse_certificates_read_pem(pem, path, error) : NULL;
}

bool okse_signing_key_open(const char *key, const char *certificate, const char *passphrase_fd, OkseSigningKey *signer,
                           GError **error)
{
    g_auto(OkseSigningKey) opened = {key_open(key, passphrase_fd, error), NULL};

    if (opened.key == NULL)
        return false;
    if (certificate != NULL) {
        opened.chain = chain_read(certificate, error);
        if (opened.chain == NULL)
            return false;
    }
    *signer = opened;
    opened = (OkseSigningKey){NULL, NULL};
    return true;
}

void okse_signing_key_clear(OkseSigningKey *signer)
{
    g_clear_pointer(&signer->key, okse_key_free);
    g_clear_pointer(&signer->chain, okse_certificates_free);
}
