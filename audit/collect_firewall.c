/* Packet filters: what the running kernel has, or what the files of another system would load; and where a process
 * could send the first packet of a connection through them. */
#include "audit/collector.h"
#include "audit/egress_facts.h"
#include "audit/firewall_source.h"
#include "audit/networks.h"
#include "core/text.h"

#include <string.h>

#define LIMIT_NAMED 64u /* things that are not modelled, listed */

static bool is_chain_at_hook(const OkseFirewallChain *chain)
{
    return chain->hook != NULL;
}

static json_t *source_of(const OkseFirewallRule *rule, const char *collector)
{
    g_autofree char *handle = rule->handle > 0 ? g_strdup_printf("handle %" G_GINT64_FORMAT, rule->handle) : NULL;

    return okse_facts_source(
        &(OkseSourceFact){.collector = collector,
                          .path = rule->path,
                          .line = rule->line,
                          .key = handle,
                          .excerpt = rule->text,
                          .via = g_str_has_prefix(rule->path, "nftables") ? "netlink" : "structured"});
}

static void add_chains(OkseCollection *collection)
{
    const OkseFirewall *firewall = collection->firewall;

    for (guint i = 0; i < firewall->chains->len; i++) {
        const OkseFirewallChain *chain = g_ptr_array_index(firewall->chains, i);
        g_autofree char *key = g_strdup_printf("%s|%s|%s", chain->family, chain->table, chain->name);

        if (is_chain_at_hook(chain))
            okse_facts_add(collection->facts, "firewall", key,
                           json_pack("{s:s,s:s,s:s,s:s,s:s?,s:I,s:s,s:i,s:o,s:s}", "family", chain->family, "table",
                                     chain->table, "chain", chain->name, "hook", chain->hook, "type", chain->type,
                                     "priority", (json_int_t)chain->priority, "policy",
                                     chain->drops ? "drop" : "accept", "rules", (int)chain->rules->len, "source",
                                     source_of(chain->policy, "firewall"), "state",
                                     collection->running ? "observed" : "configured"));
    }
}

void okse_collect_firewall(OkseCollection *collection)
{
    const GPtrArray *legacy = collection->networks != NULL ? okse_networks_legacy(collection->networks, 0) : NULL;
    g_autofree char *why = NULL;

    collection->firewall = okse_firewall_new();
    if (!collection->running) {
        bool some = okse_firewall_read_files(collection->firewall, collection->sysroot_fd) > 0;

        add_chains(collection);
        okse_facts_coverage(collection->facts, "firewall", some ? OKSE_COMPLETE : OKSE_ABSENT,
                            some ? NULL : "no file of a packet filter that is known here");
        if (!some)
            g_clear_pointer(&collection->firewall, okse_firewall_free);
    } else if (okse_firewall_read_kernel(collection->firewall, "nftables", legacy, &why)) {
        add_chains(collection);
        okse_facts_coverage(collection->facts, "firewall", OKSE_COMPLETE, NULL);
    } else {
        g_clear_pointer(&collection->firewall, okse_firewall_free);
        okse_facts_coverage(collection->facts, "firewall", OKSE_UNAVAILABLE, why);
    }
    if (collection->firewall != NULL && collection->firewall->notes->len > 0) {
        const OkseFirewallRule *note = g_ptr_array_index(collection->firewall->notes, 0);
        g_autofree char *reason = g_strdup_printf("%s: %s", note->path, note->unmodelled);

        okse_facts_coverage(collection->facts, "firewall", OKSE_PARTIAL, reason);
    }
}

static void add_route(json_t *list, const char *text, const char *why)
{
    if (json_array_size(list) < LIMIT_NAMED)
        json_array_append_new(
            list, json_pack("{s:s,s:n,s:n,s:s,s:s}", "path", "routes", "line", "handle", "text", text, "why", why));
}

static json_t *unmodelled_of(const OkseEnvelope *envelope, const OkseCollection *collection)
{
    json_t *list = json_array();

    for (guint i = 0; i < MIN(envelope->rules->len, LIMIT_NAMED); i++)
        json_array_append_new(list, okse_firewall_rule_json(g_ptr_array_index(envelope->rules, i)));
    for (guint i = 0; i < envelope->routes->len; i++)
        add_route(list, g_ptr_array_index(envelope->routes, i), "a route or rule that is not modelled");
    if (envelope->reachable->len > 0 && collection->firewall == NULL)
        add_route(list, "packet filter", "it could not be read");
    return list;
}

/* A statement beside the rules that nobody could read may take away what stops packets: "delete table …". */
static bool is_open(const OkseEnvelope *envelope, const OkseFirewall *firewall)
{
    return firewall != NULL && firewall->notes->len > 0 &&
           g_ptr_array_find(envelope->rules, g_ptr_array_index(firewall->notes, 0), NULL);
}

/* Without routes nothing surely leaves, but what no filter lets out does not either: that much is complete. */
static bool is_complete(const OkseEnvelope *envelope, const OkseCollection *collection)
{
    return (envelope->reachable->len == 0 && !is_open(envelope, collection->firewall)) ||
           (envelope->rules->len == 0 && envelope->routes->len == 0 && collection->firewall != NULL);
}

static void add_reach(OkseCollection *collection, const OkseEgressSubject *subject, const OkseEnvelopeReach *reach)
{
    g_autofree char *key =
        g_strdup_printf("%s|%s|%s", subject->kind, subject->name, reach->country != NULL ? reach->country : "");
    const char *to = okse_json_peek_text(reach->packet, "destination");

    okse_facts_add(
        collection->facts, "reach", key,
        json_pack("{s:s,s:s,s:s?,s:b,s:O,s:o,s:o,s:s}", "kind", subject->kind, "subject", subject->name, "country",
                  reach->country, "surely", (int)reach->surely, "packet", reach->packet, "location",
                  okse_atlas_locate(collection->atlas, to != NULL ? to : ""), "source",
                  reach->rule != NULL
                      ? source_of(reach->rule, strcmp(subject->kind, "pods") == 0 ? "network-policies" : "firewall")
                      : json_incref(subject->source),
                  "state", subject->state));
}

void okse_egress_add(OkseCollection *collection, const OkseEgressSubject *subject, const OkseEnvelope *envelope,
                     json_t *unmodelled)
{
    g_autoptr(GPtrArray) countries = okse_envelope_countries(envelope, collection->atlas);
    g_autofree char *key = g_strdup_printf("%s|%s", subject->kind, subject->name);
    json_t *processes = subject->processes != NULL ? json_incref(subject->processes) : json_array();

    for (guint i = 0; i < countries->len; i++)
        add_reach(collection, subject, g_ptr_array_index(countries, i));
    okse_facts_add(collection->facts, "egress", key,
                   json_pack("{s:s,s:s,s:s?,s:o,s:b,s:s,s:s,s:o,s:o,s:o,s:O,s:s}", "kind", subject->kind, "subject",
                             subject->name, "netns", subject->netns, "processes", processes, "complete",
                             (int)subject->complete, "ipv4", subject->defaults[0], "ipv6", subject->defaults[1],
                             "reachable", okse_envelope_ranges(envelope->reachable), "surely",
                             okse_envelope_ranges(envelope->surely), "unmodelled", unmodelled, "source",
                             subject->source, "state", subject->state));
}

static void add_envelope(OkseCollection *collection, const OkseEnvelope *envelope, bool routes)
{
    bool complete = is_complete(envelope, collection);
    json_t *unmodelled = unmodelled_of(envelope, collection);
    const char *first = okse_json_peek_text(json_array_get(unmodelled, 0), "text");
    g_autofree char *reason = g_strdup_printf("not modelled: %s", first != NULL ? first : "?");
    g_autoptr(json_t) source = okse_facts_source(
        &(OkseSourceFact){.collector = "egress", .path = "network", .via = routes ? "netlink" : "structured"});
    OkseEgressSubject subject = {.kind = "host",
                                 .name = "this host",
                                 .state = collection->running ? "observed" : "configured",
                                 .complete = complete,
                                 .defaults = {okse_envelope_default(envelope, collection->firewall, "output", true),
                                              okse_envelope_default(envelope, collection->firewall, "output", false)},
                                 .source = source};

    okse_egress_add(collection, &subject, envelope, unmodelled);
    okse_facts_coverage(collection->facts, "egress", complete ? OKSE_COMPLETE : OKSE_PARTIAL, complete ? NULL : reason);
}

void okse_collect_egress(OkseCollection *collection)
{
    g_autoptr(OkseRoutes) routes = collection->running ? okse_routes_read() : NULL;
    g_autoptr(OkseEnvelope) envelope = okse_envelope_new(collection->firewall, routes, false);

    add_envelope(collection, envelope, routes != NULL);
}
