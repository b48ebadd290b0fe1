/* The same evidence, day after day. A verdict changes where the law does, where a document ends, and where something
 * grows too old; the first two say their day, the last is searched for by halving what lies between. */
#include "audit/findings.h"
#include "audit/law_read.h"
#include "audit/policy_calendar.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define DAY ((gint64)86400)
#define EVIDENCE_SHOWN 3u

typedef struct {
    const OkseForecastRequest *request;
    json_t *days; /* the answer */
    json_t *last; /* findings of the day before */
} Forecast;

static json_t *look(const Forecast *forecast, gint64 day, GError **error)
{
    OkseAuditRequest audit = {.facts = forecast->request->facts,
                              .law = forecast->request->law,
                              .at = day,
                              .limits = forecast->request->limits};

    return okse_findings(&audit, error);
}

static const json_t *finding_of(const json_t *findings, const char *id)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(findings, "findings"), i,
                       finding) if (strcmp(okse_json_peek_text(finding, "id"), id) == 0) return finding;
    return NULL;
}

static json_t *messages_of(const json_t *finding)
{
    json_t *list = json_array();
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(finding, "evidence"), i, row) if (i < EVIDENCE_SHOWN)
        json_array_append(list, json_object_get(row, "message"));
    return list;
}

/* The law is the same on both days, so their findings have the same ids. */
static json_t *changes(const json_t *before, const json_t *after)
{
    json_t *list = json_array();
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(after, "findings"), i, finding)
    {
        const json_t *old = finding_of(before, okse_json_peek_text(finding, "id"));

        if (old == NULL || json_equal(json_object_get(old, "status"), json_object_get(finding, "status")))
            continue;
        json_array_append_new(
            list, json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:O, s:o}", "id", json_object_get(finding, "id"),
                            "jurisdiction", json_object_get(finding, "jurisdiction"), "provision",
                            json_object_get(finding, "provision"), "control", json_object_get(finding, "control"),
                            "severity", json_object_get(finding, "severity"), "was", json_object_get(old, "status"),
                            "is", json_object_get(finding, "status"), "reason", json_object_get(finding, "reason"),
                            "evidence", messages_of(finding)));
    }
    return list;
}

static bool differ(const json_t *before, const json_t *after)
{
    g_autoptr(json_t) list = changes(before, after);

    return json_array_size(list) > 0;
}

/* Takes over `findings`, which are those of the day. */
static void record(Forecast *forecast, gint64 day, json_t *findings)
{
    json_t *list = forecast->last != NULL ? changes(forecast->last, findings) : json_array();
    g_autofree char *date = okse_text_time(day);

    date[strlen("2026-01-01")] = '\0';
    if (forecast->last == NULL || json_array_size(list) > 0)
        json_array_append_new(forecast->days, json_pack("{s:s, s:O, s:O}", "date", date, "verdict",
                                                        json_object_get(findings, "verdict"), "changes", list));
    json_decref(list);
    json_decref(forecast->last);
    forecast->last = findings;
}

/* The first day behind `from` on which findings differ from the last recorded ones; they do on `to`. */
static bool search(Forecast *forecast, gint64 from, gint64 to, gint64 *found, GError **error)
{
    while (to - from > DAY) {
        gint64 middle = from + (to - from) / (2 * DAY) * DAY;
        g_autoptr(json_t) findings = look(forecast, middle, error);

        if (findings == NULL)
            return false;
        if (differ(forecast->last, findings))
            to = middle;
        else
            from = middle;
    }
    *found = to;
    return true;
}

/* Everything that changes behind `from` and up to `to`. */
static bool advance(Forecast *forecast, gint64 from, gint64 to, GError **error)
{
    while (from < to) {
        json_t *findings = look(forecast, to, error);

        if (findings == NULL)
            return false;
        if (!differ(forecast->last, findings)) {
            json_decref(findings);
            return true;
        }
        json_decref(findings);
        if (!search(forecast, from, to, &from, error) || (findings = look(forecast, from, error)) == NULL)
            return false;
        record(forecast, from, findings);
    }
    return true;
}

static void add_day(GArray *days, const OkseForecastRequest *request, gint64 time)
{
    gint64 day = time - time % DAY;

    if (day > request->from && day <= request->until)
        g_array_append_val(days, day);
}

static void add_texts(GArray *days, const OkseForecastRequest *request, const json_t *value)
{
    gint64 time;

    if (json_is_string(value) && okse_law_is_date(json_string_value(value), &time))
        add_day(days, request, time + DAY); /* good to the end of that day */
}

static gint compare_days(gconstpointer a, gconstpointer b)
{
    gint64 first = *(const gint64 *)a, second = *(const gint64 *)b;

    return (first > second) - (first < second);
}

/* Where something says itself that it changes: the law's dates, and days in the fields of documents. */
static GArray *looks(const OkseForecastRequest *request)
{
    g_autoptr(json_t) calendar = okse_policy_calendar(request->law, request->from);
    GArray *days = g_array_new(FALSE, FALSE, sizeof(gint64));
    const json_t *event, *document;
    json_t *value;
    const char *key;
    size_t i;

    json_array_foreach(json_object_get(calendar, "events"), i, event)
    {
        gint64 time;

        if (okse_law_is_date(okse_json_peek_text(event, "date"), &time))
            add_day(days, request, time);
    }
    json_array_foreach(json_object_get(request->facts, "documents"), i, document)
        json_object_foreach(json_object_get(document, "fields"), key, value) add_texts(days, request, value);
    add_day(days, request, request->until);
    g_array_sort(days, compare_days);
    return days;
}

json_t *okse_policy_forecast(const OkseForecastRequest *request, GError **error)
{
    g_autoptr(GArray) days = looks(request);
    Forecast forecast = {.request = request, .days = json_array()};
    gint64 from = request->from - request->from % DAY;
    json_t *findings = look(&forecast, from, error);
    bool good = findings != NULL;

    if (good)
        record(&forecast, from, findings);
    for (guint i = 0; good && i < days->len; i++) {
        gint64 day = g_array_index(days, gint64, i);

        good = day <= from || (advance(&forecast, from, day - DAY, error) && advance(&forecast, day - DAY, day, error));
        from = MAX(from, day);
    }
    json_decref(forecast.last);
    if (!good)
        g_clear_pointer(&forecast.days, json_decref);
    return forecast.days;
}
