/* OSCAL 1.1.3 plan of action and milestones: one item a finding that is open, undecided or waived. Observations are
 * those of the assessment results, under the same UUIDs. Source: NIST OSCAL 1.1.3, POA&M schema and its constraints. */
#include "audit/report_formats.h"

#include "audit/oscal.h"
#include "audit/report_oscal.h"
#include "core/json.h"

#include <string.h>

#define TITLE "Plan of action and milestones of a data-residency audit"

static bool is_open(const json_t *finding)
{
    OkseStatus status = okse_finding_status(finding);

    return status == OKSE_STATUS_FAIL || status == OKSE_STATUS_INCONCLUSIVE || status == OKSE_STATUS_WAIVED;
}

/* Why it is as it is, or the check that says so. */
static json_t *description(const OkseOscal *oscal, const json_t *finding)
{
    const json_t *reason = json_object_get(finding, "reason"),
                 *control = okse_report_view_control(oscal->view, finding);

    return okse_oscal_line_of(json_is_object(reason) ? reason : json_object_get(control, "title"));
}

static json_t *title(const OkseOscal *oscal, const json_t *finding)
{
    const json_t *provision = okse_report_view_provision(oscal->view, finding);
    g_autofree char *text = g_strdup_printf("%s %s: %s", okse_json_peek_text(finding, "jurisdiction"),
                                            okse_json_peek_text(finding, "provision"),
                                            okse_texts_get(json_object_get(provision, "title"), "en", NULL));

    return okse_oscal_line(text);
}

/* `lists` are observations, risks and items. */
static void plan_item(const OkseOscal *oscal, const json_t *finding, json_t *const lists[3])
{
    const json_t *provision = okse_report_view_provision(oscal->view, finding);
    const char *id = okse_json_peek_text(finding, "id");
    OkseStatus status = okse_finding_status(finding);
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_autofree char *name = g_strdup_printf("%s %s", oscal->run, id);
    json_t *related = json_array(), *risk;
    char uuid[OKSE_UUID_TEXT], risk_uuid[OKSE_UUID_TEXT];

    g_ptr_array_add(one, (gpointer)(uintptr_t)finding); /* only read */
    okse_oscal_observe(oscal, finding, lists[0], related);
    risk = okse_oscal_risk(oscal, provision, one, status, okse_uuid5("poam-risk", name, risk_uuid));
    json_object_set(risk, "related-observations", related);
    json_array_append_new(lists[1], risk);
    json_array_append_new(
        lists[2],
        json_pack("{s:s, s:o, s:o, s:[o, o, o, o], s:o, s:o, s:[{s:s}]}", "uuid", okse_uuid5("poam-item", name, uuid),
                  "title", title(oscal, finding), "description", description(oscal, finding), "props",
                  okse_oscal_property("finding-id", id), okse_oscal_property("verdict", okse_status_words[status]),
                  okse_oscal_property("control-id", okse_json_peek_text(finding, "provision")),
                  okse_oscal_property("rule-id", okse_json_peek_text(finding, "control")), "origins",
                  okse_oscal_origins(oscal), "related-observations", related, "related-risks", "risk-uuid", risk_uuid));
}

/* OSCAL wants at least one item: where no finding is open, it says what the audit came to. */
static json_t *nothing(const OkseOscal *oscal)
{
    bool compliant = strcmp(okse_json_peek_text(oscal->findings, "verdict"), "compliant") == 0;
    char uuid[OKSE_UUID_TEXT];

    return json_pack("{s:s, s:s, s:s, s:[o]}", "uuid", okse_uuid5("poam-nothing", oscal->run, uuid), "title",
                     compliant ? "Nothing is open" : "Nothing was decided", "description",
                     compliant ? "The audit found nothing to plan for."
                               : "The audit decided nothing: plan for evidence.",
                     "props", okse_oscal_property("verdict", compliant ? "none" : "inconclusive"));
}

GBytes *okse_report_poam(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    const json_t *list = json_object_get(findings, "findings");
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    json_t *lists[3] = {json_array(), json_array(), json_array()};
    g_autoptr(json_t) document = NULL;
    OkseOscal oscal = {0};
    json_t *plan;
    char uuid[OKSE_UUID_TEXT], *text;

    (void)language, (void)resources, (void)error;
    okse_oscal_identify(&oscal, findings, view);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_open(json_array_get(list, i)))
            plan_item(&oscal, json_array_get(list, i), lists);
    if (json_array_size(lists[2]) == 0)
        json_array_append_new(lists[2], nothing(&oscal));
    plan = json_pack("{s:s, s:o, s:{s:s, s:s}, s:o, s:o, s:o}", "uuid", okse_uuid5("poam", oscal.run, uuid), "metadata",
                     okse_oscal_metadata(&oscal, TITLE), "system-id", "identifier-type", "http://ietf.org/rfc/rfc4122",
                     "id", oscal.host, "local-definitions", okse_oscal_local_definitions(&oscal), "poam-items",
                     lists[2], "back-matter", okse_oscal_back_matter(&oscal));
    okse_oscal_set_list(plan, "observations", lists[0]);
    okse_oscal_set_list(plan, "risks", lists[1]);
    document = json_pack("{s:o}", "plan-of-action-and-milestones", plan);
    g_free(oscal.time);
    text = okse_json_write_pretty(document);
    return g_bytes_new_take(text, strlen(text));
}
