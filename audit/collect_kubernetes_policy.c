/* What NetworkPolicies let out: kept until all workloads are known, for a policy selects pods by their labels. Source:
 * kubernetes.io, "Network Policies": policies add up; a pod that none selects for egress may reach everything. */
#include "audit/collect_objects.h"
#include "audit/object_egress.h"
#include "audit/object_store.h"
#include "audit/place.h"

#include <string.h>

/* A policy of Cilium or Calico decides too, by rules that are not modelled here. */
static bool is_standard(const char *kind, const OkseNode *node)
{
    const OkseNode *api = okse_node_get(node, "apiVersion");
    const char *text = api != NULL ? okse_node_text(api) : NULL;

    return strcmp(kind, "NetworkPolicy") == 0 && text != NULL && g_str_has_prefix(text, "networking.k8s.io/");
}

static bool names_egress(const OkseNode *spec)
{
    const OkseNode *types = okse_node_get(spec, "policyTypes");

    for (unsigned i = 0; i < okse_node_count(types); i++)
        if (g_strcmp0(okse_node_text(okse_node_item(types, i)), "Egress") == 0)
            return true;
    return types == NULL && okse_node_get(spec, "egress") != NULL;
}

/* A rule without "to" leads anywhere, one with a public range abroad; selectors stay in the cluster. */
static bool rule_leads_out(const OkseNode *rule)
{
    const OkseNode *to = okse_node_get(rule, "to");

    if (okse_node_count(to) == 0)
        return true;
    for (unsigned i = 0; i < okse_node_count(to); i++) {
        const OkseNode *cidr = okse_node_get(okse_node_get(okse_node_item(to, i), "ipBlock"), "cidr");

        if (cidr != NULL && (okse_node_text(cidr) == NULL || okse_atlas_range_is_public(okse_node_text(cidr))))
            return true;
    }
    return false;
}

void okse_collect_kubernetes_policy(const OkseObjectFile *file, const char *kind, const char *namespace_,
                                    const OkseNode *node)
{
    const OkseNode *spec = okse_node_get(node, "spec"), *egress = okse_node_get(spec, "egress");
    const OkseNode *selector = okse_node_get(spec, "podSelector");
    const char *what = okse_node_count(egress) == 0 ? "deny" : "limited";

    if (!is_standard(kind, node))
        what = "unknown";
    else if (!names_egress(spec))
        return;
    for (unsigned i = 0; strcmp(what, "limited") == 0 && i < okse_node_count(egress); i++)
        if (rule_leads_out(okse_node_item(egress, i)))
            what = "allow";
    json_array_append_new(file->collection->objects->policies,
                          json_pack("{s:s?,s:o,s:s,s:b}", "namespace", namespace_, "selector",
                                    selector != NULL ? okse_node_to_json(selector) : json_object(), "egress", what,
                                    "everywhere",
                                    g_str_has_prefix(kind, "CiliumClusterwide") || g_str_has_prefix(kind, "Global")));
}

static bool expression_selects(const json_t *expression, const json_t *labels)
{
    const char *operation = okse_json_peek_text(expression, "operator"), *key = okse_json_peek_text(expression, "key");
    const json_t *values = json_object_get(expression, "values"), *value;
    const json_t *label = key != NULL ? json_object_get(labels, key) : NULL;
    bool among = false;
    size_t i;

    json_array_foreach(values, i, value) among = among || (label != NULL && json_equal(value, label));
    if (g_strcmp0(operation, "In") == 0)
        return among;
    if (g_strcmp0(operation, "NotIn") == 0)
        return !among;
    if (g_strcmp0(operation, "Exists") == 0)
        return label != NULL;
    return g_strcmp0(operation, "DoesNotExist") == 0 && label == NULL;
}

static bool selects(const json_t *selector, const json_t *labels)
{
    const json_t *wanted = json_object_get(selector, "matchLabels"), *expression;
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)wanted, key,
                        value) if (!json_equal(json_object_get(labels, key), value)) return false;
    json_array_foreach(json_object_get(selector, "matchExpressions"), i,
                       expression) if (!expression_selects(expression, labels)) return false;
    return true;
}

/* allow > unknown > limited > deny: what one policy lets out, no other takes back. */
static unsigned rank_of(const char *egress)
{
    static const char *const ranks[] = {"none", "deny", "limited", "unknown", "allow"};

    for (unsigned i = 0; i < G_N_ELEMENTS(ranks); i++)
        if (g_strcmp0(ranks[i], egress) == 0)
            return i;
    return 0;
}

void okse_object_egress(const OkseObjects *objects, json_t *workload)
{
    const json_t *policy, *labels = json_object_get(workload, "labels");
    bool host = json_is_true(json_object_get(workload, "host_network"));
    size_t i;

    json_array_foreach(objects->policies, i, policy)
    {
        const char *egress = okse_json_peek_text(policy, "egress"), *now = okse_json_peek_text(workload, "egress");
        bool here = json_is_true(json_object_get(policy, "everywhere")) ||
                    json_equal(json_object_get(policy, "namespace"), json_object_get(workload, "namespace"));

        /* policies do not bind pods on the node's own network */
        if (!host && here && selects(json_object_get(policy, "selector"), labels) && rank_of(egress) > rank_of(now))
            json_object_set_new(workload, "egress", json_string(egress));
    }
    if (objects->policies_unknown && !host && rank_of(okse_json_peek_text(workload, "egress")) < rank_of("unknown"))
        json_object_set_new(workload, "egress", json_string("unknown"));
}
