/* SARIF 2.1.0. A check is a rule, a provision a taxon, a finding a result with its id as fingerprint. "sarif" carries
 * what somebody has to look at (fail, inconclusive, waived), "sarif-full" everything. Against an older document each
 * result says whether it is new, unchanged or updated (§3.27.24); what is not asked any more is absent, in "sarif-full"
 * alone: readers that do not know the state would show it as open. */
#include "audit/report_formats.h"

#include "audit/report_escape.h"
#include "audit/report_uuid.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    const json_t *findings;
    const OkseReportView *view;
    const GPtrArray *rules; /* control ids, sorted */
    const char *host;
    GHashTable *artifacts; /* path (borrowed) → index + 1 into artifact_list */
    json_t *artifact_list;
    GHashTable *older; /* finding id → finding; NULL: nothing to compare with */
    bool all;
} Sarif;

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

static const json_t *described(const json_t *control)
{
    const json_t *description = json_object_get(control, "description");

    return json_is_object(description) ? description : json_object_get(control, "title");
}

/* Plain text that Markdown shows as it is. */
static json_t *help(const json_t *texts)
{
    json_t *said = message_of(texts);
    GString *escaped = g_string_new(NULL);

    okse_escape_markdown(escaped, okse_json_peek_text(said, "text"));
    json_object_set_new(said, "markdown", json_string(escaped->str));
    g_string_free(escaped, TRUE);
    return said;
}

static json_t *rules(const json_t *findings, const GPtrArray *ids)
{
    const json_t *controls = json_object_get(findings, "controls");
    json_t *list = json_array();

    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        const json_t *control = json_object_get(controls, id), *remediation = json_object_get(control, "remediation");
        bool mandatory = is_mandatory(findings, id);
        json_t *rule =
            json_pack("{s:s, s:o, s:o, s:{s:s}, s:{s:[s], s:s, s:s}}", "id", id, "shortDescription",
                      message_of(json_object_get(control, "title")), "fullDescription", message_of(described(control)),
                      "defaultConfiguration", "level", mandatory ? "error" : "warning", "properties", "tags",
                      "data-residency", "security-severity", mandatory ? "8.0" : "4.0", "precision", "high");

        if (json_is_object(remediation))
            json_object_set_new(rule, "help", help(remediation));
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

static json_t *supported(const json_t *findings)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const char *iso = okse_json_peek_text(json_array_get(jurisdictions, i), "iso");
        char guid[OKSE_UUID_TEXT];

        json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "name", iso, "index", (int)i, "guid",
                                              okse_uuid5("taxonomy", iso, guid)));
    }
    return list;
}

/* A file among the run's artifacts, as results point at it. */
static json_t *artifact_location(const Sarif *sarif, const char *file)
{
    guint index = GPOINTER_TO_UINT(g_hash_table_lookup(sarif->artifacts, file));
    g_autofree char *uri = g_uri_escape_string(file + strspn(file, "/"), "/", FALSE);

    if (index == 0) {
        json_array_append_new(sarif->artifact_list,
                              json_pack("{s:{s:s, s:s}}", "location", "uri", uri, "uriBaseId", "SYSROOT"));
        index = (guint)json_array_size(sarif->artifact_list);
        g_hash_table_insert(sarif->artifacts, (gpointer)(uintptr_t)file, GUINT_TO_POINTER(index));
    }
    return json_pack("{s:s, s:s, s:i}", "uri", uri, "uriBaseId", "SYSROOT", "index", (int)index - 1);
}

static json_t *location(const Sarif *sarif, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *excerpt = okse_json_peek_text(evidence, "excerpt");
    const char *fact = okse_json_peek_text(evidence, "fact");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));
    json_t *host_name = message(sarif->host), *where;

    where =
        json_pack("{s:[{s:O, s:s}]}", "logicalLocations", "name", json_object_get(host_name, "text"), "kind", "host");
    json_decref(host_name);
    if (file == NULL) {
        json_object_set_new(where, "message", message(fact));
        return where;
    }
    json_object_set_new(where, "physicalLocation",
                        json_pack("{s:o}", "artifactLocation", artifact_location(sarif, file)));
    if (line > 0) {
        json_t *region = json_pack("{s:I}", "startLine", line);

        if (excerpt != NULL)
            json_object_set_new(region, "snippet", message(excerpt));
        json_object_set_new(json_object_get(where, "physicalLocation"), "region", region);
    }
    return where;
}

static json_t *locations(const Sarif *sarif, const json_t *finding)
{
    const json_t *evidence = json_object_get(finding, "evidence");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(evidence); i++)
        json_array_append_new(list, location(sarif, json_array_get(evidence, i)));
    return list;
}

/* What a reader of one line wants: the check, then the first evidence or the reason. */
static json_t *result_message(const OkseReportView *view, const json_t *finding)
{
    const char *named = okse_texts_get(json_object_get(okse_report_view_control(view, finding), "title"), "en", NULL);
    const char *title =
        named != NULL ? named : okse_json_peek_text(finding, "control"); /* absent: not described any more */
    const json_t *evidence = json_array_get(json_object_get(finding, "evidence"), 0);
    const char *detail = okse_json_peek_text(evidence, "message");
    g_autofree char *text = NULL;

    if (detail == NULL)
        detail = okse_texts_get(json_object_get(finding, "reason"), "en", NULL);
    text = g_strdup_printf("%s%s%s", title, detail != NULL ? ": " : "", detail != NULL ? detail : "");
    return message(text);
}

static bool is_asked(const Sarif *sarif, const json_t *finding)
{
    OkseStatus status = okse_finding_status(finding);

    return sarif->all || (status != OKSE_STATUS_PASS && status != OKSE_STATUS_NOT_APPLICABLE);
}

/* Against what the same format said of the older document. */
static const char *baseline(const Sarif *sarif, const json_t *finding)
{
    const json_t *before = g_hash_table_lookup(sarif->older, okse_json_peek_text(finding, "id"));

    if (before == NULL || !is_asked(sarif, before))
        return "new";
    return json_equal((json_t *)(uintptr_t)before, (json_t *)(uintptr_t)finding) ? "unchanged" : "updated";
}

/* References to the rule and the taxon, as far as the document describes them: an absent finding's may be gone. */
static void refer(const Sarif *sarif, const json_t *finding, json_t *out)
{
    const char *control = okse_json_peek_text(finding, "control"), *iso = okse_json_peek_text(finding, "jurisdiction");
    const json_t *jurisdictions = json_object_get(sarif->findings, "jurisdictions");
    guint rule = 0;
    size_t law = 0;

    while (rule < sarif->rules->len && strcmp(g_ptr_array_index(sarif->rules, rule), control) != 0)
        rule++;
    if (rule < sarif->rules->len)
        json_object_set_new(out, "ruleIndex", json_integer(rule));
    while (law < json_array_size(jurisdictions) &&
           strcmp(okse_json_peek_text(json_array_get(jurisdictions, law), "iso"), iso) != 0)
        law++;
    if (okse_report_view_provision(sarif->view, finding) != NULL)
        json_object_set_new(out, "taxa",
                            json_pack("[{s:s, s:{s:s, s:i}}]", "id", okse_json_peek_text(finding, "provision"),
                                      "toolComponent", "name", iso, "index", (int)law));
}

static json_t *suppressions(const json_t *finding)
{
    json_t *reason = message_of(json_object_get(finding, "reason"));
    json_t *list = json_pack("[{s:s, s:s, s:O}]", "kind", "external", "status", "accepted", "justification",
                             json_object_get(reason, "text"));

    json_decref(reason);
    return list;
}

/* state: against the older document, or NULL. */
static json_t *result(const Sarif *sarif, const json_t *finding, const char *state)
{
    static const char *const kinds[OKSE_STATUSES] = {"fail", "open", "fail", "pass", "notApplicable"};
    OkseStatus status = okse_finding_status(finding);
    const char *level = strcmp(kinds[status], "fail") != 0 ? "none"
                        : okse_finding_mandatory(finding)  ? "error"
                                                           : "warning";
    json_t *where = locations(sarif, finding);
    json_t *out = json_pack("{s:s, s:s, s:s, s:o, s:{s:s}}", "ruleId", okse_json_peek_text(finding, "control"), "kind",
                            kinds[status], "level", level, "message", result_message(sarif->view, finding),
                            "partialFingerprints", "okseFinding/v1", okse_json_peek_text(finding, "id"));

    refer(sarif, finding, out);
    if (json_array_size(where) > 0)
        json_object_set(out, "locations", where);
    json_decref(where);
    if (status == OKSE_STATUS_WAIVED)
        json_object_set_new(out, "suppressions", suppressions(finding));
    if (state != NULL)
        json_object_set_new(out, "baselineState", json_string(state));
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

static json_t *results(const Sarif *sarif, const json_t *older)
{
    const json_t *list = json_object_get(sarif->findings, "findings");
    g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);

        g_hash_table_add(here, (gpointer)(uintptr_t)okse_json_peek_text(finding, "id"));
        if (is_asked(sarif, finding))
            json_array_append_new(out, result(sarif, finding, older != NULL ? baseline(sarif, finding) : NULL));
    }
    list = json_object_get(older, "findings");
    for (size_t i = 0; sarif->all && i < json_array_size(list); i++)
        if (!g_hash_table_contains(here, okse_json_peek_text(json_array_get(list, i), "id")))
            json_array_append_new(out, result(sarif, json_array_get(list, i), "absent"));
    return out;
}

static json_t *driver(const Sarif *sarif)
{
    const json_t *tool = json_object_get(json_object_get(sarif->findings, "inputs"), "tool");
    json_t *name = message(okse_json_peek_text(tool, "name")), *version = message(okse_json_peek_text(tool, "version"));
    json_t *out = json_pack("{s:O, s:O, s:O, s:s, s:o, s:o}", "name", json_object_get(name, "text"), "version",
                            json_object_get(version, "text"), "semanticVersion", json_object_get(version, "text"),
                            "informationUri", "https://okse.dev/", "rules", rules(sarif->findings, sarif->rules),
                            "supportedTaxonomies", supported(sarif->findings));

    json_decref(name);
    json_decref(version);
    return out;
}

static json_t *run(const Sarif *sarif, const json_t *older)
{
    const json_t *first = json_array_get(json_object_get(sarif->findings, "jurisdictions"), 0);
    const char *iso = okse_json_peek_text(first, "iso");
    g_autofree char *id = g_strdup_printf("okse/%s/%s/", iso != NULL ? iso : "-", sarif->host);
    json_t *run_id = message(id), *list = results(sarif, older);
    json_t *out =
        json_pack("{s:{s:o}, s:o, s:{s:O}, s:{s:{s:s}}, s:O, s:[o], s:o}", "tool", "driver", driver(sarif),
                  "taxonomies", taxonomies(sarif->findings), "automationDetails", "id", json_object_get(run_id, "text"),
                  "originalUriBaseIds", "SYSROOT", "uri", "file:///", "artifacts", sarif->artifact_list, "invocations",
                  invocation(sarif->findings), "results", list);

    json_decref(run_id);
    return out;
}

GBytes *okse_report_sarif_against(const json_t *findings, const json_t *older, bool all)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    g_autoptr(GPtrArray) ids = okse_json_sorted_keys(json_object_get(findings, "controls"));
    g_autoptr(GHashTable) artifacts = g_hash_table_new(g_str_hash, g_str_equal), before = okse_findings_by_id(older);
    g_autoptr(json_t) artifact_list = json_array(), log = NULL;
    Sarif sarif = {.findings = findings,
                   .view = view,
                   .rules = ids,
                   .host = okse_json_peek_text(json_object_get(findings, "target"), "hostname"),
                   .artifacts = artifacts,
                   .artifact_list = artifact_list,
                   .older = before,
                   .all = all};
    char *text;

    log = json_pack("{s:s, s:s, s:[o]}", "$schema", "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0",
                    "runs", run(&sarif, older));
    text = okse_json_write_pretty(log);
    return g_bytes_new_take(text, strlen(text));
}

GBytes *okse_report_sarif(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    (void)language, (void)resources, (void)error;
    return okse_report_sarif_against(findings, NULL, false);
}

GBytes *okse_report_sarif_full(const json_t *findings, const char *language, const OkseResources *resources,
                               GError **error)
{
    (void)language, (void)resources, (void)error;
    return okse_report_sarif_against(findings, NULL, true);
}
