/* Sockets by netlink sock_diag where we are, and from /proc/PID/net of one process for every other network namespace
 * (no namespace is entered), joined with the processes that hold them. What cannot be joined makes the collector
 * partial: the address is still there, its owner is not. What the connection tracker forwards for others is seen too.
 */
#include "audit/collector.h"
#include "audit/sockets_text.h"
#include "core/fd.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 1024u          /* bytes of a line of /proc/net, which has less */
#define FLOW_LIMIT 1000000u /* tracked flows of one namespace that are looked at */

typedef struct {
    OkseCollection *collection;
    GHashTable *listening; /* local ports that something listens on, of the namespace at hand */
    const char *netns;     /* "net:[…]", or NULL: our own */
    unsigned protocol;
    bool only_listening; /* first pass */
    GHashTable *flows;   /* "protocol|to|port" that were told of the namespace at hand */
} Sockets;

/* One socket, whoever told it. */
typedef struct {
    const char *local, *remote; /* canonical addresses */
    unsigned local_port, remote_port;
    bool listening;
    guint64 inode;
    const char *path; /* where it was read, or NULL: netlink */
} Seen;

static char *canonical(const char *text)
{
    g_autofree char *address = NULL;

    return okse_atlas_address(text, &address) ? g_steal_pointer(&address) : g_strdup(text);
}

static char *text_of(unsigned family, const __be32 *address)
{
    char text[INET6_ADDRSTRLEN];

    return inet_ntop((int)family, address, text, sizeof text) == NULL ? g_strdup("?") : canonical(text);
}

static char *with_port(const char *address, unsigned port)
{
    return strchr(address, ':') != NULL ? g_strdup_printf("[%s]:%u", address, port)
                                        : g_strdup_printf("%s:%u", address, port);
}

static json_t *socket_source(const char *path, const char *excerpt)
{
    return okse_facts_source(&(OkseSourceFact){
        .collector = "sockets", .path = path, .excerpt = excerpt, .via = path != NULL ? "proc" : "netlink"});
}

static void add_outward(const Sockets *sockets, const Seen *seen, const OkseProcess *process, const char *excerpt)
{
    okse_facts_endpoint(sockets->collection->facts,
                        &(OkseEndpointFact){.host = seen->remote,
                                            .port = seen->remote_port,
                                            .protocol = sockets->protocol == IPPROTO_TCP ? "tcp" : "udp",
                                            .tls = -1,
                                            .direction = "out",
                                            .role = "unknown",
                                            .state = "observed",
                                            .process = process != NULL ? okse_process_json(process) : NULL,
                                            .source = socket_source(seen->path, excerpt)});
}

static void add_socket(Sockets *sockets, const Seen *seen)
{
    const char *protocol = sockets->protocol == IPPROTO_TCP ? "tcp" : "udp";
    const OkseProcess *process = okse_processes_owner(sockets->collection->processes, seen->inode);
    g_autofree char *here = with_port(seen->local, seen->local_port);
    g_autofree char *there = seen->listening ? NULL : with_port(seen->remote, seen->remote_port);
    g_autofree char *key =
        g_strdup_printf("%s|%s|%s%s%s", protocol, here, there != NULL ? there : "", sockets->netns != NULL ? "|" : "",
                        sockets->netns != NULL ? sockets->netns : "");
    g_autofree char *excerpt = g_strdup_printf(
        "%s %s %s %s", protocol, seen->listening ? "listening on" : "connected from", here, there != NULL ? there : "");

    okse_facts_add(sockets->collection->facts, "sockets", key,
                   json_pack("{s:s,s:s,s:s,s:s?,s:s?,s:o,s:o,s:s}", "protocol", protocol, "direction",
                             seen->listening ? "listening" : "connected", "local", here, "remote", there, "netns",
                             sockets->netns, "process", okse_process_json(process), "source",
                             socket_source(seen->path, excerpt), "state", "observed"));
    if (seen->listening || g_hash_table_contains(sockets->listening, GUINT_TO_POINTER(seen->local_port)))
        return; /* somebody came to us */
    g_hash_table_add(sockets->flows, g_strdup_printf("%s|%s|%u", protocol, seen->remote, seen->remote_port));
    add_outward(sockets, seen, process, excerpt);
}

static void note(Sockets *sockets, const Seen *seen)
{
    if (!sockets->only_listening)
        add_socket(sockets, seen);
    else if (seen->listening && sockets->protocol == IPPROTO_TCP)
        g_hash_table_add(sockets->listening, GUINT_TO_POINTER(seen->local_port));
}

static int on_message(const struct nlmsghdr *header, void *data)
{
    Sockets *sockets = data;
    const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
    g_autofree char *local = NULL, *remote = NULL;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *message)
        return MNL_CB_ERROR;
    if (message->idiag_state == TCP_TIME_WAIT || message->idiag_inode == 0)
        return MNL_CB_OK;
    local = text_of(message->idiag_family, message->id.idiag_src);
    remote = text_of(message->idiag_family, message->id.idiag_dst);
    note(sockets,
         &(Seen){local, remote, ntohs(message->id.idiag_sport), ntohs(message->id.idiag_dport),
                 sockets->protocol == IPPROTO_TCP ? message->idiag_state == TCP_LISTEN : message->id.idiag_dport == 0,
                 message->idiag_inode, NULL});
    return MNL_CB_OK;
}

static bool dump(struct mnl_socket *netlink, Sockets *sockets, unsigned family, unsigned protocol)
{
    char buffer[32768];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct inet_diag_req_v2 *request;
    ssize_t got = 1;
    int result = MNL_CB_OK;

    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = family << 8 | protocol;
    request = mnl_nlmsg_put_extra_header(header, sizeof *request);
    request->sdiag_family = (uint8_t)family;
    request->sdiag_protocol = (uint8_t)protocol;
    request->idiag_states = ~0u;
    sockets->protocol = protocol;
    if (mnl_socket_sendto(netlink, header, header->nlmsg_len) < 0)
        return false;
    while (got > 0 && result > MNL_CB_STOP) {
        got = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);
        if (got > 0)
            result = mnl_cb_run(buffer, (size_t)got, family << 8 | protocol, mnl_socket_get_portid(netlink), on_message,
                                sockets);
    }
    return got > 0 && result == MNL_CB_STOP;
}

static bool dump_all(struct mnl_socket *netlink, Sockets *sockets)
{
    static const unsigned families[] = {AF_INET, AF_INET6}, protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    bool good = true;

    for (unsigned i = 0; i < G_N_ELEMENTS(families); i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(protocols); k++)
            good = dump(netlink, sockets, families[i], protocols[k]) && good;
    return good;
}

/* One file of another namespace. False when it could not be read to its end; a namespace that is gone was read. */
static bool read_table(Sockets *sockets, guint64 netns, const char *name)
{
    bool six = g_str_has_suffix(name, "6");
    g_autofree char *path = g_strconcat("/proc/PID/net/", name, NULL);
    int fd = okse_processes_open_netns(sockets->collection->processes, netns, name);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
    OkseSocketLine line;
    char text[LINE];
    bool good;

    if (stream == NULL)
        return errno == ENOENT || errno == ESRCH;
    sockets->protocol = g_str_has_prefix(name, "tcp") ? IPPROTO_TCP : IPPROTO_UDP;
    while (fgets(text, sizeof text, stream) != NULL) {
        g_autofree char *local = NULL, *remote = NULL;

        if (!okse_socket_line_read(text, six, &line) || line.state == TCP_TIME_WAIT || line.inode == 0)
            continue;
        local = canonical(line.local);
        remote = canonical(line.remote);
        note(sockets, &(Seen){local, remote, line.local_port, line.remote_port,
                              sockets->protocol == IPPROTO_TCP ? line.state == TCP_LISTEN : line.remote_port == 0,
                              line.inode, path});
    }
    good = ferror(stream) == 0;
    fclose(stream);
    return good;
}

static bool read_tables(Sockets *sockets, guint64 netns)
{
    static const char *const names[] = {"tcp", "tcp6", "udp", "udp6"};
    bool good = true;

    for (unsigned pass = 0; pass < 2; pass++) {
        sockets->only_listening = pass == 0;
        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
            good = read_table(sockets, netns, names[i]) && good;
    }
    return good;
}

/* What comes to an address of ours is no flow outwards, whoever it is handed to. */
static bool is_ours(const char *address)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    char text[INET6_ADDRSTRLEN];

    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *one = all; one != NULL && !found; one = one->ifa_next) {
        if (one->ifa_addr == NULL || (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6))
            continue;
        const void *bytes = one->ifa_addr->sa_family == AF_INET
                                ? (const void *)&((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr
                                : (const void *)&((const struct sockaddr_in6 *)(const void *)one->ifa_addr)->sin6_addr;

        found = inet_ntop(one->ifa_addr->sa_family, bytes, text, sizeof text) != NULL && strcmp(text, address) == 0;
    }
    freeifaddrs(all);
    return found;
}

/* Flows that pass through and have no socket here: forwarded for a machine or container behind us. */
static void add_flow(Sockets *sockets, const OkseFlowLine *flow)
{
    g_autofree char *from = canonical(flow->from), *to = canonical(flow->to);
    g_autofree char *key = g_strdup_printf("%s|%s|%u", flow->protocol, to, flow->to_port);
    g_autofree char *here = with_port(from, flow->from_port), *there = with_port(to, flow->to_port);
    g_autofree char *excerpt = g_strdup_printf("%s tracked from %s %s", flow->protocol, here, there);

    if ((sockets->netns == NULL && is_ours(to)) ||
        g_hash_table_contains(sockets->listening, GUINT_TO_POINTER(flow->to_port)) ||
        !g_hash_table_add(sockets->flows, g_steal_pointer(&key)))
        return;
    sockets->protocol = strcmp(flow->protocol, "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP;
    add_outward(sockets, &(Seen){from, to, flow->from_port, flow->to_port, false, 0, "/proc/PID/net/nf_conntrack"},
                NULL, excerpt);
}

/* Where the kernel tracks nothing or does not list it there is nothing to see; that it may not be read is not said to
 * be a gap, since every socket is seen without it. */
static bool read_flows(Sockets *sockets, guint64 netns)
{
    int fd = okse_processes_open_netns(sockets->collection->processes, netns, "nf_conntrack");
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
    char text[LINE];
    unsigned count = 0;
    OkseFlowLine flow;

    if (stream == NULL)
        return true;
    while (count < FLOW_LIMIT && fgets(text, sizeof text, stream) != NULL) {
        count++;
        if (okse_flow_line_read(text, &flow) &&
            (strcmp(flow.protocol, "tcp") == 0 || strcmp(flow.protocol, "udp") == 0))
            add_flow(sockets, &flow);
    }
    fclose(stream);
    return count < FLOW_LIMIT;
}

static void partial(const Sockets *sockets, const char *reason)
{
    if (reason != NULL)
        okse_facts_coverage(sockets->collection->facts, "sockets", OKSE_PARTIAL, reason);
}

static void look_at_others(OkseCollection *collection)
{
    g_autoptr(GPtrArray) others = okse_processes_netns(collection->processes);

    for (guint i = 0; i < others->len; i++) {
        const OkseProcess *process = g_ptr_array_index(others, i);
        g_autoptr(GHashTable) listening = g_hash_table_new(NULL, NULL);
        g_autoptr(GHashTable) flows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autofree char *name = g_strdup_printf("net:[%" G_GUINT64_FORMAT "]", process->netns);
        Sockets sockets = {collection, listening, name, 0, true, flows};

        if (!read_tables(&sockets, process->netns))
            partial(&sockets, "the sockets of another network namespace could not be read (run as root)");
        if (!read_flows(&sockets, process->netns))
            partial(&sockets, "more flows are tracked than are looked at");
    }
}

void okse_collect_sockets(OkseCollection *collection)
{
    g_autoptr(GHashTable) listening = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) flows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Sockets sockets = {collection, listening, NULL, 0, true, flows};
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    bool good;

    if (netlink == NULL || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
        okse_facts_coverage(collection->facts, "sockets", OKSE_UNAVAILABLE,
                            "the kernel does not tell its sockets (sock_diag)");
        if (netlink != NULL)
            mnl_socket_close(netlink);
        return;
    }
    look_at_others(collection); /* first, so that of two processes with one destination ours is named */
    good = dump_all(netlink, &sockets);
    sockets.only_listening = false;
    good = dump_all(netlink, &sockets) && good;
    mnl_socket_close(netlink);
    if (!good)
        partial(&sockets, "the list of sockets came incomplete");
    if (!read_flows(&sockets, okse_processes_own_netns(collection->processes)))
        partial(&sockets, "more flows are tracked than are looked at");
    partial(&sockets, okse_processes_why_not(collection->processes));
    okse_facts_coverage(collection->facts, "sockets", OKSE_COMPLETE, NULL);
}
