/* The confined process, fed what the reader of controls would never let through. */
#include "audit/evaluate.h"

#include <stdlib.h>
#include <string.h>

static const OkseEvaluateLimits small = {.seconds = 1, .memory = 256u << 20, .output = 1u << 20, .stops = 8};

static OkseControl *control_of(const char *violations)
{
    OkseControl *control = g_new0(OkseControl, 1);

    control->parameters = g_ptr_array_new();
    control->needs = g_ptr_array_new();
    control->tests = g_ptr_array_new();
    control->expressions[OKSE_EXPRESSION_VIOLATIONS] = g_strdup(violations);
    control->expressions[OKSE_EXPRESSION_UNKNOWN] = g_strdup("empty");
    return control;
}

/* The answer to `violations`, after a task that is in order and before another one. */
static char *answer_to(const char *violations)
{
    g_autoptr(OkseControl) control = control_of(violations);
    g_autoptr(OkseControl) good = control_of(".x");
    g_autoptr(GError) error = NULL;
    json_t *none = json_object(), *facts = json_pack("{s:{s:s}}", "x", "id", "ep:1"), *results;
    OkseTask tasks[] = {{good, none, "VN", 0, "2026-07-01T00:00:00Z"},
                        {control, none, "VN", 0, "2026-07-01T00:00:00Z"},
                        {good, none, "VN", 0, "2026-07-01T00:00:00Z"}};
    char *text, *copy;

    results = okse_evaluate(facts, tasks, 3, &small, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(json_array_size(results), ==, 3);
    for (size_t i = 0; i < 3; i += 2)
        g_assert_cmpstr(json_string_value(json_array_get(json_object_get(json_array_get(results, i), "violations"), 0)),
                        ==, "ep:1");
    text = json_dumps(json_array_get(results, 1), JSON_COMPACT | JSON_SORT_KEYS);
    copy = g_strdup(text);
    free(text);
    json_decref(results);
    json_decref(facts);
    json_decref(none);
    return copy;
}

static void test_has_no_environment(void)
{
    static const char *const programs[] = {"env | tojson", "$ENV | tojson", "env.OKSE_TEST_SECRET"};

    g_setenv("OKSE_TEST_SECRET", "do-not-leak", TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree char *answer = answer_to(programs[i]);

        g_assert_null(strstr(answer, "do-not-leak"));
    }
}

static void test_reads_no_module(void)
{
    g_autofree char *directory = g_dir_make_tmp("okse-evaluate-XXXXXX", NULL);
    g_autofree char *startup = g_build_filename(directory, ".jq", NULL);
    g_autofree char *answer = NULL, *called = NULL;

    /* jq 1.6 loads $HOME/.jq by itself */
    g_assert_true(g_file_set_contents(startup, "def leaked: {absent: \"do-not-leak\"};", -1, NULL));
    g_setenv("HOME", directory, TRUE);
    answer = answer_to("leaked");
    g_assert_null(strstr(answer, "do-not-leak"));
    called = answer_to("input");
    g_assert_nonnull(strstr(called, "error"));
    g_assert_cmpint(remove(startup), ==, 0);
    g_assert_cmpint(remove(directory), ==, 0);
}

static void test_stops_what_does_not_end(void)
{
    static const char *const programs[] = {"def f: f; f", "[range(1e9)] | length", "last(repeat(1))"};

    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree char *answer = answer_to(programs[i]);

        g_assert_nonnull(strstr(answer, "\"error\""));
    }
}

/* Past the reader of expressions, which refuses all of these, the bounds of the process still hold. */
static void test_bounds_memory(void)
{
    static const char *const programs[] = {
        "[range(1000000000)] | {absent: \"\\(length)\"}",
        "def f: [f, f]; f",
        "def f: 1 + f; f",
        "(\"x\" | until(length > 10000000000; . + .)) | {absent: .[0:1]}",
        "reduce range(1000000000) as $i ([]; . + [$i]) | {absent: \"\\(length)\"}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree char *answer = answer_to(programs[i]);

        g_assert_nonnull(strstr(answer, "\"error\""));
    }
}

/* The time of the audit is the only clock that a program may rest on; no file tells where it is. */
static void test_knows_the_time_of_the_audit(void)
{
    g_autofree char *given = answer_to("{absent: $at}"), *seconds = answer_to("{absent: ($at | fromdate | tostring)}");

    g_assert_nonnull(strstr(given, "2026-07-01T00:00:00Z"));
    g_assert_nonnull(strstr(seconds, "1782864000")); /* date -u -d 2026-07-01 +%s */
}

static void test_bounds_answers(void)
{
    g_autofree char *answer =
        answer_to("range(100000) | {absent: \"\\(.)xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}");

    g_assert_nonnull(strstr(answer, "longer than the limit"));
}

static void test_names_the_one_that_does_not_compile(void)
{
    g_autofree char *answer = answer_to("{a: 1 + 1}"); /* jq 1.6 wants brackets here */

    g_assert_cmpstr(answer, ==, "{\"error\":\"its program could not be compiled\"}");
}

static void test_catches_errors(void)
{
    g_autofree char *answer = answer_to(".x[0]");

    g_assert_nonnull(strstr(answer, "it failed: Cannot index object with number"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/evaluate/has-no-environment", test_has_no_environment);
    g_test_add_func("/audit/evaluate/reads-no-module", test_reads_no_module);
    g_test_add_func("/audit/evaluate/stops-what-does-not-end", test_stops_what_does_not_end);
    g_test_add_func("/audit/evaluate/bounds-memory", test_bounds_memory);
    g_test_add_func("/audit/evaluate/knows-the-time-of-the-audit", test_knows_the_time_of_the_audit);
    g_test_add_func("/audit/evaluate/bounds-answers", test_bounds_answers);
    g_test_add_func("/audit/evaluate/names-the-one-that-does-not-compile", test_names_the_one_that_does_not_compile);
    g_test_add_func("/audit/evaluate/catches-errors", test_catches_errors);
    return g_test_run();
}
