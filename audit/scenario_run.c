/* Only what rows speak of is evaluated, all rows of a table in one go and sorted by control, so that a program holds
 * few controls for many rows. Verdicts are those of an audit: of the worst finding of a provision. */
#include "audit/scenario.h"

#include "audit/evaluate.h"
#include "audit/facts_read.h"
#include "audit/findings.h"
#include "audit/verdict.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

typedef struct {
    const OkseScenario *row;
    json_t *facts;      /* borrowed from the list of documents */
    OkseTarget *target; /* owned */
    gint64 at;
    char *time; /* the same as text */
} Case;

/* One control under one provision in one row. */
typedef struct {
    OkseTask task; /* owns its parameters */
    const OkseProvision *provision;
    guint slot; /* the expectation, counted over all rows */
} Question;

typedef struct {
    const OkseScenarios *scenarios;
    const OkseLaw *law;
    const OkseResources *resources;
    json_t *documents;
    GArray *cases;     /* Case, one a row */
    GArray *questions; /* Question */
    GArray *worst;     /* int, one an expectation: index in `order`, from the best to the worst; -1: no finding */
} Run;

static const OkseStatus order[] = {OKSE_STATUS_NOT_APPLICABLE, OKSE_STATUS_PASS, OKSE_STATUS_INCONCLUSIVE,
                                   OKSE_STATUS_FAIL};

static void case_clear(gpointer data)
{
    Case *one = data;

    okse_target_free(one->target);
    g_free(one->time);
}

static void question_clear(gpointer data)
{
    json_decref(((Question *)data)->task.parameters);
}

/* In the country's own law, or in that of its blocs. */
static const OkseProvision *provision_of(const OkseLaw *law, const char *country, const char *id)
{
    const OkseJurisdiction *own = okse_law_jurisdiction(law, country);
    const OkseProvision *found = own == NULL ? NULL : okse_jurisdiction_provision(own, id);

    for (guint i = 0; found == NULL && own != NULL && i < own->inherits->len; i++) {
        const OkseJurisdiction *bloc = okse_law_jurisdiction(law, g_ptr_array_index(own->inherits, i));

        found = bloc == NULL ? NULL : okse_jurisdiction_provision(bloc, id);
    }
    return found;
}

void okse_scenarios_check(const OkseScenarios *scenarios, const OkseLaw *law, OkseIssues *issues)
{
    if (okse_law_jurisdiction(law, scenarios->country) == NULL) {
        okse_issue(issues, &scenarios->place, "country: there is no law of %s", scenarios->country);
        return;
    }
    for (guint i = 0; i < scenarios->rows->len; i++) {
        const OkseScenario *row = g_ptr_array_index(scenarios->rows, i);

        for (guint k = 0; k < row->expectations->len; k++) {
            const OkseExpectation *one = g_ptr_array_index(row->expectations, k);
            const OkseProvision *provision = provision_of(law, scenarios->country, one->provision);

            if (provision == NULL)
                okse_issue(issues, &one->place, "expect: there is no provision '%s' in the law of %s", one->provision,
                           scenarios->country);
            else if (provision->mappings->len == 0)
                okse_issue(issues, &one->place, "expect: provision %s is not technically checkable", one->provision);
        }
    }
}

static void note(Run *run, guint slot, OkseStatus status)
{
    int *worst = &g_array_index(run->worst, int, slot);

    for (int i = 0; i < (int)G_N_ELEMENTS(order); i++)
        if (order[i] == status)
            *worst = MAX(*worst, i);
}

static void ask(Run *run, const Case *one, const OkseProvision *provision, guint document, guint slot)
{
    g_autoptr(json_t) reason = NULL;

    if (okse_applies(provision, one->target, one->at, &reason) == OKSE_APPLIES_NOT) {
        note(run, slot, OKSE_STATUS_NOT_APPLICABLE);
        return;
    }
    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);
        g_autoptr(OkseIssues) linked = okse_issues_new(); /* okse_law_load() has reported them */
        Question question = {.provision = provision, .slot = slot};

        question.task.control = okse_law_control(run->law, mapping->control);
        question.task.parameters =
            okse_control_bind(question.task.control, mapping->parameters, &mapping->place, linked);
        question.task.country = run->scenarios->country;
        question.task.at = one->time;
        question.task.document = document;
        g_array_append_val(run->questions, question);
    }
}

/* The rows' facts, and what is to be asked of them. */
static bool prepare(Run *run, GError **error)
{
    guint slot = 0;

    for (guint i = 0; i < run->scenarios->rows->len; i++) {
        const OkseScenario *row = g_ptr_array_index(run->scenarios->rows, i);
        json_t *facts = okse_scenario_facts(row, run->scenarios, run->law->schema);
        Case one = {.row = row, .facts = facts, .target = okse_target_new(facts, run->law->classes)};
        int unasked = -1;

        json_array_append_new(run->documents, facts);
        one.time = g_strdup(okse_json_peek_text(facts, "collected_at"));
        okse_text_time_parse(one.time, &one.at);
        g_array_append_val(run->cases, one);
        if (!okse_audit_facts_check(facts, row->place.origin, error))
            return false;
        for (guint k = 0; k < row->expectations->len; k++) {
            const OkseExpectation *expected = g_ptr_array_index(row->expectations, k);

            g_array_append_val(run->worst, unasked);
            ask(run, &one, provision_of(run->law, run->scenarios->country, expected->provision), i + 1, slot++);
        }
    }
    return true;
}

static gint compare_questions(gconstpointer a, gconstpointer b)
{
    const Question *first = a, *second = b;
    int byname = strcmp(first->task.control->id, second->task.control->id);

    return byname != 0 ? byname : (first->slot > second->slot) - (first->slot < second->slot);
}

static bool evaluate(Run *run, GError **error)
{
    g_autofree OkseTask *tasks = g_new0(OkseTask, run->questions->len + 1);
    g_autoptr(json_t) results = NULL;

    g_array_sort(run->questions, compare_questions);
    for (guint i = 0; i < run->questions->len; i++)
        tasks[i] = g_array_index(run->questions, Question, i).task;
    results = okse_evaluate(run->documents, tasks, run->questions->len, &okse_evaluate_limits, error);
    for (guint i = 0; results != NULL && i < run->questions->len; i++) {
        const Question *question = &g_array_index(run->questions, Question, i);
        const Case *one = &g_array_index(run->cases, Case, question->task.document - 1);
        g_autoptr(json_t) reason = NULL;
        OkseApplies applies = okse_applies(question->provision, one->target, one->at, &reason);
        g_auto(OkseVerdict) verdict = okse_verdict_of(question->task.control, one->facts, json_array_get(results, i));

        okse_verdict_soften(&verdict, question->provision, applies, reason);
        note(run, question->slot, verdict.status);
    }
    return results != NULL;
}

static void add_result(json_t *report, const OkseScenario *row, const char *provision, const OksePlace *at,
                       const char *expected, const char *status)
{
    bool ok = g_strcmp0(expected, status) == 0;
    const char *counter = ok ? "passed" : "failed";
    g_autofree char *place = g_strdup_printf("%s:%u:%u", at->origin, at->line, at->column);

    json_array_append_new(json_object_get(report, "results"),
                          json_pack("{s:s, s:s, s:s?, s:s, s:s, s:b, s:s}", "case", row->name, "article", row->article,
                                    "provision", provision, "expected", expected, "status", status, "ok", (int)ok,
                                    "place", place));
    json_object_set_new(report, counter, json_integer(json_integer_value(json_object_get(report, counter)) + 1));
}

/* The verdict of the whole needs everything that the country's law asks. */
static bool add_overall(const Run *run, const Case *one, json_t *report, GError **error)
{
    const char *const wanted[] = {run->scenarios->country, NULL};
    OkseAuditRequest request = {.facts = one->facts, .at = one->at, .limits = &okse_evaluate_limits};
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(json_t) findings = NULL;

    if (one->row->overall == NULL)
        return true;
    law = okse_law_load(run->resources, wanted, error);
    if (law == NULL)
        return false;
    request.law = law;
    findings = okse_findings(&request, error);
    if (findings != NULL)
        add_result(report, one->row, NULL, &one->row->place, one->row->overall,
                   okse_json_peek_text(findings, "verdict"));
    return findings != NULL;
}

static json_t *report_of(const Run *run, GError **error)
{
    const OkseScenarios *scenarios = run->scenarios;
    g_autoptr(json_t) report =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:[]}", "country", scenarios->country, "file", scenarios->origin, "rows",
                  (int)scenarios->rows->len, "passed", 0, "failed", 0, "results");
    guint slot = 0;

    for (guint i = 0; i < run->cases->len; i++) {
        const Case *one = &g_array_index(run->cases, Case, i);

        for (guint k = 0; k < one->row->expectations->len; k++) {
            const OkseExpectation *expected = g_ptr_array_index(one->row->expectations, k);
            int worst = g_array_index(run->worst, int, slot++);

            add_result(report, one->row, expected->provision, &expected->place, expected->status,
                       okse_status_name(order[MAX(worst, 0)]));
        }
        if (!add_overall(run, one, report, error))
            return NULL;
    }
    return g_steal_pointer(&report);
}

json_t *okse_scenarios_run(const OkseScenarios *scenarios, const OkseLaw *law, const OkseResources *resources,
                           GError **error)
{
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(json_t) documents = json_array();
    g_autoptr(GArray) cases = g_array_new(FALSE, FALSE, sizeof(Case));
    g_autoptr(GArray) questions = g_array_new(FALSE, FALSE, sizeof(Question));
    g_autoptr(GArray) worst = g_array_new(FALSE, FALSE, sizeof(int));
    Run run = {scenarios, law, resources, documents, cases, questions, worst};

    g_array_set_clear_func(cases, case_clear);
    g_array_set_clear_func(questions, question_clear);
    okse_scenarios_check(scenarios, law, issues);
    if (!okse_issues_none(issues, error) || !prepare(&run, error) || !evaluate(&run, error))
        return NULL;
    return report_of(&run, error);
}
