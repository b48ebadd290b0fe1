/* okse passport: one page about a bundle, for people who decide about it. */
#include "audit/passport.h"
#include "audit/collect.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/contents.h"
#include "packager/verify.h"

#include <string.h>
#include <time.h>

typedef struct {
    char *output, *language, *trust, *at;
} PassportOptions;

static const OkseOption passport_options[] = {
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write the page here (default: standard output)",
     offsetof(PassportOptions, output)},
    {OKSE_OPTION_TEXT, "language", 'l', "LANG", "en (default), ko, vi, ar or another language of reports",
     offsetof(PassportOptions, language)},
    {OKSE_OPTION_PATH, "trust", 't', "FILE", "check the signatures by this policy; without it nobody has",
     offsetof(PassportOptions, trust)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "judge signatures as of this time instead of now",
     offsetof(PassportOptions, at)},
    {0},
};

/* The ModelPack config of every weights component. */
static json_t *models_of(const OkseBundle *bundle)
{
    json_t *models = json_array();

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);
        const char *name = okse_json_peek_text(json_object_get(component->manifest, "config"), "digest");
        g_autoptr(json_t) config = NULL;
        OkseSha256 digest;
        GBytes *bytes;

        if (strcmp(component->kind, "weights") != 0 || name == NULL || !okse_sha256_parse(name, &digest, NULL))
            continue;
        bytes = okse_bundle_metadata(bundle, &digest);
        config = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, component->name, NULL);
        json_array_append_new(
            models, json_pack("{s:s,s:O?}", "component", component->name, "config", json_object_get(config, "config")));
    }
    return models;
}

static json_t *signature_json(const OkseSignatureVerdict *verdict)
{
    return json_pack("{s:s?,s:s?,s:s?,s:s?,s:s?,s:s?}", "role", verdict->role, "signer", verdict->signer, "algorithm",
                     verdict->algorithm, "signed_at", verdict->signed_at, "status", verdict->status, "reason",
                     verdict->reason);
}

static json_t *verify(const OkseBundle *bundle, const PassportOptions *options, GError **error)
{
    g_autoptr(OkseTrust) trust = okse_trust_open(options->trust, error);
    OkseJudgeTerms terms = {.now = (gint64)time(NULL), .shown = "the bundle"};
    g_autoptr(OkseVerification) verification = NULL;
    json_t *signatures = json_array(), *reasons = json_array();
    g_autofree char *at = NULL;

    if (trust != NULL && options->at != NULL && !okse_text_time_parse(options->at, &terms.now))
        okse_fail(error, OKSE_ERROR_INVALID, "--at: '%s' is no date or RFC 3339 time with an offset", options->at);
    else if (trust != NULL)
        verification = okse_bundle_judge(bundle, trust, &terms);
    for (guint i = 0; verification != NULL && i < verification->signatures->len; i++)
        json_array_append_new(signatures, signature_json(g_ptr_array_index(verification->signatures, i)));
    for (guint i = 0; verification != NULL && i < verification->reasons->len; i++) {
        g_autofree char *reason = g_utf8_make_valid(g_ptr_array_index(verification->reasons, i), -1);

        json_array_append_new(reasons, json_string(reason));
    }
    at = okse_text_time(terms.now);
    if (verification == NULL) {
        json_decref(signatures);
        json_decref(reasons);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:o,s:o}", "verdict", verification->verified ? "verified" : "refused", "at", at,
                     "signatures", signatures, "reasons", reasons);
}

static json_t *facts_of(const OkseBundle *bundle, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseContents) contents = okse_contents_of_bundle(bundle, error);
    OkseCollectRequest request = {.contents = contents, .papers_only = true};

    if (contents != NULL)
        request.now = okse_contents_created(contents);
    return contents == NULL ? NULL : okse_collect(&request, resources, NULL, error);
}

static json_t *passport_of(const char *path, const PassportOptions *options, const OkseResources *resources,
                           GError **error)
{
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(path, NULL, error);
    g_autoptr(json_t) facts = bundle == NULL ? NULL : facts_of(bundle, resources, error);
    g_autoptr(json_t) models = NULL, sealed = NULL, verified = NULL;
    OksePassportRequest request = {.facts = facts};
    GBytes *findings;

    if (facts == NULL)
        return NULL;
    if (options->trust != NULL && (verified = verify(bundle, options, error)) == NULL)
        return NULL;
    findings = okse_bundle_document(bundle, "findings.json");
    if (findings != NULL && (sealed = okse_json_read(findings, OKSE_LIMIT_EVIDENCE, "findings.json", error)) == NULL)
        return NULL;
    models = models_of(bundle);
    request.models = models;
    request.sealed = sealed;
    request.verified = verified;
    request.statements = okse_bundle_statements(bundle);
    return okse_passport(&request);
}

static bool show(const json_t *passport, const PassportOptions *options, const OkseResources *resources, bool json,
                 GError **error)
{
    g_autoptr(GBytes) page = okse_passport_html(passport, options->language, resources, error);

    if (page == NULL)
        return false;
    if (options->output != NULL && !okse_write_path(options->output, page, error))
        return false;
    if (json)
        return okse_print_json(passport, error);
    if (options->output == NULL)
        okse_print("%.*s", (int)g_bytes_get_size(page), (const char *)g_bytes_get_data(page, NULL));
    return true;
}

static int passport_run(const OkseInvocation *invocation, GError **error)
{
    const PassportOptions *options = invocation->options;
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_autoptr(json_t) passport =
        resources == NULL ? NULL : passport_of(invocation->arguments[0], options, resources, error);

    return passport != NULL && show(passport, options, resources, invocation->json, error) ? 0 : 3;
}

const OkseCommand okse_command_passport = {
    .name = "passport",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = "Write one page about a bundle: what it is, how it scored, what for, who signed.",
    .details = "HTML without scripts. Reads metadata and papers; the payload is not hashed (okse verify does).\n"
               "What nobody has said is shown as unknown.",
    .options = passport_options,
    .options_size = sizeof(PassportOptions),
    .run = passport_run,
};
