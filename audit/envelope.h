#pragma once

#include "audit/firewall.h"
#include "audit/place.h"
#include "audit/route_table.h"

/* The egress envelope: the public addresses that the first packet of an ordinary socket of this host can go to, through
 * routes, policy rules and packet filters. Contract and what is not modelled: docs/egress.md. */
typedef struct {
    char *device;
    bool has_source;
    OkseWide source;
    bool has_gateway; /* the next router, when it is of the packets' family */
    OkseWide gateway;
    OksePacketSet packets; /* public destinations only; their way is an OkseFirewallRule, or NULL: nothing stops them */
} OkseEnvelopePart;

typedef struct {
    GPtrArray *parts;  /* OkseEnvelopePart */
    GPtrArray *rules;  /* OkseFirewallRule (borrowed): met and not modelled */
    GPtrArray *routes; /* char *: the same of routing */
    GArray *reachable; /* OkseInterval, tidy: cannot be ruled out */
    GArray *surely;    /* those that surely are */
    bool routed[2];    /* some public address of IPv4, IPv6 has a route */
    bool forwarded;    /* some of it goes through another host's filter, too */
} OkseEnvelope;

/* routes: NULL when they are not known; then every address may have one and none surely has.
 * firewall: NULL when it is not known: it may stop everything. Both are borrowed and must stay.
 * each_source: every own address is tried, for somebody behind asks for it; otherwise only where something here does.
 */
OkseEnvelope *okse_envelope_new(const OkseFirewall *firewall, const OkseRoutes *routes,
                                bool each_source) G_GNUC_WARN_UNUSED_RESULT;
void okse_envelope_free(OkseEnvelope *envelope);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseEnvelope, okse_envelope_free)

/* An envelope of destinations and ports alone, as network policies give them. Takes the packets' boxes as they are. */
OkseEnvelope *okse_envelope_of(OksePacketSet *packets) G_GNUC_WARN_UNUSED_RESULT;

/* {"prefixes":[…],"count":n}: intervals as prefixes where they are one, as "low-high" otherwise. A new reference. */
json_t *okse_envelope_ranges(const GArray *intervals) G_GNUC_WARN_UNUSED_RESULT;

/* A country of which something is reachable, and one packet that shows it. */
typedef struct {
    char *country; /* NULL: nobody can say which */
    bool surely;
    json_t *packet;               /* {"destination","source","device","protocol","port","user"} */
    const OkseFirewallRule *rule; /* what lets it out; borrowed; NULL: nothing stops it */
} OkseEnvelopeReach;

/* OkseEnvelopeReach, sorted by country. */
GPtrArray *okse_envelope_countries(const OkseEnvelope *envelope, const OkseAtlas *atlas) G_GNUC_WARN_UNUSED_RESULT;

/* "deny", "allow", "no-route" or "unknown": what becomes of a packet of the family that no rule is about. hook: where
 * the filter meets it, "output" or "forward", beside postrouting. Static. */
const char *okse_envelope_default(const OkseEnvelope *envelope, const OkseFirewall *firewall, const char *hook,
                                  bool four);

/* {"path","line","handle","text","why"} of a rule. A new reference. */
json_t *okse_firewall_rule_json(const OkseFirewallRule *rule) G_GNUC_WARN_UNUSED_RESULT;
