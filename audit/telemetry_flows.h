#pragma once

#include "core/json.h"

/* What was seen on sockets and tracked connections, held against what programs report: where an address that a host of
 * a report has by the answers of the resolver (`resolved`) was connected to, by the program itself as far as anybody
 * can tell, the grade is `observed` and `flow` names it. What is not seen proves nothing. facts: an okse.facts.v1
 * document after okse_facts_resolve(), changed. Returns how many facts of telemetry were seen to happen. */
unsigned okse_telemetry_flows(json_t *facts);
