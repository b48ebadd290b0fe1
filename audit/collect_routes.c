/* Routes: where packets could go. Ours by netlink, those of other network namespaces from /proc/PID/net, and what the
 * network's configuration would set. */
#include "audit/collect_host_files.h"
#include "audit/collector.h"
#include "audit/sockets_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* Names come from the same socket: if_indextoname() would open another one, which a confined process may not. */
typedef struct {
    OkseCollection *collection;
    GHashTable *names; /* index of a device → char * */
} Routes;

#define LINE 1024u

typedef struct {
    const void *destination, *gateway;
    unsigned device, table;
} Attributes;

void okse_collect_route(OkseCollection *collection, const OkseRouteFact *route)
{
    const char *gateway = route->gateway != NULL ? route->gateway : "";
    const char *device = route->device != NULL ? route->device : "";
    g_autofree char *where =
        route->source == NULL || json_is_null(json_object_get(route->source, "line"))
            ? g_strdup("")
            : g_strdup_printf("|%s:%" JSON_INTEGER_FORMAT, okse_json_peek_text(route->source, "path"),
                              json_integer_value(json_object_get(route->source, "line")));
    g_autofree char *key =
        g_strdup_printf("%s|%s|%s|%u%s%s%s", route->destination, gateway, device, route->table,
                        route->netns != NULL ? "|" : "", route->netns != NULL ? route->netns : "", where);
    json_t *fact = json_pack("{s:s,s:s?,s:s?,s:b,s:s?,s:o,s:s}", "destination", route->destination, "gateway",
                             *gateway != '\0' ? gateway : NULL, "device", *device != '\0' ? device : NULL, "public",
                             (int)okse_atlas_range_is_public(route->destination), "netns", route->netns, "source",
                             route->source, "state", route->state);

    json_object_set_new(fact, "table", route->table > 0 ? json_integer(route->table) : json_null());
    okse_facts_add(collection->facts, "routes", key, fact);
}

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
    else if (mnl_attr_get_type(attribute) == RTA_TABLE && address)
        found->table = mnl_attr_get_u32(attribute); /* tables above 255 have their number only here */
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
    g_autofree char *text = NULL, *excerpt = NULL;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *route || route->rtm_table == RT_TABLE_LOCAL ||
        route->rtm_type != RTN_UNICAST || (route->rtm_family != AF_INET && route->rtm_family != AF_INET6))
        return MNL_CB_OK;
    found.table = route->rtm_table;
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
    excerpt = g_strdup_printf("%s|%s|%s|%u", text, gateway, device, found.table);
    okse_collect_route(routes->collection,
                       &(OkseRouteFact){.destination = text,
                                        .gateway = gateway,
                                        .device = device,
                                        .table = found.table,
                                        .state = "observed",
                                        .source = okse_facts_source(&(OkseSourceFact){
                                            .collector = "routes", .excerpt = excerpt, .via = "netlink"})});
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

/* The main table of another namespace: /proc shows no other. */
static bool read_table(OkseCollection *collection, const OkseProcess *process, bool six)
{
    g_autofree char *netns = g_strdup_printf("net:[%" G_GUINT64_FORMAT "]", process->netns);
    const char *name = six ? "ipv6_route" : "route";
    g_autofree char *path = g_strconcat("/proc/PID/net/", name, NULL);
    int fd = okse_processes_open_netns(collection->processes, process->netns, name);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
    OkseRouteLine line;
    char text[LINE];
    bool good;

    if (stream == NULL)
        return errno == ENOENT || errno == ESRCH;
    while (fgets(text, sizeof text, stream) != NULL) {
        g_autofree char *excerpt = NULL;

        if (!okse_route_line_read(text, six, &line) || line.local)
            continue;
        excerpt = g_strdup_printf("%s|%s|%s", line.destination, line.gateway, line.device);
        okse_collect_route(
            collection, &(OkseRouteFact){.destination = line.destination,
                                         .gateway = line.gateway,
                                         .device = line.device,
                                         .netns = netns,
                                         .state = "observed",
                                         .source = okse_facts_source(&(OkseSourceFact){
                                             .collector = "routes", .path = path, .excerpt = excerpt, .via = "proc"})});
    }
    good = ferror(stream) == 0;
    fclose(stream);
    return good;
}

static void look_at_others(OkseCollection *collection)
{
    g_autoptr(GPtrArray) others = okse_processes_netns(collection->processes);
    const char *hidden = okse_processes_hidden(collection->processes);

    for (guint i = 0; i < others->len; i++)
        for (unsigned six = 0; six < 2; six++)
            if (!read_table(collection, g_ptr_array_index(others, i), six == 1))
                okse_facts_coverage(collection->facts, "routes", OKSE_PARTIAL,
                                    "the routes of another network namespace could not be read (run as root)");
    if (hidden != NULL)
        okse_facts_coverage(collection->facts, "routes", OKSE_PARTIAL, hidden);
}

void okse_collect_routes(OkseCollection *collection)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    Routes routes = {collection, names};
    OkseHostLook look = {.readable = true};
    struct mnl_socket *netlink = NULL;
    bool good;

    okse_collect_host_files(collection, "routes", &look);
    if (!look.readable)
        okse_facts_coverage(collection->facts, "routes", OKSE_PARTIAL, "a network configuration could not be read");
    if (!collection->running) {
        okse_facts_coverage(collection->facts, "routes", OKSE_UNAVAILABLE,
                            "the kernel that runs is not that of the sysroot");
        return;
    }
    netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    good = netlink != NULL && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0 &&
           dump(netlink, RTM_GETLINK, on_device, &routes) && dump(netlink, RTM_GETROUTE, on_route, &routes);
    if (netlink != NULL)
        mnl_socket_close(netlink);
    look_at_others(collection);
    okse_facts_coverage(collection->facts, "routes", good ? OKSE_COMPLETE : OKSE_UNAVAILABLE,
                        good ? NULL : "the kernel does not tell its routes (rtnetlink)");
}
