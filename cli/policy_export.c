/* okse policy export: the law as other programs read it. */
#include "audit/policy_oscal.h"
#include "audit/profile.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "cli/bundle_input.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/policy_parts.h"
#include "core/fd.h"
#include "core/json.h"
#include "packager/bundle_reader.h"

#include <string.h>

typedef struct {
    char *format, *output, *evidence, *bundle, *at, *source;
    char **countries, **frameworks, **profiles;
} ExportOptions;

static const OkseOption export_options[] = {
    {OKSE_OPTION_TEXT, "format", 'f', "FORMAT", "one of the formats below", offsetof(ExportOptions, format)},
    {OKSE_OPTION_LIST, "country", 0, "ISO2", "whose law; may be repeated", offsetof(ExportOptions, countries)},
    {OKSE_OPTION_LIST, "framework", 0, "NAME", "this beside the law", offsetof(ExportOptions, frameworks)},
    {OKSE_OPTION_LIST, "profile", 0, "FILE", "what a site or sector asks beyond the law; may be repeated",
     offsetof(ExportOptions, profiles)},
    {OKSE_OPTION_PATH, "evidence", 0, "FILE", "only what applies to what was collected: facts or an archive",
     offsetof(ExportOptions, evidence)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "with --evidence: on that day (default: now)", offsetof(ExportOptions, at)},
    {OKSE_OPTION_PATH, "bundle", 0, "FILE", "a component definition of this package, with what it says of itself",
     offsetof(ExportOptions, bundle)},
    {OKSE_OPTION_TEXT, "source", 0, "HREF", "where the catalog of a profile is, or the profile of a definition",
     offsetof(ExportOptions, source)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write here, not to standard output", offsetof(ExportOptions, output)},
    {0},
};

typedef enum { CATALOG, PROFILE, COMPONENT, FORMATS } Format;
static const char *const format_names[] = {"oscal-catalog", "oscal-profile", "oscal-component-definition", NULL};
static const char *const sources[] = {NULL, "catalog.json", "profile.json"};

static bool options_check(const ExportOptions *options, Format *format, GError **error)
{
    for (*format = CATALOG; *format < FORMATS; (*format)++)
        if (g_strcmp0(options->format, format_names[*format]) == 0)
            break;
    if (*format == FORMATS)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--format must be oscal-catalog, oscal-profile or oscal-component-definition");
    if (options->countries == NULL && options->frameworks == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "whose law? give --country ISO2 (see okse policy list)");
    if (options->bundle != NULL && *format != COMPONENT)
        return okse_fail(error, OKSE_ERROR_INVALID, "--bundle belongs to oscal-component-definition");
    if (options->source != NULL && *format == CATALOG)
        return okse_fail(error, OKSE_ERROR_INVALID, "--source: a catalog refers to nothing");
    if (*format == CATALOG && options->evidence != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--evidence: a catalog has everything; what applies says a profile");
    if (options->at != NULL && options->evidence == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--at says on which day something applies to --evidence FILE");
    if (options->source != NULL && (*options->source == '\0' || strpbrk(options->source, " \t\r\n") != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--source '%s' is no reference", options->source);
    return true;
}

/* The findings that the package was sealed with. Nobody's word is taken for them: okse verify says whose they are. */
static bool read_claim(const char *path, json_t **claim, char identity[OKSE_SHA256_TEXT], GError **error)
{
    g_autoptr(OkseBundle) bundle = okse_bundle_input_read(path, NULL, error);
    GBytes *findings = bundle == NULL ? NULL : okse_bundle_document(bundle, "findings.json");

    if (bundle == NULL)
        return false;
    if (findings == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: it carries no findings of a pre-flight (okse build --gate)",
                         path);
    okse_sha256_text(okse_bundle_identity(bundle), identity);
    *claim = okse_findings_read(findings, "findings.json", error);
    return *claim != NULL;
}

static json_t *export_law(const OkseInvocation *invocation, Format format, GError **error)
{
    const ExportOptions *options = invocation->options;
    g_auto(GStrv) wanted = okse_policy_wanted(options->countries, options->frameworks);
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);
    g_autoptr(OkseTarget) target = NULL;
    g_autoptr(json_t) facts = NULL, claim = NULL;
    g_autoptr(OkseLaw) law = NULL;
    char identity[OKSE_SHA256_TEXT];
    OksePolicyExport request = {.source = options->source != NULL ? options->source : sources[format]};

    if (resources == NULL || !okse_policy_time("at", options->at, &request.at, error) ||
        (law = okse_law_load(resources, (const char *const *)wanted, error)) == NULL ||
        !okse_profiles_use(options->profiles, resources, law, error))
        return NULL;
    if (options->evidence != NULL) {
        facts = okse_audit_evidence(options->evidence, error);
        if (facts == NULL)
            return NULL;
        target = okse_target_new(facts, law->classes);
    }
    if (options->bundle != NULL && !read_claim(options->bundle, &claim, identity, error))
        return NULL;
    request.law = law;
    request.target = target;
    request.claim = claim;
    request.identity = claim != NULL ? identity : NULL;
    return format == CATALOG   ? okse_policy_oscal_catalog(&request)
           : format == PROFILE ? okse_policy_oscal_profile(&request, error)
                               : okse_policy_oscal_component(&request, error);
}

static int export_run(const OkseInvocation *invocation, GError **error)
{
    const ExportOptions *options = invocation->options;
    g_autoptr(json_t) document = NULL;
    g_autoptr(GBytes) bytes = NULL;
    Format format;
    char *text;

    if (!options_check(options, &format, error) || (document = export_law(invocation, format, error)) == NULL)
        return 2;
    if (options->output == NULL || invocation->json)
        if (!okse_print_json(document, error))
            return 3;
    if (options->output == NULL)
        return 0;
    text = okse_json_write_pretty(document);
    bytes = g_bytes_new_take(text, strlen(text));
    return okse_write_path(options->output, bytes, error) ? 0 : 3;
}

const OkseCommand okse_command_policy_export = {
    .name = "policy export",
    .summary = "Write the law as OSCAL, for programs of governance and compliance.",
    .details = "Formats: oscal-catalog (instruments as groups, provisions as controls), oscal-profile\n"
               "(what applies, with parameters), oscal-component-definition (the checks as rules). The\n"
               "same law gives the same bytes and UUIDs.",
    .options = export_options,
    .options_size = sizeof(ExportOptions),
    .takes_policy = true,
    .run = export_run,
};
