/* OSCAL 1.1.3 assessment-results: one result a jurisdiction, one finding a provision, one observation an evidence. The
 * finding ids of Okse travel as properties. Source: NIST OSCAL 1.1.3, assessment-results schema and its constraints. */
#include "audit/report_formats.h"

#include "audit/oscal.h"
#include "audit/report_oscal.h"
#include "audit/report_redaction.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

json_t *okse_oscal_origins(const OkseOscal *oscal)
{
    return json_pack("[{s:[{s:s, s:s}]}]", "actors", "type", "tool", "actor-uuid", oscal->okse);
}

static json_t *relevant_evidence(const OkseOscal *oscal, const json_t *evidence)
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
        json_array_append_new(props, okse_oscal_property("path", file));
    if (file != NULL && at != NULL)
        json_array_append_new(props, okse_oscal_property("line", at));
    if (fact != NULL)
        json_array_append_new(props, okse_oscal_property("fact", fact));
    if (json_array_size(props) == 0)
        json_array_append_new(props, okse_oscal_property("fact", "-"));
    return json_pack("{s:s, s:o, s:o}", "href", href, "description", okse_oscal_line(place), "props", props);
}

/* One observation; evidence NULL: the check as a whole. */
static json_t *observation(const OkseOscal *oscal, const json_t *finding, const json_t *evidence, const char *uuid)
{
    const json_t *control = okse_report_view_control(oscal->view, finding);
    const char *said = okse_json_peek_text(evidence, "message");
    const char *reason = okse_texts_get(json_object_get(finding, "reason"), "en", NULL);
    OkseStatus status = okse_finding_status(finding);
    json_t *props = json_array(), *out;

    json_array_append_new(
        props, json_pack("{s:s, s:s}", "name", "assessment-rule-id", "value", okse_json_peek_text(finding, "control")));
    json_array_append_new(props, okse_oscal_property("finding-id", okse_json_peek_text(finding, "id")));
    json_array_append_new(props, okse_oscal_property("result", okse_status_words[status]));
    out = json_pack("{s:s, s:s, s:o, s:o, s:[s], s:[s], s:o, s:[{s:s, s:s}], s:s}", "uuid", uuid, "title",
                    okse_json_peek_text(finding, "control"), "description",
                    said != NULL ? okse_oscal_line(said) : okse_oscal_line_of(json_object_get(control, "title")),
                    "props", props, "methods", "TEST", "types", "finding", "origins", okse_oscal_origins(oscal),
                    "subjects", "subject-uuid", oscal->host, "type", "inventory-item", "collected", oscal->time);
    if (evidence != NULL)
        json_object_set_new(out, "relevant-evidence", json_pack("[o]", relevant_evidence(oscal, evidence)));
    if (reason != NULL)
        json_object_set_new(out, "remarks", okse_oscal_line(reason));
    return out;
}

void okse_oscal_observe(const OkseOscal *oscal, const json_t *finding, json_t *all, json_t *related)
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

/* When the first of the waivers that cover these findings ends; NULL when the document does not say. */
static char *deadline_of(const OkseOscal *oscal, const GPtrArray *list)
{
    const json_t *rows = json_object_get(json_object_get(oscal->findings, "waivers"), "rows");
    gint64 first = G_MAXINT64, until;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *provision = okse_json_peek_text(row, "provision"), *end = okse_json_peek_text(row, "until");

        if (g_strcmp0(okse_json_peek_text(row, "state"), "applied") != 0 || end == NULL ||
            !okse_text_time_parse(end, &until))
            continue;
        for (guint j = 0; j < list->len; j++) {
            const json_t *finding = g_ptr_array_index(list, j);

            if (okse_finding_status(finding) == OKSE_STATUS_WAIVED &&
                g_strcmp0(okse_json_peek_text(row, "control"), okse_json_peek_text(finding, "control")) == 0 &&
                (provision == NULL || strcmp(provision, okse_json_peek_text(finding, "provision")) == 0))
                first = MIN(first, until);
        }
    }
    return first == G_MAXINT64 ? NULL : okse_text_time(first);
}

json_t *okse_oscal_risk(const OkseOscal *oscal, const json_t *provision, const GPtrArray *list, OkseStatus status,
                        const char *uuid)
{
    static const char *const words[OKSE_STATUSES] = {"open", "investigating", "deviation-approved", "closed", "closed"};
    const json_t *summary = json_object_get(provision, "summary");
    g_autofree char *deadline = deadline_of(oscal, list);
    bool mandatory = strcmp(okse_json_peek_text(provision, "severity"), "mandatory") == 0;
    json_t *remediations = json_array(), *out;

    for (guint i = 0; i < list->len; i++) {
        const json_t *finding = g_ptr_array_index(list, i);
        const json_t *control = okse_report_view_control(oscal->view, finding);
        char step[OKSE_UUID_TEXT];
        g_autofree char *name = g_strdup_printf("%s %s", oscal->run, okse_json_peek_text(finding, "id"));

        if (!json_is_object(json_object_get(control, "remediation")) ||
            okse_finding_status(finding) == OKSE_STATUS_PASS ||
            okse_finding_status(finding) == OKSE_STATUS_NOT_APPLICABLE)
            continue;
        json_array_append_new(
            remediations, json_pack("{s:s, s:s, s:o, s:o}", "uuid", okse_uuid5("remediation", name, step), "lifecycle",
                                    "recommendation", "title", okse_oscal_line_of(json_object_get(control, "title")),
                                    "description", okse_oscal_line_of(json_object_get(control, "remediation"))));
    }
    out =
        json_pack("{s:s, s:o, s:o, s:o, s:s, s:[{s:{s:[{s:s, s:s}]}, s:[{s:s, s:s, s:s}]}]}", "uuid", uuid, "title",
                  okse_oscal_line_of(json_object_get(provision, "title")), "description",
                  okse_oscal_line_of(json_is_object(summary) ? summary : json_object_get(provision, "title")),
                  "statement", okse_oscal_line(okse_json_peek_text(provision, "article")), "status", words[status],
                  "characterizations", "origin", "actors", "type", "tool", "actor-uuid", oscal->okse, "facets", "name",
                  "severity", "system", "http://csrc.nist.gov/ns/oscal", "value", mandatory ? "high" : "moderate");
    if (status == OKSE_STATUS_WAIVED)
        json_object_set_new(out, "props", json_pack("[{s:s, s:s}]", "name", "accepted", "value", "yes"));
    if (status == OKSE_STATUS_WAIVED && deadline != NULL)
        json_object_set_new(out, "deadline", json_string(deadline));
    okse_oscal_set_list(out, "remediations", remediations);
    return out;
}

/* Not every piece of evidence is in the document: how much there was. */
static json_t *counted(const GPtrArray *list)
{
    guint64 violations = 0, unknown = 0; /* of hostile findings the sum may wrap */
    size_t listed = 0;

    for (guint i = 0; i < list->len; i++) {
        const json_t *finding = g_ptr_array_index(list, i);

        violations += (guint64)json_integer_value(json_object_get(finding, "violations"));
        unknown += (guint64)json_integer_value(json_object_get(finding, "unknown"));
        listed += json_array_size(json_object_get(finding, "evidence"));
    }
    return json_sprintf("%" G_GUINT64_FORMAT " violations, %" G_GUINT64_FORMAT " unknown; %zu of them listed.",
                        violations, unknown, listed);
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
static void assess(const OkseOscal *oscal, const json_t *provision, const GPtrArray *list, json_t *const lists[3])
{
    OkseStatus status = worst_of(list);
    const char *iso = okse_json_peek_text(g_ptr_array_index(list, 0), "jurisdiction");
    g_autofree char *name = g_strdup_printf("%s %s %s", oscal->run, iso, okse_json_peek_text(provision, "id"));
    json_t *related = json_array(), *finding;
    char uuid[OKSE_UUID_TEXT], risk_uuid[OKSE_UUID_TEXT];

    for (guint i = 0; i < list->len; i++)
        okse_oscal_observe(oscal, g_ptr_array_index(list, i), lists[0], related);
    finding =
        json_pack("{s:s, s:o, s:o, s:o, s:[o], s:o}", "uuid", okse_uuid5("finding", name, uuid), "title",
                  okse_oscal_line_of(json_object_get(provision, "title")), "description",
                  okse_oscal_line(okse_json_peek_text(provision, "article")), "target", target_of(provision, status),
                  "props", okse_oscal_property("verdict", okse_status_words[status]), "related-observations", related);
    if (status == OKSE_STATUS_FAIL || status == OKSE_STATUS_WAIVED) {
        json_t *open = okse_oscal_risk(oscal, provision, list, status, okse_uuid5("risk", name, risk_uuid));

        json_object_set(open, "related-observations", related);
        json_array_append_new(lists[1], open);
        json_object_set_new(finding, "related-risks", json_pack("[{s:s}]", "risk-uuid", risk_uuid));
    }
    json_object_set_new(finding, "remarks", counted(list));
    json_array_append_new(lists[2], finding);
}

static json_t *tool_component(const OkseOscal *oscal)
{
    const json_t *tool = json_object_get(json_object_get(oscal->findings, "inputs"), "tool");

    return json_pack("{s:s, s:s, s:o, s:s, s:[{s:s, s:o}], s:{s:s}}", "uuid", oscal->okse, "type", "software", "title",
                     okse_oscal_line(okse_json_peek_text(tool, "name")), "description", "Audit tool", "props", "name",
                     "version", "value", okse_oscal_line(okse_json_peek_text(tool, "version")), "status", "state",
                     "operational");
}

/* The tool stands among the assets alone: a UUID that is there twice is refused by readers (compliance-trestle). */
json_t *okse_oscal_local_definitions(const OkseOscal *oscal)
{
    const char *host = okse_json_peek_text(json_object_get(oscal->findings, "target"), "hostname");
    char platform[OKSE_UUID_TEXT];

    return json_pack("{s:[{s:s, s:o, s:[{s:s, s:o}]}], s:{s:[o], s:[{s:s, s:s, s:[{s:s}]}]}}", "inventory-items",
                     "uuid", oscal->host, "description", okse_oscal_line(host), "props", "name", "fqdn", "value",
                     okse_oscal_line(host), "assessment-assets", "components", tool_component(oscal),
                     "assessment-platforms", "uuid", okse_uuid5("platform", oscal->okse, platform), "title", "okse",
                     "uses-components", "component-uuid", oscal->okse);
}

static json_t *assessment_log(const OkseOscal *oscal, const char *iso)
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
        json_array_append_new(entries, json_pack("{s:s, s:o, s:o, s:s}", "uuid", okse_uuid5("collector", name, uuid),
                                                 "title", okse_oscal_line(title), "description",
                                                 okse_oscal_line(reason), "start", oscal->time));
    }
    return entries;
}

/* How many of the checks somebody looked at and knew. */
static json_t *coverage(const OkseOscal *oscal, const char *iso)
{
    OkseCounts counts = okse_report_view_counts(oscal->view, iso);
    g_autofree char *text = g_strdup_printf("%u of %u", counts.decided, counts.total);

    return okse_oscal_property("coverage", text);
}

/* Each result defines its own tool and host: a UUID may be defined only once in a document. */
static OkseOscal own_definitions(const OkseOscal *oscal, const char *iso)
{
    const char *host = okse_json_peek_text(json_object_get(oscal->findings, "target"), "hostname");
    g_autofree char *tool = g_strdup_printf("%s %s", oscal->run, iso), *there = g_strdup_printf("%s %s", host, iso);
    OkseOscal own = *oscal;

    okse_uuid5("tool", tool, own.okse);
    okse_uuid5("host", there, own.host);
    return own;
}

static json_t *result(const OkseOscal *document, const json_t *jurisdiction)
{
    const json_t *provisions = json_object_get(jurisdiction, "provisions");
    const char *iso = okse_json_peek_text(jurisdiction, "iso");
    const OkseOscal own = own_definitions(document, iso), *oscal = &own;
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
                    okse_oscal_line_of(json_object_get(jurisdiction, "name")), "description", "Data-residency audit",
                    "start", oscal->time, "end", oscal->time, "props",
                    okse_oscal_property("overall", okse_json_peek_text(jurisdiction, "verdict")), "local-definitions",
                    okse_oscal_local_definitions(oscal));
    json_object_set_new(out, "reviewed-controls",
                        json_array_size(controls) > 0
                            ? json_pack("{s:[{s:O}]}", "control-selections", "include-controls", controls)
                            : json_pack("{s:[{s:{}}]}", "control-selections", "include-all"));
    json_decref(controls);
    json_array_append_new(json_object_get(out, "props"), coverage(oscal, iso));
    okse_oscal_set_list(out, "observations", lists[0]);
    okse_oscal_set_list(out, "risks", lists[1]);
    okse_oscal_set_list(out, "findings", lists[2]);
    log = assessment_log(oscal, iso);
    if (json_array_size(log) > 0)
        json_object_set_new(out, "assessment-log", json_pack("{s:O}", "entries", log));
    json_decref(log);
    return out;
}

json_t *okse_oscal_back_matter(const OkseOscal *oscal)
{
    const char *digest = okse_json_peek_text(json_object_get(oscal->findings, "inputs"), "facts");
    json_t *facts = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "uuid", oscal->facts, "title", "Facts of the audit",
                              "props", "name", "type", "value", "evidence");
    json_t *link = json_pack("{s:s, s:s}", "href", "facts.json", "media-type", "application/json");

    if (g_str_has_prefix(digest, "sha256:") && strlen(digest) == 71 && strspn(digest + 7, "0123456789abcdef") == 64)
        json_object_set_new(link, "hashes", json_pack("[{s:s, s:s}]", "algorithm", "SHA-256", "value", digest + 7));
    json_object_set_new(facts, "rlinks", json_pack("[o]", link));
    return json_pack("{s:[{s:s, s:s, s:s}, {s:s, s:s, s:s, s:[{s:s, s:s}]}, o]}", "resources", "uuid", oscal->plan,
                     "title", "Assessment plan", "description",
                     "The law and the checks named by the property manifests-digest.", "uuid", oscal->catalog, "title",
                     "Catalog of the provisions", "description",
                     "What okse policy export --format oscal-catalog writes for these countries and frameworks.",
                     "rlinks", "href", "catalog.json", "media-type", "application/oscal.catalog+json", facts);
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
            json_array_append_new(props, okse_oscal_property(names[i][0], value));
    }
}

json_t *okse_oscal_metadata(const OkseOscal *oscal, const char *title)
{
    const json_t *inputs = json_object_get(oscal->findings, "inputs");
    const json_t *install = json_object_get(json_object_get(oscal->findings, "target"), "install");
    const char *identity = okse_json_peek_text(install, "identity");
    json_t *props = json_array();

    json_array_append_new(props, okse_oscal_property("overall", okse_json_peek_text(oscal->findings, "verdict")));
    json_array_append_new(props, okse_oscal_property("facts-digest", okse_json_peek_text(inputs, "facts")));
    json_array_append_new(props, okse_oscal_property("manifests-digest", okse_json_peek_text(inputs, "manifests")));
    if (identity != NULL)
        json_array_append_new(props, okse_oscal_property("bundle-identity", identity));
    if (okse_findings_redaction(oscal->findings) != NULL)
        json_array_append_new(props, okse_oscal_property("redaction", okse_findings_redaction(oscal->findings)));
    add_policy(props, json_object_get(inputs, "policy"));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:[{s:s, s:s}], s:[{s:s, s:s, s:s}], s:[{s:s, s:[s]}]}", "title", title,
                     "last-modified", oscal->time, "version", "1", "oscal-version", OKSE_OSCAL_VERSION, "props", props,
                     "roles", "id", "assessor", "title", "Assessor", "parties", "uuid", oscal->party, "type",
                     "organization", "name", "Auditor", "responsible-parties", "role-id", "assessor", "party-uuids",
                     oscal->party);
}

void okse_oscal_identify(OkseOscal *oscal, const json_t *findings, const OkseReportView *view)
{
    g_autoptr(GBytes) canonical = okse_json_write(findings);
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, canonical);
    const char *host = okse_json_peek_text(json_object_get(findings, "target"), "hostname");
    const json_t *inputs = json_object_get(findings, "inputs");
    gint64 seconds = 0;

    oscal->findings = findings;
    oscal->view = view;
    okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &seconds);
    oscal->time = okse_text_time(seconds);
    okse_uuid5("run", hash, oscal->run);
    okse_uuid5("tool", hash, oscal->okse);
    okse_uuid5("host", host, oscal->host);
    okse_uuid5("plan", hash, oscal->plan);
    okse_uuid5("facts", hash, oscal->facts);
    okse_uuid5("party", "auditor", oscal->party);
    okse_oscal_catalog_uuid(okse_json_peek_text(inputs, "manifests"), json_object_get(inputs, "profiles"),
                            oscal->catalog);
}

GBytes *okse_report_oscal(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    g_autoptr(OkseReportView) view = NULL;
    g_autoptr(json_t) document = NULL;
    OkseOscal oscal = {0};
    json_t *results;
    char *text;

    (void)language, (void)resources;
    if (json_array_size(jurisdictions) == 0) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "oscal: assessment results need at least one jurisdiction, and there is none");
        return NULL;
    }
    view = okse_report_view_new(findings);
    okse_oscal_identify(&oscal, findings, view);
    results = json_array();
    for (size_t i = 0; i < json_array_size(jurisdictions); i++)
        json_array_append_new(results, result(&oscal, json_array_get(jurisdictions, i)));
    g_autofree char *plan = g_strconcat("#", oscal.plan, NULL);
    document = json_pack("{s:{s:s, s:o, s:{s:s}, s:o, s:o}}", "assessment-results", "uuid", oscal.run, "metadata",
                         okse_oscal_metadata(&oscal, "Data-residency audit"), "import-ap", "href", plan, "results",
                         results, "back-matter", okse_oscal_back_matter(&oscal));
    g_free(oscal.time);
    text = okse_json_write_pretty(document);
    return g_bytes_new_take(text, strlen(text));
}
