/* okse key new: keys for people without a PKI. */
#include "cli/commands.h"
#include "cli/edge.h"
#include "core/fd.h"
#include "core/json.h"
#include "packager/certificate_make.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    char *type, *output, *passphrase_fd, *subject, *days;
    gboolean request;
} NewOptions;

static const OkseOption new_options[] = {
    {OKSE_OPTION_TEXT, "type", 0, "TYPE",
     "ed25519 (default), ecdsa-p256, -p384, -p521, rsa-3072, -4096, sm2, ml-dsa-65, -87", offsetof(NewOptions, type)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "the private key; the public one is FILE with .pub",
     offsetof(NewOptions, output)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "encrypt with the passphrase read there",
     offsetof(NewOptions, passphrase_fd)},
    {OKSE_OPTION_TEXT, "subject", 0, "DN", "also write a certificate: \"CN=Release,O=Example\"",
     offsetof(NewOptions, subject)},
    {OKSE_OPTION_TEXT, "days", 0, "N", "how long the certificate is valid (default 365)", offsetof(NewOptions, days)},
    {OKSE_OPTION_FLAG, "csr", 0, NULL, "a certificate request instead of a self-signed one",
     offsetof(NewOptions, request)},
    {0},
};

/* Never over an existing file, never readable by others. */
static bool write_new(const char *path, GBytes *bytes, mode_t mode, GError **error)
{
    okse_autofd fd = okse_open(path, O_WRONLY | O_CREAT | O_EXCL, mode, error);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    if (fd < 0)
        return false;
    if (okse_write_all(fd, data, length, path, error) && (fsync(fd) == 0 || okse_fail_errno(error, "write %s", path)))
        return true;
    unlink(path);
    return false;
}

static char *beside(const char *path, const char *suffix)
{
    size_t length = strlen(path) - (g_str_has_suffix(path, ".pem") ? 4 : 0);
    g_autofree char *stem = g_strndup(path, length);

    return g_strconcat(stem, suffix, NULL);
}

static bool certificate_write(const NewOptions *options, const OkseKey *key, char **path, GError **error)
{
    guint64 days = 365;
    gint64 now;
    g_autoptr(GBytes) pem = NULL;

    if (options->subject == NULL)
        return true;
    if (options->days != NULL && !g_ascii_string_to_unsigned(options->days, 10, 1, 36500, &days, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--days '%s' is no number from 1 to 36500", options->days);
    if (!okse_edge_signing_time(&now, error))
        return false;
    pem = options->request ? okse_certificate_request(key, options->subject, error)
                           : okse_certificate_self_signed(key, options->subject, now, (unsigned)days, error);
    *path = beside(options->output, options->request ? ".csr" : ".crt");
    return pem != NULL && write_new(*path, pem, 0644, error);
}

static bool files_write(const NewOptions *options, const OkseKey *key, const char *passphrase, char **certificate,
                        GError **error)
{
    g_autofree char *public_path = beside(options->output, ".pub");
    g_autoptr(GBytes) private_pem = okse_key_private_pem(key, passphrase, error);
    g_autoptr(GBytes) public_pem = okse_key_public_pem(key);

    if (private_pem == NULL || !write_new(options->output, private_pem, 0600, error))
        return false;
    if (write_new(public_path, public_pem, 0644, error)) {
        if (certificate_write(options, key, certificate, error))
            return true;
        unlink(public_path);
    }
    unlink(options->output);
    return false;
}

static bool result_print(const OkseInvocation *invocation, const OkseKey *key, const char *certificate, GError **error)
{
    const NewOptions *options = invocation->options;
    g_autofree char *public_path = beside(options->output, ".pub");
    g_autoptr(json_t) document = NULL;
    char id[OKSE_SHA256_HEX];

    okse_sha256_hex(okse_key_id(key), id);
    document = json_pack("{s:s, s:s, s:s, s:s, s:s}", "schema", "okse.key.v1", "private", options->output, "public",
                         public_path, "id", id, "algorithm", okse_key_algorithm(key));
    if (certificate != NULL)
        json_object_set_new(document, options->request ? "csr" : "certificate", json_string(certificate));
    if (invocation->json)
        return okse_print_json(document, error);
    okse_print("private key %s (keep it; mode 0600)\npublic key  %s (%s, id %s)\n", options->output, public_path,
               okse_key_algorithm(key), id);
    if (certificate != NULL)
        okse_print("certificate %s\n", certificate);
    return true;
}

static int new_run(const OkseInvocation *invocation, GError **error)
{
    const NewOptions *options = invocation->options;
    g_auto(OksePassphrase) passphrase = {NULL};
    g_autofree char *certificate = NULL;
    g_autoptr(OkseKey) key = NULL;

    if (options->output == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "key new needs -o FILE for the private key");
        return 2;
    }
    if (access(options->output, F_OK) == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is there already and is not overwritten", options->output);
        return 2;
    }
    if (!okse_edge_passphrase(options->passphrase_fd, &passphrase, error))
        return 2;
    key = okse_key_new(options->type != NULL ? options->type : "ed25519", error);
    if (key == NULL || !files_write(options, key, passphrase.text, &certificate, error) ||
        !result_print(invocation, key, certificate, error))
        return 2;
    return 0;
}

const OkseCommand okse_command_key_new = {
    .name = "key new",
    .minimum = 0,
    .maximum = 0,
    .summary = "Make a key pair, with a certificate or request on demand.",
    .options = new_options,
    .options_size = sizeof(NewOptions),
    .run = new_run,
};
