#include "cli/signing_key.h"

#include "cli/edge.h"
#include "cli/options.h"
#include "core/fd.h"
#include "core/text.h"

#include <unistd.h>

#define CHAIN_LIMIT (1u << 20)
#define ENDS_SOON (30 * 86400) /* seconds */

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

/* Without a timestamp a signature is worth nothing once its certificate has ended; who signs can still do something. */
static void tell_end(const OkseCertificates *chain)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    for (unsigned i = 0; i < okse_certificates_count(chain); i++) {
        const X509 *certificate = okse_certificates_get(chain, i);
        g_autofree char *subject = okse_certificate_subject(certificate), *shown = okse_text_show(subject, -1, false);
        g_autofree char *day = NULL;
        gint64 begins, ends;

        okse_certificate_validity(certificate, &begins, &ends);
        day = okse_text_time(ends);
        if (ends < now + ENDS_SOON)
            okse_note("note: the certificate %s %s on %.10s; who verifies later needs a timestamp (--tsa)", shown,
                      ends < now ? "ended" : "ends", day);
    }
}

bool okse_decryption_key_open(const char *key, const char *certificate, const char *passphrase_fd,
                              OkseSigningKey *opened, GError **error)
{
    g_auto(OkseSigningKey) made = {key_open(key, passphrase_fd, error), NULL};

    if (made.key == NULL)
        return false;
    if (certificate != NULL) {
        made.chain = chain_read(certificate, error);
        if (made.chain == NULL)
            return false;
    }
    *opened = made;
    made = (OkseSigningKey){NULL, NULL};
    return true;
}

bool okse_signing_key_open(const char *key, const char *certificate, const char *passphrase_fd, OkseSigningKey *signer,
                           GError **error)
{
    if (!okse_decryption_key_open(key, certificate, passphrase_fd, signer, error))
        return false;
    if (signer->chain != NULL)
        tell_end(signer->chain);
    return true;
}

void okse_signing_key_clear(OkseSigningKey *signer)
{
    g_clear_pointer(&signer->key, okse_key_free);
    g_clear_pointer(&signer->chain, okse_certificates_free);
}

bool okse_model_key_open(const OkseModelKeyOptions *options, const OkseSigningKey *signer, OkseSigningKey *model,
                         const OkseKey **key, const OkseCertificates **chain, GError **error)
{
    if (options->never && options->key != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--oms-key and --no-oms contradict each other");
    if (options->certificate != NULL && options->key == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--oms-cert belongs to --oms-key");
    if (options->never)
        return true;
    if (options->key != NULL && !okse_signing_key_open(options->key, options->certificate, NULL, model, error))
        return false;
    if (options->key != NULL || g_str_has_prefix(okse_key_algorithm(signer->key), "ecdsa-")) {
        *key = options->key != NULL ? model->key : signer->key;
        *chain = options->key != NULL ? model->chain : signer->chain;
    }
    return true;
}

void okse_model_key_note(const OkseModelKeyOptions *options, const OkseSigned *made)
{
    if (!options->never && made->weights > 0 && made->models->len + made->unsigned_models->len == 0)
        okse_note(
            "note: weights carry no OpenSSF model signature, which takes an ECDSA key (--oms-key KEY, or --no-oms)");
    for (guint i = 0; i < made->unsigned_models->len; i++)
        okse_note("note: no model signature for %s", (const char *)g_ptr_array_index(made->unsigned_models, i));
}
