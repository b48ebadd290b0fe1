/* Sockets by netlink sock_diag, joined with the processes that hold them through /proc/PID/fd. What cannot be joined
 * (another user's process) makes the collector partial: the address is still there, its owner is not. */
#include "audit/collector.h"
#include "core/fd.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    OkseCollection *collection;
    GHashTable *owners;    /* inode → pid + 1, as pointers */
    GHashTable *listening; /* local ports that something listens on */
    unsigned protocol;
    bool only_listening; /* first pass */
} Sockets;

static char *text_of(unsigned family, const __be32 *address)
{
    char text[INET6_ADDRSTRLEN];
    g_autofree char *canonical = NULL;

    if (inet_ntop((int)family, address, text, sizeof text) == NULL)
        return g_strdup("?");
    return okse_atlas_address(text, &canonical) ? g_steal_pointer(&canonical) : g_strdup(text);
}

static char *with_port(const char *address, unsigned port)
{
    return strchr(address, ':') != NULL ? g_strdup_printf("[%s]:%u", address, port)
                                        : g_strdup_printf("%s:%u", address, port);
}

static json_t *process_json(const Sockets *sockets, unsigned inode)
{
    gpointer owner = g_hash_table_lookup(sockets->owners, GUINT_TO_POINTER(inode));
    g_autofree char *link = NULL;
    char exe[4096];
    ssize_t length;
    unsigned pid;

    if (owner == NULL)
        return json_null();
    pid = GPOINTER_TO_UINT(owner) - 1;
    link = g_strdup_printf("/proc/%u/exe", pid);
    length = readlink(link, exe, sizeof exe - 1);
    exe[MAX(length, 0)] = '\0';
    if (!g_utf8_validate(exe, -1, NULL))
        exe[0] = '\0';
    return json_pack("{s:i,s:s?}", "pid", (int)pid, "exe", *exe != '\0' ? exe : NULL);
}

static json_t *socket_source(const char *excerpt)
{
    return okse_facts_source(&(OkseSourceFact){.collector = "sockets", .excerpt = excerpt, .via = "netlink"});
}

static void add_socket(Sockets *sockets, const struct inet_diag_msg *message, bool listening)
{
    const char *protocol = sockets->protocol == IPPROTO_TCP ? "tcp" : "udp";
    unsigned local_port = ntohs(message->id.idiag_sport), remote_port = ntohs(message->id.idiag_dport);
    g_autofree char *local = text_of(message->idiag_family, message->id.idiag_src);
    g_autofree char *remote = text_of(message->idiag_family, message->id.idiag_dst);
    g_autofree char *here = with_port(local, local_port), *there = listening ? NULL : with_port(remote, remote_port);
    g_autofree char *key = g_strdup_printf("%s|%s|%s", protocol, here, there != NULL ? there : "");
    g_autofree char *excerpt = g_strdup_printf("%s %s %s %s", protocol, listening ? "listening on" : "connected from",
                                               here, there != NULL ? there : "");

    okse_facts_add(sockets->collection->facts, "sockets", key,
                   json_pack("{s:s,s:s,s:s,s:s?,s:o,s:o,s:s}", "protocol", protocol, "direction",
                             listening ? "listening" : "connected", "local", here, "remote", there, "process",
                             process_json(sockets, message->idiag_inode), "source", socket_source(excerpt), "state",
                             "observed"));
    if (listening || g_hash_table_contains(sockets->listening, GUINT_TO_POINTER(local_port)))
        return; /* somebody came to us */
    okse_facts_endpoint(sockets->collection->facts,
                        &(OkseEndpointFact){.host = remote,
                                            .port = remote_port,
                                            .protocol = protocol,
                                            .tls = -1,
                                            .direction = "out",
                                            .role = "unknown",
                                            .state = "observed",
                                            .process = process_json(sockets, message->idiag_inode),
                                            .source = socket_source(excerpt)});
}

static int on_message(const struct nlmsghdr *header, void *data)
{
    Sockets *sockets = data;
    const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
    bool listening;

    if (mnl_nlmsg_get_payload_len(header) < sizeof *message)
        return MNL_CB_ERROR;
    listening = sockets->protocol == IPPROTO_TCP ? message->idiag_state == TCP_LISTEN : message->id.idiag_dport == 0;
    if (message->idiag_state == TCP_TIME_WAIT || message->idiag_inode == 0)
        return MNL_CB_OK;
    if (sockets->only_listening) {
        if (listening && sockets->protocol == IPPROTO_TCP)
            g_hash_table_add(sockets->listening, GUINT_TO_POINTER(ntohs(message->id.idiag_sport)));
        return MNL_CB_OK;
    }
    add_socket(sockets, message, listening);
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

/* False when the listing broke off. */
static bool add_owned(GHashTable *owners, int process_fd, unsigned pid)
{
    int fd = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    bool whole = true;

    if (directory == NULL)
        return true; /* find_owners() has asked why */
    while ((whole = okse_directory_next(directory, &entry, "fd", NULL)) && entry != NULL) {
        char target[64];
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        guint64 inode;

        target[MAX(length, 0)] = '\0';
        if (!g_str_has_prefix(target, "socket:["))
            continue;
        target[strcspn(target, "]")] = '\0';
        if (g_ascii_string_to_unsigned(target + 8, 10, 1, G_MAXUINT32, &inode, NULL))
            g_hash_table_insert(owners, GUINT_TO_POINTER((guint)inode), GUINT_TO_POINTER(pid + 1));
    }
    closedir(directory);
    return whole || faccessat(process_fd, "fd", F_OK, 0) != 0; /* it ended while it was listed */
}

/* Why not every owner is known, or NULL. */
static const char *find_owners(GHashTable *owners)
{
    static const char broken[] = "the listing of processes broke off, so some sockets have no owner";
    DIR *directory = opendir("/proc");
    const struct dirent *entry = NULL;
    bool shown = true, whole = directory != NULL, listed = whole;

    while (directory != NULL && (listed = okse_directory_next(directory, &entry, "/proc", NULL)) && entry != NULL) {
        guint64 pid;
        okse_autofd process = -1;

        if (!g_ascii_string_to_unsigned(entry->d_name, 10, 1, G_MAXINT32, &pid, NULL))
            continue;
        process = openat(dirfd(directory), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process < 0)
            continue;
        /* one that ended in the meantime owns nothing any more */
        shown = (faccessat(process, "fd", R_OK, AT_EACCESS) == 0 || errno == ENOENT || errno == ESRCH) && shown;
        whole = add_owned(owners, process, (unsigned)pid) && whole;
    }
    if (directory != NULL)
        closedir(directory);
    if (!shown)
        return "processes of other users do not show which sockets are theirs (run as root)";
    return whole && listed ? NULL : broken;
}

void okse_collect_sockets(OkseCollection *collection)
{
    g_autoptr(GHashTable) owners = g_hash_table_new(NULL, NULL), listening = g_hash_table_new(NULL, NULL);
    Sockets sockets = {collection, owners, listening, 0, true};
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    const char *no_owners;
    bool good;

    if (netlink == NULL || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
        okse_facts_coverage(collection->facts, "sockets", OKSE_UNAVAILABLE,
                            "the kernel does not tell its sockets (sock_diag)");
        if (netlink != NULL)
            mnl_socket_close(netlink);
        return;
    }
    no_owners = find_owners(owners);
    good = dump_all(netlink, &sockets);
    sockets.only_listening = false;
    good = dump_all(netlink, &sockets) && good;
    mnl_socket_close(netlink);
    if (!good)
        okse_facts_coverage(collection->facts, "sockets", OKSE_PARTIAL, "the list of sockets came incomplete");
    else if (no_owners != NULL)
        okse_facts_coverage(collection->facts, "sockets", OKSE_PARTIAL, no_owners);
    else
        okse_facts_coverage(collection->facts, "sockets", OKSE_COMPLETE, NULL);
}
