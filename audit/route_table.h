#pragma once

#include "audit/packet_set.h"

/* Routes and policy rules as a model that can be walked: by which device a packet of an ordinary socket leaves. */
typedef enum {
    OKSE_ROUTE_DEVICE, /* leaves by a device */
    OKSE_ROUTE_ENDS,   /* this host itself, a blackhole, unreachable, prohibited */
    OKSE_ROUTE_THROWS, /* as if the table had no route */
} OkseRouteKind;

typedef struct {
    OkseInterval destination;
    unsigned length; /* of the prefix */
    bool four;
    uint32_t table, metric;
    OkseRouteKind kind;
    char *device;
    bool has_source; /* a preferred source address */
    OkseWide source;
    bool has_gateway; /* false: what it leads to is on the link, or the gateway is none of the family */
    OkseWide gateway;
    const char *unmodelled; /* why it may be used less than it says, static; NULL: it is not */
    char *text;
} OkseRoute;

typedef struct {
    bool four;
    uint32_t priority, table;
    OkseRouteKind kind; /* DEVICE: look into the table; THROWS: nothing */
    bool has_from, inverted, never;
    char *input;                           /* only what came in by this device; NULL: whatever; "lo": made here */
    OkseInterval from, to;                 /* sources and destinations */
    OkseInterval sides[OKSE_PACKET_SIDES]; /* more of the packet; whole where nothing is asked */
    int suppressed;                        /* routes with prefixes no longer than this do not count; -1: all count */
    const char *unmodelled;
    char *text;
} OkseRouteRule;

typedef struct {
    char *device;
    OkseWide address;
} OkseLocalAddress;

/* A device. */
typedef struct {
    char *name;
    char *kind; /* "veth", "bridge", …; NULL: hardware, or loopback */
    uint32_t index;
    uint32_t peer;   /* index of the other end, or of what it stands on; 0: none */
    int elsewhere;   /* number by which this namespace calls the one that the peer is in; -1: this one */
    uint32_t master; /* index of the bridge or the like that it is in; 0: none */
    bool up;
} OkseLink;

typedef struct {
    GPtrArray *routes, *rules,
        *addresses;   /* OkseRoute, OkseRouteRule in the order of their priority, OkseLocalAddress */
    GPtrArray *owned; /* OkseLocalAddress: those of the link and of this host alone, too */
    GPtrArray *links; /* OkseLink */
    int home;         /* number by which this namespace calls that of the process; -1: not told, or it is this one */
    GPtrArray *notes; /* char *: what could not be modelled at all */
} OkseRoutes;

OkseRoutes *okse_routes_new(void);
void okse_routes_free(OkseRoutes *routes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseRoutes, okse_routes_free)
/* Ask the kernel, in the network namespace of the calling thread. NULL when it does not tell. */
OkseRoutes *okse_routes_read(void) G_GNUC_WARN_UNUSED_RESULT;

/* The device of this name, with this index; NULL: none. Borrowed. */
const OkseLink *okse_routes_link(const OkseRoutes *routes, const char *name);
const OkseLink *okse_routes_link_at(const OkseRoutes *routes, uint32_t index);
/* Whether an address is one of this host's own. */
bool okse_routes_own(const OkseRoutes *routes, OkseWide address);

/* Packets that leave by one device to one gateway with one preferred source. */
typedef struct {
    const char *device; /* borrowed */
    bool has_source;
    OkseWide source;
    bool has_gateway;
    OkseWide gateway;
    OksePacketSet packets;
} OkseRouteExit;
void okse_route_exit_free(gpointer exit);

/* Where `packets` leave (they are used up): OkseRouteExit. source: of the socket, or NULL while it has none; input: the
 * device by which they came in, or NULL for those that are made here. What is not modelled and was met is added to
 * `unmodelled` (texts, borrowed, each once). */
GPtrArray *okse_routes_walk(const OkseRoutes *routes, const OkseWide *source, const char *input, OksePacketSet *packets,
                            GPtrArray *unmodelled) G_GNUC_WARN_UNUSED_RESULT;
/* Whether some rule asks for the source address. */
bool okse_routes_use_source(const OkseRoutes *routes);
