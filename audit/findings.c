/* Two passes: first every (control, parameters, country) that some provision in force needs is collected once and
 * evaluated in one go; then the provisions are walked in order and each finding is put together from its result. */
#include "audit/findings.h"

#include "audit/conflicts.h"
#include "audit/evaluate_tasks.h"
#include "audit/facts_read.h"
#include "audit/finding_evidence.h"
#include "audit/findings_history.h"
#include "audit/findings_inventory.h"
#include "audit/findings_partial.h"
#include "audit/findings_summary.h"
#include "audit/findings_unpoliced.h"
#include "audit/verdict.h"
#include "audit/waiver_expired.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    const OkseAuditRequest *request;
    OkseTarget *target;
    OkseFactIndex *index;
    char *at;            /* of the request, as text */
    GArray *tasks;       /* OkseTask; owns the parameters */
    GHashTable *task_of; /* owned key → index + 1 */
    json_t *results;     /* of the tasks */
    json_t *findings;
    json_t *controls; /* id → description of each control used */
} Audit;

static char *task_key(const OkseMapping *mapping, const json_t *bound, const char *country)
{
    g_autoptr(GBytes) text = okse_json_write(bound);

    return g_strdup_printf("%s\n%s\n%.*s", country, mapping->control, (int)g_bytes_get_size(text),
                           (const char *)g_bytes_get_data(text, NULL));
}

static json_t *bind(const Audit *audit, const OkseMapping *mapping, const OkseControl **control)
{
    g_autoptr(OkseIssues) linked = okse_issues_new(); /* okse_law_load() has reported them */

    *control = okse_law_control(audit->request->law, mapping->control);
    return okse_control_bind(*control, mapping->parameters, &mapping->place, linked);
}

/* Whom a program hears of as $country: a bloc is asked for its member, a framework for the country of the target. */
static const char *country_of(const Audit *audit, const OkseJurisdiction *jurisdiction, guint index)
{
    const char *country = okse_json_peek_text(json_object_get(audit->request->facts, "install"), "country");

    if (!jurisdiction->framework)
        return g_ptr_array_index(jurisdiction->asked, index);
    return country != NULL ? country : "";
}

/* For how many countries a control is asked: one that does not look at the country says the same of all of them. */
static guint times(const OkseJurisdiction *jurisdiction, const OkseControl *control)
{
    return okse_control_reads_country(control) ? MAX(jurisdiction->asked->len, 1) : 1;
}

static void collect_task(Audit *audit, const OkseMapping *mapping, const char *country)
{
    OkseTask task = {.country = country, .at = audit->at};
    char *key;

    task.parameters = bind(audit, mapping, &task.control);
    key = task_key(mapping, task.parameters, task.country);
    if (g_hash_table_contains(audit->task_of, key)) {
        json_decref(task.parameters);
        g_free(key);
        return;
    }
    g_array_append_val(audit->tasks, task);
    g_hash_table_insert(audit->task_of, key, GUINT_TO_POINTER(audit->tasks->len));
}

static void collect_provision(Audit *audit, const OkseJurisdiction *jurisdiction, const OkseProvision *provision)
{
    g_autoptr(json_t) reason = NULL;

    if (okse_applies(provision, audit->target, audit->request->at, &reason) == OKSE_APPLIES_NOT)
        return;
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        guint count = times(jurisdiction, okse_law_control(audit->request->law, mapping->control));

        for (guint k = 0; okse_only_has(audit->request->only, mapping->control) && k < count; k++)
            collect_task(audit, mapping, country_of(audit, jurisdiction, k));
    }
}

static char *finding_id(const OkseJurisdiction *jurisdiction, const OkseProvision *provision, const char *key)
{
    g_autofree char *text = g_strdup_printf("%s\n%s\n%s", jurisdiction->iso, provision->id, key);
    OkseSha256 digest = okse_sha256_of(text, strlen(text));
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("fnd:%.16s", okse_sha256_hex(&digest, hex));
}

static void describe_control(Audit *audit, const OkseControl *control)
{
    json_t *needs;

    if (json_object_get(audit->controls, control->id) != NULL)
        return;
    needs = json_array();
    for (guint i = 0; i < control->needs->len; i++)
        json_array_append_new(needs, json_string(g_ptr_array_index(control->needs, i)));
    json_object_set_new(audit->controls, control->id,
                        json_pack("{s:O, s:O, s:O, s:s, s:o}", "title", control->title, "description",
                                  control->description, "remediation", control->remediation, "family", control->family,
                                  "needs", needs));
}

static json_t *finding_of(Audit *audit, const OkseJurisdiction *jurisdiction, const OkseProvision *provision,
                          const OkseMapping *mapping, const char *country)
{
    const OkseControl *control;
    g_autoptr(json_t) bound = bind(audit, mapping, &control);
    g_autofree char *key = task_key(mapping, bound, country);
    guint index = GPOINTER_TO_UINT(g_hash_table_lookup(audit->task_of, key));
    const json_t *result = index > 0 ? json_array_get(audit->results, index - 1) : NULL;
    g_autofree char *id = finding_id(jurisdiction, provision, key);
    g_autoptr(json_t) reason = NULL;
    OkseApplies applies = okse_applies(provision, audit->target, audit->request->at, &reason);
    g_auto(OkseVerdict) verdict = {OKSE_STATUS_NOT_APPLICABLE, NULL, false};
    bool lawyer = false;
    json_t *finding;

    if (applies == OKSE_APPLIES_NOT) {
        verdict.reason = json_incref(reason);
    } else {
        verdict = okse_verdict_of(control, audit->request->facts, result);
        lawyer = okse_verdict_soften(&verdict, provision, applies, reason);
    }
    describe_control(audit, control);
    finding = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:O?, s:s?}", "id", id, "control", control->id,
                        "provision", provision->id, "instrument", provision->instrument, "jurisdiction",
                        jurisdiction->iso, "severity", provision->severity, "confidence", provision->confidence,
                        "status", okse_status_name(verdict.status), "parameters", bound, "reason", verdict.reason,
                        "warning", lawyer ? "lawyer" : NULL);
    if (mapping->profiles != NULL)
        json_object_set(finding, "profiles", mapping->profiles);
    if (mapping->lawful != NULL)
        json_object_set(finding, "lawful", mapping->lawful);
    json_object_set_new(finding, "out_of_scope", json_boolean(verdict.out_of_scope));
    json_object_set_new(finding, "violations",
                        json_integer((json_int_t)json_array_size(json_object_get(result, "violations"))));
    json_object_set_new(finding, "unknown",
                        json_integer((json_int_t)json_array_size(json_object_get(result, "unknown"))));
    json_object_set_new(finding, "evidence",
                        verdict.status == OKSE_STATUS_NOT_APPLICABLE ? json_array()
                                                                     : okse_finding_evidence(audit->index, result));
    return finding;
}

static int compare_mappings(gconstpointer a, gconstpointer b)
{
    const OkseMapping *first = *(OkseMapping *const *)a, *second = *(OkseMapping *const *)b;
    int order = strcmp(first->control, second->control);

    return order != 0 ? order : (first->place.line > second->place.line) - (first->place.line < second->place.line);
}

static void add_findings(Audit *audit, const OkseJurisdiction *jurisdiction, const OkseProvision *provision)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();

    for (guint i = 0; i < provision->mappings->len; i++) {
        OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);

        if (okse_only_has(audit->request->only, mapping->control))
            g_ptr_array_add(sorted, mapping);
    }
    g_ptr_array_sort(sorted, compare_mappings);
    for (guint i = 0; i < sorted->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(sorted, i);
        guint count = times(jurisdiction, okse_law_control(audit->request->law, mapping->control));

        for (guint k = 0; k < count; k++)
            json_array_append_new(audit->findings, finding_of(audit, jurisdiction, provision, mapping,
                                                              country_of(audit, jurisdiction, k)));
    }
}

/* In the order of the instruments, and of the provisions within each. */
static void walk(Audit *audit, const OkseJurisdiction *jurisdiction)
{
    const json_t *instrument;
    size_t i;

    json_array_foreach(jurisdiction->instruments, i, instrument)
    {
        for (guint j = 0; j < jurisdiction->provisions->len; j++) {
            const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, j);

            if (g_strcmp0(provision->instrument, okse_json_peek_text(instrument, "id")) == 0)
                add_findings(audit, jurisdiction, provision);
        }
    }
}

static json_t *inputs_of(const OkseAuditRequest *request)
{
    g_autoptr(GBytes) facts = okse_json_write(request->facts);
    json_t *site = json_object_get(request->facts, "site");
    OkseSha256 digest = okse_sha256_of_bytes(facts);
    char text[OKSE_SHA256_TEXT];
    const OkseLaw *law = request->law;
    json_t *inputs = json_pack("{s:s, s:s, s:n, s:O?, s:{s:s, s:s}}", "facts", okse_sha256_text(&digest, text),
                               "manifests", law->digest, "site", "geo", (json_t *)(uintptr_t)request->geo, "tool",
                               "name", "okse", "version", OKSE_VERSION);

    if (law->profiles != NULL)
        json_object_set(inputs, "profiles", law->profiles);
    if (request->previous != NULL)
        json_object_set_new(inputs, "previous", okse_previous_input(request->previous));
    json_object_set_new(inputs, "policy",
                        law->pack != NULL ? okse_policy_pack_json(law->pack, law->identity) : json_null());

    if (json_is_object(site)) {
        g_autoptr(GBytes) written = okse_json_write(site);

        digest = okse_sha256_of_bytes(written);
        json_object_set_new(inputs, "site", json_string(okse_sha256_text(&digest, text)));
    }
    return inputs;
}

/* The country's own languages first, each once, English last where it is nobody's first. */
static json_t *languages_of(const OkseLaw *law)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *languages = json_array(), *language;
    size_t k;

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, i);

        if (jurisdiction->framework && law->jurisdictions->len > 1)
            continue;
        json_array_foreach(jurisdiction->languages, k,
                           language) if (g_hash_table_add(seen, (gpointer)(uintptr_t)json_string_value(language)))
            json_array_append(languages, language);
    }
    if (g_hash_table_add(seen, (gpointer)(uintptr_t) "en"))
        json_array_append_new(languages, json_string("en"));
    return languages;
}

static json_t *document_of(Audit *audit)
{
    const OkseAuditRequest *request = audit->request;
    g_autofree char *at = okse_text_time(request->at);
    json_t *inventory, *document;

    okse_fact_index_look(audit->index, audit->results);
    inventory = okse_findings_inventory(request->facts, audit->index);
    document = json_pack("{s:s, s:s, s:o, s:o, s:o, s:O, s:O}", "schema", "okse.findings.v1", "audited_at", at,
                         "target", okse_findings_target(request->facts), "inputs", inputs_of(request), "languages",
                         languages_of(request->law), "controls", audit->controls, "findings", audit->findings);

    json_object_set(document, "collectors", json_object_get(request->facts, "collectors"));
    json_object_set(document, "scope", json_object_get(request->facts, "scope"));
    json_object_set_new(document, "inventory", inventory);
    okse_findings_unpoliced(inventory, request->facts, audit->index, (const OkseTask *)(void *)audit->tasks->data,
                            audit->results, request->law->schema);
    if (request->law->pack != NULL && okse_policy_pack_is_old(request->law->pack, request->at))
        json_object_set_new(document, "warnings", json_pack("[o]", okse_policy_pack_warning(request->law->pack)));
    if (request->only != NULL)
        okse_partial_begin(document, request->only);
    json_object_set_new(document, "conflicts", okse_conflicts(request->law, audit->target, request->at));
    if (request->waivers != NULL)
        json_object_set_new(document, "waivers", okse_waivers_json(request->waivers));
    okse_findings_summarize(document, request->law, audit->target, request->at);
    if (request->waivers != NULL)
        okse_waivers_tell_without(document);
    if (request->only != NULL)
        okse_partial_end(document);
    return document;
}

static void collect_tasks(Audit *audit)
{
    const OkseLaw *law = audit->request->law;

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *jurisdiction = g_ptr_array_index(law->jurisdictions, i);

        for (guint j = 0; j < jurisdiction->provisions->len; j++)
            collect_provision(audit, jurisdiction, g_ptr_array_index(jurisdiction->provisions, j));
    }
}

static Audit *audit_new(const OkseAuditRequest *request)
{
    Audit *audit = g_new0(Audit, 1);

    audit->request = request;
    audit->at = okse_text_time(request->at);
    audit->target = okse_target_new(request->facts, request->law->classes);
    audit->index = okse_fact_index_new(request->facts);
    audit->tasks = g_array_new(FALSE, FALSE, sizeof(OkseTask));
    audit->task_of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    audit->findings = json_array();
    audit->controls = json_object();
    collect_tasks(audit);
    return audit;
}

static void audit_free(Audit *audit)
{
    for (guint i = 0; i < audit->tasks->len; i++)
        json_decref(g_array_index(audit->tasks, OkseTask, i).parameters);
    g_array_unref(audit->tasks);
    g_hash_table_unref(audit->task_of);
    okse_fact_index_free(audit->index);
    okse_target_free(audit->target);
    json_decref(audit->results);
    json_decref(audit->findings);
    json_decref(audit->controls);
    g_free(audit->at);
    g_free(audit);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Audit, audit_free)

/* From results to findings. */
static void put_together(Audit *audit)
{
    const OkseAuditRequest *request = audit->request;

    for (guint i = 0; i < request->law->jurisdictions->len; i++)
        walk(audit, g_ptr_array_index(request->law->jurisdictions, i));
    if (request->waivers != NULL) {
        okse_waivers_apply(request->waivers, audit->findings);
        okse_waivers_add_expired(request->waivers, audit->findings, audit->controls);
    }
    if (request->previous != NULL)
        okse_previous_date(request->previous, audit->at, audit->findings);
}

json_t *okse_findings(const OkseAuditRequest *request, GError **error)
{
    g_autoptr(Audit) audit = audit_new(request);

    if (request->programs != NULL &&
        !okse_tasks_write((const OkseTask *)(void *)audit->tasks->data, audit->tasks->len, request->programs, error))
        return NULL;
    audit->results = okse_evaluate(request->facts, (const OkseTask *)(void *)audit->tasks->data, audit->tasks->len,
                                   request->limits, error);
    if (audit->results == NULL)
        return NULL;
    put_together(audit);
    return document_of(audit);
}

static void free_audit(gpointer data)
{
    audit_free(data);
}

/* The tasks of all audits in one go, each over its own facts. */
static json_t *evaluate_all(const GPtrArray *audits, const json_t *facts, const OkseEvaluateLimits *limits,
                            GError **error)
{
    g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(OkseTask)); /* borrows the parameters */

    for (guint i = 0; i < audits->len; i++) {
        const Audit *audit = g_ptr_array_index(audits, i);

        for (guint k = 0; k < audit->tasks->len; k++) {
            OkseTask task = g_array_index(audit->tasks, OkseTask, k);

            task.document = i + 1;
            g_array_append_val(tasks, task);
        }
    }
    return okse_evaluate(facts, (const OkseTask *)(void *)tasks->data, tasks->len, limits, error);
}

json_t *okse_findings_of_each(const OkseAuditRequest *request, const json_t *facts, GError **error)
{
    g_autoptr(GPtrArray) audits = g_ptr_array_new_with_free_func(free_audit);
    g_autofree OkseAuditRequest *requests = g_new(OkseAuditRequest, json_array_size(facts) + 1);
    g_autoptr(json_t) results = NULL;
    json_t *list;
    size_t next = 0;

    for (size_t i = 0; i < json_array_size(facts); i++) {
        requests[i] = *request;
        requests[i].facts = json_array_get(facts, i);
        g_ptr_array_add(audits, audit_new(&requests[i]));
    }
    results = evaluate_all(audits, facts, request->limits, error);
    if (results == NULL)
        return NULL;
    list = json_array();
    for (guint i = 0; i < audits->len; i++) {
        Audit *audit = g_ptr_array_index(audits, i);

        audit->results = json_array();
        for (guint k = 0; k < audit->tasks->len; k++)
            json_array_append(audit->results, json_array_get(results, next++));
        put_together(audit);
        json_array_append(list, audit->findings);
    }
    return list;
}

int okse_findings_exit_status(const json_t *findings)
{
    const char *verdict = okse_json_peek_text(findings, "verdict");

    if (json_object_get(findings, "partial") != NULL)
        return okse_partial_exit_status(findings);
    if (g_strcmp0(verdict, "compliant") == 0)
        return 0;
    return g_strcmp0(verdict, "non-compliant") == 0 ? 1 : 4;
}
