#pragma once

#include "audit/envelope.h"

/* What the network policies of Kubernetes leave to pods: policies and workloads are added in any order, then each
 * workload is judged by all policies of its namespace that select it. Source: kubernetes.io, "Network Policies";
 * networking.k8s.io/v1. */
typedef struct OkseNetworkPolicies OkseNetworkPolicies;

OkseNetworkPolicies *okse_network_policies_new(void);
void okse_network_policies_free(OkseNetworkPolicies *policies);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseNetworkPolicies, okse_network_policies_free)

/* Take in one object, or a List of them; what is neither policy nor workload is passed over. path and line: where it
 * stands, as sources show it. */
void okse_network_policies_add(OkseNetworkPolicies *policies, const json_t *object, const char *path, unsigned line);

/* What some pods can reach. Borrowed, valid in the call. */
typedef struct {
    const char *subject; /* "namespace shop, Deployment web" */
    const char *path;
    unsigned line;
    bool isolated; /* some policy for outgoing traffic selects them */
    const OkseEnvelope *envelope;
    const GPtrArray *unmodelled; /* OkseFirewallRule */
} OkseNetworkPolicyResult;

#define OKSE_NETWORK_POLICY_SUBJECTS 500u

/* Workloads that some policy selects, one by one; those that none selects, together by namespace; and policies that
 * select no workload. At most OKSE_NETWORK_POLICY_SUBJECTS of them: false when there are more. */
typedef void (*OkseNetworkPolicyVisitor)(void *context, const OkseNetworkPolicyResult *result);
bool okse_network_policies_visit(const OkseNetworkPolicies *policies, OkseNetworkPolicyVisitor visit, void *context);
