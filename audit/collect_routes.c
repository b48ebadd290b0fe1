/* Routes by netlink: where packets could go. */
#include "audit/collector.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

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

static int on_route(const struct nlmsghdr *header, void *data)
{
    OkseCollection *collection = data;
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    Attributes found = {0};
    char destination[INET6_ADDRSTRLEN] = "", gateway[INET6_ADDRSTRLEN] = "", device[IF_NAMESIZE] = "";
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
    if (found.device != 0)
        if_indextoname(found.device, device);
    text = g_strdup_printf("%s/%u", destination, route->rtm_dst_len);
    is_public = okse_atlas_range_is_public(text);
    key = g_strdup_printf("%s|%s|%s|%u", text, gateway, device, route->rtm_table);
    okse_facts_add(
        collection->facts, "routes", key,
        json_pack("{s:s,s:s?,s:s?,s:b,s:o,s:s}", "destination", text, "gateway", *gateway != '\0' ? gateway : NULL,
                  "device", *device != '\0' ? device : NULL, "public", (int)is_public, "source",
                  okse_facts_source(&(OkseSourceFact){.collector = "routes", .excerpt = key, .via = "netlink"}),
                  "state", "observed"));
    return MNL_CB_OK;
}

static bool dump(struct mnl_socket *netlink, OkseCollection *collection)
{
    char buffer[32768];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct rtmsg *request;
    ssize_t got = 1;
    int result = MNL_CB_OK;

    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = 1;
    request = mnl_nlmsg_put_extra_header(header, sizeof *request);
    request->rtm_family = AF_UNSPEC;
    if (mnl_socket_sendto(netlink, header, header->nlmsg_len) < 0)
        return false;
    while (got > 0 && result > MNL_CB_STOP) {
        got = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        if (got > 0)
            result = mnl_cb_run(buffer, (size_t)got, 1, mnl_socket_get_portid(netlink), on_route, collection);
    }
    return got > 0 && result == MNL_CB_STOP;
}

void okse_collect_routes(OkseCollection *collection)
{
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    bool good = netlink != NULL && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0 && dump(netlink, collection);

    if (netlink != NULL)
        mnl_socket_close(netlink);
    okse_facts_coverage(collection->facts, "routes", good ? OKSE_COMPLETE : OKSE_UNAVAILABLE,
                        good ? NULL : "the kernel does not tell its routes (rtnetlink)");
}
