/* Packet filters as text and as JSON: whatever the bytes are, they become rules that can be walked, and what surely is
 * reachable is reachable. The first byte chooses the language. */
#include "audit/envelope_forward.h"
#include "core/limits.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A set that is made of the same intervals in two ways is the same. */
static void check_envelope(const OkseFirewall *firewall)
{
    g_autoptr(OkseEnvelope) envelope = okse_envelope_new(firewall, NULL, false);
    g_autoptr(GArray) both = okse_intervals_intersect(envelope->reachable, envelope->surely);
    g_autoptr(json_t) ranges = okse_envelope_ranges(envelope->reachable);

    g_assert_cmpuint(both->len, ==, envelope->surely->len);
    for (guint i = 1; i < envelope->reachable->len; i++)
        g_assert_true(g_array_index(envelope->reachable, OkseInterval, i - 1).high + 1 <
                      g_array_index(envelope->reachable, OkseInterval, i).low);
    for (guint i = 0; i < envelope->rules->len; i++) {
        g_autoptr(json_t) rule = okse_firewall_rule_json(g_ptr_array_index(envelope->rules, i));

        g_assert_nonnull(rule);
    }
    okse_envelope_default(envelope, firewall, "output", true);
    g_assert_nonnull(ranges);
}

static void add_link(OkseRoutes *routes, const char *name, const char *kind, uint32_t index, uint32_t peer,
                     uint32_t master)
{
    OkseLink *link = g_new0(OkseLink, 1);

    *link = (OkseLink){g_strdup(name), g_strdup(kind), index, peer, peer != 0 ? 0 : -1, master, true};
    g_ptr_array_add(routes->links, link);
}

/* Two tables in which every address has a route: of a container, and of the host that forwards for it. */
static OkseRoutes *way(const char *device, const char *address)
{
    OkseRoutes *routes = okse_routes_new();
    OkseRouteRule *rule = g_new0(OkseRouteRule, 1);
    OkseRoute *route = g_new0(OkseRoute, 1);
    OkseLocalAddress *local = g_new0(OkseLocalAddress, 1);
    OkseInterval own, gateway;

    g_assert_true(okse_wide_parse_prefix(address, &own) && okse_wide_parse_prefix("10.9.8.1", &gateway));
    rule->four = route->four = true;
    rule->to = okse_packet_side_whole(OKSE_PACKET_DESTINATION);
    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++)
        rule->sides[side] = okse_packet_side_whole(side);
    rule->suppressed = -1;
    rule->text = g_strdup("rule");
    route->destination = (OkseInterval){OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff};
    route->device = g_strdup(device);
    route->text = g_strdup("route");
    route->has_gateway = true;
    route->gateway = gateway.low;
    *local = (OkseLocalAddress){g_strdup(device), own.low};
    g_ptr_array_add(routes->rules, rule);
    g_ptr_array_add(routes->routes, route);
    g_ptr_array_add(routes->addresses, local);
    local = g_memdup2(local, sizeof *local);
    local->device = g_strdup(device);
    g_ptr_array_add(routes->owned, local);
    return routes;
}

static int says_yes(void *context, const char *device, bool four)
{
    (void)context;
    (void)device;
    (void)four;
    return 1;
}

static int checks_none(void *context, const char *device)
{
    (void)context;
    (void)device;
    return 0;
}

static bool is_crowded(const OkseEnvelope *envelope)
{
    for (guint i = 0; i < envelope->parts->len; i++)
        if (((const OkseEnvelopePart *)g_ptr_array_index(envelope->parts, i))->packets.crowded)
            return true;
    return false;
}

/* Nothing comes out of the host that did not come out of the container, whatever both filters say. */
static void check_forward(const OkseFirewall *firewall)
{
    g_autoptr(OkseRoutes) inner = way("eth0", "10.9.8.2"), outer = way("up0", "10.9.8.1");
    g_autoptr(OkseEnvelope) own = okse_envelope_new(firewall, inner, true), behind = NULL;
    g_autoptr(GArray) both = NULL, sure = NULL;
    const OkseForwarder host = {firewall, outer, says_yes, checks_none, NULL};

    inner->home = 0;
    add_link(inner, "eth0", "veth", 2, 7, 0);
    add_link(outer, "up0", NULL, 2, 0, 0);
    add_link(outer, "veth7", "veth", 7, 2, 9);
    add_link(outer, "br0", "bridge", 9, 0, 0);
    behind = okse_envelope_forward(own, inner, firewall, &host);
    both = okse_intervals_intersect(behind->reachable, own->reachable);
    sure = okse_intervals_intersect(behind->surely, own->surely);
    g_assert_true(behind->forwarded || own->reachable->len == 0);
    if (!is_crowded(own) && !is_crowded(behind)) /* those are wider than the truth */
        g_assert_cmpuint(both->len, ==, behind->reachable->len);
    g_assert_cmpuint(sure->len, ==, behind->surely->len);
}

/* What a short text includes is the text again: includes end. */
static GPtrArray *included(void *context, const char *pattern)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(okse_firewall_file_free);
    OkseFirewallFile *file = g_new0(OkseFirewallFile, 1);

    file->path = g_strdup(pattern);
    file->bytes =
        g_bytes_get_size(context) < 64 ? g_bytes_ref(context) : g_bytes_new_static("define N = 1.0.0.0/8", 20);
    g_ptr_array_add(files, file);
    return files;
}

static json_t *read_as(char kind, GBytes *bytes)
{
    return kind == 'n'   ? okse_nft_text_read(bytes, "fuzz.nft", included, bytes)
           : kind == '4' ? okse_iptables_read(bytes, "fuzz.v4", "ip")
           : kind == '6' ? okse_iptables_read(bytes, "fuzz.v6", "ip6")
                         : okse_json_read(bytes, OKSE_LIMIT_METADATA, "fuzz.json", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) document = NULL;
    g_autoptr(OkseFirewall) firewall = okse_firewall_new();

    if (size < 1 || size > 16384)
        return 0;
    bytes = g_bytes_new(data + 1, size - 1);
    document = read_as((char)data[0], bytes);
    if (document == NULL || !okse_firewall_add(firewall, document, "fuzz", NULL))
        return 0;
    check_envelope(firewall);
    check_forward(firewall);
    return 0;
}
