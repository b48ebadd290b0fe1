/* Which expressions a control may be made of. */
#include "audit/expression.h"

#include <string.h>

static const char schema_text[] =
    "{\"properties\":{\"site\":{\"type\":[\"object\",\"null\"],\"properties\":{\"contacts\":{\"type\":\"object\","
    "\"additionalProperties\":true}}},\"endpoints\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/endpoint\"}}},"
    "\"$defs\":{\"endpoint\":{\"type\":\"object\",\"properties\":{\"role\":{\"type\":\"string\"},"
    "\"observed\":{\"type\":\"boolean\"},\"location\":{\"type\":[\"object\",\"null\"],"
    "\"properties\":{\"country\":{\"type\":[\"string\",\"null\"]}}}}}}}";

static char *objection_to(const char *text)
{
    static const char *const variables[] = {"permitted", "country", NULL};
    json_t *schema = json_loads(schema_text, 0, NULL);
    OkseExpressionRules rules = {schema, variables, NULL};
    OksePlace at = {"x.yaml", 3, 5};
    g_autoptr(OkseIssues) issues = okse_issues_new();
    bool accepted = okse_expression_check(text, &rules, "violations", &at, NULL, issues);
    char *objection = accepted ? NULL : g_strdup(okse_issues_get(issues, 0));

    g_assert_cmpuint(okse_issues_count(issues), ==, accepted ? 0 : 1);
    json_decref(schema);
    return objection;
}

static void test_accepts(void)
{
    static const char *const good[] = {
        ".endpoints[] | select(.location.country | IN($permitted[]) | not)",
        "[.endpoints[] | select(.observed)] | length > 0",
        ".endpoints | map(select(.role == \"logs\" and .location.country != $country)) | .[]",
        "if any(.endpoints[]; .observed) then empty else {absent: \"x \\(.site.contacts.dpo)\"} end",
        ".endpoints[] as $e | $e | select(.role | test(\"^lo\"))",
        "(.site.contacts // {}) | keys | length",
        "$permitted[] as $p | select(([.endpoints[].role] | index($p)) == null) | {absent: $p}",
        ".endpoints[0].location[\"country\"]",
        "empty",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *objection = objection_to(good[i]);

        g_assert_cmpstr(objection, ==, NULL);
    }
}

static void test_refuses(void)
{
    static const char *const bad[][2] = {
        {".endpoints[].contry", "no such fact '.contry'"},
        {".endpoints[] | select(.location.contry)", "did you mean '.country'?"},
        {".endpoints.role", "no members"},
        {".endpoints[].role.x", "no members"},
        {"env", "'env' is refused"},
        {"$ENV", "unknown variable '$ENV'"},
        {"$__loc__", "unknown variable"},
        {"input", "'input' is refused"},
        {"inputs", "'inputs' is refused"},
        {"debug", "'debug' is refused"},
        {"now", "'now' is refused"},
        {"halt", "'halt' is refused"},
        {"getpath([\"a\"])", "'getpath' is refused"},
        {"input_line_number", "is refused"},
        {"import \"x\" as y; 1", "cannot stand in a control"},
        {"include \"x\"; 1", "cannot stand in a control"},
        {"def f: f; f", "cannot stand in a control"},
        {"reduce .endpoints[] as $e (0; . + 1)", "cannot stand in a control"},
        {"..", "'..'"},
        {".endpoints[] | .role |= \"x\"", "assignment"},
        {".endpoints = []", "assignment"},
        {"1 # comment", "cannot stand here"},
        {"1) , (2", "cannot stand here"},
        {"(1", "')' is missing"},
        {"\"x", "not closed"},
        {".endpoints[] | select(.role | test(.role))", "regular expression must be a plain text"},
        {".endpoints[] | select(.role | test(\"a\\(.role)\"))", "regular expression must be a plain text"},
        {"@base64", "cannot stand here"},
        {"selct(.x)", "did you mean 'select'?"},
        {"select(1; 2)", "does not take 2 arguments"},
        {"", "ends early"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *objection = objection_to(bad[i][0]);

        g_assert_nonnull(objection);
        if (strstr(objection, bad[i][1]) == NULL)
            g_error("%s: %s", bad[i][0], objection);
        g_assert_true(g_str_has_prefix(objection, "x.yaml:3:5: violations: "));
    }
}

static void test_bounds_depth(void)
{
    g_autofree char *open = g_strnfill(100000, '(');
    g_autoptr(GString) calls = g_string_new(NULL);
    g_autofree char *objection = objection_to(open);
    g_autofree char *nested = NULL;

    g_assert_nonnull(strstr(objection, "nested deeper"));
    for (unsigned i = 0; i < 10000; i++)
        g_string_append(calls, "select(");
    nested = objection_to(calls->str);
    g_assert_nonnull(nested);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/expression/accepts", test_accepts);
    g_test_add_func("/audit/expression/refuses", test_refuses);
    g_test_add_func("/audit/expression/bounds-depth", test_bounds_depth);
    return g_test_run();
}
