/* okse build: a stack becomes a bundle for one country. */
#include "packager/build.h"
#include "audit/profile.h"
#include "audit/report.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/copied.h"
#include "cli/edge.h"
#include "cli/preflight.h"
#include "cli/signing_key.h"
#include "core/text.h"
#include "packager/sign.h"

#include <stdlib.h>

typedef struct {
    char *country;
    char *output;
    char *cache;
    char *threads;
    char *copy;
    char *gate, *site, *geo, *at, *trust, *waivers;
    char **profiles, **reports, **thin_against;
    char *key, *certificate, *role, *passphrase_fd, *tsa, *model_key, *model_certificate;
    gboolean no_model;
    gboolean is_unsigned;
    gboolean dry_run, whole_files;
} BuildOptions;

static const OkseOption options[] = {
    {OKSE_OPTION_TEXT, "country", 0, "ISO2", "destination country, ISO 3166-1 alpha-2",
     offsetof(BuildOptions, country)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "where to write the bundle", offsetof(BuildOptions, output)},
    {OKSE_OPTION_PATH, "cache", 0, "DIR", "of what okse fetch brought (default: .okse-cache beside STACK)",
     offsetof(BuildOptions, cache)},
    {OKSE_OPTION_TEXT, "gate", 0, "block|warn|off",
     "what a breach of the destination's law does to the build (default: block)", offsetof(BuildOptions, gate)},
    {OKSE_OPTION_PATH, "site", 0, "FILE", "what the operator declares of the place, for templates and the pre-flight",
     offsetof(BuildOptions, site)},
    {OKSE_OPTION_PATH, "geo", 0, "FILE", "address database (MMDB), for the pre-flight", offsetof(BuildOptions, geo)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "pre-flight under the law of that day (default: that of the law's data)",
     offsetof(BuildOptions, at)},
    {OKSE_OPTION_PATH, "trust", 0, "FILE", "who may approve export papers and waive findings (trust.yaml: approvals)",
     offsetof(BuildOptions, trust)},
    {OKSE_OPTION_PATH, "waivers", 0, "FILE", "waivers, approved in FILE.sigstore.json; they go into the bundle",
     offsetof(BuildOptions, waivers)},
    {OKSE_OPTION_LIST, "profile", 0, "FILE",
     "what a site or sector asks beyond the law; goes into the bundle; may be repeated",
     offsetof(BuildOptions, profiles)},
    {OKSE_OPTION_LIST, "report", 0, "FORMAT=FILE", "write a report of the pre-flight; may be repeated",
     offsetof(BuildOptions, reports)},
    {OKSE_OPTION_TEXT, "threads", 0, "N", "worker threads (default: all processors)", offsetof(BuildOptions, threads)},
    {OKSE_OPTION_TEXT, "copy", 0, "WAY", "auto (default), reflink, range or plain; same bytes",
     offsetof(BuildOptions, copy)},
    {OKSE_OPTION_LIST, "thin-against", 0, "BUNDLE",
     "leave out the payload that this bundle has (docs/thin.md); may be repeated",
     offsetof(BuildOptions, thin_against)},
    {OKSE_OPTION_FLAG, "whole-files", 0, NULL, "with --thin-against: leave out whole files only, not tensors",
     offsetof(BuildOptions, whole_files)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "sign with this key: a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(BuildOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(BuildOptions, certificate)},
    {OKSE_OPTION_TEXT, "role", 0, "ROLE", "sign as vendor (default), builder, …", offsetof(BuildOptions, role)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(BuildOptions, passphrase_fd)},
    {OKSE_OPTION_PATH, "oms-key", 0, "URI", "sign weights with this ECDSA key (default: --key, if it is one)",
     offsetof(BuildOptions, model_key)},
    {OKSE_OPTION_PATH, "oms-cert", 0, "PEM", "certificate chain of --oms-key",
     offsetof(BuildOptions, model_certificate)},
    {OKSE_OPTION_FLAG, "no-oms", 0, NULL, "leave weights without a model signature", offsetof(BuildOptions, no_model)},
    {OKSE_OPTION_TEXT, "tsa", 0, "URL", "have the signature timestamped there (RFC 3161 over http)",
     offsetof(BuildOptions, tsa)},
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

static void print_profiles(const OksePreflight *preflight)
{
    const json_t *list = json_object_get(json_object_get(preflight->findings, "inputs"), "profiles"), *one;
    size_t i;

    json_array_foreach(list, i, one) okse_print("  profile   %s of %s, %s\n", okse_json_peek_text(one, "name"),
                                                okse_json_peek_text(one, "as_of"), okse_json_peek_text(one, "digest"));
}

static void print_preflight(const OksePreflight *preflight)
{
    const char *verdict = okse_json_peek_text(preflight->findings, "verdict");

    if (preflight->gate == OKSE_GATE_OFF)
        okse_note("The law of %s was not asked before packing (--gate off).", preflight->country);
    else if (verdict != NULL)
        okse_print("  law       %s of %.10s: %s\n", preflight->country,
                   okse_json_peek_text(preflight->findings, "audited_at"), verdict);
    print_profiles(preflight);
}

static bool print_result(const OkseBuildResult *result, const BuildOptions *given, const OksePreflight *preflight,
                         bool json, GError **error)
{
    g_autofree char *size = okse_text_size(result->size), *free_space = okse_text_size(result->available);
    g_autofree char *needed = okse_text_size(result->needed), *copied = okse_copied_words(&result->copied);
    char text[OKSE_SHA256_TEXT];

    okse_sha256_text(&result->identity, text);
    if (json) {
        g_autoptr(json_t) document =
            json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:I,s:I,s:I,s:i,s:i,s:b}", "schema", "okse.build.v1", "path",
                      result->path, "name", result->name, "version", result->version, "sequence",
                      (json_int_t)result->sequence, "country", given->country, "size", (json_int_t)result->size,
                      "payload", (json_int_t)result->payload, "available", (json_int_t)result->available, "blobs",
                      (int)result->blobs, "files", (int)result->files, "written", (int)!given->dry_run);

        json_object_set(document, "left_out", result->left_out);
        json_object_set_new(document, "needed", json_integer((json_int_t)result->needed));
        if (!given->dry_run) {
            json_object_set_new(document, "identity", json_string(text));
            json_object_set_new(document, "copied", okse_copied_json(&result->copied));
        }
        if (given->thin_against != NULL)
            json_object_set_new(document, "thin", okse_thinned_json(&result->thinned));
        json_object_set_new(document, "preflight", okse_preflight_json(preflight));
        json_object_set(document, "weights", preflight->weights);
        return okse_print_json(document, error);
    }
    if (given->dry_run) {
        okse_print("%s would need %s (%" G_GUINT64_FORMAT " bytes); %s free\n", result->path, needed, result->needed,
                   free_space);
        print_preflight(preflight);
        return true;
    }
    okse_print("%s\n  identity  %s\n  stack     %s %s, sequence %" G_GUINT64_FORMAT
               ", for %s\n  size      %s, %u files in %u blobs\n  copied    %s\n",
               result->path, text, result->name, result->version, result->sequence, given->country, size, result->files,
               result->blobs, copied);
    if (given->thin_against != NULL)
        okse_print_thinned("  thin      ", &result->thinned);
    else
        okse_print("  space     %s needed, %s were free\n", needed, free_space);
    print_preflight(preflight);
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
                           .built = true,
                           .tsa = given->tsa,
                           .not_before = OKSE_TIME_NONE,
                           .expires = OKSE_TIME_NONE};
    OkseModelKeyOptions models = {given->model_key, given->model_certificate, given->no_model};
    g_auto(OkseSigningKey) model = {NULL, NULL};
    g_auto(OkseSigned) made = {0};

    if (okse_model_key_open(&models, signer, &model, &signing.model_key, &signing.model_chain, error) &&
        okse_edge_signing_time(&signing.signed_at, error) && okse_sign_bundle(path, &signing, &made, error)) {
        okse_model_key_note(&models, &made);
        return true;
    }
    g_prefix_error(error, "%s is written, but not signed: ", path);
    return false;
}

/* A gate that stays closed has findings, too. */
static bool print_refusal(const OksePreflight *preflight, GError **error)
{
    g_autoptr(json_t) document =
        json_pack("{s:s,s:s,s:b,s:o}", "schema", "okse.build.v1", "country", preflight->country, "written", 0,
                  "preflight", okse_preflight_json(preflight));

    json_object_set(document, "weights", preflight->weights);
    return okse_print_json(document, error);
}

static bool check_preflight(const BuildOptions *given, OksePreflight *preflight, GError **error)
{
    if (given->gate != NULL && !okse_gate_read(given->gate, &preflight->gate, error))
        return false;
    if (given->at != NULL && !okse_text_time_parse(given->at, &preflight->at))
        return okse_fail(error, OKSE_ERROR_INVALID, "--at: '%s' is no date or RFC 3339 time with an offset", given->at);
    if (preflight->gate == OKSE_GATE_OFF && (given->geo != NULL || given->at != NULL || given->reports != NULL ||
                                             given->trust != NULL || given->waivers != NULL || given->profiles != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--geo, --at, --trust, --waivers, --profile and --report belong to the pre-flight, which "
                         "--gate off leaves out");
    if (given->waivers != NULL && given->trust == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--waivers needs --trust FILE, which says who may waive");
    for (char **report = given->reports; report != NULL && *report != NULL; report++)
        if (!okse_report_request_check(*report, error))
            return false;
    return true;
}

static bool check_options(const BuildOptions *given, OkseBuildRequest *request, GError **error)
{
    if (given->country == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--country ISO2 is missing: a bundle is built for one destination");
    if (given->key != NULL && given->is_unsigned)
        return okse_fail(error, OKSE_ERROR_INVALID, "--key and --unsigned contradict each other");
    if (given->tsa != NULL && given->key == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--tsa timestamps a signature: give --key, too");
    if (given->thin_against != NULL && given->dry_run)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--dry-run hashes nothing, so it cannot tell what --thin-against leaves out");
    if (given->whole_files && given->thin_against == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--whole-files goes with --thin-against");
    return okse_copy_option(given->copy, &request->way, error) && read_epoch(&request->epoch, error) &&
           read_threads(given->threads, &request->threads, error);
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const BuildOptions *given = invocation->options;
    g_auto(OksePreflight) preflight = {.country = given->country,
                                       .site = given->site,
                                       .geo = given->geo,
                                       .at = OKSE_TIME_NONE,
                                       .profiles = given->profiles,
                                       .reports = given->reports,
                                       .waivers = given->waivers};
    OkseBuildRequest request = {.stack_path = invocation->arguments[0],
                                .country = given->country,
                                .site = given->site,
                                .output = given->output,
                                .cache = given->cache,
                                .epoch = OKSE_EPOCH_OF_SOURCES,
                                .dry_run = given->dry_run,
                                .show_progress = true,
                                .examine = okse_preflight,
                                .examine_context = &preflight};
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(OkseTrust) trust = NULL;
    g_autoptr(GPtrArray) against = NULL;
    g_auto(OkseBuildResult) result = {0};
    g_auto(OkseSigningKey) signer = {NULL, NULL};

    if (!check_options(given, &request, error) || !check_preflight(given, &preflight, error))
        return 2;
    /* a key that cannot be used is found out before anything is written */
    if (given->key != NULL &&
        !okse_signing_key_open(given->key, given->certificate, given->passphrase_fd, &signer, error))
        return 3;
    if (given->thin_against != NULL &&
        (against = okse_bundles_open(given->thin_against, "--thin-against", error)) == NULL)
        return 3;
    request.thin_against = against;
    request.whole_files = given->whole_files;
    if (given->trust != NULL && (trust = okse_trust_open(given->trust, error)) == NULL)
        return 3;
    resources = okse_resources_open(invocation->manifests, error);
    preflight.resources = resources;
    preflight.trust = trust;
    /* a profile that does not fit its law is told before the work */
    if (resources == NULL || !okse_profiles_use(given->profiles, resources, NULL, error))
        return 3;
    if (!okse_build(&request, resources, &result, error)) {
        if (invocation->json && (preflight.findings != NULL ||
                                 g_error_matches(error != NULL ? *error : NULL, OKSE_ERROR, OKSE_ERROR_REFUSED)))
            print_refusal(&preflight, NULL);
        return 3;
    }
    if (given->key != NULL && !given->dry_run && !sign(result.path, given, &signer, error))
        return 3;
    return print_result(&result, given, &preflight, invocation->json, error) ? 0 : 3;
}

const OkseCommand okse_command_build = {
    .name = "build",
    .arguments = "STACK",
    .minimum = 1,
    .maximum = 1,
    .summary = "Pack a stack into a bundle for one country.",
    .details = "STACK is a stack.yaml (docs/stack.md). The same stack and inputs give the same bytes, anywhere.\n"
               "Weights are examined, and what is packed is judged by the law of the destination; the findings go into "
               "the bundle.\n"
               "Times in the bundle come from SOURCE_DATE_EPOCH, else from the newest commit\n"
               "of the git sources, else 1970.",
    .options = options,
    .options_size = sizeof(BuildOptions),
    .run = run,
};
