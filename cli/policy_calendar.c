/* okse policy calendar: what of the law begins and ends when, and what of this evidence turns red when. */
#include "audit/policy_calendar.h"
#include "audit/profile.h"
#include "cli/audit_parts.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/policy_parts.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define YEAR ((gint64)366 * 86400)

typedef struct {
    char **countries, **frameworks, **profiles;
    char *from, *until, *evidence;
} CalendarOptions;

static const OkseOption calendar_options[] = {
    {OKSE_OPTION_LIST, "country", 0, "ISO2", "whose law; may be repeated", offsetof(CalendarOptions, countries)},
    {OKSE_OPTION_LIST, "framework", 0, "NAME", "beside the law; may be repeated",
     offsetof(CalendarOptions, frameworks)},
    {OKSE_OPTION_LIST, "profile", 0, "FILE", "what a site or sector asks beyond the law; may be repeated",
     offsetof(CalendarOptions, profiles)},
    {OKSE_OPTION_TEXT, "from", 0, "DATE", "what comes behind that day (default: today)",
     offsetof(CalendarOptions, from)},
    {OKSE_OPTION_TEXT, "until", 0, "DATE", "with --evidence: how far to look (default: a year, or the last date)",
     offsetof(CalendarOptions, until)},
    {OKSE_OPTION_PATH, "evidence", 0, "FILE", "facts or an archive: which findings change when",
     offsetof(CalendarOptions, evidence)},
    {0},
};

static OkseLaw *law_of(const OkseInvocation *invocation, GError **error)
{
    const CalendarOptions *options = invocation->options;
    g_auto(GStrv) wanted = okse_policy_wanted(options->countries, options->frameworks);
    g_autoptr(OkseResources) resources = NULL;
    g_autoptr(OkseLaw) law = NULL;

    if (wanted == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "whose law? give --country ISO2 (see okse policy list)");
        return NULL;
    }
    resources = okse_law_source(invocation, error);
    law = resources == NULL ? NULL : okse_law_load(resources, (const char *const *)wanted, error);
    return law != NULL && okse_profiles_use(options->profiles, resources, law, error) ? g_steal_pointer(&law) : NULL;
}

static gint64 last_date(const json_t *calendar, gint64 from)
{
    const json_t *events = json_object_get(calendar, "events");
    const json_t *last = json_array_get(events, json_array_size(events) - 1);
    gint64 time = from;

    if (last != NULL)
        okse_text_time_parse(okse_json_peek_text(last, "date"), &time);
    return MAX(time, from + YEAR);
}

static json_t *forecast_of(const CalendarOptions *options, const OkseLaw *law, gint64 from, const json_t *calendar,
                           GError **error)
{
    g_autoptr(json_t) facts = okse_audit_evidence(options->evidence, error);
    OkseForecastRequest request = {
        .law = law, .facts = facts, .from = from, .until = last_date(calendar, from), .limits = &okse_evaluate_limits};

    if (facts == NULL || (options->until != NULL && !okse_policy_time("until", options->until, &request.until, error)))
        return NULL;
    return okse_policy_forecast(&request, error);
}

static void print_event(const json_t *event)
{
    const char *date = okse_json_peek_text(event, "date"), *provision = okse_json_peek_text(event, "provision");
    const char *confidence = okse_json_peek_text(event, "confidence");
    const json_t *mapping, *reason = json_object_get(event, "not_checkable");
    size_t i;

    okse_print("%-10s  %-6s %s %s%s%s — %s [confidence %s%s]\n", date != NULL ? date : "unknown",
               strcmp(okse_json_peek_text(event, "kind"), "ends") == 0 ? "ends" : "begins",
               okse_json_peek_text(event, "jurisdiction"),
               provision != NULL ? provision : okse_json_peek_text(event, "instrument"), provision != NULL ? ", " : "",
               provision != NULL ? okse_json_peek_text(event, "article") : "",
               okse_policy_english(json_object_get(event, "title")), confidence,
               strcmp(confidence, "low") == 0 ? ": a lawyer must check" : "");
    json_array_foreach(json_object_get(event, "controls"), i, mapping)
    {
        g_autoptr(GBytes) text = okse_json_write(json_object_get(mapping, "parameters"));

        okse_print("              → %s %.*s\n", okse_json_peek_text(mapping, "control"), (int)g_bytes_get_size(text),
                   (const char *)g_bytes_get_data(text, NULL));
    }
    if (json_is_object(reason))
        okse_print("              not technically checkable: %s\n", okse_policy_english(reason));
}

static void print_change(const json_t *change)
{
    const json_t *message;
    size_t i;

    okse_print("              %s %s, %s: %s → %s\n", okse_json_peek_text(change, "jurisdiction"),
               okse_json_peek_text(change, "provision"), okse_json_peek_text(change, "control"),
               okse_json_peek_text(change, "was"), okse_json_peek_text(change, "is"));
    json_array_foreach(json_object_get(change, "evidence"), i, message)
    {
        g_autofree char *safe = okse_text_show(json_string_value(message), -1, false);

        okse_print("                %s\n", safe);
    }
}

static void print_forecast(const json_t *forecast)
{
    const json_t *day, *change;
    size_t i, k;

    okse_print("\nThis evidence\n");
    json_array_foreach(forecast, i, day)
    {
        okse_print("%s  %s\n", okse_json_peek_text(day, "date"), okse_json_peek_text(day, "verdict"));
        json_array_foreach(json_object_get(day, "changes"), k, change) print_change(change);
    }
}

static void print_calendar(const json_t *calendar)
{
    const json_t *unknown = json_object_get(calendar, "unknown"), *event;
    size_t i;

    json_array_foreach(json_object_get(calendar, "events"), i, event) print_event(event);
    if (json_array_size(json_object_get(calendar, "events")) == 0)
        okse_print("Nothing with a date.\n");
    if (json_array_size(unknown) > 0)
        okse_print("\nDate not known\n");
    json_array_foreach(unknown, i, event) print_event(event);
}

static int calendar_run(const OkseInvocation *invocation, GError **error)
{
    const CalendarOptions *options = invocation->options;
    g_autoptr(OkseLaw) law = NULL;
    g_autoptr(json_t) calendar = NULL, forecast = NULL;
    g_autofree char *text = NULL;
    gint64 from;

    if (!okse_policy_time("from", options->from, &from, error))
        return 2;
    if (options->until != NULL && options->evidence == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "--until says how far to look with --evidence FILE");
        return 2;
    }
    law = law_of(invocation, error);
    if (law == NULL)
        return 2;
    calendar = okse_policy_calendar(law, from);
    if (options->evidence != NULL && (forecast = forecast_of(options, law, from, calendar, error)) == NULL)
        return 3;
    if (!invocation->json) {
        print_calendar(calendar);
        if (forecast != NULL)
            print_forecast(forecast);
        return 0;
    }
    text = okse_text_time(from);
    json_object_set_new(calendar, "schema", json_string("okse.policy.calendar.v1"));
    json_object_set_new(calendar, "manifests", json_string(law->digest));
    json_object_set_new(calendar, "from", json_string(text));
    if (law->profiles != NULL)
        json_object_set(calendar, "profiles", law->profiles);
    if (forecast != NULL)
        json_object_set(calendar, "forecast", forecast);
    return okse_print_json(calendar, error) ? 0 : 3;
}

const OkseCommand okse_command_policy_calendar = {
    .name = "policy calendar",
    .summary = "Show what of the law begins and ends when, and what of this evidence turns red when.",
    .details = "With --evidence the same facts are judged as of each day; documents that have run out by then count "
               "as run out.",
    .options = calendar_options,
    .options_size = sizeof(CalendarOptions),
    .takes_policy = true,
    .run = calendar_run,
};
