#include "audit/telemetry_flows.h"

#include <string.h>

static bool holds(const json_t *texts, const char *text)
{
    const json_t *one;
    size_t i;

    json_array_foreach(texts, i, one)
    {
        if (g_strcmp0(json_string_value(one), text) == 0)
            return true;
    }
    return false;
}

/* The host of the report that has this address by the resolver's answers; NULL: none. */
static const char *host_at(const json_t *report, const char *address)
{
    const char *host;
    json_t *addresses;

    json_object_foreach(json_object_get(report, "resolved"), host, addresses)
    {
        if (holds(addresses, address))
            return host;
    }
    return NULL;
}

typedef enum { OTHER, PERHAPS, SAME } Whose;

/* Whose connection it is: a process and a unit can be told from others, a container's name in a file cannot. */
static Whose whose(const json_t *report, const json_t *process)
{
    const json_t *workload = json_object_get(report, "workload");
    const char *engine = okse_json_peek_text(workload, "engine"), *unit = okse_json_peek_text(process, "unit");
    g_autofree char *pid = NULL;

    if (!json_is_object(process))
        return PERHAPS;
    if (g_strcmp0(engine, "process") == 0) {
        pid = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(process, "pid")));
        return g_strcmp0(okse_json_peek_text(workload, "container"), pid) == 0 ? SAME : OTHER;
    }
    if (g_strcmp0(engine, "systemd") == 0)
        return g_strcmp0(okse_json_peek_text(workload, "name"), unit) == 0 ? SAME : OTHER;
    return PERHAPS;
}

/* Somebody reached the host: a rule that says "off" is not the whole truth, even when it is not known who it was. */
static void tell(json_t *report, const char *flow, const char *host, Whose who)
{
    const char *enabled = okse_json_peek_text(report, "enabled");
    g_autofree char *reason = NULL;

    json_object_set_new(report, "flow", json_string(flow));
    if (who != SAME && g_strcmp0(enabled, "yes") != 0) {
        reason =
            g_strdup_printf("somebody was connected to %s (%s); whether it was this program is not known", flow, host);
        json_object_set_new(report, "enabled", json_string("unknown"));
    } else {
        reason = g_strdup_printf("a connection to %s (%s) was seen", flow, host);
        json_object_set_new(report, "enabled", json_string("yes"));
        json_object_set_new(report, "grade", json_string("observed"));
    }
    json_object_set_new(report, "reason", json_string(reason));
}

static char *place_of(const json_t *endpoint)
{
    const char *host = okse_json_peek_text(endpoint, "host");
    json_int_t port = json_integer_value(json_object_get(endpoint, "port"));

    return strchr(host, ':') != NULL ? g_strdup_printf("[%s]:%" JSON_INTEGER_FORMAT, host, port)
                                     : g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, host, port);
}

static bool look_at_report(const json_t *facts, json_t *report)
{
    const json_t *endpoint, *best = NULL;
    const char *host = NULL;
    g_autofree char *flow = NULL;
    Whose who = OTHER;
    size_t i;

    json_array_foreach(json_object_get(facts, "endpoints"), i, endpoint)
    {
        const char *address = okse_json_peek_text(endpoint, "host");
        bool seen = json_is_true(json_object_get(endpoint, "observed")) &&
                    g_strcmp0(okse_json_peek_text(endpoint, "direction"), "out") == 0;
        const char *named = seen ? host_at(report, address) : NULL;
        Whose one = named != NULL ? whose(report, json_object_get(endpoint, "process")) : OTHER;

        if (one <= who)
            continue;
        who = one;
        best = endpoint;
        host = named;
    }
    if (who == OTHER)
        return false;
    flow = place_of(best);
    tell(report, flow, host, who);
    return true;
}

unsigned okse_telemetry_flows(json_t *facts)
{
    unsigned seen = 0;
    json_t *report;
    size_t i;

    json_array_foreach(json_object_get(facts, "telemetry"), i, report) seen += look_at_report(facts, report);
    return seen;
}
