/* SARIF 2.1.0. A check is a rule, a provision a taxon, a finding a result with its id as fingerprint. "sarif" carries
 * what somebody has to look at (fail, inconclusive, waived), "sarif-full" everything. */
#include "audit/report_formats.h"

#include "audit/report_uuid.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

static json_t *message(const char *text)
{
    g_autofree char *shown = okse_text_show(text != NULL && *text != '\0' ? text : "-", -1, true);

    return json_pack("{s:s}", "text", shown);
}

static json_t *message_of(const json_t *texts)
{
    return message(okse_texts_get(texts, "en", NULL));
}

/* Worst severity among the findings of one control. */
static bool is_mandatory(const json_t *findings, const char *control)
{
    const json_t *list = json_object_get(findings, "findings");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(okse_json_peek_text(json_array_get(list, i), "control"), control) == 0 &&
            okse_finding_mandatory(json_array_get(list, i)))
            return true;
    return false;
}

static json_t *rules(const json_t *findings, const GPtrArray *ids)
{
    const json_t *controls = json_object_get(findings, "controls");
    json_t *list = json_array();

    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        const json_t *control = json_object_get(controls, id), *remediation = json_object_get(control, "remediation");
        bool mandatory = is_mandatory(findings, id);
        json_t *rule = json_pack("{s:s, s:o, s:{s:s}, s:{s:[s], s:s, s:s}}", "id", id, "shortDescription",
                                 message_of(json_object_get(control, "title")), "defaultConfiguration", "level",
                                 mandatory ? "error" : "warning", "properties", "tags", "data-residency",
                                 "security-severity", mandatory ? "8.0" : "4.0", "precision", "high");

        if (json_is_object(remediation))
            json_object_set_new(rule, "help", message_of(remediation));
        json_array_append_new(list, rule);
    }
    return list;
}

static json_t *taxonomies(const json_t *findings)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *provisions = json_object_get(jurisdiction, "provisions");
        const char *iso = okse_json_peek_text(jurisdiction, "iso"), *date = okse_json_peek_text(jurisdiction, "as_of");
        json_t *taxa = json_array(), *version = message(date);
        char guid[OKSE_UUID_TEXT];

        for (size_t j = 0; j < json_array_size(provisions); j++) {
            const json_t *provision = json_array_get(provisions, j);
            const char *article = okse_json_peek_text(provision, "article");
            json_t *name = message(article != NULL ? article : okse_json_peek_text(provision, "id"));

            json_array_append_new(taxa, json_pack("{s:s, s:O, s:o}", "id", okse_json_peek_text(provision, "id"), "name",
                                                  json_object_get(name, "text"), "shortDescription",
                                                  message_of(json_object_get(provision, "title"))));
            json_decref(name);
        }
        json_array_append_new(list, json_pack("{s:s, s:O, s:s, s:o}", "name", iso, "version",
                                              json_object_get(version, "text"), "guid",
                                              okse_uuid5("taxonomy", iso, guid), "taxa", taxa));
        json_decref(version);
    }
    return list;
}

static json_t *location(const json_t *evidence, const char *host)
{
    const char *file = okse_json_peek_text(evidence, "file"), *excerpt = okse_json_peek_text(evidence, "excerpt");
    const char *fact = okse_json_peek_text(evidence, "fact");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));
    json_t *host_name = message(host), *where;
    g_autofree char *uri = NULL;

    where =
        json_pack("{s:[{s:O, s:s}]}", "logicalLocations", "name", json_object_get(host_name, "text"), "kind", "host");
    json_decref(host_name);
    if (file == NULL) {
        json_object_set_new(where, "message", message(fact));
        return where;
    }
    uri = g_uri_escape_string(file + strspn(file, "/"), "/", FALSE);
    json_object_set_new(where, "physicalLocation",
                        json_pack("{s:{s:s, s:s}}", "artifactLocation", "uri", uri, "uriBaseId", "SYSROOT"));
    if (line > 0) {
        json_t *region = json_pack("{s:I}", "startLine", line);

        if (excerpt != NULL)
            json_object_set_new(region, "snippet", message(excerpt));
        json_object_set_new(json_object_get(where, "physicalLocation"), "region", region);
    }
    return where;
}

static json_t *locations(const json_t *finding, const char *host)
{
    const json_t *evidence = json_object_get(finding, "evidence");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(evidence); i++)
        json_array_append_new(list, location(json_array_get(evidence, i), host));
    return list;
}

/* What a reader of one line wants: the check, then the first evidence or the reason. */
static json_t *result_message(const OkseReportView *view, const json_t *finding)
{
    const char *title = okse_texts_get(json_object_get(okse_report_view_control(view, finding), "title"), "en", NULL);
    const json_t *evidence = json_array_get(json_object_get(finding, "evidence"), 0);
    const char *detail = okse_json_peek_text(evidence, "message");
    g_autofree char *text = NULL;

    if (detail == NULL)
        detail = okse_texts_get(json_object_get(finding, "reason"), "en", NULL);
    text = g_strdup_printf("%s%s%s", title, detail != NULL ? ": " : "", detail != NULL ? detail : "");
    return message(text);
}

static json_t *result(const OkseReportView *view, const json_t *finding, const GPtrArray *ids, const char *host)
{
    static const char *const kinds[OKSE_STATUSES] = {"fail", "open", "fail", "pass", "notApplicable"};
    OkseStatus status = okse_finding_status(finding);
    const char *control = okse_json_peek_text(finding, "control"), *iso = okse_json_peek_text(finding, "jurisdiction");
    const char *level = strcmp(kinds[status], "fail") != 0 ? "none"
                        : okse_finding_mandatory(finding)  ? "error"
                                                           : "warning";
    json_t *where = locations(finding, host), *out;
    guint index = 0;

    while (index + 1 < ids->len && strcmp(g_ptr_array_index(ids, index), control) != 0)
        index++;
    out = json_pack("{s:s, s:i, s:s, s:s, s:o, s:{s:s}, s:[{s:s, s:{s:s}}]}", "ruleId", control, "ruleIndex",
                    (int)index, "kind", kinds[status], "level", level, "message", result_message(view, finding),
                    "partialFingerprints", "okseFinding/v1", okse_json_peek_text(finding, "id"), "taxa", "id",
                    okse_json_peek_text(finding, "provision"), "toolComponent", "name", iso);
    if (json_array_size(where) > 0)
        json_object_set_new(out, "locations", where);
    else
        json_decref(where);
    if (status == OKSE_STATUS_WAIVED) {
        json_t *reason = message_of(json_object_get(finding, "reason"));

        json_object_set_new(out, "suppressions",
                            json_pack("[{s:s, s:s, s:O}]", "kind", "external", "status", "accepted", "justification",
                                      json_object_get(reason, "text")));
        json_decref(reason);
    }
    return out;
}

static json_t *invocation(const json_t *findings)
{
    const json_t *collectors = json_object_get(findings, "collectors");
    const json_t *warnings = json_object_get(findings, "warnings");
    const char *verdict = okse_json_peek_text(findings, "verdict");
    g_autofree char *time = NULL;
    gint64 seconds = 0;
    json_t *notes = json_array();

    okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &seconds);
    time = okse_text_time(seconds);
    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const json_t *collector = json_array_get(collectors, i);
        const char *status = okse_json_peek_text(collector, "status"),
                   *reason = okse_json_peek_text(collector, "reason");
        g_autofree char *text = g_strdup_printf("%s: %s%s%s", okse_json_peek_text(collector, "collector"), status,
                                                reason != NULL ? ": " : "", reason != NULL ? reason : "");

        if (strcmp(status, "partial") == 0 || strcmp(status, "unavailable") == 0)
            json_array_append_new(notes, json_pack("{s:s, s:o}", "level", "warning", "message", message(text)));
    }
    for (size_t i = 0; i < json_array_size(warnings); i++)
        json_array_append_new(notes, json_pack("{s:s, s:o}", "level", "warning", "message",
                                               message_of(json_object_get(json_array_get(warnings, i), "message"))));
    return json_pack("{s:b, s:i, s:s, s:o}", "executionSuccessful", 1, "exitCode",
                     strcmp(verdict, "compliant") == 0       ? 0
                     : strcmp(verdict, "non-compliant") == 0 ? 1
                                                             : 4,
                     "endTimeUtc", time, "toolExecutionNotifications", notes);
}

static json_t *results(const json_t *findings, const OkseReportView *view, const GPtrArray *ids, bool all)
{
    const json_t *list = json_object_get(findings, "findings");
    const char *host = okse_json_peek_text(json_object_get(findings, "target"), "hostname");
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);
        OkseStatus status = okse_finding_status(finding);

        if (all || (status != OKSE_STATUS_PASS && status != OKSE_STATUS_NOT_APPLICABLE))
            json_array_append_new(out, result(view, finding, ids, host));
    }
    return out;
}

static GBytes *render(const json_t *findings, bool all)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    g_autoptr(GPtrArray) ids = okse_json_sorted_keys(json_object_get(findings, "controls"));
    const json_t *tool = json_object_get(json_object_get(findings, "inputs"), "tool");
    const json_t *first = json_array_get(json_object_get(findings, "jurisdictions"), 0);
    const char *iso = okse_json_peek_text(first, "iso");
    g_autofree char *id = g_strdup_printf("okse/%s/%s/", iso != NULL ? iso : "-",
                                          okse_json_peek_text(json_object_get(findings, "target"), "hostname"));
    json_t *name = message(okse_json_peek_text(tool, "name")), *version = message(okse_json_peek_text(tool, "version"));
    json_t *run_id = message(id);
    g_autoptr(json_t) log =
        json_pack("{s:s, s:s, s:[{s:{s:{s:O, s:O, s:o}}, s:o, s:{s:O}, s:{s:{s:s}}, s:[o], s:o}]}", "$schema",
                  "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool", "driver", "name",
                  json_object_get(name, "text"), "version", json_object_get(version, "text"), "rules",
                  rules(findings, ids), "taxonomies", taxonomies(findings), "automationDetails", "id",
                  json_object_get(run_id, "text"), "originalUriBaseIds", "SYSROOT", "uri", "file:///", "invocations",
                  invocation(findings), "results", results(findings, view, ids, all));
    char *text = okse_json_write_pretty(log);

    json_decref(name);
    json_decref(version);
    json_decref(run_id);
    return g_bytes_new_take(text, strlen(text));
}

GBytes *okse_report_sarif(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    (void)language, (void)resources, (void)error;
    return render(findings, false);
}

GBytes *okse_report_sarif_full(const json_t *findings, const char *language, const OkseResources *resources,
                               GError **error)
{
    (void)language, (void)resources, (void)error;
    return render(findings, true);
}
