#include "cli/report_again.h"

#include "cli/law_source.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

/* The provisions of a profile's own stand among the jurisdictions, too. */
static bool is_profile(const json_t *findings, const char *iso)
{
    const json_t *profiles = json_object_get(json_object_get(findings, "inputs"), "profiles"), *one;
    size_t i;

    json_array_foreach(profiles, i, one) if (g_strcmp0(okse_json_peek_text(one, "name"), iso) == 0) return true;
    return false;
}

static GStrv wanted_in(const json_t *findings)
{
    const json_t *list = json_object_get(findings, "jurisdictions");
    GPtrArray *wanted = g_ptr_array_new();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *iso = okse_json_peek_text(json_array_get(list, i), "iso");

        if (!is_profile(findings, iso))
            g_ptr_array_add(wanted, g_strdup(iso));
    }
    g_ptr_array_add(wanted, NULL);
    return (GStrv)g_ptr_array_free(wanted, FALSE);
}

/* The controls of a partial audit; NULL when everything was asked. */
static GStrv only_in(const json_t *findings)
{
    const json_t *list = json_object_get(json_object_get(findings, "partial"), "only");
    g_autoptr(GStrvBuilder) only = g_strv_builder_new();

    for (size_t i = 0; i < json_array_size(list); i++)
        g_strv_builder_add(only, json_string_value(json_array_get(list, i)));
    return list != NULL ? g_strv_builder_end(only) : NULL;
}

static bool options_check(const OkseAgainOptions *given, const json_t *findings, GError **error)
{
    if (given->evidence == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "give --evidence FILE: what the findings were made from");
    if ((given->waivers == NULL) != (json_object_get(findings, "waivers") == NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         given->waivers == NULL ? "these findings have waivers: give --waivers and --trust"
                                                : "these findings have no waivers: leave --waivers out");
    if ((given->previous == NULL) != (json_object_get(json_object_get(findings, "inputs"), "previous") == NULL))
        return okse_fail(error, OKSE_ERROR_INVALID,
                         given->previous == NULL ? "these findings name earlier ones: give --previous"
                                                 : "these findings name no earlier ones: leave --previous out");
    return given->waivers == NULL || given->trust != NULL ||
           okse_fail(error, OKSE_ERROR_INVALID, "--waivers needs --trust FILE, which says who may waive");
}

bool okse_again_open(const OkseInvocation *invocation, const OkseAgainOptions *given, const json_t *findings,
                     OkseAgain *again, GError **error)
{
    const json_t *geo = json_object_get(json_object_get(findings, "inputs"), "geo");
    g_auto(GStrv) wanted = wanted_in(findings), only = only_in(findings);
    OkseAuditSource source = {.evidence = given->evidence,
                              .waivers = given->waivers,
                              .only = only,
                              .previous = given->previous,
                              .geo_said = json_is_object(geo) ? geo : NULL};
    gint64 at = 0;

    if (!options_check(given, findings, error))
        return false;
    again->resources = okse_law_source(invocation, error);
    if (again->resources == NULL ||
        (given->trust != NULL && (again->trust = okse_trust_open(given->trust, error)) == NULL))
        return false;
    source.trust = again->trust;
    if (!okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &at))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: 'audited_at' is no time", invocation->arguments[0]);
    again->law = okse_law_load(again->resources, (const char *const *)wanted, error);
    return again->law != NULL && okse_profiles_use(given->profiles, again->resources, again->law, error) &&
           okse_audit_inputs(&source, again->law, at, again->resources, &again->inputs, error);
}

void okse_again_clear(OkseAgain *again)
{
    okse_audit_inputs_clear(&again->inputs);
    okse_law_free(again->law);
    okse_trust_free(again->trust);
    okse_resources_free(again->resources);
    *again = (OkseAgain){0};
}
