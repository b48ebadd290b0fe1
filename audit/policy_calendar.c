/* Dates of the law, in order. */
#include "audit/policy_calendar.h"

#include "audit/law_read.h"
#include "core/json.h"

#include <string.h>

static json_t *mappings_to_json(const OkseProvision *provision)
{
    json_t *list = json_array();

    for (guint i = 0; i < provision->mappings->len; i++) {
        const OkseMapping *mapping = g_ptr_array_index(provision->mappings, i);

        json_array_append_new(list,
                              json_pack("{s:s, s:O}", "control", mapping->control, "parameters", mapping->parameters));
    }
    return list;
}

static json_t *provision_event(const OkseJurisdiction *one, const OkseProvision *provision, const char *date,
                               const char *kind)
{
    return json_pack("{s:s?, s:s, s:s, s:s, s:s, s:s, s:O, s:s, s:s, s:o, s:O?}", "date", date, "kind", kind,
                     "jurisdiction", one->iso, "instrument", provision->instrument, "provision", provision->id,
                     "article", provision->article, "title", provision->title, "severity", provision->severity,
                     "confidence", provision->confidence, "controls", mappings_to_json(provision), "not_checkable",
                     provision->not_checkable);
}

static json_t *instrument_event(const OkseJurisdiction *one, const json_t *instrument, const char *date)
{
    return json_pack("{s:s?, s:s, s:s, s:O, s:n, s:n, s:O, s:n, s:O, s:[], s:n}", "date", date, "kind", "instrument",
                     "jurisdiction", one->iso, "instrument", json_object_get(instrument, "id"), "provision", "article",
                     "title", json_object_get(instrument, "title"), "severity", "confidence",
                     json_object_get(instrument, "confidence"), "controls", "not_checkable");
}

static void add_provision(const OkseJurisdiction *one, const OkseProvision *provision, gint64 from, json_t *events,
                          json_t *unknown)
{
    if (!provision->dated)
        json_array_append_new(unknown, provision_event(one, provision, NULL, "begins"));
    else if (provision->effective_time > from)
        json_array_append_new(events, provision_event(one, provision, provision->effective, "begins"));
    if (provision->until != NULL && provision->until_time > from)
        json_array_append_new(events, provision_event(one, provision, provision->until, "ends"));
}

static void add_instruments(const OkseJurisdiction *one, gint64 from, json_t *events, json_t *unknown)
{
    const json_t *instrument;
    size_t i;

    json_array_foreach(one->instruments, i, instrument)
    {
        const char *date = okse_json_peek_text(instrument, "in_force");
        gint64 time;

        if (!okse_law_is_date(date, &time))
            json_array_append_new(unknown, instrument_event(one, instrument, NULL));
        else if (time > from)
            json_array_append_new(events, instrument_event(one, instrument, date));
    }
}

/* Dates are of one form, so their text sorts them; what was read first stays first. */
static json_t *by_date(json_t *events)
{
    json_t *sorted = json_array();

    while (json_array_size(events) > 0) {
        size_t first = 0;

        for (size_t i = 1; i < json_array_size(events); i++)
            if (strcmp(okse_json_peek_text(json_array_get(events, i), "date"),
                       okse_json_peek_text(json_array_get(events, first), "date")) < 0)
                first = i;
        json_array_append(sorted, json_array_get(events, first));
        json_array_remove(events, first);
    }
    return sorted;
}

json_t *okse_policy_calendar(const OkseLaw *law, gint64 from)
{
    g_autoptr(json_t) events = json_array();
    json_t *unknown = json_array();

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(law->jurisdictions, i);

        add_instruments(one, from, events, unknown);
        for (guint k = 0; k < one->provisions->len; k++)
            add_provision(one, g_ptr_array_index(one->provisions, k), from, events, unknown);
    }
    return json_pack("{s:o, s:o}", "events", by_date(events), "unknown", unknown);
}
