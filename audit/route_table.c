/* Longest prefix first, then the smallest metric, table after table as the rules say. A table is cut once into disjoint
 * pieces of address space, so that its size does not multiply with the packets. */
#include "audit/route_table.h"

#include <string.h>

static void route_free(gpointer data)
{
    OkseRoute *route = data;

    g_free(route->device);
    g_free(route->text);
    g_free(route);
}

static void rule_free(gpointer data)
{
    OkseRouteRule *rule = data;

    g_free(rule->input);
    g_free(rule->text);
    g_free(rule);
}

static void address_free(gpointer data)
{
    OkseLocalAddress *address = data;

    g_free(address->device);
    g_free(address);
}

static void link_free(gpointer data)
{
    OkseLink *link = data;

    g_free(link->name);
    g_free(link->kind);
    g_free(link);
}

OkseRoutes *okse_routes_new(void)
{
    OkseRoutes *routes = g_new0(OkseRoutes, 1);

    routes->routes = g_ptr_array_new_with_free_func(route_free);
    routes->rules = g_ptr_array_new_with_free_func(rule_free);
    routes->addresses = g_ptr_array_new_with_free_func(address_free);
    routes->owned = g_ptr_array_new_with_free_func(address_free);
    routes->links = g_ptr_array_new_with_free_func(link_free);
    routes->home = -1;
    routes->notes = g_ptr_array_new_with_free_func(g_free);
    return routes;
}

void okse_routes_free(OkseRoutes *routes)
{
    if (routes == NULL)
        return;
    g_ptr_array_unref(routes->routes);
    g_ptr_array_unref(routes->rules);
    g_ptr_array_unref(routes->addresses);
    g_ptr_array_unref(routes->owned);
    g_ptr_array_unref(routes->links);
    g_ptr_array_unref(routes->notes);
    g_free(routes);
}

void okse_route_exit_free(gpointer data)
{
    OkseRouteExit *one = data;

    okse_packet_set_clear(&one->packets);
    g_free(one);
}

bool okse_routes_use_source(const OkseRoutes *routes)
{
    for (guint i = 0; i < routes->rules->len; i++)
        if (((const OkseRouteRule *)g_ptr_array_index(routes->rules, i))->has_from)
            return true;
    return false;
}

const OkseLink *okse_routes_link(const OkseRoutes *routes, const char *name)
{
    for (guint i = 0; name != NULL && i < routes->links->len; i++)
        if (strcmp(((const OkseLink *)g_ptr_array_index(routes->links, i))->name, name) == 0)
            return g_ptr_array_index(routes->links, i);
    return NULL;
}

const OkseLink *okse_routes_link_at(const OkseRoutes *routes, uint32_t index)
{
    for (guint i = 0; i < routes->links->len; i++)
        if (((const OkseLink *)g_ptr_array_index(routes->links, i))->index == index)
            return g_ptr_array_index(routes->links, i);
    return NULL;
}

bool okse_routes_own(const OkseRoutes *routes, OkseWide address)
{
    for (guint i = 0; i < routes->owned->len; i++)
        if (((const OkseLocalAddress *)g_ptr_array_index(routes->owned, i))->address == address)
            return true;
    return false;
}

typedef struct {
    const OkseRoutes *routes;
    const OkseWide *source;
    const char *input;
    GPtrArray *unmodelled, *exits;
} Walk;

/* A piece of address space and the route that has it. */
typedef struct {
    OkseInterval range;
    const OkseRoute *route;
} Piece;

static void name(const Walk *walk, const char *text)
{
    if (!g_ptr_array_find_with_equal_func(walk->unmodelled, text, g_str_equal, NULL))
        g_ptr_array_add(walk->unmodelled, (gpointer)(uintptr_t)text);
}

/* Outer prefixes before inner ones, of one prefix the best route first. */
static int compare_routes(gconstpointer a, gconstpointer b)
{
    const OkseRoute *first = *(const OkseRoute *const *)a, *second = *(const OkseRoute *const *)b;

    if (first->destination.low != second->destination.low)
        return first->destination.low < second->destination.low ? -1 : 1;
    if (first->length != second->length)
        return first->length < second->length ? -1 : 1;
    return first->metric < second->metric ? -1 : first->metric > second->metric;
}

static void add_piece(GArray *pieces, OkseWide low, OkseWide high, const OkseRoute *route)
{
    Piece piece = {{low, high}, route};

    if (low <= high)
        g_array_append_val(pieces, piece);
}

/* Prefixes are nested or apart: a stack of those that are open gives the pieces in one pass. */
static GArray *cut(const GPtrArray *sorted)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    OkseWide next = 0;
    bool over = false; /* next would be behind the last address */

    for (guint i = 0; i <= sorted->len; i++) {
        const OkseRoute *route = i < sorted->len ? g_ptr_array_index(sorted, i) : NULL;

        while (open->len > 0) {
            const OkseRoute *top = g_ptr_array_index(open, open->len - 1);

            if (route != NULL && route->destination.low <= top->destination.high)
                break;
            if (!over)
                add_piece(pieces, next, top->destination.high, top);
            over = over || top->destination.high == ~(OkseWide)0;
            next = MAX(next, top->destination.high + 1);
            g_ptr_array_set_size(open, (gint)open->len - 1);
        }
        if (route == NULL)
            break;
        if (open->len > 0 && route->destination.low > next)
            add_piece(pieces, next, route->destination.low - 1, g_ptr_array_index(open, open->len - 1));
        next = MAX(next, route->destination.low);
        g_ptr_array_add(open, (gpointer)(uintptr_t)route);
    }
    return pieces;
}

/* The routes of a table of which the best of each prefix counts; worse ones are left out, equals are added to `ties`.
 */
static GPtrArray *best_routes(const OkseRoutes *routes, const OkseRouteRule *rule, GPtrArray *ties)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GPtrArray *best = g_ptr_array_new();

    for (guint i = 0; i < routes->routes->len; i++) {
        OkseRoute *route = g_ptr_array_index(routes->routes, i);

        if (route->table == rule->table && route->four == rule->four)
            g_ptr_array_add(all, route);
    }
    g_ptr_array_sort(all, compare_routes);
    for (guint i = 0; i < all->len; i++) {
        const OkseRoute *route = g_ptr_array_index(all, i),
                        *last = best->len > 0 ? g_ptr_array_index(best, best->len - 1) : NULL;

        if (last == NULL || last->destination.low != route->destination.low || last->length != route->length)
            g_ptr_array_add(best, (gpointer)(uintptr_t)route);
        else if (last->metric == route->metric || last->unmodelled != NULL)
            g_ptr_array_add(ties, (gpointer)(uintptr_t)route);
    }
    return best;
}

static OkseRouteExit *exit_of(const Walk *walk, const OkseRoute *route)
{
    OkseRouteExit *one;

    for (guint i = 0; i < walk->exits->len; i++) {
        one = g_ptr_array_index(walk->exits, i);
        if (strcmp(one->device, route->device) == 0 && one->has_source == route->has_source &&
            one->source == route->source && one->has_gateway == route->has_gateway && one->gateway == route->gateway)
            return one;
    }
    one = g_new0(OkseRouteExit, 1);
    one->device = route->device;
    one->has_source = route->has_source;
    one->source = route->source;
    one->has_gateway = route->has_gateway;
    one->gateway = route->gateway;
    okse_packet_set_init(&one->packets);
    g_ptr_array_add(walk->exits, one);
    return one;
}

/* Routes that do the same with packets. */
typedef struct {
    const OkseRoute *route;
    bool next; /* the next rule is asked */
    GArray *ranges;
} Group;

static void group_free(gpointer data)
{
    Group *group = data;

    g_array_unref(group->ranges);
    g_free(group);
}

static bool alike(const Group *group, const OkseRoute *route, bool next)
{
    const OkseRoute *other = group->route;

    return group->next == next &&
           (next || (other->kind == route->kind && other->unmodelled == route->unmodelled &&
                     g_strcmp0(other->device, route->device) == 0 && other->has_source == route->has_source &&
                     other->source == route->source && other->has_gateway == route->has_gateway &&
                     other->gateway == route->gateway));
}

static GPtrArray *groups_of(const GArray *pieces, int suppressed)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

    for (guint i = 0; i < pieces->len; i++) {
        const Piece *piece = &g_array_index(pieces, Piece, i);
        bool next = piece->route->kind == OKSE_ROUTE_THROWS || (int)piece->route->length <= suppressed;
        Group *group = NULL;

        for (guint k = 0; k < groups->len && group == NULL; k++)
            if (alike(g_ptr_array_index(groups, k), piece->route, next))
                group = g_ptr_array_index(groups, k);
        if (group == NULL) {
            group = g_new0(Group, 1);
            group->route = piece->route;
            group->next = next;
            group->ranges = okse_intervals_new();
            g_ptr_array_add(groups, group);
        }
        okse_intervals_add(group->ranges, piece->range.low, piece->range.high);
    }
    return groups;
}

static void use_route(const Walk *walk, const OkseRoute *route, OksePacketSet *packets, OksePacketSet *next)
{
    if (route->unmodelled != NULL && packets->boxes->len > 0) {
        name(walk, route->text);
        okse_packet_set_unsure(packets);
        okse_packet_set_join(next, packets);
    }
    if (route->kind == OKSE_ROUTE_DEVICE)
        okse_packet_set_join(&exit_of(walk, route)->packets, packets);
}

/* Leave in `packets` what the table does not decide about. */
static void walk_table(const Walk *walk, const OkseRouteRule *rule, OksePacketSet *packets)
{
    g_autoptr(GPtrArray) ties = g_ptr_array_new(), best = best_routes(walk->routes, rule, ties);
    g_autoptr(GArray) pieces = cut(best);
    g_autoptr(GPtrArray) groups = groups_of(pieces, rule->suppressed);
    g_auto(OksePacketSet) next = {0};

    okse_packet_set_init(&next);
    for (guint i = 0; i < ties->len; i++) { /* one of several: none is sure, each may be it */
        const OkseRoute *route = g_ptr_array_index(ties, i);
        g_autoptr(GArray) range = okse_intervals_new();
        g_auto(OksePacketSet) in = {0}, out = {0};

        okse_packet_set_init(&in);
        okse_packet_set_init(&out);
        okse_intervals_add(range, route->destination.low, route->destination.high);
        okse_packet_set_split(packets, OKSE_PACKET_DESTINATION, range, &in, &out);
        if (in.boxes->len > 0)
            name(walk, route->text);
        okse_packet_set_unsure(&in);
        okse_packet_set_join(&out, &in);
        use_route(walk, route, &in, &next);
        okse_packet_set_swap(packets, &out);
    }
    for (guint i = 0; i < groups->len; i++) {
        const Group *group = g_ptr_array_index(groups, i);
        g_auto(OksePacketSet) in = {0}, out = {0};

        okse_packet_set_init(&in);
        okse_packet_set_init(&out);
        okse_packet_set_split(packets, OKSE_PACKET_DESTINATION, group->ranges, &in, &out);
        if (group->next)
            okse_packet_set_join(&next, &in);
        else
            use_route(walk, group->route, &in, &next);
        okse_packet_set_swap(packets, &out);
    }
    okse_packet_set_join(packets, &next);
}

static bool comes_by(const OkseRouteRule *rule, const char *input)
{
    return rule->input == NULL || strcmp(rule->input, input != NULL ? input : "lo") == 0;
}

/* Leave in `packets` what the rule is about; the rest goes to `rest`. */
static void select_packets(const Walk *walk, const OkseRouteRule *rule, OksePacketSet *packets, OksePacketSet *rest)
{
    g_autoptr(GArray) boxes = g_array_new(FALSE, FALSE, sizeof(OksePacketBox));
    OksePacketBox box = okse_packet_box_whole();
    g_auto(OksePacketSet) in = {0}, out = {0};
    bool from = !rule->has_from ||
                (walk->source != NULL && *walk->source >= rule->from.low && *walk->source <= rule->from.high);

    okse_packet_set_init(&in);
    okse_packet_set_init(&out);
    memcpy(box.sides, rule->sides, sizeof box.sides);
    box.sides[OKSE_PACKET_DESTINATION] = rule->to;
    if (walk->input != NULL) { /* what came in counts as root's (sock_net_uid() of no socket) */
        from = from && rule->sides[OKSE_PACKET_UID].low == 0;
        box.sides[OKSE_PACKET_UID] = okse_packet_side_whole(OKSE_PACKET_UID);
    }
    if (from && !rule->never && comes_by(rule, walk->input))
        g_array_append_val(boxes, box);
    okse_packet_set_split_boxes(packets, boxes, &in, &out);
    okse_packet_set_join(rest, rule->inverted ? &in : &out);
    okse_packet_set_swap(packets, rule->inverted ? &out : &in);
}

static void apply_rule(const Walk *walk, const OkseRouteRule *rule, OksePacketSet *packets)
{
    g_auto(OksePacketSet) rest = {0};

    okse_packet_set_init(&rest);
    select_packets(walk, rule, packets, &rest);
    if (rule->unmodelled != NULL && packets->boxes->len > 0) {
        name(walk, rule->text);
        okse_packet_set_unsure(packets);
        okse_packet_set_join(&rest, packets);
    }
    if (rule->kind == OKSE_ROUTE_DEVICE)
        walk_table(walk, rule, packets);
    if (rule->kind != OKSE_ROUTE_ENDS)
        okse_packet_set_join(&rest, packets);
    okse_packet_set_swap(packets, &rest);
}

static void walk_rules(const Walk *walk, bool four, OksePacketSet *packets)
{
    for (guint i = 0; i < walk->routes->rules->len && packets->boxes->len > 0; i++) {
        const OkseRouteRule *rule = g_ptr_array_index(walk->routes->rules, i);

        if (rule->four != four)
            continue;
        apply_rule(walk, rule, packets);
    }
}

GPtrArray *okse_routes_walk(const OkseRoutes *routes, const OkseWide *source, const char *input, OksePacketSet *packets,
                            GPtrArray *unmodelled)
{
    GPtrArray *exits = g_ptr_array_new_with_free_func(okse_route_exit_free);
    Walk walk = {routes, source, input, unmodelled, exits};
    g_autoptr(GArray) four = okse_intervals_new();
    g_auto(OksePacketSet) fours = {0}, sixes = {0};

    okse_packet_set_init(&fours);
    okse_packet_set_init(&sixes);
    okse_intervals_add(four, OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff);
    for (guint i = 0; i < routes->notes->len; i++) {
        name(&walk, g_ptr_array_index(routes->notes, i));
        okse_packet_set_unsure(packets);
    }
    okse_packet_set_split(packets, OKSE_PACKET_DESTINATION, four, &fours, &sixes);
    if (source == NULL || okse_wide_is_ipv4(*source))
        walk_rules(&walk, true, &fours);
    if (source == NULL || !okse_wide_is_ipv4(*source))
        walk_rules(&walk, false, &sixes);
    return exits;
}
