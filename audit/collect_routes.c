/* Routes by netlink: where packets could go. */
#include "audit/collector.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* Names come from the same socket: if_indextoname() would open another one, which a confined process may not. */
typedef struct {
    OkseCollection *collection;
    GHashTable *names; /* index of a device → char * */
} Routes;

typedef struct {
    const void *destination, *gateway;
    unsigned device;
} Attributes;

static int on_attribute(const struct nlattr *attribute, void *data)
{
    Attributes *found = data;
    bool address = mnl_attr_get_payload_len(attribute) >= 4;

    if (mnl_attr_get_type(attribute) == RTA_DST && address)
        found->destination = mnl_attr_get_payload(attribute);
    else if (mnl_attr_get_type(attribute) == RTA_GATEWAY && address)
        found->gateway = mnl_attr_get_payload(attribute);
    else if (mnl_attr_get_type(attribute) == RTA_OIF && address)
        found->device = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static int on_name(const struct nlattr *attribute, void *data)
{
    const char **name = data;

    if (mnl_attr_get_type(attribute) == IFLA_IFNAME && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
        *name = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

static int on_device(const struct nlmsghdr *header, void *data)
{
    const Routes *routes = data;
    const struct ifinfomsg *device = mnl_nlmsg_get_payload(header);
    const char *name = NULL;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *device)
        return MNL_CB_OK;
    mnl_attr_parse(header, sizeof *device, on_name, (void *)&name);
    if (name != NULL)
        g_hash_table_insert(routes->names, GINT_TO_POINTER(device->ifi_index), g_strdup(name));
    return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *header, void *data)
{
    const Routes *routes = data;
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    Attributes found = {0};
    char destination[INET6_ADDRSTRLEN] = "", gateway[INET6_ADDRSTRLEN] = "";
    const char *device = "";
    g_autofree char *text = NULL, *key = NULL;
    bool is_public;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *route || route->rtm_table == RT_TABLE_LOCAL ||
        route->rtm_type != RTN_UNICAST || (route->rtm_family != AF_INET && route->rtm_family != AF_INET6))
        return MNL_CB_OK;
    mnl_attr_parse(header, sizeof *route, on_attribute, &found);
    if (found.destination != NULL)
        inet_ntop(route->rtm_family, found.destination, destination, sizeof destination);
    else
        g_strlcpy(destination, route->rtm_family == AF_INET ? "0.0.0.0" : "::", sizeof destination);
    if (found.gateway != NULL)
        inet_ntop(route->rtm_family, found.gateway, gateway, sizeof gateway);
    if (g_hash_table_contains(routes->names, GUINT_TO_POINTER(found.device)))
        device = g_hash_table_lookup(routes->names, GUINT_TO_POINTER(found.device));
    text = g_strdup_printf("%s/%u", destination, route->rtm_dst_len);
    is_public = okse_atlas_range_is_public(text);
    key = g_strdup_printf("%s|%s|%s|%u", text, gateway, device, route->rtm_table);
    okse_facts_add(
        routes->collection->facts, "routes", key,
        json_pack("{s:s,s:s?,s:s?,s:b,s:o,s:s}", "destination", text, "gateway", *gateway != '\0' ? gateway : NULL,
                  "device", *device != '\0' ? device : NULL, "public", (int)is_public, "source",
                  okse_facts_source(&(OkseSourceFact){.collector = "routes", .excerpt = key, .via = "netlink"}),
                  "state", "observed"));
    return MNL_CB_OK;
}

static bool dump(struct mnl_socket *netlink, unsigned type, mnl_cb_t each, Routes *routes)
{
    char buffer[32768];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct rtgenmsg *request;
    ssize_t got = 1;
    int result = MNL_CB_OK;

    header->nlmsg_type = (uint16_t)type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = type;
    request =
        mnl_nlmsg_put_extra_header(header, type == RTM_GETROUTE ? sizeof(struct rtmsg) : sizeof(struct ifinfomsg));
    request->rtgen_family = AF_UNSPEC;
    if (mnl_socket_sendto(netlink, header, header->nlmsg_len) < 0)
        return false;
    while (got > 0 && result > MNL_CB_STOP) {
        got = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        if (got > 0)
            result = mnl_cb_run(buffer, (size_t)got, type, mnl_socket_get_portid(netlink), each, routes);
    }
    return got > 0 && result == MNL_CB_STOP;
}

void okse_collect_routes(OkseCollection *collection)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    Routes routes = {collection, names};
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    bool good = netlink != NULL && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0 &&
                dump(netlink, RTM_GETLINK, on_device, &routes) && dump(netlink, RTM_GETROUTE, on_route, &routes);

    if (netlink != NULL)
        mnl_socket_close(netlink);
    okse_facts_coverage(collection->facts, "routes", good ? OKSE_COMPLETE : OKSE_UNAVAILABLE,
                        good ? NULL : "the kernel does not tell its routes (rtnetlink)");
}
