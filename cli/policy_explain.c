/* okse policy explain: what a control looks at, in words. */
#include "audit/policy_explain.h"
#include "cli/commands.h"
#include "cli/policy_parts.h"
#include "core/json.h"

#include <string.h>

static char *joined(const json_t *list)
{
    GString *text = g_string_new(NULL);
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(one));
    return g_string_free(text, FALSE);
}

static void print_reads(const json_t *explained)
{
    json_t *domains = json_object_get(explained, "reads"), *fields;
    const char *domain;

    okse_print("\nIt reads\n");
    json_object_foreach(domains, domain, fields)
    {
        g_autofree char *text = joined(fields);

        okse_print("  %s%s%s\n", domain, *text != '\0' ? ": " : "", text);
    }
    if (json_is_true(json_object_get(explained, "country")))
        okse_print("  the country whose law asks\n");
    if (json_is_true(json_object_get(explained, "time")))
        okse_print("  the time of the audit\n");
}

static void print_parameters(const json_t *parameters)
{
    const json_t *one;
    size_t i;

    if (json_array_size(parameters) > 0)
        okse_print("\nA provision gives\n");
    json_array_foreach(parameters, i, one)
    {
        const json_t *fallback = json_object_get(one, "default");
        g_autofree char *text = json_is_null(fallback) ? NULL : json_dumps(fallback, JSON_ENCODE_ANY | JSON_COMPACT);

        okse_print("  %s: %s%s%s\n", okse_json_peek_text(one, "name"), okse_json_peek_text(one, "words"),
                   text != NULL ? "; otherwise " : "", text != NULL ? text : "");
    }
}

static void print_uses(const json_t *uses)
{
    const json_t *one;
    size_t i;

    okse_print("\nUsed by\n");
    if (json_array_size(uses) == 0)
        okse_print("  no provision\n");
    json_array_foreach(uses, i, one)
    {
        const char *confidence = okse_json_peek_text(one, "confidence");
        g_autoptr(GBytes) text = okse_json_write(json_object_get(one, "parameters"));

        okse_print("  %s %s, %s — %s [%s, confidence %s]\n    %.*s\n", okse_json_peek_text(one, "jurisdiction"),
                   okse_json_peek_text(one, "provision"), okse_json_peek_text(one, "article"),
                   okse_policy_english(json_object_get(one, "title")), okse_json_peek_text(one, "severity"), confidence,
                   (int)g_bytes_get_size(text), (const char *)g_bytes_get_data(text, NULL));
    }
}

static void print_explained(const json_t *explained)
{
    const json_t *tests = json_object_get(explained, "tests");
    g_autofree char *needs = joined(json_object_get(explained, "needs"));

    okse_print("%s — %s\n\n%s\n", okse_json_peek_text(explained, "id"),
               okse_policy_english(json_object_get(explained, "title")),
               okse_policy_english(json_object_get(explained, "description")));
    okse_print("\nIt needs %s: where one of them could not look at everything, it does not pass.\n", needs);
    print_reads(explained);
    print_parameters(json_object_get(explained, "parameters"));
    okse_print("\nWhat to do: %s\nA failure %s be waived.\n",
               okse_policy_english(json_object_get(explained, "remediation")),
               json_is_true(json_object_get(explained, "waivable")) ? "can" : "cannot");
    okse_print("Its own tests: %" JSON_INTEGER_FORMAT " pass, %" JSON_INTEGER_FORMAT " fail, %" JSON_INTEGER_FORMAT
               " inconclusive, %" JSON_INTEGER_FORMAT " not applicable.\n",
               json_integer_value(json_object_get(tests, "pass")), json_integer_value(json_object_get(tests, "fail")),
               json_integer_value(json_object_get(tests, "inconclusive")),
               json_integer_value(json_object_get(tests, "not-applicable")));
    print_uses(json_object_get(explained, "used_by"));
}

static int explain_run(const OkseInvocation *invocation, GError **error)
{
    const char *id = invocation->arguments[0];
    g_autoptr(OkseLaw) law = okse_policy_load(invocation, NULL, error);
    const OkseControl *control = law == NULL ? NULL : okse_law_control(law, id);
    g_autoptr(json_t) explained = NULL;

    if (law == NULL)
        return 2;
    if (control == NULL) {
        g_autofree char *hint = okse_law_control_hint(law, id);

        okse_fail(error, OKSE_ERROR_INVALID, "there is no control '%s'%s", id,
                  *hint != '\0' ? hint : " (okse policy list)");
        return 2;
    }
    explained = okse_policy_explain(law, control);
    if (!invocation->json) {
        print_explained(explained);
        return 0;
    }
    json_object_set_new(explained, "schema", json_string("okse.policy.explain.v1"));
    json_object_set_new(explained, "manifests", json_string(law->digest));
    return okse_print_json(explained, error) ? 0 : 3;
}

const OkseCommand okse_command_policy_explain = {
    .name = "policy explain",
    .arguments = "CONTROL",
    .minimum = 1,
    .maximum = 1,
    .summary = "Say in words what a control looks at, and which provisions use it how.",
    .takes_policy = true,
    .run = explain_run,
};
