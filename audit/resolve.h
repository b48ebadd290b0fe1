#pragma once

#include "audit/place.h"

/* Ask the system's resolver (getaddrinfo) for the hosts of the endpoints that nobody could place and, where connections
 * were seen, for those that programs report to (telemetry), and write the answers down: `resolved`, and a location
 * where every address lies in one country (method "resolution", low confidence: a name may lead elsewhere tomorrow).
 * This is the one thing of a collection that reaches out, so it is asked for by name and happens outside the confined
 * process. Hosts are asked one after the other; at most OKSE_RESOLVE_HOSTS of them, the rest stays as it is. facts: an
 * okse.facts.v1 document, changed. Returns how many were asked. */
#define OKSE_RESOLVE_HOSTS 2000u
unsigned okse_facts_resolve(json_t *facts, const OkseAtlas *atlas);
