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
    const char *unmodelled; /* why it may be used less than it says, static; NULL: it is not */
    char *text;
} OkseRoute;

typedef struct {
    bool four;
    uint32_t priority, table;
    OkseRouteKind kind; /* DEVICE: look into the table; THROWS: nothing */
    bool has_from, inverted, never;
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

typedef struct {
    GPtrArray *routes, *rules,
        *addresses;   /* OkseRoute, OkseRouteRule in the order of their priority, OkseLocalAddress */
    GPtrArray *notes; /* char *: what could not be modelled at all */
} OkseRoutes;

OkseRoutes *okse_routes_new(void);
void okse_routes_free(OkseRoutes *routes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseRoutes, okse_routes_free)
/* Ask the kernel, in the network namespace of the calling thread. NULL when it does not tell. */
OkseRoutes *okse_routes_read(void) G_GNUC_WARN_UNUSED_RESULT;

/* Packets that leave by one device with one preferred source. */
typedef struct {
    const char *device; /* borrowed */
    bool has_source;
    OkseWide source;
    OksePacketSet packets;
} OkseRouteExit;
void okse_route_exit_free(gpointer exit);

/* Where `packets` leave (they are used up): OkseRouteExit. source: of the socket, or NULL while it has none. What is
 * not modelled and was met is added to `unmodelled` (texts, borrowed, each once). */
GPtrArray *okse_routes_walk(const OkseRoutes *routes, const OkseWide *source, OksePacketSet *packets,
                            GPtrArray *unmodelled) G_GNUC_WARN_UNUSED_RESULT;
/* Whether some rule asks for the source address. */
bool okse_routes_use_source(const OkseRoutes *routes);
