/* What of the law a machine looks at. Nothing is left out: a provision without controls says why. */
#include "audit/policy_coverage.h"

#include "audit/policy_explain.h"
#include "core/json.h"

#include <string.h>

static json_t *controls_of(const OkseProvision *provision)
{
    json_t *list = json_array();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < provision->mappings->len; i++) {
        char *control = ((OkseMapping *)g_ptr_array_index(provision->mappings, i))->control;

        if (g_hash_table_add(seen, control))
            json_array_append_new(list, json_string(control));
    }
    return list;
}

static json_t *provision_to_json(const OkseProvision *provision)
{
    return json_pack("{s:s, s:s, s:s, s:O, s:s, s:s?, s:s, s:s, s:o, s:O?}", "id", provision->id, "instrument",
                     provision->instrument, "article", provision->article, "title", provision->title, "effective",
                     provision->effective, "until", provision->until, "severity", provision->severity, "confidence",
                     provision->confidence, "controls", controls_of(provision), "not_checkable",
                     provision->not_checkable);
}

static void count(json_t *totals, const char *key, bool counts)
{
    json_object_set_new(totals, key, json_integer(json_integer_value(json_object_get(totals, key)) + counts));
}

static void count_provision(json_t *totals, const OkseProvision *provision, gint64 at)
{
    static const char *const confidences[] = {"high", "medium", "low"};
    bool mandatory = okse_provision_is_mandatory(provision), seen = provision->mappings->len > 0;

    count(totals, "provisions", true);
    count(totals, "with_controls", seen);
    count(totals, "not_checkable", !seen);
    count(totals, "mandatory", mandatory);
    count(totals, "mandatory_with_controls", mandatory && seen);
    for (unsigned i = 0; i < G_N_ELEMENTS(confidences); i++)
        count(totals, confidences[i], strcmp(provision->confidence, confidences[i]) == 0);
    count(totals, "coming", !provision->dated || provision->effective_time > at);
}

json_t *okse_policy_coverage(const OkseLaw *law, gint64 at)
{
    json_t *list = json_array(), *all = json_object();

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);
        json_t *provisions = json_array(), *totals = json_object();

        for (guint k = 0; k < one->provisions->len; k++) {
            const OkseProvision *provision = g_ptr_array_index(one->provisions, k);

            json_array_append_new(provisions, provision_to_json(provision));
            count_provision(totals, provision, at);
            count_provision(all, provision, at);
        }
        json_array_append_new(list, json_pack("{s:s, s:b, s:O, s:s, s:s, s:o, s:o}", "iso", one->iso, "framework",
                                              one->framework, "name", one->name, "as_of", one->as_of, "confidence",
                                              one->confidence, "provisions", provisions, "totals", totals));
    }
    return json_pack("{s:o, s:o}", "jurisdictions", list, "totals", all);
}

static json_t *tests_of(const OkseLaw *law)
{
    json_t *tests = json_object();

    for (guint i = 0; i < law->controls->len; i++) {
        const OkseControl *control = g_ptr_array_index(law->controls, i);

        json_object_set_new(tests, control->id, okse_policy_tests(control));
    }
    return tests;
}

/* provision → verdict → how many rows expect it. Ids begin with their country, so they are unique. */
static json_t *expectations_of(const json_t *scenarios)
{
    json_t *all = json_object();
    const json_t *table, *row;
    size_t i, k;

    json_array_foreach(scenarios, i, table) json_array_foreach(json_object_get(table, "results"), k, row)
    {
        const char *provision = okse_json_peek_text(row, "provision");

        if (provision == NULL)
            continue;
        if (json_object_get(all, provision) == NULL)
            json_object_set_new(all, provision, json_object());
        count(json_object_get(all, provision), okse_json_peek_text(row, "expected"), true);
    }
    return all;
}

static json_t *reach_of(const OkseLaw *law, const json_t *tests, const json_t *expected, const OkseJurisdiction *one,
                        const OkseProvision *provision)
{
    json_t *rows = json_object_get(expected, provision->id);
    g_autoptr(json_t) controls = controls_of(provision);
    const json_t *control;
    guint count_tests = 0;
    bool reached = true;
    size_t i;

    json_array_foreach(controls, i, control)
    {
        const char *id = json_string_value(control);
        const json_t *counts = json_object_get(tests, id);

        count_tests += okse_law_control(law, id)->tests->len;
        reached = reached && json_integer_value(json_object_get(counts, "pass")) > 0 &&
                  json_integer_value(json_object_get(counts, "fail")) > 0;
    }
    return json_pack("{s:s, s:s, s:b, s:i, s:o}", "jurisdiction", one->iso, "provision", provision->id, "reached",
                     (int)reached, "tests", (int)count_tests, "scenarios",
                     rows != NULL ? json_incref(rows) : json_object());
}

json_t *okse_policy_test_coverage(const OkseLaw *law, const json_t *scenarios)
{
    json_t *tests = tests_of(law), *provisions = json_array();
    g_autoptr(json_t) expected = expectations_of(scenarios);
    int without = 0, named = 0;

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        for (guint k = 0; k < one->provisions->len; k++) {
            const OkseProvision *provision = g_ptr_array_index(one->provisions, k);

            if (provision->mappings->len > 0)
                json_array_append_new(provisions, reach_of(law, tests, expected, one, provision));
            else
                without++;
            named += json_object_get(expected, provision->id) != NULL;
        }
    }
    return json_pack("{s:i, s:i, s:i, s:i, s:o, s:o}", "controls", (int)law->controls->len, "provisions_with_controls",
                     (int)json_array_size(provisions), "provisions_not_checkable", without, "provisions_in_scenarios",
                     named, "tests", tests, "provisions", provisions);
}
