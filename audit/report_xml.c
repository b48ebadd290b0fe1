/* JUnit for build servers, XCCDF 1.2 for OpenSCAP and what reads its results. */
#include "audit/report_formats.h"

#include "audit/report_escape.h"
#include "audit/report_redaction.h"
#include "core/json.h"

#include <string.h>

static const char *english(const json_t *texts)
{
    const char *text = okse_texts_get(texts, "en", NULL);

    return text != NULL ? text : "";
}

static void attribute(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, " %s=\"", name);
    okse_escape_markup(out, value != NULL ? value : "");
    g_string_append_c(out, '"');
}

static void element(GString *out, const char *name, const char *text)
{
    g_string_append_printf(out, "<%s>", name);
    okse_escape_markup(out, text != NULL ? text : "");
    g_string_append_printf(out, "</%s>\n", name);
}

/* Evidence as lines "file:line message". */
static void evidence_lines(GString *out, const json_t *finding)
{
    const json_t *list = json_object_get(finding, "evidence");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *evidence = json_array_get(list, i);
        const char *file = okse_json_peek_text(evidence, "file"), *message = okse_json_peek_text(evidence, "message");
        const char *fact = okse_json_peek_text(evidence, "fact");
        json_int_t line = json_integer_value(json_object_get(evidence, "line"));

        okse_escape_markup(out, file != NULL ? file : fact != NULL ? fact : "-");
        if (file != NULL && line > 0)
            g_string_append_printf(out, ":%" JSON_INTEGER_FORMAT, line);
        g_string_append_c(out, ' ');
        okse_escape_markup(out, message != NULL ? message : "");
        g_string_append_c(out, '\n');
    }
}

/* --- JUnit, junit-10.xsd --- */

static void junit_outcome(GString *out, const OkseReportView *view, const json_t *finding)
{
    static const char *const elements[OKSE_STATUSES] = {"failure", "error", "skipped", NULL, "skipped"};
    static const char *const types[OKSE_STATUSES] = {"fail", "inconclusive", "waived", NULL, "not-applicable"};
    OkseStatus status = okse_finding_status(finding);
    const json_t *reason = json_object_get(finding, "reason");
    const char *said = json_is_object(reason)
                           ? english(reason)
                           : english(json_object_get(okse_report_view_control(view, finding), "title"));
    g_autofree char *waived = g_strconcat("waived: ", said, NULL);

    if (elements[status] == NULL)
        return;
    g_string_append_printf(out, "<%s type=\"%s\"", elements[status], types[status]);
    attribute(out, "message", status == OKSE_STATUS_WAIVED ? waived : said);
    g_string_append_c(out, '>');
    evidence_lines(out, finding);
    g_string_append_printf(out, "</%s>\n", elements[status]);
}

static void junit_case(GString *out, const OkseReportView *view, const json_t *finding)
{
    g_autofree char *class = g_strdup_printf("%s.%s", okse_json_peek_text(finding, "jurisdiction"),
                                             okse_json_peek_text(finding, "provision"));

    g_string_append(out, "<testcase");
    attribute(out, "classname", class);
    attribute(out, "name", okse_json_peek_text(finding, "control"));
    g_string_append(out, " time=\"0.000\">\n");
    junit_outcome(out, view, finding);
    element(out, "system-out", okse_json_peek_text(finding, "id"));
    g_string_append(out, "</testcase>\n");
}

static void junit_counts(GString *out, const unsigned *counts, unsigned total, bool suite)
{
    g_string_append_printf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\"", total, counts[OKSE_STATUS_FAIL],
                           counts[OKSE_STATUS_INCONCLUSIVE]);
    if (suite)
        g_string_append_printf(out, " skipped=\"%u\"", counts[OKSE_STATUS_WAIVED] + counts[OKSE_STATUS_NOT_APPLICABLE]);
    g_string_append(out, " time=\"0.000\"");
}

static void junit_property(GString *out, const char *name, const char *value)
{
    g_string_append(out, "<property");
    attribute(out, "name", name);
    attribute(out, "value", value);
    g_string_append(out, "/>");
}

/* What the verdicts of this suite were computed from. */
static void junit_properties(GString *out, const json_t *findings, const char *iso)
{
    const json_t *inputs = json_object_get(findings, "inputs");

    g_string_append(out, "<properties>");
    junit_property(out, "jurisdiction", iso);
    junit_property(out, "facts", okse_json_peek_text(inputs, "facts"));
    junit_property(out, "manifests", okse_json_peek_text(inputs, "manifests"));
    if (okse_findings_redaction(findings) != NULL)
        junit_property(out, "redaction", okse_findings_redaction(findings));
    g_string_append(out, "</properties>\n");
}

static void junit_suite(GString *out, const json_t *findings, const OkseReportView *view, const char *iso,
                        const json_t *instrument)
{
    const json_t *list = json_object_get(findings, "findings");
    const char *id = okse_json_peek_text(instrument, "id");
    g_autoptr(GString) cases = g_string_new(NULL);
    g_autofree char *suite_id = g_strdup_printf("%s.%s", iso, id);
    unsigned counts[OKSE_STATUSES] = {0}, total = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);

        if (strcmp(okse_json_peek_text(finding, "jurisdiction"), iso) != 0 ||
            strcmp(okse_json_peek_text(finding, "instrument"), id) != 0)
            continue;
        counts[okse_finding_status(finding)]++;
        total++;
        junit_case(cases, view, finding);
    }
    if (total == 0)
        return;
    g_string_append(out, "<testsuite");
    attribute(out, "name", english(json_object_get(instrument, "title")));
    attribute(out, "id", suite_id);
    attribute(out, "hostname", okse_json_peek_text(json_object_get(findings, "target"), "hostname"));
    attribute(out, "timestamp", okse_json_peek_text(findings, "audited_at"));
    junit_counts(out, counts, total, true);
    g_string_append(out, ">\n");
    junit_properties(out, findings, iso);
    g_string_append_printf(out, "%s</testsuite>\n", cases->str);
}

GBytes *okse_report_junit(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    OkseCounts counts = okse_report_view_counts(view, NULL);
    GString *out = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"okse\"");

    (void)language, (void)resources, (void)error;
    junit_counts(out, counts.all, counts.total, false);
    g_string_append(out, ">\n");
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *instruments = json_object_get(jurisdiction, "instruments");

        for (size_t j = 0; j < json_array_size(instruments); j++)
            junit_suite(out, findings, view, okse_json_peek_text(jurisdiction, "iso"), json_array_get(instruments, j));
    }
    g_string_append(out, "</testsuites>\n");
    return g_string_free_to_bytes(out);
}

/* --- XCCDF 1.2 --- */

static void xccdf_rule_id(GString *out, const json_t *finding)
{
    g_string_append_printf(out, "xccdf_dev.okse_rule_%s.%s.%s", okse_json_peek_text(finding, "provision"),
                           okse_json_peek_text(finding, "control"),
                           okse_json_peek_text(finding, "id") + strlen("fnd:"));
}

static void xccdf_rule(GString *out, const OkseReportView *view, const json_t *finding)
{
    const json_t *control = okse_report_view_control(view, finding);
    const json_t *provision = okse_report_view_provision(view, finding);
    const char *url = okse_json_peek_text(okse_report_view_instrument(view, finding), "url");
    const char *article = okse_json_peek_text(provision, "article");
    const char *remediation = okse_texts_get(json_object_get(control, "remediation"), "en", NULL);

    g_string_append(out, "<Rule id=\"");
    xccdf_rule_id(out, finding);
    g_string_append_printf(out, "\" severity=\"%s\" selected=\"true\">\n",
                           okse_finding_mandatory(finding) ? "high" : "medium");
    element(out, "title", english(json_object_get(control, "title")));
    element(out, "description", english(json_object_get(provision, "title")));
    g_string_append(out, "<reference");
    if (url != NULL && g_str_has_prefix(url, "http") && g_uri_is_valid(url, G_URI_FLAGS_NONE, NULL))
        attribute(out, "href", url);
    g_string_append_c(out, '>');
    okse_escape_markup(out, article != NULL ? article : okse_json_peek_text(finding, "provision"));
    g_string_append(out, "</reference>\n");
    if (remediation != NULL)
        element(out, "fixtext", remediation);
    g_string_append(out, "</Rule>\n");
}

static void xccdf_group(GString *out, const json_t *findings, const OkseReportView *view, const char *iso,
                        const json_t *instrument)
{
    const json_t *list = json_object_get(findings, "findings");
    const char *id = okse_json_peek_text(instrument, "id");
    bool open = false;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);

        if (strcmp(okse_json_peek_text(finding, "jurisdiction"), iso) != 0 ||
            strcmp(okse_json_peek_text(finding, "instrument"), id) != 0)
            continue;
        if (!open) {
            g_string_append_printf(out, "<Group id=\"xccdf_dev.okse_group_%s.%s\">\n", iso, id);
            element(out, "title", english(json_object_get(instrument, "title")));
        }
        open = true;
        xccdf_rule(out, view, finding);
    }
    g_string_append(out, open ? "</Group>\n" : "");
}

static void xccdf_result(GString *out, const json_t *findings, const json_t *finding)
{
    static const char *const results[OKSE_STATUSES] = {"fail", "unknown", "informational", "pass", "notapplicable"};
    OkseStatus status = okse_finding_status(finding);
    const json_t *reason = json_object_get(finding, "reason");
    const char *time = okse_json_peek_text(findings, "audited_at");

    g_string_append(out, "<rule-result idref=\"");
    xccdf_rule_id(out, finding);
    g_string_append_c(out, '"');
    attribute(out, "time", time);
    g_string_append_printf(out, ">\n<result>%s</result>\n", results[status]);
    if (status == OKSE_STATUS_WAIVED) {
        g_string_append(out, "<override authority=\"waiver\"");
        attribute(out, "time", time);
        g_string_append(out, "><old-result>fail</old-result><new-result>informational</new-result>");
        element(out, "remark", json_is_object(reason) ? english(reason) : "waived");
        g_string_append(out, "</override>\n");
    }
    g_string_append(out, "<message severity=\"info\">");
    okse_escape_markup(out, okse_json_peek_text(finding, "id"));
    g_string_append_c(out, '\n');
    if (json_is_object(reason)) {
        okse_escape_markup(out, english(reason));
        g_string_append_c(out, '\n');
    }
    evidence_lines(out, finding);
    g_string_append(out, "</message>\n</rule-result>\n");
}

static void xccdf_test(GString *out, const json_t *findings, const OkseReportView *view)
{
    const json_t *list = json_object_get(findings, "findings"), *inputs = json_object_get(findings, "inputs");
    const char *host = okse_json_peek_text(json_object_get(findings, "target"), "hostname");
    OkseCounts counts = okse_report_view_counts(view, NULL);
    unsigned judged = counts.total - counts.all[OKSE_STATUS_NOT_APPLICABLE];

    g_string_append(out, "<TestResult id=\"xccdf_dev.okse_testresult_audit\" version=\"1\"");
    attribute(out, "end-time", okse_json_peek_text(findings, "audited_at"));
    g_string_append(out, " test-system=\"cpe:/a:okse:okse\">\n");
    element(out, "title", "Data-residency audit");
    element(out, "target", host);
    g_string_append(out, "<target-facts><fact name=\"urn:xccdf:fact:asset:identifier:host_name\" type=\"string\">");
    okse_escape_markup(out, host);
    g_string_append(out, "</fact><fact name=\"urn:okse:facts\" type=\"string\">");
    okse_escape_markup(out, okse_json_peek_text(inputs, "facts"));
    if (okse_findings_redaction(findings) != NULL) {
        g_string_append(out, "</fact><fact name=\"urn:okse:redaction\" type=\"string\">");
        okse_escape_markup(out, okse_findings_redaction(findings));
    }
    g_string_append(out, "</fact></target-facts>\n");
    for (size_t i = 0; i < json_array_size(list); i++)
        xccdf_result(out, findings, json_array_get(list, i));
    g_string_append_printf(out, "<score system=\"urn:xccdf:scoring:flat-unweighted\" maximum=\"%u\">%u</score>\n",
                           judged, counts.all[OKSE_STATUS_PASS]);
    g_string_append(out, "</TestResult>\n");
}

GBytes *okse_report_xccdf(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    GString *out = NULL;

    (void)language, (void)resources;
    if (json_array_size(json_object_get(findings, "findings")) == 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "xccdf: a test result needs at least one finding, and there is none");
        return NULL;
    }
    out = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Benchmark "
                       "xmlns=\"http://checklists.nist.gov/xccdf/1.2\" id=\"xccdf_dev.okse_benchmark_residency\" "
                       "xml:lang=\"en\">\n<status>accepted</status>\n");
    element(out, "title", "Data residency");
    element(out, "description", "Articles of law on where data may be, and the checks that Okse maps to them.");
    element(out, "version", okse_json_peek_text(json_object_get(findings, "inputs"), "manifests"));
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *instruments = json_object_get(jurisdiction, "instruments");

        for (size_t j = 0; j < json_array_size(instruments); j++)
            xccdf_group(out, findings, view, okse_json_peek_text(jurisdiction, "iso"), json_array_get(instruments, j));
    }
    xccdf_test(out, findings, view);
    g_string_append(out, "</Benchmark>\n");
    return g_string_free_to_bytes(out);
}
