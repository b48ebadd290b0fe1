/* Routes say by which devices a packet leaves and with which address; the filters are walked once for each of them. */
#include "audit/envelope_parts.h"

#include <string.h>

#define LIMIT_SOURCES 64u  /* own addresses that are tried one by one */
#define LIMIT_RANGES 1000u /* intervals that are written down */

static void part_free(gpointer data)
{
    OkseEnvelopePart *part = data;

    g_free(part->device);
    okse_packet_set_clear(&part->packets);
    g_free(part);
}

void okse_envelope_free(OkseEnvelope *envelope)
{
    if (envelope == NULL)
        return;
    g_ptr_array_unref(envelope->parts);
    g_ptr_array_unref(envelope->rules);
    g_ptr_array_unref(envelope->routes);
    g_clear_pointer(&envelope->reachable, g_array_unref);
    g_clear_pointer(&envelope->surely, g_array_unref);
    g_free(envelope);
}

OkseEnvelope *okse_envelope_begin(void)
{
    OkseEnvelope *envelope = g_new0(OkseEnvelope, 1);

    envelope->parts = g_ptr_array_new_with_free_func(part_free);
    envelope->rules = g_ptr_array_new();
    envelope->routes = g_ptr_array_new_with_free_func(g_free);
    return envelope;
}

/* Everything public, as packets. */
static void public_packets(OksePacketSet *packets)
{
    g_autoptr(GArray) ranges = okse_atlas_public();
    OksePacketBox box = okse_packet_box_whole();
    g_auto(OksePacketSet) all = {0};

    okse_packet_set_init(packets);
    okse_packet_set_init(&all);
    okse_packet_set_add(&all, &box);
    okse_packet_set_split(&all, OKSE_PACKET_DESTINATION, ranges, packets, NULL);
}

void okse_envelope_end(OkseEnvelope *envelope)
{
    envelope->reachable = okse_intervals_new();
    envelope->surely = okse_intervals_new();
    for (guint i = 0; i < envelope->parts->len; i++) {
        const OkseEnvelopePart *part = g_ptr_array_index(envelope->parts, i);
        g_autoptr(GArray) all = okse_packet_set_side(&part->packets, OKSE_PACKET_DESTINATION, false),
                          sure = okse_packet_set_side(&part->packets, OKSE_PACKET_DESTINATION, true);

        g_array_append_vals(envelope->reachable, all->data, all->len);
        g_array_append_vals(envelope->surely, sure->data, sure->len);
    }
    okse_intervals_tidy(envelope->reachable);
    okse_intervals_tidy(envelope->surely);
}

OkseEnvelopePart *okse_envelope_add(OkseEnvelope *envelope, const char *device, const OkseWide *source,
                                    const OksePacketSet *packets)
{
    OkseEnvelopePart *part = g_new0(OkseEnvelopePart, 1);

    part->device = g_strdup(device);
    part->has_source = source != NULL;
    part->source = source != NULL ? *source : 0;
    okse_packet_set_init(&part->packets);
    okse_packet_set_join(&part->packets, packets);
    g_ptr_array_add(envelope->parts, part);
    return part;
}

static void filter(OkseEnvelope *envelope, const OkseFirewall *firewall, OkseEnvelopePart *part)
{
    OkseFirewallPath path = {OKSE_LEG_OUT, NULL, part->device, part->has_source, part->source};

    if (firewall == NULL)
        okse_packet_set_unsure(&part->packets);
    else
        okse_firewall_walk(firewall, &path, &part->packets, envelope->rules);
}

void okse_envelope_note(OkseEnvelope *envelope, const char *text)
{
    if (!g_ptr_array_find_with_equal_func(envelope->routes, text, g_str_equal, NULL))
        g_ptr_array_add(envelope->routes, g_strdup(text));
}

static bool conditions_use_source(const GPtrArray *conditions)
{
    for (guint i = 0; i < conditions->len; i++)
        if (((const OkseRuleCondition *)g_ptr_array_index(conditions, i))->kind == OKSE_CONDITION_SOURCE)
            return true;
    return false;
}

static bool rules_use_source(const GPtrArray *rules)
{
    for (guint i = 0; i < rules->len; i++) {
        const OkseFirewallRule *rule = g_ptr_array_index(rules, i);

        if (conditions_use_source(rule->conditions))
            return true;
        for (guint k = 0; k < rule->branches->len; k++)
            if (conditions_use_source(((const OkseBranch *)g_ptr_array_index(rule->branches, k))->conditions))
                return true;
    }
    return false;
}

static bool uses_source(const OkseFirewall *firewall, const OkseRoutes *routes)
{
    if (okse_routes_use_source(routes))
        return true;
    for (guint i = 0; firewall != NULL && i < firewall->chains->len; i++)
        if (rules_use_source(((const OkseFirewallChain *)g_ptr_array_index(firewall->chains, i))->rules))
            return true;
    return false;
}

/* The address that the kernel gives a socket which has none: preferred by the route, else of the device, else any. */
static bool default_source(const OkseRoutes *routes, const OkseRouteExit *exit, bool four, OkseWide *source)
{
    bool found = false;

    if (exit->has_source && okse_wide_is_ipv4(exit->source) == four) {
        *source = exit->source;
        return true;
    }
    for (guint i = 0; i < routes->addresses->len; i++) {
        const OkseLocalAddress *local = g_ptr_array_index(routes->addresses, i);
        bool here = g_strcmp0(local->device, exit->device) == 0;

        if (okse_wide_is_ipv4(local->address) != four || (found && !here))
            continue;
        *source = local->address;
        found = true;
        if (here)
            return true;
    }
    return found;
}

/* One device and one family: the packets that leave by it. */
static void leave(OkseEnvelope *envelope, const OkseFirewall *firewall, const OkseRoutes *routes,
                  const OkseRouteExit *exit, const OkseWide *bound)
{
    g_autoptr(GArray) four = okse_intervals_new();

    okse_intervals_add(four, OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff);
    for (unsigned family = 0; family < 2; family++) {
        g_auto(OksePacketSet) mine = {0};
        OkseWide source = bound != NULL ? *bound : 0;

        okse_packet_set_init(&mine);
        okse_packet_set_split(&exit->packets, OKSE_PACKET_DESTINATION, four, family == 0 ? &mine : NULL,
                              family == 0 ? NULL : &mine);
        if (mine.boxes->len == 0)
            continue;
        envelope->routed[family] = true;
        if (bound != NULL || default_source(routes, exit, family == 0, &source)) {
            OkseEnvelopePart *part = okse_envelope_add(envelope, exit->device, &source, &mine);

            part->has_gateway = exit->has_gateway;
            part->gateway = exit->gateway;
            filter(envelope, firewall, part);
        } else if (family == 0) { /* without an address IPv6 sends nothing; IPv4 sends from 0.0.0.0 */
            okse_envelope_note(envelope, "this host has no IPv4 address");
            okse_packet_set_unsure(&mine);
            filter(envelope, firewall, okse_envelope_add(envelope, exit->device, NULL, &mine));
        }
    }
}

static void go(OkseEnvelope *envelope, const OkseFirewall *firewall, const OkseRoutes *routes, const OkseWide *source)
{
    g_auto(OksePacketSet) packets = {0};
    g_autoptr(GPtrArray) met = g_ptr_array_new(), exits = NULL;

    public_packets(&packets);
    exits = okse_routes_walk(routes, source, NULL, &packets, met);
    for (guint i = 0; i < met->len; i++)
        okse_envelope_note(envelope, g_ptr_array_index(met, i));
    for (guint i = 0; i < exits->len; i++)
        leave(envelope, firewall, routes, g_ptr_array_index(exits, i), source);
}

OkseEnvelope *okse_envelope_new(const OkseFirewall *firewall, const OkseRoutes *routes, bool each_source)
{
    OkseEnvelope *envelope = okse_envelope_begin();

    if (routes == NULL) {
        g_auto(OksePacketSet) packets = {0};

        public_packets(&packets);
        okse_packet_set_unsure(&packets);
        envelope->routed[0] = envelope->routed[1] = true;
        filter(envelope, firewall, okse_envelope_add(envelope, NULL, NULL, &packets));
    } else {
        bool each = each_source || uses_source(firewall, routes);

        go(envelope, firewall, routes, NULL);
        if (each && routes->addresses->len > LIMIT_SOURCES)
            okse_envelope_note(envelope, "more addresses of this host than are tried one by one");
        for (guint i = 0; each && i < MIN(routes->addresses->len, LIMIT_SOURCES); i++)
            go(envelope, firewall, routes,
               &((const OkseLocalAddress *)g_ptr_array_index(routes->addresses, i))->address);
    }
    okse_envelope_end(envelope);
    return envelope;
}

OkseEnvelope *okse_envelope_of(OksePacketSet *packets)
{
    OkseEnvelope *envelope = okse_envelope_begin();
    g_autoptr(GArray) ranges = okse_atlas_public();
    g_auto(OksePacketSet) reachable = {0};

    okse_packet_set_init(&reachable);
    okse_packet_set_split(packets, OKSE_PACKET_DESTINATION, ranges, &reachable, NULL);
    envelope->routed[0] = envelope->routed[1] = true;
    okse_envelope_add(envelope, NULL, NULL, &reachable);
    okse_envelope_end(envelope);
    return envelope;
}

json_t *okse_envelope_ranges(const GArray *intervals)
{
    json_t *list = json_array();

    for (guint i = 0; i < MIN(intervals->len, LIMIT_RANGES); i++) {
        OkseInterval one = g_array_index(intervals, OkseInterval, i);
        g_autoptr(GPtrArray) prefixes = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *low = okse_wide_text(one.low), *high = okse_wide_text(one.high),
                        *both = g_strdup_printf("%s-%s", low, high);

        json_array_append_new(
            list, json_string(okse_interval_prefixes(one, prefixes, 1) == 1 ? g_ptr_array_index(prefixes, 0) : both));
    }
    return json_pack("{s:o,s:i}", "prefixes", list, "count", (int)intervals->len);
}

json_t *okse_firewall_rule_json(const OkseFirewallRule *rule)
{
    json_t *fact = json_pack("{s:s,s:s?,s:s?}", "path", rule->path, "text", rule->text, "why", rule->unmodelled);

    json_object_set_new(fact, "line", rule->line > 0 ? json_integer(rule->line) : json_null());
    json_object_set_new(fact, "handle", rule->handle > 0 ? json_integer(rule->handle) : json_null());
    return fact;
}

/* A value of a side that a reader knows, where the box has it. */
static OkseWide pick(const OkseInterval *side, const unsigned *wanted, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (wanted[i] >= side->low && wanted[i] <= side->high)
            return wanted[i];
    return side->low;
}

static json_t *box_witness(const OkseEnvelopePart *part, const OksePacketBox *box, OkseWide destination)
{
    static const unsigned protocols[] = {6, 17}, ports[] = {443, 53, 80};
    g_autofree char *to = okse_wide_text(destination), *from = part->has_source ? okse_wide_text(part->source) : NULL;
    OkseInterval user = box->sides[OKSE_PACKET_UID], everyone = okse_packet_side_whole(OKSE_PACKET_UID);
    json_t *witness = json_pack("{s:s,s:s?,s:s?,s:i,s:i}", "destination", to, "source", from, "device", part->device,
                                "protocol", (int)pick(&box->sides[OKSE_PACKET_PROTOCOL], protocols, 2), "port",
                                (int)pick(&box->sides[OKSE_PACKET_PORT], ports, 3));

    json_object_set_new(witness, "user",
                        user.low == everyone.low && user.high == everyone.high ? json_null()
                                                                               : json_integer((json_int_t)user.low));
    return witness;
}

static json_t *find_witness(const OkseEnvelope *envelope, OkseWide destination, bool sure,
                            const OkseFirewallRule **rule)
{
    for (guint i = 0; i < envelope->parts->len; i++) {
        const OkseEnvelopePart *part = g_ptr_array_index(envelope->parts, i);

        for (guint k = 0; k < part->packets.boxes->len; k++) {
            const OksePacketBox *box = &g_array_index(part->packets.boxes, OksePacketBox, k);

            if ((!sure || box->sure) && box->sides[OKSE_PACKET_DESTINATION].low <= destination &&
                box->sides[OKSE_PACKET_DESTINATION].high >= destination) {
                *rule = box->way;
                return box_witness(part, box, destination);
            }
        }
    }
    return json_null();
}

/* The first address of a country that is reachable, and the first that surely is. */
typedef struct {
    bool surely;
    OkseWide address;
} Seen;

typedef struct {
    const OkseEnvelope *envelope;
    GHashTable *countries; /* code, "" for none → Seen */
} Search;

static bool first_in(const GArray *intervals, OkseInterval range, OkseWide *address)
{
    guint at = okse_intervals_from(intervals, range.low);

    if (at >= intervals->len || g_array_index(intervals, OkseInterval, at).low > range.high)
        return false;
    *address = MAX(g_array_index(intervals, OkseInterval, at).low, range.low);
    return true;
}

static void on_range(void *context, OkseInterval range, const char *country)
{
    const Search *search = context;
    Seen *seen = g_hash_table_lookup(search->countries, country != NULL ? country : "");
    OkseWide address;
    bool surely;

    if (seen != NULL && seen->surely)
        return;
    surely = first_in(search->envelope->surely, range, &address);
    if (!surely && (seen != NULL || !first_in(search->envelope->reachable, range, &address)))
        return;
    if (seen == NULL) {
        seen = g_new0(Seen, 1);
        g_hash_table_insert(search->countries, g_strdup(country != NULL ? country : ""), seen);
    }
    *seen = (Seen){surely, address};
}

static gint compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void reach_free(gpointer data)
{
    OkseEnvelopeReach *reach = data;

    g_free(reach->country);
    json_decref(reach->packet);
    g_free(reach);
}

GPtrArray *okse_envelope_countries(const OkseEnvelope *envelope, const OkseAtlas *atlas)
{
    g_autoptr(GHashTable) countries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Search search = {envelope, countries};
    g_autoptr(GList) codes = NULL;
    GPtrArray *list = g_ptr_array_new_with_free_func(reach_free);

    okse_atlas_ranges(atlas, envelope->reachable, on_range, &search);
    codes = g_list_sort(g_hash_table_get_keys(countries), compare_texts);
    for (const GList *one = codes; one != NULL; one = one->next) {
        const char *code = one->data;
        const Seen *seen = g_hash_table_lookup(countries, code);
        OkseEnvelopeReach *reach = g_new0(OkseEnvelopeReach, 1);

        reach->country = *code != '\0' ? g_strdup(code) : NULL;
        reach->surely = seen->surely;
        reach->packet = find_witness(envelope, seen->address, seen->surely, &reach->rule);
        g_ptr_array_add(list, reach);
    }
    return list;
}

/* Whether nothing of the family comes to the end of the chain, whatever the rules above let through. */
static bool denies(const OkseFirewallChain *chain)
{
    const OkseFirewallRule *last =
        chain->rules->len > 0 ? g_ptr_array_index(chain->rules, chain->rules->len - 1) : NULL;

    if (chain->drops)
        return true;
    return last != NULL && last->conditions->len == 0 && last->unmodelled == NULL && last->branches->len == 1 &&
           ((const OkseBranch *)g_ptr_array_index(last->branches, 0))->verdict == OKSE_VERDICT_DROP &&
           ((const OkseBranch *)g_ptr_array_index(last->branches, 0))->conditions->len == 0;
}

const char *okse_envelope_default(const OkseEnvelope *envelope, const OkseFirewall *firewall, const char *hook,
                                  bool four)
{
    if (!envelope->routed[four ? 0 : 1])
        return "no-route";
    if (firewall == NULL)
        return "unknown";
    for (guint i = 0; i < firewall->chains->len; i++) {
        const OkseFirewallChain *chain = g_ptr_array_index(firewall->chains, i);
        bool seen = strcmp(chain->family, "inet") == 0 || strcmp(chain->family, four ? "ip" : "ip6") == 0;

        if (seen && (g_strcmp0(chain->hook, hook) == 0 || g_strcmp0(chain->hook, "postrouting") == 0) && denies(chain))
            return "deny";
    }
    return firewall->notes->len > 0 ? "unknown" : "allow";
}
