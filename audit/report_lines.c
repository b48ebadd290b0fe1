/* Formats of lines: CSV for spreadsheets, Markdown for tickets, Prometheus text for monitoring. */
#include "audit/report_formats.h"

#include "audit/report_escape.h"
#include "audit/report_redaction.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

static const char *english(const json_t *texts)
{
    const char *text = okse_texts_get(texts, "en", NULL);

    return text != NULL ? text : "";
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static char *whole(const json_t *number)
{
    return json_is_integer(number) ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(number))
                                   : g_strdup("");
}

/* --- CSV: one row an evidence; a finding without evidence has one row --- */

static void write_row(GString *out, const OkseReportView *view, const json_t *finding, const json_t *evidence,
                      const char *redaction)
{
    const json_t *provision = okse_report_view_provision(view, finding);
    g_autofree char *violations = whole(json_object_get(finding, "violations"));
    g_autofree char *unknown = whole(json_object_get(finding, "unknown"));
    g_autofree char *line = whole(json_object_get(evidence, "line"));
    const char *const cells[] = {okse_json_peek_text(finding, "id"),
                                 okse_json_peek_text(finding, "jurisdiction"),
                                 okse_json_peek_text(finding, "instrument"),
                                 okse_json_peek_text(finding, "provision"),
                                 or_empty(okse_json_peek_text(provision, "article")),
                                 english(json_object_get(provision, "title")),
                                 okse_json_peek_text(finding, "control"),
                                 english(json_object_get(okse_report_view_control(view, finding), "title")),
                                 okse_json_peek_text(finding, "severity"),
                                 okse_json_peek_text(finding, "confidence"),
                                 okse_json_peek_text(finding, "status"),
                                 or_empty(okse_json_peek_text(finding, "warning")),
                                 english(json_object_get(finding, "reason")),
                                 violations,
                                 unknown,
                                 or_empty(okse_json_peek_text(evidence, "verdict")),
                                 or_empty(okse_json_peek_text(evidence, "file")),
                                 line,
                                 or_empty(okse_json_peek_text(evidence, "fact")),
                                 or_empty(okse_json_peek_text(evidence, "country")),
                                 or_empty(okse_json_peek_text(evidence, "message")),
                                 or_empty(okse_json_peek_text(evidence, "excerpt"))};

    for (unsigned i = 0; i < G_N_ELEMENTS(cells); i++) {
        g_string_append(out, i > 0 ? "," : "");
        okse_escape_csv(out, cells[i]);
    }
    g_string_append_printf(out, "%s%s\r\n", redaction != NULL ? "," : "", redaction != NULL ? redaction : "");
}

GBytes *okse_report_csv(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *list = json_object_get(findings, "findings");
    /* without the mark spreadsheets take UTF-8 for Windows-1252 */
    GString *out = g_string_new("\xef\xbb\xbf"
                                "id,jurisdiction,instrument,provision,article,title,control,check,severity,confidence,"
                                "status,warning,reason,violations,unknown,evidence,file,line,fact,country,message,"
                                "excerpt");
    const char *redaction = okse_findings_redaction(findings);

    (void)language, (void)resources, (void)error;
    g_string_append(out, redaction != NULL ? ",redaction\r\n" : "\r\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i), *evidence = json_object_get(finding, "evidence");

        for (size_t j = 0; j == 0 || j < json_array_size(evidence); j++)
            write_row(out, view, finding, json_array_get(evidence, j), redaction);
    }
    return g_string_free_to_bytes(out);
}

/* --- Markdown --- */

static void markdown_place(GString *out, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *message = okse_json_peek_text(evidence, "message");
    g_autofree char *line = whole(json_object_get(evidence, "line"));

    if (file != NULL) {
        okse_escape_markdown(out, file);
        g_string_append_printf(out, "%s%s ", *line != '\0' ? ":" : "", line);
    }
    okse_escape_markdown(out, message != NULL ? message
                              : file != NULL  ? ""
                                              : or_empty(okse_json_peek_text(evidence, "fact")));
}

static void markdown_finding(GString *out, const OkseReportView *view, const json_t *finding)
{
    const json_t *evidence = json_object_get(finding, "evidence");
    const json_t *provision = okse_report_view_provision(view, finding);

    g_string_append_printf(out, "| %s | ", okse_json_peek_text(finding, "status"));
    okse_escape_markdown(out, or_empty(okse_json_peek_text(provision, "article")));
    g_string_append(out, " | ");
    okse_escape_markdown(out, english(json_object_get(okse_report_view_control(view, finding), "title")));
    g_string_append(out, " | ");
    for (size_t i = 0; i < MIN(json_array_size(evidence), 5u); i++) {
        g_string_append(out, i > 0 ? "<br>" : "");
        markdown_place(out, json_array_get(evidence, i));
    }
    if (json_array_size(evidence) == 0 && json_is_object(json_object_get(finding, "reason")))
        okse_escape_markdown(out, english(json_object_get(finding, "reason")));
    g_string_append_printf(out, " | `%s` |\n", okse_json_peek_text(finding, "id"));
}

static void markdown_instrument(GString *out, const OkseReportView *view, const json_t *jurisdiction,
                                const json_t *instrument)
{
    const json_t *provisions = json_object_get(jurisdiction, "provisions");
    bool open = false;

    for (size_t i = 0; i < json_array_size(provisions); i++) {
        const json_t *provision = json_array_get(provisions, i);
        const GPtrArray *list = okse_report_view_of_provision(view, okse_json_peek_text(jurisdiction, "iso"),
                                                              okse_json_peek_text(provision, "id"));

        if (list == NULL ||
            strcmp(okse_json_peek_text(provision, "instrument"), okse_json_peek_text(instrument, "id")) != 0)
            continue;
        if (!open) {
            g_string_append(out, "\n## ");
            okse_escape_markdown(out, english(json_object_get(jurisdiction, "name")));
            g_string_append(out, ": ");
            okse_escape_markdown(out, english(json_object_get(instrument, "title")));
            g_string_append(out, "\n\n| result | article | check | evidence | finding |\n|---|---|---|---|---|\n");
        }
        open = true;
        for (guint j = 0; j < list->len; j++)
            markdown_finding(out, view, g_ptr_array_index(list, j));
    }
}

static void markdown_warnings(GString *out, const json_t *warnings)
{
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        g_string_append(out, "> ");
        okse_escape_markdown(out, english(json_object_get(json_array_get(warnings, i), "message")));
        g_string_append(out, "\n\n");
    }
}

GBytes *okse_report_markdown(const json_t *findings, const char *language, const OkseResources *resources,
                             GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    OkseCounts counts = okse_report_view_counts(view, NULL);
    GString *out = g_string_new("# Data-residency audit: ");

    (void)language, (void)resources, (void)error;
    g_string_append_printf(out, "%s\n\n", okse_json_peek_text(findings, "verdict"));
    markdown_warnings(out, json_object_get(findings, "warnings"));
    okse_escape_markdown(out, okse_json_peek_text(json_object_get(findings, "target"), "hostname"));
    g_string_append_printf(out, ", %s. Decided %u of %u checks", okse_json_peek_text(findings, "audited_at"),
                           counts.decided, counts.total);
    for (unsigned i = 0; i < OKSE_STATUSES; i++)
        g_string_append_printf(out, "%s %s %u", i == 0 ? ":" : ",", okse_status_words[i], counts.all[i]);
    g_string_append(out, ".\n");
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *instruments = json_object_get(jurisdiction, "instruments");

        for (size_t j = 0; j < json_array_size(instruments); j++)
            markdown_instrument(out, view, jurisdiction, json_array_get(instruments, j));
    }
    return g_string_free_to_bytes(out);
}

/* --- Prometheus text format 0.0.4 --- */

static void label(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, "%s%s=\"", out->str[out->len - 1] == '{' ? "" : ",", name);
    okse_escape_prometheus(out, value);
    g_string_append_c(out, '"');
}

static void metric(GString *out, const char *name, const char *help)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* 0 pass, 1 fail, 2 inconclusive, 3 not applicable, 4 waived: the table of docs/reports.md. */
static unsigned status_number(OkseStatus status)
{
    static const unsigned numbers[OKSE_STATUSES] = {1, 2, 4, 0, 3};

    return numbers[status];
}

static void prometheus_counts(GString *out, const json_t *findings, const OkseReportView *view, const char *host)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");

    metric(out, "okse_audit_findings", "Findings by jurisdiction and status.");
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const char *iso = okse_json_peek_text(json_array_get(jurisdictions, i), "iso");
        OkseCounts counts = okse_report_view_counts(view, iso);

        for (unsigned status = 0; status < OKSE_STATUSES; status++) {
            g_string_append(out, "okse_audit_findings{");
            label(out, "host", host);
            label(out, "jurisdiction", iso);
            label(out, "status", okse_status_words[status]);
            g_string_append_printf(out, "} %u\n", counts.all[status]);
        }
    }
}

static void prometheus_findings(GString *out, const json_t *findings, const char *host)
{
    const json_t *list = json_object_get(findings, "findings");

    metric(out, "okse_audit_finding_status",
           "One finding: 0 pass, 1 fail, 2 inconclusive, 3 not applicable, 4 waived.");
    for (size_t i = 0; i < json_array_size(list); i++) {
        static const char *const members[] = {"id", "jurisdiction", "provision", "control", "severity"};
        const json_t *finding = json_array_get(list, i);

        g_string_append(out, "okse_audit_finding_status{");
        label(out, "host", host);
        for (unsigned j = 0; j < G_N_ELEMENTS(members); j++)
            label(out, members[j], okse_json_peek_text(finding, members[j]));
        g_string_append_printf(out, "} %u\n", status_number(okse_finding_status(finding)));
    }
}

GBytes *okse_report_prometheus(const json_t *findings, const char *language, const OkseResources *resources,
                               GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const char *host = okse_json_peek_text(json_object_get(findings, "target"), "hostname");
    const char *verdict = okse_json_peek_text(findings, "verdict");
    GString *out = g_string_new(NULL);
    gint64 seconds = 0;

    (void)language, (void)resources, (void)error;
    metric(out, "okse_audit_verdict", "The verdict: 0 compliant, 1 non-compliant, 2 inconclusive.");
    g_string_append(out, "okse_audit_verdict{");
    label(out, "host", host);
    g_string_append_printf(out, "} %d\n",
                           strcmp(verdict, "compliant") == 0       ? 0
                           : strcmp(verdict, "non-compliant") == 0 ? 1
                                                                   : 2);
    okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &seconds);
    metric(out, "okse_audit_timestamp_seconds", "When the audit was made, in seconds since 1970.");
    g_string_append(out, "okse_audit_timestamp_seconds{");
    label(out, "host", host);
    g_string_append_printf(out, "} %" G_GINT64_FORMAT "\n", seconds);
    if (okse_findings_redaction(findings) != NULL) {
        metric(out, "okse_audit_redaction", "What was hidden in this report.");
        g_string_append(out, "okse_audit_redaction{");
        label(out, "host", host);
        label(out, "level", okse_findings_redaction(findings));
        g_string_append(out, "} 1\n");
    }
    prometheus_counts(out, findings, view, host);
    prometheus_findings(out, findings, host);
    return g_string_free_to_bytes(out);
}
