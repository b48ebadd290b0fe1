#pragma once

#include "audit/object_store.h"

/* Set "egress" of a pod's workload by all policies that select it: "none" (no policy), "deny", "limited" (to the
 * cluster and private ranges), "allow", "unknown" (a policy of a kind that is not modelled). */
void okse_object_egress(const OkseObjects *objects, json_t *workload);
