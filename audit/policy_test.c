/* All tests are one evaluation over a list of facts documents, one a test, so that a library of hundreds of tests costs
 * one compile. */
#include "audit/policy_test.h"

#include "audit/evaluate.h"
#include "audit/expression_type.h"
#include "audit/fact_kinds.h"
#include "audit/facts_read.h"
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

/* Add what a value of this schema lacks and the schema has a default for. */
static void complete(json_t *value, const json_t *schema, const json_t *node, unsigned depth)
{
    const json_t *members, *items;
    json_t *member;
    const char *name;
    size_t i;

    node = okse_type_resolve(schema, node);
    members = json_object_get(node, "properties");
    items = json_object_get(node, "items");
    if (depth == 0)
        return;
    json_array_foreach(value, i, member) complete(member, schema, items, depth - 1);
    if (!json_is_object(value))
        return;
    json_object_foreach((json_t *)(uintptr_t)members, name, member)
    {
        const json_t *resolved = okse_type_resolve(schema, member);
        json_t *fallback = json_object_get(resolved, "default");

        if (json_object_get(value, name) == NULL && fallback != NULL)
            json_object_set_new(value, name, json_deep_copy(fallback));
        if (json_object_get(value, name) != NULL)
            complete(json_object_get(value, name), schema, resolved, depth - 1);
    }
}

static void number_facts(json_t *facts)
{
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        json_t *fact;
        size_t i;

        json_array_foreach(json_object_get(facts, kind->list), i, fact)
        {
            g_autofree char *id = g_strdup_printf("%s:%016zx", kind->prefix, i + 1);

            if (json_is_object(fact) && json_object_get(fact, "id") == NULL)
                json_object_set_new(fact, "id", json_string(id));
        }
    }
}

static json_t *empty_facts(void)
{
    json_t *facts = json_pack("{s:s, s:s, s:[s,s], s:s, s:{}, s:n, s:n, s:[]}", "schema", "okse.facts.v1",
                              "collected_at", "2026-07-01T00:00:00Z", "scope", "install", "host", "sysroot", "/",
                              "host", "install", "site", "collectors");

    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        json_object_set_new(facts, kind->list, json_array());
    return facts;
}

/* A test names the collectors that are not complete; the others are. */
static void complete_collectors(json_t *facts)
{
    json_t *collectors = json_object_get(facts, "collectors");

    for (const OkseCollectorKind *kind = okse_collector_kinds; json_is_array(collectors) && kind->name != NULL;
         kind++) {
        const char *reason;

        if (okse_collector_status(facts, kind->name, &reason) == NULL)
            json_array_append_new(
                collectors, json_pack("{s:s, s:s, s:n}", "collector", kind->name, "status", "complete", "reason"));
    }
}

static json_t *facts_of(const OkseControlTest *test, const json_t *schema)
{
    json_t *facts = empty_facts();
    g_autoptr(json_t) given = json_deep_copy(test->facts);

    json_object_update(facts, given);
    complete(facts, schema, schema, 8);
    complete_collectors(facts);
    number_facts(facts);
    return facts;
}

static void prepare(GArray *cases, json_t *documents, const OkseControl *control, const json_t *schema)
{
    for (guint i = 0; i < control->tests->len; i++) {
        const OkseControlTest *test = g_ptr_array_index(control->tests, i);
        g_autoptr(OkseIssues) issues = okse_issues_new();
        g_autoptr(GError) broken = NULL;
        json_t *facts = facts_of(test, schema);
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
