/* Objects of Kubernetes as YAML: whatever they say, every workload gets an answer. */
#include "audit/network_policy.h"
#include "core/yaml.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_result(void *context, const OkseNetworkPolicyResult *result)
{
    g_autoptr(GArray) both = okse_intervals_intersect(result->envelope->reachable, result->envelope->surely);

    (void)context;
    g_assert_cmpuint(both->len, ==, result->envelope->surely->len);
    g_assert_true(result->unmodelled->len == 0 || result->envelope->surely->len == 0);
    g_assert_nonnull(result->subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseNetworkPolicies) policies = okse_network_policies_new();
    g_autoptr(OkseYaml) yaml = size > 65536 ? NULL : okse_yaml_read_foreign(bytes, "fuzz.yaml", NULL);

    for (unsigned i = 0; yaml != NULL && i < okse_yaml_documents(yaml); i++) {
        g_autoptr(json_t) object = okse_node_to_json(okse_yaml_document(yaml, i));

        okse_network_policies_add(policies, object, "fuzz.yaml", 1);
    }
    okse_network_policies_visit(policies, on_result, NULL);
    return 0;
}
