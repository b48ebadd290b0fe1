/* okse policy coverage: what of the law a machine looks at, and why it does not look at the rest. */
#include "audit/policy_coverage.h"
#include "cli/commands.h"
#include "cli/policy_parts.h"
#include "core/json.h"

#include <string.h>

typedef struct {
    char **countries, **frameworks;
    char *at;
} CoverageOptions;

static const OkseOption coverage_options[] = {
    {OKSE_OPTION_LIST, "country", 0, "ISO2", "of this country; may be repeated (default: everything there is)",
     offsetof(CoverageOptions, countries)},
    {OKSE_OPTION_LIST, "framework", 0, "NAME", "of this framework; may be repeated",
     offsetof(CoverageOptions, frameworks)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "what is coming as of that day (default: now)", offsetof(CoverageOptions, at)},
    {0},
};

GStrv okse_policy_wanted(char **countries, char **frameworks)
{
    GPtrArray *wanted = g_ptr_array_new();

    if (countries == NULL && frameworks == NULL) {
        g_ptr_array_unref(wanted);
        return NULL;
    }
    for (char **one = countries; one != NULL && *one != NULL; one++)
        g_ptr_array_add(wanted, g_ascii_strup(*one, -1));
    for (char **one = frameworks; one != NULL && *one != NULL; one++)
        g_ptr_array_add(wanted, g_ascii_strdown(*one, -1));
    g_ptr_array_add(wanted, NULL);
    return (GStrv)g_ptr_array_free(wanted, FALSE);
}

static void print_provision(const json_t *provision)
{
    const char *confidence = okse_json_peek_text(provision, "confidence");
    const char *effective = okse_json_peek_text(provision, "effective");
    const char *until = okse_json_peek_text(provision, "until");
    const json_t *controls = json_object_get(provision, "controls"), *control;
    size_t i;

    okse_print("  %s  %s — %s [%s, confidence %s%s, from %s%s%s]\n    ", okse_json_peek_text(provision, "id"),
               okse_json_peek_text(provision, "article"), okse_policy_english(json_object_get(provision, "title")),
               okse_json_peek_text(provision, "severity"), confidence,
               strcmp(confidence, "low") == 0 ? ": a lawyer must check" : "", effective, until != NULL ? " until " : "",
               until != NULL ? until : "");
    json_array_foreach(controls, i, control) okse_print("%s%s", i > 0 ? ", " : "→ ", json_string_value(control));
    if (json_array_size(controls) == 0)
        okse_print("not technically checkable: %s", okse_policy_english(json_object_get(provision, "not_checkable")));
    okse_print("\n");
}

static void print_totals(const char *name, const json_t *totals)
{
    static const char *const keys[] = {
        "provisions", "with_controls", "not_checkable", "mandatory", "mandatory_with_controls",
        "high",       "medium",        "low",           "coming"};
    json_int_t n[G_N_ELEMENTS(keys)];

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        n[i] = json_integer_value(json_object_get(totals, keys[i]));
    okse_print("%s: %" JSON_INTEGER_FORMAT " provisions, %" JSON_INTEGER_FORMAT " with controls, %" JSON_INTEGER_FORMAT
               " not technically checkable; of %" JSON_INTEGER_FORMAT " mandatory ones %" JSON_INTEGER_FORMAT
               " with controls; confidence high %" JSON_INTEGER_FORMAT ", medium %" JSON_INTEGER_FORMAT
               ", low %" JSON_INTEGER_FORMAT "; %" JSON_INTEGER_FORMAT " coming\n",
               name, n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8]);
}

static void print_coverage(const json_t *coverage)
{
    const json_t *list = json_object_get(coverage, "jurisdictions"), *one, *provision;
    size_t i, k;

    json_array_foreach(list, i, one)
    {
        okse_print("%s%s (%s), as of %s\n", i > 0 ? "\n" : "", okse_policy_english(json_object_get(one, "name")),
                   okse_json_peek_text(one, "iso"), okse_json_peek_text(one, "as_of"));
        json_array_foreach(json_object_get(one, "provisions"), k, provision) print_provision(provision);
    }
    okse_print("\n");
    json_array_foreach(list, i, one) print_totals(okse_json_peek_text(one, "iso"), json_object_get(one, "totals"));
    if (json_array_size(list) > 1)
        print_totals("All", json_object_get(coverage, "totals"));
}

static int coverage_run(const OkseInvocation *invocation, GError **error)
{
    const CoverageOptions *options = invocation->options;
    g_auto(GStrv) wanted = okse_policy_wanted(options->countries, options->frameworks);
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(json_t) coverage = NULL;
    gint64 at;

    if (!okse_policy_time("at", options->at, &at, error))
        return 2;
    law = okse_policy_load(invocation, (const char *const *)wanted, error);
    if (law == NULL)
        return 2;
    coverage = okse_policy_coverage(law, at);
    if (!invocation->json) {
        print_coverage(coverage);
        return 0;
    }
    json_object_set_new(coverage, "schema", json_string("okse.policy.coverage.v1"));
    json_object_set_new(coverage, "manifests", json_string(law->digest));
    return okse_print_json(coverage, error) ? 0 : 3;
}

const OkseCommand okse_command_policy_coverage = {
    .name = "policy coverage",
    .summary = "List every provision with its controls, or the reason why no machine can check it.",
    .options = coverage_options,
    .options_size = sizeof(CoverageOptions),
    .takes_policy = true,
    .run = coverage_run,
};
