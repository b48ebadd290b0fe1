/* okse audit: facts in, findings out, reports beside; the exit status is the verdict. */
#include "audit/findings.h"
#include "audit/profile.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "core/text.h"

#include <string.h>
#include <time.h>

typedef struct {
    char *root, *bundle;
    char **evidence;
    char *scope;
    char **countries, **frameworks;
    char *site;
    char *geo;
    char *at;
    char *trust, *waivers;
    char **profiles;
    char **reports;
    char **only;
    char *previous;
    char *fleet, *programs;
} AuditOptions;

static const OkseOption audit_options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "the installed tree to collect from", offsetof(AuditOptions, root)},
    {OKSE_OPTION_PATH, "bundle", 0, "FILE", "a bundle that is not installed yet", offsetof(AuditOptions, bundle)},
    {OKSE_OPTION_LIST, "evidence", 0, "FILE", "what was collected earlier (a directory: all in it); may be repeated",
     offsetof(AuditOptions, evidence)},
    {OKSE_OPTION_TEXT, "scope", 0, "SCOPE", "install, host or both (default: both)", offsetof(AuditOptions, scope)},
    {OKSE_OPTION_LIST, "country", 0, "ISO2", "whose law; may be repeated", offsetof(AuditOptions, countries)},
    {OKSE_OPTION_LIST, "framework", 0, "NAME", "ask this beside the law (a bundle is always asked 'shipping')",
     offsetof(AuditOptions, frameworks)},
    {OKSE_OPTION_PATH, "site", 0, "FILE", "what the operator declares of the place", offsetof(AuditOptions, site)},
    {OKSE_OPTION_PATH, "geo", 0, "FILE", "address database (MMDB)", offsetof(AuditOptions, geo)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "audit under the law of that day (default: now)", offsetof(AuditOptions, at)},
    {OKSE_OPTION_PATH, "trust", 0, "FILE", "who may approve documents and waive findings (trust.yaml: approvals)",
     offsetof(AuditOptions, trust)},
    {OKSE_OPTION_PATH, "waivers", 0, "FILE", "waivers, approved in FILE.sigstore.json (default: those in the bundle)",
     offsetof(AuditOptions, waivers)},
    {OKSE_OPTION_LIST, "profile", 0, "FILE", "what a site or sector asks beyond the law; may be repeated",
     offsetof(AuditOptions, profiles)},
    {OKSE_OPTION_LIST, "only", 0, "CONTROL", "ask these controls and no other (a,b); the audit is partial then",
     offsetof(AuditOptions, only)},
    {OKSE_OPTION_PATH, "previous", 0, "FINDINGS", "earlier findings: says since when each finding is open",
     offsetof(AuditOptions, previous)},
    {OKSE_OPTION_LIST, "report", 0, "FORMAT=FILE", "write a report; may be repeated", offsetof(AuditOptions, reports)},
    {OKSE_OPTION_PATH, "fleet", 0, "FILE", "write one document about all evidence (okse report renders it)",
     offsetof(AuditOptions, fleet)},
    {OKSE_OPTION_PATH, "programs", 0, "DIR", "write what is asked into a new directory, as programs for jq",
     offsetof(AuditOptions, programs)},
    {0},
};

static bool options_check(const AuditOptions *options, GError **error)
{
    static const char *const scopes[] = {"install", "host", "both", NULL};

    if ((options->root != NULL) + (options->bundle != NULL) + (options->evidence != NULL) != 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "give one of --root DIR, --bundle FILE and --evidence FILE");
    if (options->bundle != NULL && options->scope != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--scope belongs to --root: a bundle has no host");
    if (options->countries == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "whose law? give --country ISO2 (see okse policy list)");
    if (options->scope != NULL && !g_strv_contains(scopes, options->scope))
        return okse_fail(error, OKSE_ERROR_INVALID, "--scope: '%s' is none of install, host, both", options->scope);
    if (options->evidence != NULL && (options->scope != NULL || options->site != NULL || options->geo != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--scope, --site and --geo belong to the collection (okse collect), not to --evidence");
    if (options->waivers != NULL && options->trust == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--waivers needs --trust FILE, which says who may waive");
    if (options->previous != NULL && options->evidence != NULL && options->evidence[1] != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--previous is about one target: give one --evidence with it");
    for (char **report = options->reports; report != NULL && *report != NULL; report++)
        if (!okse_report_request_check(*report, error))
            return false;
    return options->fleet == NULL || options->evidence != NULL ||
           okse_fail(error, OKSE_ERROR_INVALID, "--fleet is about evidence: give --evidence");
}

static bool time_of(const AuditOptions *options, gint64 now, gint64 *at, GError **error)
{
    *at = now;
    if (options->at == NULL || okse_text_time_parse(options->at, at))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "--at: '%s' is no date or RFC 3339 time with an offset", options->at);
}

static void want(GPtrArray *wanted, char *id)
{
    for (guint i = 0; i < wanted->len; i++)
        if (strcmp(g_ptr_array_index(wanted, i), id) == 0) {
            g_free(id);
            return;
        }
    g_ptr_array_add(wanted, id);
}

/* The countries, then the frameworks, each once. What is still in a bundle is asked what it was asked before it was
 * sealed. */
static GStrv wanted_by(const AuditOptions *options)
{
    GPtrArray *wanted = g_ptr_array_new();

    for (char **country = options->countries; *country != NULL; country++)
        want(wanted, g_ascii_strup(*country, -1));
    if (options->bundle != NULL)
        want(wanted, g_strdup(OKSE_FRAMEWORK_SHIPPING));
    for (char **framework = options->frameworks; framework != NULL && *framework != NULL; framework++)
        want(wanted, g_ascii_strdown(*framework, -1));
    g_ptr_array_add(wanted, NULL);
    return (GStrv)g_ptr_array_free(wanted, FALSE);
}

static bool show(const OkseInvocation *invocation, const json_t *findings, const OkseResources *resources,
                 GError **error)
{
    const AuditOptions *options = invocation->options;
    bool written = okse_report_write_all(findings, (const char *const *)options->reports, resources, error);
    GError **other = written ? error : NULL; /* what was found is told all the same */

    return (invocation->json ? okse_print_json(findings, other) : okse_audit_print(findings, resources, other)) &&
           written;
}

/* Of one audit, for the rest of the process, which is about to end: letting go of a fleet's facts value by value takes
 * a tenth of the time of judging them. */
static struct {
    OkseAuditInputs inputs;
    json_t *findings;
} kept;

static int audit_run(const OkseInvocation *invocation, GError **error)
{
    const AuditOptions *options = invocation->options;
    OkseAuditSource source = {.root = options->root,
                              .bundle = options->bundle,
                              .scope = options->scope,
                              .site = options->site,
                              .geo = options->geo,
                              .now = (gint64)time(NULL),
                              .waivers = options->waivers,
                              .programs = options->programs,
                              .only = options->only,
                              .previous = options->previous,
                              .payload = options->frameworks != NULL};
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(OkseTrust) trust = NULL;
    g_autoptr(OkseLaw) law = NULL;
    g_auto(GStrv) wanted = NULL, evidence = NULL;
    gint64 at;

    if (!options_check(options, error) || !time_of(options, source.now, &at, error))
        return 2;
    if (options->evidence != NULL) {
        if ((evidence = okse_audit_evidence_list(options->evidence, error)) == NULL ||
            !okse_audit_several_check(evidence, options->reports, options->fleet != NULL, error))
            return 2;
        source.evidence = evidence[0];
        if (options->programs != NULL && (evidence[1] != NULL || options->fleet != NULL)) {
            okse_fail(error, OKSE_ERROR_INVALID, "--programs is for one --evidence: each may be asked other things");
            return 2;
        }
    }
    if (options->bundle != NULL) /* a sealed bundle is the same on any day: it is asked on that of the law */
        source.now = at;
    if (options->trust != NULL && (trust = okse_trust_open(options->trust, error)) == NULL)
        return 3;
    source.trust = trust;
    wanted = wanted_by(options);
    resources = okse_law_source(invocation, error);
    /* a wrong country is told before the work */
    if (resources == NULL || (law = okse_law_load(resources, (const char *const *)wanted, error)) == NULL ||
        !okse_profiles_use(options->profiles, resources, law, error))
        return 3;
    if (evidence != NULL && (evidence[1] != NULL || options->fleet != NULL)) {
        OkseAuditSeveral several = {evidence, law, options->reports, at, invocation->json};

        if (options->fleet != NULL)
            return okse_audit_fleet(&several, &source, resources, options->fleet, error);
        return okse_audit_several(&several, &source, resources, error);
    }
    okse_audit_inputs_clear(&kept.inputs);
    json_decref(kept.findings);
    kept.findings = okse_audit_inputs(&source, law, at, resources, &kept.inputs, error)
                        ? okse_findings(&kept.inputs.request, error)
                        : NULL;
    if (kept.findings == NULL || !show(invocation, kept.findings, resources, error))
        return 3;
    return okse_findings_exit_status(kept.findings);
}

const OkseCommand okse_command_audit = {
    .name = "audit",
    .summary = "Judge what was collected against a country's law.",
    .details = "The law is that of --at, or of today. Several --evidence are judged each by itself; the name of a "
               "report then has\n"
               "{} in it, which becomes the name of the evidence. Exit status, the worst of all: 0 compliant, 1 "
               "non-compliant,\n"
               "4 inconclusive. With --only the verdict is never \"compliant\", and the exit status says what the "
               "controls that\n"
               "were asked say: 0 all pass, 1 one fails, 4 one is open.",
    .options = audit_options,
    .options_size = sizeof(AuditOptions),
    .takes_policy = true,
    .run = audit_run,
};
