/* The check before shipping: packager shows what it will pack, audit turns that into facts and findings, and packager
 * seals both. */
#include "cli/preflight.h"

#include "audit/collect.h"
#include "audit/findings.h"
#include "audit/law.h"
#include "audit/profile.h"
#include "audit/report.h"
#include "cli/options.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/build.h"
#include "packager/media_types.h"
#include "packager/weights.h"

#include <string.h>

bool okse_gate_read(const char *text, OkseGate *gate, GError **error)
{
    static const char *const words[] = {
        [OKSE_GATE_BLOCK] = "block", [OKSE_GATE_WARN] = "warn", [OKSE_GATE_OFF] = "off"};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(text, words[i]) == 0) {
            *gate = (OkseGate)i;
            return true;
        }
    return okse_fail(error, OKSE_ERROR_INVALID, "--gate: '%s' is none of block, warn, off", text);
}

static OkseLaw *open_law(const OksePreflight *preflight, GError **error)
{
    const char *const wanted[] = {preflight->country, OKSE_FRAMEWORK_SHIPPING, NULL};
    OkseLaw *law = okse_law_load(preflight->resources, wanted, error);

    if (law == NULL && preflight->gate == OKSE_GATE_BLOCK)
        g_prefix_error(error,
                       "the pre-flight for %s cannot be made (--gate warn packs without one): ", preflight->country);
    return law;
}

/* The profiles tailor the law, and are sealed with the findings that rest on them. */
static bool use_profiles(const OksePreflight *preflight, OkseLaw *law, GPtrArray *documents, GError **error)
{
    for (char **path = preflight->profiles; path != NULL && *path != NULL; path++) {
        g_autoptr(GBytes) bytes = okse_read_path(*path, OKSE_LIMIT_DOCUMENT, error);
        g_autofree char *title = NULL;

        if (bytes == NULL || !okse_profile_use(bytes, *path, preflight->resources, law, error))
            return false;
        title = g_strdup_printf(
            "profiles/%s.yaml",
            okse_json_peek_text(json_array_get(law->profiles, json_array_size(law->profiles) - 1), "name"));
        g_ptr_array_add(documents, okse_document_new(title, OKSE_TYPE_PROFILE, g_bytes_ref(bytes)));
    }
    return true;
}

/* The day of the law that is asked: none that depends on today, or two builders would not agree. */
static gint64 law_day(const OksePreflight *preflight, const OkseContents *contents, const OkseLaw *law)
{
    const OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, 0);
    gint64 as_of = okse_contents_created(contents);

    if (preflight->at != OKSE_TIME_NONE)
        return preflight->at;
    okse_text_time_parse(jurisdiction->as_of, &as_of);
    return MAX(as_of, okse_contents_created(contents));
}

/* The waivers, which must hold: a vendor who brings some means them. They go into the package whatever they cover. */
static bool open_waivers(const OksePreflight *preflight, const OkseContents *contents, const OkseLaw *law,
                         GPtrArray *documents, OkseWaivers **waivers, GError **error)
{
    g_autofree char *beside = g_strconcat(preflight->waivers, OKSE_APPROVAL_SUFFIX, NULL);
    g_autoptr(GBytes) bytes = okse_read_path(preflight->waivers, OKSE_LIMIT_DOCUMENT, error);
    g_autoptr(GBytes) signature = bytes == NULL ? NULL : okse_read_path(beside, OKSE_LIMIT_APPROVAL, error);
    OkseWaiversRequest request = {.origin = preflight->waivers,
                                  .bytes = bytes,
                                  .signature = signature,
                                  .trust = preflight->trust,
                                  .at = law_day(preflight, contents, law),
                                  .stack = okse_json_peek_text(okse_contents_stack(contents), "name"),
                                  .country = preflight->country};
    const char *reason;

    if (signature == NULL)
        return false;
    *waivers = okse_waivers_read(&request, law, error);
    if (*waivers == NULL)
        return false;
    if (!okse_waivers_hold(*waivers, &reason))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: its approval does not hold: %s", preflight->waivers, reason);
    g_ptr_array_add(documents, okse_document_new("waivers.yaml", OKSE_TYPE_WAIVERS, g_bytes_ref(bytes)));
    g_ptr_array_add(documents,
                    okse_document_new("waivers.yaml" OKSE_APPROVAL_SUFFIX, OKSE_TYPE_APPROVAL, g_bytes_ref(signature)));
    return true;
}

static json_t *judge(const OksePreflight *preflight, const OkseContents *contents, const OkseLaw *law,
                     GPtrArray *documents, GError **error)
{
    gint64 at = law_day(preflight, contents, law);
    OkseCollectRequest collect = {
        .contents = contents, .site = preflight->site, .geo = preflight->geo, .now = at, .trust = preflight->trust};
    g_autoptr(OkseWaivers) waivers = NULL;
    g_autoptr(json_t) geo = NULL, facts = NULL;
    OkseAuditRequest audit = {.law = law, .at = at, .limits = &okse_evaluate_limits};

    if (preflight->waivers != NULL && !open_waivers(preflight, contents, law, documents, &waivers, error))
        return NULL;
    facts = okse_collect(&collect, preflight->resources, &geo, error);
    audit.facts = facts;
    audit.geo = geo;
    audit.waivers = waivers;
    return facts == NULL ? NULL : okse_findings(&audit, error);
}

/* The provisions of a profile's own stand among the jurisdictions, too; their file is there already. */
static bool is_profile(const OkseLaw *law, const OkseJurisdiction *jurisdiction)
{
    const json_t *one;
    size_t i;

    json_array_foreach(law->profiles, i,
                       one) if (g_strcmp0(okse_json_peek_text(one, "name"), jurisdiction->iso) == 0) return true;
    return false;
}

static bool add_law(const OksePreflight *preflight, const OkseJurisdiction *jurisdiction, GPtrArray *documents,
                    GError **error)
{
    const char *directory = jurisdiction->framework ? "frameworks" : "jurisdictions";
    g_autofree char *lower = g_ascii_strdown(jurisdiction->iso, -1);
    g_autofree char *path = g_strdup_printf("manifests/%s/%s.yaml", directory, lower);
    g_autofree char *title = g_strdup_printf("%s/%s.yaml", directory, jurisdiction->iso);
    GBytes *law = okse_resources_read(preflight->resources, path, error);

    if (law == NULL)
        return false;
    g_ptr_array_add(documents, okse_document_new(title, OKSE_TYPE_JURISDICTION, law));
    return true;
}

/* The findings, and every law they were judged by: the country's, that of its blocs, and the gates. */
static bool add_documents(const OksePreflight *preflight, const OkseLaw *law, GPtrArray *documents, GError **error)
{
    g_ptr_array_add(documents,
                    okse_document_new("findings.json", OKSE_TYPE_FINDINGS, okse_json_write(preflight->findings)));
    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        if (!is_profile(law, one) && !add_law(preflight, one, documents, error))
            return false;
    }
    return true;
}

static bool write_reports(const OksePreflight *preflight, GError **error)
{
    for (char **report = preflight->reports; report != NULL && *report != NULL; report++)
        if (!okse_report_write(preflight->findings, *report, NULL, preflight->resources, error))
            return false;
    return true;
}

static bool is_closing(const json_t *finding)
{
    return g_strcmp0(okse_json_peek_text(finding, "status"), "fail") == 0 &&
           g_strcmp0(okse_json_peek_text(finding, "severity"), "mandatory") == 0;
}

static void tell_violation(const json_t *finding, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *message = okse_json_peek_text(evidence, "message");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));
    g_autofree char *number = line > 0 ? g_strdup_printf("%" JSON_INTEGER_FORMAT ": ", line) : g_strdup(" ");
    g_autofree char *told = g_strdup_printf("%s%s%s%s", file != NULL ? file : "", file != NULL ? ":" : "",
                                            file != NULL ? number : "", message != NULL ? message : "");
    g_autofree char *safe = okse_text_show(told, -1, false);

    okse_note("  %s, %s: %s", okse_json_peek_text(finding, "provision"), okse_json_peek_text(finding, "control"), safe);
}

static void tell_finding(const json_t *finding)
{
    const json_t *evidence = json_object_get(finding, "evidence"), *row;
    size_t i;

    json_array_foreach(evidence, i, row) if (g_strcmp0(okse_json_peek_text(row, "verdict"), "violation") == 0)
        tell_violation(finding, row);
}

static void tell_waivers(const json_t *waivers)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(waivers, "rows"), i, row) okse_note(
        "waiver of %s: %s (by %s until %s)", okse_json_peek_text(row, "control"), okse_json_peek_text(row, "state"),
        okse_json_peek_text(row, "approver"), okse_json_peek_text(row, "until"));
}

/* What does not close the gate is told; what does, too, before the error that ends the build. */
static bool pass(const OksePreflight *preflight, GError **error)
{
    const json_t *findings = json_object_get(preflight->findings, "findings"), *finding;
    unsigned failed = 0;
    size_t i;

    json_array_foreach(findings, i, finding) failed += is_closing(finding);
    tell_waivers(json_object_get(preflight->findings, "waivers"));
    if (failed > 0)
        okse_note("Pre-flight for %s: %u mandatory findings", preflight->country, failed);
    json_array_foreach(findings, i, finding) if (is_closing(finding)) tell_finding(finding);
    if (failed == 0 || preflight->gate == OKSE_GATE_WARN)
        return true;
    return okse_fail(
        error, OKSE_ERROR_REFUSED,
        "this stack cannot ship to %s: %u mandatory findings; nothing was written. Correct what is named above, "
        "or pack it with its findings by --gate warn",
        preflight->country, failed);
}

/* What okse_weights_examine() found in the components, and how much of it is critical. */
static unsigned tell_weights(OksePreflight *preflight, const OkseContents *contents)
{
    unsigned critical = 0;

    preflight->weights = json_array();
    for (unsigned i = 0; i < okse_contents_count(contents); i++) {
        const json_t *report = okse_contents_weights(contents, i), *findings = json_object_get(report, "findings"),
                     *row;
        size_t k;

        if (report == NULL)
            continue;
        critical += okse_weights_critical(report);
        json_array_append_new(preflight->weights,
                              json_pack("{s:s,s:I,s:O,s:O}", "component", okse_contents_name(contents, i), "critical",
                                        (json_int_t)okse_weights_critical(report), "findings", findings, "summary",
                                        json_object_get(report, "summary")));
        json_array_foreach(findings, k, row)
        {
            g_autofree char *text = okse_weights_finding_text(row);

            okse_note("%s: %s: %s", okse_contents_name(contents, i), okse_json_peek_text(row, "severity"), text);
        }
    }
    return critical;
}

/* Dangerous weights that are packed all the same are packed with what was found. */
static void add_weights(const OksePreflight *preflight, unsigned critical, GPtrArray *documents)
{
    g_autoptr(json_t) document = NULL;

    if (critical == 0 || preflight->gate == OKSE_GATE_BLOCK)
        return;
    document = json_pack("{s:s,s:O}", "schema", "okse.weights-accepted.v1", "components", preflight->weights);
    g_ptr_array_add(documents, okse_document_new("weights.json", OKSE_TYPE_WEIGHTS, okse_json_write(document)));
}

/* Whatever the controls say: dangerous weights do not pass a closed gate, also where the table of gates is somebody
 * else's. */
static bool pass_weights(const OksePreflight *preflight, unsigned critical, GError **error)
{
    if (critical == 0 || preflight->gate != OKSE_GATE_BLOCK)
        return true;
    return okse_fail(error, OKSE_ERROR_REFUSED,
                     "%u critical findings in weights, named above; nothing was written (okse weights shows them; "
                     "--gate warn packs them all the same)",
                     critical);
}

bool okse_preflight(void *context, const OkseContents *contents, GPtrArray *documents, GError **error)
{
    OksePreflight *preflight = context;
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseLaw) law = NULL;
    unsigned critical = tell_weights(preflight, contents);

    add_weights(preflight, critical, documents);
    if (preflight->gate == OKSE_GATE_OFF)
        return true;
    law = open_law(preflight, &cause);
    if (law == NULL && preflight->gate == OKSE_GATE_WARN) {
        okse_note("No pre-flight: %s", cause->message);
        return true;
    }
    if (law == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    preflight->findings =
        use_profiles(preflight, law, documents, error) ? judge(preflight, contents, law, documents, error) : NULL;
    return preflight->findings != NULL && write_reports(preflight, error) &&
           add_documents(preflight, law, documents, error) && pass(preflight, error) &&
           pass_weights(preflight, critical, error);
}

json_t *okse_preflight_json(const OksePreflight *preflight)
{
    g_autoptr(GBytes) bytes = preflight->findings == NULL ? NULL : okse_json_write(preflight->findings);
    json_t *failed, *finding;
    OkseSha256 digest;
    char text[OKSE_SHA256_TEXT];
    size_t i;

    if (bytes == NULL)
        return json_null();
    digest = okse_sha256_of_bytes(bytes);
    failed = json_array();
    json_array_foreach(json_object_get(preflight->findings, "findings"), i, finding)
    {
        if (is_closing(finding))
            json_array_append_new(failed,
                                  json_pack("{s:O,s:O,s:O,s:O}", "provision", json_object_get(finding, "provision"),
                                            "control", json_object_get(finding, "control"), "violations",
                                            json_object_get(finding, "violations"), "evidence",
                                            json_object_get(finding, "evidence")));
    }
    return json_pack("{s:O,s:O,s:s,s:o,s:O?,s:O?}", "verdict", json_object_get(preflight->findings, "verdict"), "at",
                     json_object_get(preflight->findings, "audited_at"), "findings", okse_sha256_text(&digest, text),
                     "failed", failed, "waivers", json_object_get(preflight->findings, "waivers"), "profiles",
                     json_object_get(json_object_get(preflight->findings, "inputs"), "profiles"));
}

void okse_preflight_clear(OksePreflight *preflight)
{
    json_decref(preflight->weights);
    json_decref(preflight->findings);
    preflight->weights = preflight->findings = NULL;
}
