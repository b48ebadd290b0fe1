/* okse build: a stack becomes a bundle for one country. */
#include "packager/build.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/signing_key.h"
#include "core/text.h"
#include "packager/sign.h"

#include <stdlib.h>

typedef struct {
    char *country;
    char *output;
    char *threads;
    char *key, *certificate, *role, *passphrase_fd;
    gboolean is_unsigned;
    gboolean dry_run;
} BuildOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_TEXT, "country", 0, "ISO2", "destination country, ISO 3166-1 alpha-2",
     offsetof(BuildOptions, country)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "where to write the bundle", offsetof(BuildOptions, output)},
    {OKSE_OPTION_TEXT, "threads", 0, "N", "worker threads (default: all processors)", offsetof(BuildOptions, threads)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "sign with this key: a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(BuildOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(BuildOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as vendor (default), builder, …", offsetof(BuildOptions, role)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(BuildOptions, passphrase_fd)},
    {OKSE_OPTION_FLAG, "unsigned", 0, NULL, "say nothing about the missing signature",
     offsetof(BuildOptions, is_unsigned)},
    {OKSE_OPTION_FLAG, "dry-run", 0, NULL, "check everything, print the space needed, write nothing",
     offsetof(BuildOptions, dry_run)},
    {0},
};

/* SOURCE_DATE_EPOCH is how reproducible builds are told the time (reproducible-builds.org/specs/source-date-epoch). */
static bool read_epoch(gint64 *epoch, GError **error)
{
    const char *text = getenv("SOURCE_DATE_EPOCH"); /* NOLINT(concurrency-mt-unsafe): before any thread */

    if (text == NULL || *text == '\0' || g_ascii_string_to_signed(text, 10, 0, 253402300799, epoch, NULL))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "SOURCE_DATE_EPOCH must be whole seconds since 1970");
}

static bool read_threads(const char *text, unsigned *threads, GError **error)
{
    guint64 value = 0;

    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 1, 1024, &value, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--threads must be a number from 1 to 1024");
    *threads = (unsigned)value;
    return true;
}

static bool print_result(const OkseBuildResult *result, const BuildOptions *given, bool json, GError **error)
{
    g_autofree char *size = okse_text_size(result->size), *free_space = okse_text_size(result->available);
    char text[OKSE_SHA256_TEXT];

    okse_sha256_text(&result->identity, text);
    if (json) {
        g_autoptr(json_t) document =
            json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:I,s:I,s:I,s:i,s:i,s:b}", "schema", "okse.build.v1", "path",
                      result->path, "name", result->name, "version", result->version, "sequence",
                      (json_int_t)result->sequence, "country", given->country, "size", (json_int_t)result->size,
                      "payload", (json_int_t)result->payload, "available", (json_int_t)result->available, "blobs",
                      (int)result->blobs, "files", (int)result->files, "written", (int)!given->dry_run);

        if (!given->dry_run)
            json_object_set_new(document, "identity", json_string(text));
        return okse_print_json(document, error);
    }
    if (given->dry_run) {
        okse_print("%s would need %s (%" G_GUINT64_FORMAT " bytes); %s free\n", result->path, size, result->size,
                   free_space);
        return true;
    }
    okse_print("%s\n  identity  %s\n  stack     %s %s, sequence %" G_GUINT64_FORMAT
               ", for %s\n  size      %s, %u files in %u blobs\n",
               result->path, text, result->name, result->version, result->sequence, given->country, size, result->files,
               result->blobs);
    if (given->key != NULL)
        okse_print("  signed    as %s\n", given->role != NULL ? given->role : "vendor");
    else if (!given->is_unsigned)
        okse_note("The bundle is not signed; nobody will accept it yet. Next: okse sign %s --role vendor --key KEY.pem",
                  result->path);
    return true;
}

/* What was just written with every digest computed needs no second look before it is signed. */
static bool sign(const char *path, const BuildOptions *given, const OkseSigningKey *signer, GError **error)
{
    OkseSigning signing = {.key = signer->key,
                           .chain = signer->chain,
                           .role = given->role != NULL ? given->role : "vendor",
                           .not_before = OKSE_TIME_NONE,
                           .expires = OKSE_TIME_NONE};
    g_auto(OkseSigned) made = {0};

    return okse_edge_signing_time(&signing.signed_at, error) && okse_sign_bundle(path, &signing, &made, error);
}

static bool check_options(const BuildOptions *given, OkseBuildRequest *request, GError **error)
{
    if (given->country == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--country ISO2 is missing: a bundle is built for one destination");
    if (given->key != NULL && given->is_unsigned)
        return okse_fail(error, OKSE_ERROR_INVALID, "--key and --unsigned contradict each other");
    return read_epoch(&request->epoch, error) && read_threads(given->threads, &request->threads, error);
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const BuildOptions *given = invocation->options;
    OkseBuildRequest request = {.stack_path = invocation->arguments[0],
                                .country = given->country,
                                .output = given->output,
                                .epoch = OKSE_EPOCH_OF_SOURCES,
                                .dry_run = given->dry_run,
                                .show_progress = true};
    g_autoptr(OkseResources) resources = NULL;
    g_auto(OkseBuildResult) result = {0};
    g_auto(OkseSigningKey) signer = {NULL, NULL};

    if (!check_options(given, &request, error))
        return 2;
    /* a key that cannot be used is found out before anything is written */
    if (given->key != NULL &&
        !okse_signing_key_open(given->key, given->certificate, given->passphrase_fd, &signer, error))
        return 3;
    resources = okse_resources_open(invocation->manifests, error);
    if (resources == NULL || !okse_build(&request, resources, &result, error))
        return 3;
    if (given->key != NULL && !given->dry_run && !sign(result.path, given, &signer, error))
        return 3;
    return print_result(&result, given, invocation->json, error) ? 0 : 3;
}

const OkseCommand okse_command_build = {
    .name = "build",
    .arguments = "STACK",
    .minimum = 1,
    .maximum = 1,
    .summary = "Pack a stack into a bundle for one country.",
    .details = "STACK is a stack.yaml (docs/stack.md). The same stack and inputs give the same bytes, anywhere.\n"
               "Times in the bundle come from SOURCE_DATE_EPOCH, else from the newest commit\n"
               "of the git sources, else 1970.",
    .options = options,
    .options_size = sizeof(BuildOptions),
    .run = run,
};
