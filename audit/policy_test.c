/* All tests are one evaluation over a list of facts documents, one a test, so that a library of hundreds of tests costs
 * one compile. */
#include "audit/policy_test.h"

#include "audit/evaluate.h"
#include "audit/facts_read.h"
#include "audit/test_facts.h"
#include "audit/verdict.h"
#include "core/json.h"

#include <string.h>

typedef struct {
    const OkseControl *control;
    const OkseControlTest *test;
    OkseTask task;   /* owns its parameters */
    char *objection; /* why it cannot be run, or NULL */
} Case;

static void case_clear(gpointer data)
{
    Case *one = data;

    json_decref(one->task.parameters);
    g_free(one->objection);
}

static void prepare(GArray *cases, json_t *documents, const OkseControl *control, const json_t *schema)
{
    for (guint i = 0; i < control->tests->len; i++) {
        const OkseControlTest *test = g_ptr_array_index(control->tests, i);
        g_autoptr(OkseIssues) issues = okse_issues_new();
        g_autoptr(GError) broken = NULL;
        json_t *facts = okse_test_facts(test->facts, schema);
        Case one = {.control = control, .test = test};

        one.task.control = control;
        one.task.country = test->country;
        one.task.parameters = okse_control_bind(control, test->parameters, &test->place, issues);
        one.task.at = test->at != NULL ? test->at : okse_json_peek_text(facts, "collected_at");
        okse_audit_facts_check(facts, "facts", &broken);
        if (broken != NULL)
            okse_issue(issues, &test->place, "%s", broken->message);
        if (okse_issues_count(issues) > 0)
            one.objection = g_strdup(okse_issues_get(issues, 0));
        json_array_append_new(documents, facts);
        one.task.document = (unsigned)json_array_size(documents);
        g_array_append_val(cases, one);
    }
}

/* What is wrong with a result beside its verdict; NULL when nothing is. */
static char *compare_counts(const Case *one, const json_t *result)
{
    const json_t *subjects = json_object_get(result, "subjects");
    static const char *const keys[] = {"violations", "unknown"};
    gint64 expected[] = {one->test->violations, one->test->unknown};

    for (unsigned k = 0; k < G_N_ELEMENTS(keys); k++) {
        const json_t *found = json_object_get(result, keys[k]), *reference;
        size_t i;

        if (expected[k] >= 0 && (gint64)json_array_size(found) != expected[k])
            return g_strdup_printf("%zu %s, expected %" G_GINT64_FORMAT, json_array_size(found), keys[k], expected[k]);
        json_array_foreach(found, i, reference)
        {
            bool listed = !json_is_string(reference) || one->control->expressions[OKSE_EXPRESSION_SUBJECTS] == NULL;
            const json_t *subject;
            size_t j;

            json_array_foreach(subjects, j, subject) listed = listed || json_equal(subject, reference);
            if (!listed)
                return g_strdup_printf("%s judges %s, which is not among its subjects", keys[k],
                                       json_string_value(reference));
        }
    }
    return NULL;
}

static json_t *judge(const Case *one, const json_t *result, const json_t *facts, bool *ok)
{
    g_auto(OkseVerdict) verdict = {OKSE_STATUS_INCONCLUSIVE, NULL, false};
    g_autofree char *message = g_strdup(one->objection);
    const char *status;

    if (message == NULL) {
        verdict = okse_verdict_of(one->control, facts, result);
        message = compare_counts(one, result);
    }
    status = okse_status_name(verdict.status);
    *ok = message == NULL && strcmp(status, one->test->expect) == 0;
    if (message == NULL && !*ok) {
        const char *reason = okse_json_peek_text(verdict.reason, "en");

        message = g_strdup_printf("%s%s%s%s, expected %s", status, reason != NULL ? " (" : "",
                                  reason != NULL ? reason : "", reason != NULL ? ")" : "", one->test->expect);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s?}", "control", one->control->id, "name", one->test->name,
                     "expected", one->test->expect, "status", status, "ok", *ok ? 1 : 0, "message", message);
}

static json_t *run(const GArray *cases, const json_t *documents, GError **error)
{
    g_autofree OkseTask *tasks = g_new0(OkseTask, cases->len + 1);
    g_autoptr(json_t) results = NULL;
    json_t *report = json_array();
    json_int_t passed = 0;

    for (guint i = 0; i < cases->len; i++)
        tasks[i] = g_array_index(cases, Case, i).task;
    results = okse_evaluate(documents, tasks, cases->len, &okse_evaluate_limits, error);
    if (results == NULL) {
        json_decref(report);
        return NULL;
    }
    for (guint i = 0; i < cases->len; i++) {
        bool ok;

        json_array_append_new(report, judge(&g_array_index(cases, Case, i), json_array_get(results, i),
                                            json_array_get(documents, i), &ok));
        passed += ok;
    }
    return json_pack("{s:o, s:I, s:I}", "tests", report, "passed", passed, "failed", (json_int_t)cases->len - passed);
}

json_t *okse_policy_test(const GPtrArray *controls, const json_t *schema, GError **error)
{
    g_autoptr(GArray) cases = g_array_new(FALSE, FALSE, sizeof(Case));
    g_autoptr(json_t) documents = json_array();

    g_array_set_clear_func(cases, case_clear);
    for (guint i = 0; i < controls->len; i++)
        prepare(cases, documents, g_ptr_array_index(controls, i), schema);
    return run(cases, documents, error);
}
