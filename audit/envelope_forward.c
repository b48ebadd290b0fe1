/* Behind the namespace: the host's prerouting chains, its routes for what came in, its forward and postrouting chains.
 * Sources: Linux, net/ipv4/route.c (ip_route_input_slow), net/ipv4/ip_forward.c, net/ipv6/ip6_output.c. */
#include "audit/envelope_forward.h"

#include "audit/envelope_parts.h"

#include <string.h>

typedef struct {
    const OkseForwarder *host;
    const OkseRoutes *inner;
    bool translated; /* the namespace rewrites sources */
    OkseEnvelope *envelope;
} Way;

G_GNUC_PRINTF(3, 4) static void doubt(const Way *way, OksePacketSet *packets, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list words;

    va_start(words, format);
    text = g_strdup_vprintf(format, words);
    va_end(words);
    okse_envelope_note(way->envelope, text);
    okse_packet_set_unsure(packets);
}

static bool translates(const OkseFirewall *firewall)
{
    for (guint i = 0; firewall != NULL && i < firewall->chains->len; i++) {
        const OkseFirewallChain *chain = g_ptr_array_index(firewall->chains, i);

        if (g_strcmp0(chain->type, "nat") == 0 && g_strcmp0(chain->hook, "postrouting") == 0 && chain->rules->len > 0)
            return true;
    }
    return false;
}

/* Chains that see a packet before the hooks of its protocol do. */
static void doubt_early_chains(const Way *way, OksePacketSet *packets)
{
    const OkseFirewall *firewall = way->host->firewall;

    for (guint i = 0; firewall != NULL && i < firewall->chains->len; i++) {
        const OkseFirewallChain *chain = g_ptr_array_index(firewall->chains, i);

        if (chain->hook != NULL && (chain->rules->len > 0 || chain->drops) &&
            (strcmp(chain->hook, "ingress") == 0 || strcmp(chain->family, "bridge") == 0))
            doubt(way, packets, "chain %s %s %s sees packets before they are forwarded", chain->family, chain->table,
                  chain->name);
    }
}

static void filter(const Way *way, const OkseFirewallPath *path, OksePacketSet *packets)
{
    if (way->host->firewall == NULL)
        okse_packet_set_unsure(packets);
    else
        okse_firewall_walk(way->host->firewall, path, packets, way->envelope->rules);
}

static bool is_four(const OksePacketSet *packets)
{
    return okse_wide_is_ipv4(g_array_index(packets->boxes, OksePacketBox, 0).sides[OKSE_PACKET_DESTINATION].low);
}

/* A host may drop what comes from an address that it would answer by another device, or by none. */
static bool comes_as_expected(const Way *way, const char *input, OkseWide source)
{
    int checks = okse_wide_is_ipv4(source) ? way->host->checks(way->host->context, input) : 0;
    g_auto(OksePacketSet) packets = {0};
    g_autoptr(GPtrArray) met = g_ptr_array_new(), exits = NULL;
    OksePacketBox box = okse_packet_box_whole();
    bool here = false, elsewhere = false;

    okse_packet_set_init(&packets);
    box.sides[OKSE_PACKET_DESTINATION] = (OkseInterval){source, source};
    okse_packet_set_add(&packets, &box);
    exits = okse_routes_walk(way->host->routes, NULL, NULL, &packets, met);
    for (guint i = 0; i < exits->len; i++) {
        const OkseRouteExit *exit = g_ptr_array_index(exits, i);
        bool same = strcmp(exit->device, input) == 0;

        here = here || (exit->packets.boxes->len > 0 && same);
        elsewhere = elsewhere || (exit->packets.boxes->len > 0 && !same);
    }
    return checks == 0 || (checks == 1 ? here && !elsewhere : here || elsewhere);
}

static void route(const Way *way, const char *input, const OkseWide *source, OksePacketSet *packets)
{
    g_autoptr(GPtrArray) met = g_ptr_array_new(), exits = NULL;
    OkseFirewallPath path = {OKSE_LEG_ARRIVING, input, NULL, source != NULL, source != NULL ? *source : 0};

    filter(way, &path, packets);
    exits = okse_routes_walk(way->host->routes, source, input, packets, met);
    for (guint i = 0; i < met->len; i++)
        okse_envelope_note(way->envelope, g_ptr_array_index(met, i));
    for (guint i = 0; i < exits->len; i++) {
        OkseRouteExit *exit = g_ptr_array_index(exits, i);

        if (exit->packets.boxes->len == 0)
            continue;
        path.leg = OKSE_LEG_FORWARDED;
        path.device = exit->device;
        filter(way, &path, &exit->packets);
        okse_envelope_add(way->envelope, exit->device, source, &exit->packets);
    }
}

/* Send on what came out of the namespace at this end of the pair. */
static void enter_host(const Way *way, const OkseEnvelopePart *part, const OkseLink *end, OksePacketSet *packets)
{
    const OkseLink *master = end->master != 0 ? okse_routes_link_at(way->host->routes, end->master) : NULL;
    const OkseLink *input = end->master != 0 ? master : end;
    bool own = part->has_gateway && okse_routes_own(way->host->routes, part->gateway), four = is_four(packets);
    const OkseWide *source = part->has_source && !way->translated ? &part->source : NULL;
    int forwards;

    way->envelope->forwarded = true;
    if (input == NULL || (master != NULL && g_strcmp0(master->kind, "bridge") != 0)) {
        doubt(way, packets, "%s is part of a device that is not modelled", end->name);
    } else if (master != NULL && !own) {
        doubt(way, packets, "behind the bridge %s the next router is not this host", input->name);
    } else {
        if (!own)
            doubt(way, packets, "the gateway behind %s is no address of this host", input->name);
        if (!end->up || !input->up)
            doubt(way, packets, "%s is down", !end->up ? end->name : input->name);
        if (source == NULL)
            doubt(way, packets, "the source address behind %s is not known", input->name);
        else if (!comes_as_expected(way, input->name, *source))
            doubt(way, packets, "this host answers the address behind %s by another way", input->name);
        forwards = way->host->forwards(way->host->context, input->name, four);
        if (forwards < 0)
            doubt(way, packets, "whether %s is forwarded for is not known", input->name);
        doubt_early_chains(way, packets);
        if (forwards != 0)
            route(way, input->name, source, packets);
        return;
    }
    okse_envelope_add(way->envelope, part->device, source, packets);
}

/* The host's end of a pair. */
static const OkseLink *other_end(const Way *way, const OkseLink *link)
{
    const OkseLink *end = link->elsewhere >= 0 && link->elsewhere == way->inner->home
                              ? okse_routes_link_at(way->host->routes, link->peer)
                              : NULL;

    return end != NULL && g_strcmp0(end->kind, "veth") == 0 && end->peer == link->index ? end : NULL;
}

static void forward_part(const Way *way, const OkseEnvelopePart *part)
{
    const OkseLink *link = okse_routes_link(way->inner, part->device);
    const OkseLink *end = link != NULL && g_strcmp0(link->kind, "veth") == 0 ? other_end(way, link) : NULL;
    g_auto(OksePacketSet) packets = {0};

    okse_packet_set_init(&packets);
    okse_packet_set_join(&packets, &part->packets);
    if (packets.boxes->len == 0)
        return;
    if (end != NULL) {
        enter_host(way, part, end, &packets);
        return;
    }
    /* hardware, and what stands on it, leaves by its own wire; the host's filters do not see it */
    if (link == NULL || (link->kind != NULL && strcmp(link->kind, "macvlan") != 0))
        doubt(way, &packets, "where %s (%s) leads to is not modelled", part->device != NULL ? part->device : "a packet",
              link != NULL ? link->kind : "no device that is known");
    okse_envelope_add(way->envelope, part->device, part->has_source ? &part->source : NULL, &packets);
}

OkseEnvelope *okse_envelope_forward(const OkseEnvelope *own, const OkseRoutes *routes, const OkseFirewall *firewall,
                                    const OkseForwarder *host)
{
    Way way = {host, routes, translates(firewall), okse_envelope_begin()};

    for (guint i = 0; i < own->rules->len; i++)
        g_ptr_array_add(way.envelope->rules, g_ptr_array_index(own->rules, i));
    for (guint i = 0; i < own->routes->len; i++)
        okse_envelope_note(way.envelope, g_ptr_array_index(own->routes, i));
    memcpy(way.envelope->routed, own->routed, sizeof own->routed);
    for (guint i = 0; i < own->parts->len; i++)
        forward_part(&way, g_ptr_array_index(own->parts, i));
    okse_envelope_end(way.envelope);
    return way.envelope;
}
