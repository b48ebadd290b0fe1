/* OSCAL 1.1.3 assessment-results: one result a jurisdiction, one finding a provision, one observation an evidence. The
 * finding ids of Okse travel as properties. Source: NIST OSCAL 1.1.3, assessment-results schema and its constraints. */
#include "audit/report_formats.h"
#include "audit/report_redaction.h"

#include "audit/report_uuid.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define NAME_SPACE "https://okse.dev/ns/oscal"
#define VERSION "1.1.3"

typedef struct {
    const json_t *findings;
    const OkseReportView *view;
    char *time; /* of the audit, UTC */
    char run[OKSE_UUID_TEXT], okse[OKSE_UUID_TEXT], host[OKSE_UUID_TEXT], plan[OKSE_UUID_TEXT], facts[OKSE_UUID_TEXT],
        party[OKSE_UUID_TEXT];
} Oscal;

/* A single line without white space at its ends, never empty: what OSCAL's string types ask for. */
static json_t *line(const char *text)
{
    g_autofree char *shown = okse_text_show(text != NULL ? text : "", -1, false);

    /* okse_text_show() leaves U+00A0 and other spaces, which the schema's \S also means */
    for (char *end = shown + strlen(shown); end > shown;) {
        char *last = g_utf8_prev_char(end);

        if (!g_unichar_isspace(g_utf8_get_char(last)))
            break;
        *last = '\0';
        end = last;
    }
    char *start = shown;
    while (*start != '\0' && g_unichar_isspace(g_utf8_get_char(start)))
        start = g_utf8_next_char(start);
    return json_string(*start != '\0' ? start : "-");
}

static json_t *line_of(const json_t *texts)
{
    return line(okse_texts_get(texts, "en", NULL));
}

static json_t *property(const char *name, const char *value)
{
    return json_pack("{s:s, s:s, s:o}", "name", name, "ns", NAME_SPACE, "value", line(value));
}

/* Empty lists are not allowed in OSCAL: leave them out. Takes `list`. */
static void set_list(json_t *object, const char *key, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set_new(object, key, list);
    else
        json_decref(list);
}

static json_t *origins(const Oscal *oscal)
{
    return json_pack("[{s:[{s:s, s:s}]}]", "actors", "type", "tool", "actor-uuid", oscal->okse);
}

static json_t *relevant_evidence(const Oscal *oscal, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *fact = okse_json_peek_text(evidence, "fact");
    json_int_t number = json_integer_value(json_object_get(evidence, "line"));
    g_autofree char *href = g_strconcat("#", oscal->facts, NULL);
    g_autofree char *at = number > 0 ? g_strdup_printf("%" JSON_INTEGER_FORMAT, number) : NULL;
    g_autofree char *place =
        g_strdup_printf("%s%s%s",
                        file != NULL   ? file
                        : fact != NULL ? fact
                                       : "-",
                        file != NULL && at != NULL ? ":" : "", file != NULL && at != NULL ? at : "");
    json_t *props = json_array();

    if (file != NULL)
        json_array_append_new(props, property("path", file));
    if (file != NULL && at != NULL)
        json_array_append_new(props, property("line", at));
    if (fact != NULL)
        json_array_append_new(props, property("fact", fact));
    if (json_array_size(props) == 0)
        json_array_append_new(props, property("fact", "-"));
    return json_pack("{s:s, s:o, s:o}", "href", href, "description", line(place), "props", props);
}

/* One observation; evidence NULL: the check as a whole. */
static json_t *observation(const Oscal *oscal, const json_t *finding, const json_t *evidence, const char *uuid)
{
    const json_t *control = okse_report_view_control(oscal->view, finding);
    const char *said = okse_json_peek_text(evidence, "message");
    const char *reason = okse_texts_get(json_object_get(finding, "reason"), "en", NULL);
    OkseStatus status = okse_finding_status(finding);
    json_t *props = json_array(), *out;

    json_array_append_new(
        props, json_pack("{s:s, s:s}", "name", "assessment-rule-id", "value", okse_json_peek_text(finding, "control")));
    json_array_append_new(props, property("finding-id", okse_json_peek_text(finding, "id")));
    json_array_append_new(props, property("result", okse_status_words[status]));
    out = json_pack("{s:s, s:s, s:o, s:o, s:[s], s:[s], s:o, s:[{s:s, s:s}], s:s}", "uuid", uuid, "title",
                    okse_json_peek_text(finding, "control"), "description",
                    said != NULL ? line(said) : line_of(json_object_get(control, "title")), "props", props, "methods",
                    "TEST", "types", "finding", "origins", origins(oscal), "subjects", "subject-uuid", oscal->host,
                    "type", "inventory-item", "collected", oscal->time);
    if (evidence != NULL)
        json_object_set_new(out, "relevant-evidence", json_pack("[o]", relevant_evidence(oscal, evidence)));
    if (reason != NULL)
        json_object_set_new(out, "remarks", line(reason));
    return out;
}

/* Appends the observations of one finding to `all`, and references to them to `related`. */
static void observe(const Oscal *oscal, const json_t *finding, json_t *all, json_t *related)
{
    const json_t *list = json_object_get(finding, "evidence");
    size_t count = json_array_size(list);

    for (size_t i = 0; i == 0 || i < count; i++) {
        g_autofree char *name = g_strdup_printf("%s %s %zu", oscal->run, okse_json_peek_text(finding, "id"), i);
        char uuid[OKSE_UUID_TEXT];

        json_array_append_new(
            all, observation(oscal, finding, json_array_get(list, i), okse_uuid5("observation", name, uuid)));
        json_array_append_new(related, json_pack("{s:s}", "observation-uuid", uuid));
    }
}

static OkseStatus worst_of(const GPtrArray *list)
{
    unsigned worst = OKSE_STATUS_NOT_APPLICABLE;

    for (guint i = 0; i < list->len; i++)
        worst = MIN(worst, (unsigned)okse_finding_status(g_ptr_array_index(list, i)));
    return (OkseStatus)worst;
}

static json_t *risk(const Oscal *oscal, const json_t *provision, const GPtrArray *list, OkseStatus status,
                    const char *uuid)
{
    const json_t *summary = json_object_get(provision, "summary");
    bool mandatory = strcmp(okse_json_peek_text(provision, "severity"), "mandatory") == 0;
    json_t *remediations = json_array(), *out;

    for (guint i = 0; i < list->len; i++) {
        const json_t *finding = g_ptr_array_index(list, i);
        const json_t *control = okse_report_view_control(oscal->view, finding);
        char step[OKSE_UUID_TEXT];
        g_autofree char *name = g_strdup_printf("%s %s", oscal->run, okse_json_peek_text(finding, "id"));

        if (!json_is_object(json_object_get(control, "remediation")) ||
            (okse_finding_status(finding) != OKSE_STATUS_FAIL && okse_finding_status(finding) != OKSE_STATUS_WAIVED))
            continue;
        json_array_append_new(
            remediations, json_pack("{s:s, s:s, s:o, s:o}", "uuid", okse_uuid5("remediation", name, step), "lifecycle",
                                    "recommendation", "title", line_of(json_object_get(control, "title")),
                                    "description", line_of(json_object_get(control, "remediation"))));
    }
    out = json_pack("{s:s, s:o, s:o, s:o, s:s, s:[{s:{s:[{s:s, s:s}]}, s:[{s:s, s:s, s:s}]}]}", "uuid", uuid, "title",
                    line_of(json_object_get(provision, "title")), "description",
                    line_of(json_is_object(summary) ? summary : json_object_get(provision, "title")), "statement",
                    line(okse_json_peek_text(provision, "article")), "status",
                    status == OKSE_STATUS_WAIVED ? "deviation-approved" : "open", "characterizations", "origin",
                    "actors", "type", "tool", "actor-uuid", oscal->okse, "facets", "name", "severity", "system",
                    "http://csrc.nist.gov/ns/oscal", "value", mandatory ? "high" : "moderate");
    set_list(out, "remediations", remediations);
    return out;
}

static json_t *target_of(const json_t *provision, OkseStatus status)
{
    static const char *const reasons[OKSE_STATUSES] = {"fail", "other", "fail", "pass", "other"};
    bool met = status == OKSE_STATUS_PASS || status == OKSE_STATUS_NOT_APPLICABLE;
    g_autofree char *id = g_strconcat(okse_json_peek_text(provision, "id"), "_obj", NULL);
    json_t *target =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "type", "objective-id", "target-id", id, "status", "state",
                  met ? "satisfied" : "not-satisfied", "reason", reasons[status], "remarks", okse_status_words[status]);

    if (status == OKSE_STATUS_NOT_APPLICABLE)
        json_object_set_new(target, "implementation-status", json_pack("{s:s}", "state", "not-applicable"));
    return target;
}

/* Collects what belongs to one provision; `lists` are observations, risks and findings. */
static void assess(const Oscal *oscal, const json_t *provision, const GPtrArray *list, json_t *const lists[3])
{
    OkseStatus status = worst_of(list);
    g_autofree char *name = g_strdup_printf("%s %s", oscal->run, okse_json_peek_text(provision, "id"));
    json_t *related = json_array(), *finding;
    char uuid[OKSE_UUID_TEXT], risk_uuid[OKSE_UUID_TEXT];

    for (guint i = 0; i < list->len; i++)
        observe(oscal, g_ptr_array_index(list, i), lists[0], related);
    finding = json_pack("{s:s, s:o, s:o, s:o, s:[o], s:o}", "uuid", okse_uuid5("finding", name, uuid), "title",
                        line_of(json_object_get(provision, "title")), "description",
                        line(okse_json_peek_text(provision, "article")), "target", target_of(provision, status),
                        "props", property("verdict", okse_status_words[status]), "related-observations", related);
    if (status == OKSE_STATUS_FAIL || status == OKSE_STATUS_WAIVED) {
        json_t *open = risk(oscal, provision, list, status, okse_uuid5("risk", name, risk_uuid));

        json_object_set(open, "related-observations", related);
        json_array_append_new(lists[1], open);
        json_object_set_new(finding, "related-risks", json_pack("[{s:s}]", "risk-uuid", risk_uuid));
    }
    json_array_append_new(lists[2], finding);
}

static json_t *tool_component(const Oscal *oscal)
{
    const json_t *tool = json_object_get(json_object_get(oscal->findings, "inputs"), "tool");

    return json_pack("{s:s, s:s, s:o, s:s, s:[{s:s, s:o}], s:{s:s}}", "uuid", oscal->okse, "type", "software", "title",
                     line(okse_json_peek_text(tool, "name")), "description", "Audit tool", "props", "name", "version",
                     "value", line(okse_json_peek_text(tool, "version")), "status", "state", "operational");
}

static json_t *local_definitions(const Oscal *oscal)
{
    const char *host = okse_json_peek_text(json_object_get(oscal->findings, "target"), "hostname");
    char platform[OKSE_UUID_TEXT];

    return json_pack("{s:[o], s:[{s:s, s:o}], s:{s:[o], s:[{s:s, s:s, s:[{s:s}]}]}}", "components",
                     tool_component(oscal), "inventory-items", "uuid", oscal->host, "description", line(host),
                     "assessment-assets", "components", tool_component(oscal), "assessment-platforms", "uuid",
                     okse_uuid5("platform", oscal->run, platform), "title", "okse", "uses-components", "component-uuid",
                     oscal->okse);
}

static json_t *assessment_log(const Oscal *oscal, const char *iso)
{
    const json_t *collectors = json_object_get(oscal->findings, "collectors");
    json_t *entries = json_array();

    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const json_t *collector = json_array_get(collectors, i);
        const char *status = okse_json_peek_text(collector, "status"),
                   *reason = okse_json_peek_text(collector, "reason");
        g_autofree char *name = g_strdup_printf("%s %s %zu", oscal->run, iso, i);
        g_autofree char *title = g_strdup_printf("%s: %s", okse_json_peek_text(collector, "collector"), status);
        char uuid[OKSE_UUID_TEXT];

        if (strcmp(status, "partial") != 0 && strcmp(status, "unavailable") != 0)
            continue;
        json_array_append_new(entries,
                              json_pack("{s:s, s:o, s:o, s:s}", "uuid", okse_uuid5("collector", name, uuid), "title",
                                        line(title), "description", line(reason), "start", oscal->time));
    }
    return entries;
}

static json_t *result(const Oscal *oscal, const json_t *jurisdiction)
{
    const json_t *provisions = json_object_get(jurisdiction, "provisions");
    const char *iso = okse_json_peek_text(jurisdiction, "iso");
    g_autofree char *name = g_strdup_printf("%s %s", oscal->run, iso);
    json_t *lists[3] = {json_array(), json_array(), json_array()}, *controls = json_array(), *log, *out;
    char uuid[OKSE_UUID_TEXT];

    for (size_t i = 0; i < json_array_size(provisions); i++) {
        const json_t *provision = json_array_get(provisions, i);
        const char *id = okse_json_peek_text(provision, "id");
        const GPtrArray *list = okse_report_view_of_provision(oscal->view, iso, id);

        if (list == NULL)
            continue;
        json_array_append_new(controls, json_pack("{s:s}", "control-id", id));
        assess(oscal, provision, list, lists);
    }
    out = json_pack("{s:s, s:o, s:s, s:s, s:s, s:[o], s:o}", "uuid", okse_uuid5("result", name, uuid), "title",
                    line_of(json_object_get(jurisdiction, "name")), "description", "Data-residency audit", "start",
                    oscal->time, "end", oscal->time, "props",
                    property("overall", okse_json_peek_text(jurisdiction, "verdict")), "local-definitions",
                    local_definitions(oscal));
    json_object_set_new(out, "reviewed-controls",
                        json_array_size(controls) > 0
                            ? json_pack("{s:[{s:O}]}", "control-selections", "include-controls", controls)
                            : json_pack("{s:[{s:{}}]}", "control-selections", "include-all"));
    json_decref(controls);
    set_list(out, "observations", lists[0]);
    set_list(out, "risks", lists[1]);
    set_list(out, "findings", lists[2]);
    log = assessment_log(oscal, iso);
    if (json_array_size(log) > 0)
        json_object_set_new(out, "assessment-log", json_pack("{s:O}", "entries", log));
    json_decref(log);
    return out;
}

static json_t *back_matter(const Oscal *oscal)
{
    const char *digest = okse_json_peek_text(json_object_get(oscal->findings, "inputs"), "facts");
    json_t *facts = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "uuid", oscal->facts, "title", "Facts of the audit",
                              "props", "name", "type", "value", "evidence");
    json_t *link = json_pack("{s:s, s:s}", "href", "facts.json", "media-type", "application/json");

    if (g_str_has_prefix(digest, "sha256:") && strlen(digest) == 71 && strspn(digest + 7, "0123456789abcdef") == 64)
        json_object_set_new(link, "hashes", json_pack("[{s:s, s:s}]", "algorithm", "SHA-256", "value", digest + 7));
    json_object_set_new(facts, "rlinks", json_pack("[o]", link));
    return json_pack("{s:[{s:s, s:s, s:s}, o]}", "resources", "uuid", oscal->plan, "title", "Assessment plan",
                     "description", "The law and the checks named by the property manifests-digest.", facts);
}

/* Which law, and until when it was to be used. */
static void add_policy(json_t *props, const json_t *policy)
{
    static const char *const names[][2] = {{"policy-name", "name"},
                                           {"policy-date", "date"},
                                           {"policy-valid-until", "valid_until"},
                                           {"policy-identity", "identity"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = okse_json_peek_text(policy, names[i][1]);

        if (value != NULL)
            json_array_append_new(props, property(names[i][0], value));
    }
}

static json_t *metadata(const Oscal *oscal)
{
    const json_t *inputs = json_object_get(oscal->findings, "inputs");
    const json_t *install = json_object_get(json_object_get(oscal->findings, "target"), "install");
    const char *identity = okse_json_peek_text(install, "identity");
    json_t *props = json_array();

    json_array_append_new(props, property("overall", okse_json_peek_text(oscal->findings, "verdict")));
    json_array_append_new(props, property("facts-digest", okse_json_peek_text(inputs, "facts")));
    json_array_append_new(props, property("manifests-digest", okse_json_peek_text(inputs, "manifests")));
    if (identity != NULL)
        json_array_append_new(props, property("bundle-identity", identity));
    if (okse_findings_redaction(oscal->findings) != NULL)
        json_array_append_new(props, property("redaction", okse_findings_redaction(oscal->findings)));
    add_policy(props, json_object_get(inputs, "policy"));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:[{s:s, s:s}], s:[{s:s, s:s, s:s}], s:[{s:s, s:[s]}]}", "title",
                     "Data-residency audit", "last-modified", oscal->time, "version", "1", "oscal-version", VERSION,
                     "props", props, "roles", "id", "assessor", "title", "Assessor", "parties", "uuid", oscal->party,
                     "type", "organization", "name", "Auditor", "responsible-parties", "role-id", "assessor",
                     "party-uuids", oscal->party);
}

/* Names everything after what it was computed from: equal findings give equal UUIDs. */
static void identify(Oscal *oscal)
{
    g_autoptr(GBytes) canonical = okse_json_write(oscal->findings);
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, canonical);
    const char *host = okse_json_peek_text(json_object_get(oscal->findings, "target"), "hostname");
    gint64 seconds = 0;

    okse_text_time_parse(okse_json_peek_text(oscal->findings, "audited_at"), &seconds);
    oscal->time = okse_text_time(seconds);
    okse_uuid5("run", hash, oscal->run);
    okse_uuid5("tool", hash, oscal->okse);
    okse_uuid5("host", host, oscal->host);
    okse_uuid5("plan", hash, oscal->plan);
    okse_uuid5("facts", hash, oscal->facts);
    okse_uuid5("party", "auditor", oscal->party);
}

GBytes *okse_report_oscal(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    g_autoptr(OkseReportView) view = NULL;
    g_autoptr(json_t) document = NULL;
    Oscal oscal = {.findings = findings};
    json_t *results;
    char *text;

    (void)language, (void)resources;
    if (json_array_size(jurisdictions) == 0) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "oscal: assessment results need at least one jurisdiction, and there is none");
        return NULL;
    }
    view = okse_report_view_new(findings);
    oscal.view = view;
    identify(&oscal);
    results = json_array();
    for (size_t i = 0; i < json_array_size(jurisdictions); i++)
        json_array_append_new(results, result(&oscal, json_array_get(jurisdictions, i)));
    g_autofree char *plan = g_strconcat("#", oscal.plan, NULL);
    document =
        json_pack("{s:{s:s, s:o, s:{s:s}, s:o, s:o}}", "assessment-results", "uuid", oscal.run, "metadata",
                  metadata(&oscal), "import-ap", "href", plan, "results", results, "back-matter", back_matter(&oscal));
    g_free(oscal.time);
    text = okse_json_write_pretty(document);
    return g_bytes_new_take(text, strlen(text));
}
