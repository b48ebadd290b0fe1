/* Links, addresses, rules and routes as the kernel tells them by rtnetlink(7), fib_rules included. */
#include "audit/route_table.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_ROUTES 1000000u
#define TRIES 5u /* a dump during which something changed is taken again */
#define LAST_ATTRIBUTE 64u

typedef struct {
    const struct nlattr *all[LAST_ATTRIBUTE];
} Attributes;

typedef struct {
    OkseRoutes *routes;
} Reading;

static int on_attribute(const struct nlattr *attribute, void *data)
{
    Attributes *found = data;

    if (mnl_attr_get_type(attribute) < LAST_ATTRIBUTE)
        found->all[mnl_attr_get_type(attribute)] = attribute;
    return MNL_CB_OK;
}

static bool has(const Attributes *found, unsigned type, unsigned length)
{
    return found->all[type] != NULL && mnl_attr_get_payload_len(found->all[type]) >= length;
}

static uint32_t number(const Attributes *found, unsigned type, uint32_t otherwise)
{
    return has(found, type, 4) ? mnl_attr_get_u32(found->all[type]) : otherwise;
}

static bool address(const Attributes *found, unsigned type, bool four, OkseWide *value)
{
    if (!has(found, type, four ? 4 : 16))
        return false;
    *value = okse_wide_of(mnl_attr_get_payload(found->all[type]), four ? 4 : 16);
    return true;
}

static OkseInterval prefix(OkseWide value, unsigned length, bool four)
{
    unsigned bits = four ? length + 96 : length;
    OkseWide rest = bits == 0 ? ~(OkseWide)0 : bits >= 128 ? 0 : ((OkseWide)1 << (128 - bits)) - 1;

    return (OkseInterval){value & ~rest, value | rest};
}

static char *prefix_text(OkseInterval range, unsigned length)
{
    g_autofree char *text = okse_wide_text(range.low);

    return g_strdup_printf("%s/%u", text, length);
}

static int on_link(const struct nlmsghdr *header, void *data)
{
    const Reading *reading = data;
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);
    Attributes found = {0}, inner = {0};
    OkseLink *one;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *link)
        return MNL_CB_OK;
    mnl_attr_parse(header, sizeof *link, on_attribute, &found);
    if (!has(&found, IFLA_IFNAME, 2) || mnl_attr_validate(found.all[IFLA_IFNAME], MNL_TYPE_NUL_STRING) < 0)
        return MNL_CB_OK;
    if (found.all[IFLA_LINKINFO] != NULL)
        mnl_attr_parse_nested(found.all[IFLA_LINKINFO], on_attribute, &inner);
    one = g_new0(OkseLink, 1);
    one->name = g_strdup(mnl_attr_get_str(found.all[IFLA_IFNAME]));
    if (has(&inner, IFLA_INFO_KIND, 2) && mnl_attr_validate(inner.all[IFLA_INFO_KIND], MNL_TYPE_NUL_STRING) >= 0)
        one->kind = g_strdup(mnl_attr_get_str(inner.all[IFLA_INFO_KIND]));
    one->index = (uint32_t)link->ifi_index;
    one->peer = number(&found, IFLA_LINK, 0);
    one->elsewhere = (int)number(&found, IFLA_LINK_NETNSID, (uint32_t)-1);
    one->master = number(&found, IFLA_MASTER, 0);
    one->up = (link->ifi_flags & IFF_UP) != 0;
    g_ptr_array_add(reading->routes->links, one);
    return MNL_CB_OK;
}

static const char *link_name(const Reading *reading, uint32_t index)
{
    const OkseLink *link = okse_routes_link_at(reading->routes, index);

    return link != NULL ? link->name : NULL;
}

static void add_address(const Reading *reading, GPtrArray *list, uint32_t device, OkseWide value)
{
    OkseLocalAddress *local = g_new0(OkseLocalAddress, 1);

    local->device = g_strdup(link_name(reading, device));
    local->address = value;
    g_ptr_array_add(list, local);
}

/* An address of this host; with those that a packet to elsewhere can have. */
static int on_address(const struct nlmsghdr *header, void *data)
{
    const Reading *reading = data;
    const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
    bool four = mnl_nlmsg_get_payload_len(header) >= sizeof *message && message->ifa_family == AF_INET;
    Attributes found = {0};
    OkseWide value;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *message || (!four && message->ifa_family != AF_INET6))
        return MNL_CB_OK;
    mnl_attr_parse(header, sizeof *message, on_attribute, &found);
    if (!address(&found, IFA_LOCAL, four, &value) && !address(&found, IFA_ADDRESS, four, &value))
        return MNL_CB_OK;
    add_address(reading, reading->routes->owned, message->ifa_index, value);
    if (message->ifa_scope == RT_SCOPE_HOST || (!four && message->ifa_scope == RT_SCOPE_LINK) ||
        (number(&found, IFA_FLAGS, message->ifa_flags) & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0)
        return MNL_CB_OK;
    add_address(reading, reading->routes->addresses, message->ifa_index, value);
    return MNL_CB_OK;
}

static void rule_sides(const Attributes *found, OkseRouteRule *rule)
{
    static const struct {
        unsigned attribute;
        OksePacketSide side;
    } ports[] = {{FRA_DPORT_RANGE, OKSE_PACKET_PORT}, {FRA_SPORT_RANGE, OKSE_PACKET_SOURCE_PORT}};

    for (unsigned side = 0; side < OKSE_PACKET_SIDES; side++)
        rule->sides[side] = okse_packet_side_whole(side);
    if (has(found, FRA_UID_RANGE, sizeof(struct fib_rule_uid_range))) {
        const struct fib_rule_uid_range *range = mnl_attr_get_payload(found->all[FRA_UID_RANGE]);

        rule->sides[OKSE_PACKET_UID] = (OkseInterval){range->start, range->end};
    }
    if (has(found, FRA_IP_PROTO, 1))
        rule->sides[OKSE_PACKET_PROTOCOL] =
            (OkseInterval){mnl_attr_get_u8(found->all[FRA_IP_PROTO]), mnl_attr_get_u8(found->all[FRA_IP_PROTO])};
    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++)
        if (has(found, ports[i].attribute, sizeof(struct fib_rule_port_range))) {
            const struct fib_rule_port_range *range = mnl_attr_get_payload(found->all[ports[i].attribute]);

            rule->sides[ports[i].side] = (OkseInterval){range->start, range->end};
        }
}

static void rule_action(const struct fib_rule_hdr *message, const Attributes *found, OkseRouteRule *rule)
{
    const struct nlattr *input = found->all[FRA_IIFNAME];

    rule->table = number(found, FRA_TABLE, message->table);
    rule->suppressed = (int)number(found, FRA_SUPPRESS_PREFIXLEN, (uint32_t)-1);
    switch (message->action) {
    case FR_ACT_TO_TBL:
        rule->kind = OKSE_ROUTE_DEVICE;
        break;
    case FR_ACT_BLACKHOLE:
    case FR_ACT_UNREACHABLE:
    case FR_ACT_PROHIBIT:
        rule->kind = OKSE_ROUTE_ENDS;
        break;
    case FR_ACT_NOP:
        rule->kind = OKSE_ROUTE_THROWS;
        break;
    default:
        rule->kind = OKSE_ROUTE_THROWS;
        rule->unmodelled = "it goes on at another rule";
    }
    rule->input = input != NULL ? g_strdup(mnl_attr_get_str(input)) : NULL;
    /* what is bound to a device is no packet of an ordinary socket */
    rule->never =
        found->all[FRA_OIFNAME] != NULL || (has(found, FRA_L3MDEV, 1) && mnl_attr_get_u8(found->all[FRA_L3MDEV]) != 0);
    if (has(found, FRA_FWMARK, 4) || has(found, FRA_FWMASK, 4))
        rule->unmodelled = "it asks for a mark of the packet";
    else if (message->tos != 0)
        rule->unmodelled = "it asks for the type of service";
    else if (found->all[FRA_SUPPRESS_IFGROUP] != NULL &&
             number(found, FRA_SUPPRESS_IFGROUP, (uint32_t)-1) != (uint32_t)-1)
        rule->unmodelled = "it leaves out groups of devices";
    else if (found->all[FRA_TUN_ID] != NULL)
        rule->never = true;
}

static int on_rule(const struct nlmsghdr *header, void *data)
{
    const Reading *reading = data;
    const struct fib_rule_hdr *message = mnl_nlmsg_get_payload(header);
    Attributes found = {0};
    OkseRouteRule *rule;
    OkseWide value = 0;
    bool four;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *message ||
        (message->family != AF_INET && message->family != AF_INET6))
        return MNL_CB_OK;
    mnl_attr_parse(header, sizeof *message, on_attribute, &found);
    if (found.all[FRA_IIFNAME] != NULL && mnl_attr_validate(found.all[FRA_IIFNAME], MNL_TYPE_NUL_STRING) < 0)
        return MNL_CB_OK;
    four = message->family == AF_INET;
    rule = g_new0(OkseRouteRule, 1);
    rule->four = four;
    rule->priority = number(&found, FRA_PRIORITY, 0);
    rule->inverted = (message->flags & FIB_RULE_INVERT) != 0;
    rule->has_from = message->src_len > 0 && address(&found, FRA_SRC, four, &value);
    if (rule->has_from)
        rule->from = prefix(value, message->src_len, four);
    rule->to = okse_packet_side_whole(OKSE_PACKET_DESTINATION);
    if (message->dst_len > 0 && address(&found, FRA_DST, four, &value))
        rule->to = prefix(value, message->dst_len, four);
    rule_sides(&found, rule);
    rule_action(message, &found, rule);
    rule->text =
        g_strdup_printf("ip %srule %u: table %u%s%s", four ? "" : "-6 ", rule->priority, rule->table,
                        rule->unmodelled != NULL ? ": " : "", rule->unmodelled != NULL ? rule->unmodelled : "");
    g_ptr_array_add(reading->routes->rules, rule);
    return MNL_CB_OK;
}

static OkseRouteKind kind_of(unsigned type)
{
    return type == RTN_UNICAST ? OKSE_ROUTE_DEVICE : type == RTN_THROW ? OKSE_ROUTE_THROWS : OKSE_ROUTE_ENDS;
}

static void add_route(const Reading *reading, const OkseRoute *like, uint32_t device, const char *unmodelled)
{
    OkseRoute *route = g_new0(OkseRoute, 1);
    const char *name = link_name(reading, device);
    g_autofree char *destination = prefix_text(like->destination, like->length);

    *route = *like;
    if (route->kind == OKSE_ROUTE_DEVICE && name == NULL)
        unmodelled = "its device is not known";
    else if (route->kind == OKSE_ROUTE_DEVICE && strcmp(name, "lo") == 0)
        route->kind = OKSE_ROUTE_ENDS; /* what loops back and is not for this host is dropped as a martian */
    route->device = g_strdup(name != NULL ? name : "?");
    route->unmodelled = unmodelled;
    route->text = g_strdup_printf("ip route %s dev %s table %u%s%s", destination, name != NULL ? name : "-",
                                  route->table, unmodelled != NULL ? ": " : "", unmodelled != NULL ? unmodelled : "");
    g_ptr_array_add(reading->routes->routes, route);
}

/* Several next hops: which one a packet takes is a matter of hashing. */
static void add_hops(const Reading *reading, const OkseRoute *like, const struct nlattr *hops)
{
    const struct rtnexthop *hop = mnl_attr_get_payload(hops);
    size_t left = mnl_attr_get_payload_len(hops);

    while (left >= sizeof *hop && hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= left) {
        size_t step = NLMSG_ALIGN(hop->rtnh_len);

        if ((hop->rtnh_flags & RTNH_F_DEAD) == 0)
            add_route(reading, like, (uint32_t)hop->rtnh_ifindex, "one of several next hops");
        if (step >= left)
            break;
        left -= step;
        hop = (const struct rtnexthop *)((const char *)hop + step);
    }
}

static const char *route_trouble(const struct rtmsg *message, const Attributes *found)
{
    return message->rtm_tos != 0                         ? "it asks for the type of service"
           : message->rtm_src_len > 0                    ? "it asks for the source"
           : (message->rtm_flags & RTNH_F_LINKDOWN) != 0 ? "its link is down"
           : found->all[RTA_ENCAP_TYPE] != NULL          ? "packets are wrapped"
           : message->rtm_type == RTN_UNICAST && found->all[RTA_OIF] == NULL && found->all[RTA_MULTIPATH] == NULL
               ? "its device is not told"
               : NULL;
}

static int on_route(const struct nlmsghdr *header, void *data)
{
    const Reading *reading = data;
    const struct rtmsg *message = mnl_nlmsg_get_payload(header);
    Attributes found = {0};
    OkseRoute route = {0};
    OkseWide value;
    bool four;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *message ||
        (message->rtm_family != AF_INET && message->rtm_family != AF_INET6) ||
        (message->rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD)) != 0)
        return MNL_CB_OK;
    if (reading->routes->routes->len >= LIMIT_ROUTES) {
        g_ptr_array_add(reading->routes->notes, g_strdup("too many routes"));
        return MNL_CB_STOP;
    }
    four = message->rtm_family == AF_INET;
    value = four ? OKSE_IPV4_BASE : 0;
    mnl_attr_parse(header, sizeof *message, on_attribute, &found);
    address(&found, RTA_DST, four, &value);
    route.destination = prefix(value, message->rtm_dst_len, four);
    if (!four && okse_wide_is_ipv4(route.destination.low))
        return MNL_CB_OK; /* no packet of IPv6 goes to an IPv4-mapped address */
    route.four = four;
    route.length = message->rtm_dst_len;
    route.table = number(&found, RTA_TABLE, message->rtm_table);
    route.metric = number(&found, RTA_PRIORITY, 0);
    route.kind = kind_of(message->rtm_type);
    route.has_source = address(&found, RTA_PREFSRC, four, &route.source);
    route.has_gateway = address(&found, RTA_GATEWAY, four, &route.gateway);
    if (found.all[RTA_MULTIPATH] != NULL && route.kind == OKSE_ROUTE_DEVICE)
        add_hops(reading, &route, found.all[RTA_MULTIPATH]);
    else
        add_route(reading, &route, number(&found, RTA_OIF, 0), route_trouble(message, &found));
    return MNL_CB_OK;
}

/* 1: told; 0: something changed meanwhile; -1: not told. */
static int dump_once(struct mnl_socket *netlink, uint16_t type, mnl_cb_t callback, Reading *reading)
{
    char buffer[32768];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct rtmsg *request;
    ssize_t got = 1;
    int result = MNL_CB_OK;

    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = 1;
    request = mnl_nlmsg_put_extra_header(header, type == RTM_GETLINK ? sizeof(struct ifinfomsg) : sizeof *request);
    request->rtm_family = AF_UNSPEC;
    if (mnl_socket_sendto(netlink, header, header->nlmsg_len) < 0)
        return -1;
    while (got > 0 && result > MNL_CB_STOP) {
        got = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        if (got > 0)
            result = mnl_cb_run(buffer, (size_t)got, 1, mnl_socket_get_portid(netlink), callback, reading);
    }
    if (got > 0 && result == MNL_CB_STOP)
        return 1;
    return errno == EINTR ? 0 : -1;
}

static bool dump(Reading *reading, uint16_t type, mnl_cb_t callback, GPtrArray *list, GPtrArray *other)
{
    int told = 0;

    for (unsigned i = 0; i < TRIES && told == 0; i++) {
        struct mnl_socket *netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

        g_ptr_array_set_size(list, 0);
        if (other != NULL)
            g_ptr_array_set_size(other, 0);
        told = netlink != NULL && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0
                   ? dump_once(netlink, type, callback, reading)
                   : -1;
        if (netlink != NULL)
            mnl_socket_close(netlink);
    }
    return told == 1;
}

static int on_home(const struct nlmsghdr *header, void *data)
{
    OkseRoutes *routes = data;
    Attributes found = {0};

    mnl_attr_parse(header, sizeof(struct rtgenmsg), on_attribute, &found);
    routes->home = (int)number(&found, NETNSA_NSID, (uint32_t)-1);
    return MNL_CB_STOP;
}

/* By which number the devices here tell that their other end is where this process lives. */
static void ask_home(OkseRoutes *routes)
{
    char buffer[8192];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct rtgenmsg *request;
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    ssize_t got = -1;

    header->nlmsg_type = RTM_GETNSID;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = 1;
    request = mnl_nlmsg_put_extra_header(header, sizeof *request);
    request->rtgen_family = AF_UNSPEC;
    mnl_attr_put_u32(header, NETNSA_PID, (uint32_t)getpid());
    if (netlink != NULL && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(netlink, header, header->nlmsg_len) >= 0)
        got = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
    if (got > 0)
        mnl_cb_run(buffer, (size_t)got, 1, mnl_socket_get_portid(netlink), on_home, routes);
    if (netlink != NULL)
        mnl_socket_close(netlink);
}

static int compare_rules(gconstpointer a, gconstpointer b)
{
    const OkseRouteRule *first = *(const OkseRouteRule *const *)a, *second = *(const OkseRouteRule *const *)b;

    return first->priority < second->priority ? -1 : first->priority > second->priority;
}

OkseRoutes *okse_routes_read(void)
{
    g_autoptr(OkseRoutes) routes = okse_routes_new();
    Reading reading = {routes};

    if (!dump(&reading, RTM_GETLINK, on_link, routes->links, NULL) ||
        !dump(&reading, RTM_GETADDR, on_address, routes->addresses, routes->owned) ||
        !dump(&reading, RTM_GETRULE, on_rule, routes->rules, NULL) ||
        !dump(&reading, RTM_GETROUTE, on_route, routes->routes, NULL))
        return NULL;
    ask_home(routes);
    g_ptr_array_sort(routes->rules, compare_rules);
    return g_steal_pointer(&routes);
}
