#pragma once

#include <glib.h>
#include <stdbool.h>

/* Lines of /proc/net/{tcp,tcp6,udp,udp6} and of /proc/net/nf_conntrack: what the kernel tells of a network namespace in
 * which we are not. Source: Linux, Documentation/networking/proc_net_tcp.rst; net/netfilter/nf_conntrack_standalone.c
 */

#define OKSE_ADDRESS_TEXT 46u /* INET6_ADDRSTRLEN */

typedef struct {
    char local[OKSE_ADDRESS_TEXT], remote[OKSE_ADDRESS_TEXT];
    unsigned local_port, remote_port;
    unsigned state; /* as in netinet/tcp.h */
    guint64 inode;
} OkseSocketLine;

/* False for a line that is none: the heading, or damage. */
bool okse_socket_line_read(const char *line, bool six, OkseSocketLine *found);

typedef struct {
    char protocol[8];
    char from[OKSE_ADDRESS_TEXT], to[OKSE_ADDRESS_TEXT]; /* of whoever began */
    unsigned from_port, to_port;
} OkseFlowLine;

bool okse_flow_line_read(const char *line, OkseFlowLine *found);

/* One route of /proc/net/route or /proc/net/ipv6_route, as "10.0.0.0/8". Source: Linux, net/ipv4/fib_trie.c and
 * net/ipv6/route.c */
typedef struct {
    char destination[OKSE_ADDRESS_TEXT + 4u], gateway[OKSE_ADDRESS_TEXT]; /* "" for none */
    char device[16];
    bool local; /* to an address of its own, or refused */
} OkseRouteLine;

bool okse_route_line_read(const char *line, bool six, OkseRouteLine *found);
