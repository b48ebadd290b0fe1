#pragma once

#include "audit/collector.h"
#include "audit/envelope.h"

/* Whose packets an envelope is about. */
typedef struct {
    const char *kind;        /* "host", "pods", "namespace" */
    const char *name;        /* "this host", "namespace shop, pods app=web" */
    const char *state;       /* "observed", "configured" */
    bool complete;           /* nothing was met that is not modelled */
    const char *defaults[2]; /* of IPv4 and IPv6: "deny", "allow", "no-route", "unknown" */
    json_t *source;
    const char *netns; /* of a namespace, or NULL */
    json_t *processes; /* that live there, or NULL */
} OkseEgressSubject;

/* Add one fact to `egress`, and to `reach` one for every country. unmodelled: stolen. */
void okse_egress_add(OkseCollection *collection, const OkseEgressSubject *subject, const OkseEnvelope *envelope,
                     json_t *unmodelled);
