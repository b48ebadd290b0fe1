#pragma once

#include "audit/envelope.h"

/* What another network namespace sends and this host forwards: the packets that leave the namespace by one end of a
 * veth pair come in at the other end, or at its bridge, and take the host's way. What is not modelled (another kind of
 * device, a gateway that is not this host) stays reachable, is not sure, and is named. */
typedef struct {
    const OkseFirewall *firewall; /* of the host; NULL: not known */
    const OkseRoutes *routes;     /* of the host */
    /* Whether the host forwards what comes in by the device: 1 yes, 0 no, -1 not known. */
    int (*forwards)(void *context, const char *device, bool four);
    /* How sources of IPv4 are checked there (rp_filter): 0 not at all, 1 by this device alone, 2 by any. */
    int (*checks)(void *context, const char *device);
    void *context;
} OkseForwarder;

/* own: the envelope of the namespace by itself; routes and firewall: of the namespace; all are borrowed and must stay.
 */
OkseEnvelope *okse_envelope_forward(const OkseEnvelope *own, const OkseRoutes *routes, const OkseFirewall *firewall,
                                    const OkseForwarder *host) G_GNUC_WARN_UNUSED_RESULT;
