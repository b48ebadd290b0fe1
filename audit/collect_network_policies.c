/* Network policies and workloads among the configuration of a package. */
#include "audit/egress_facts.h"
#include "audit/network_policy.h"
#include "core/limits.h"
#include "core/yaml.h"

#include <string.h>

#define LIMIT_NAMED 64u
#define LIMIT_FILE (8u << 20) /* bytes of a file that is looked at */

static bool wants(void *context, const char *path, uint64_t size)
{
    (void)context;
    return size <= LIMIT_FILE &&
           (g_str_has_suffix(path, ".yaml") || g_str_has_suffix(path, ".yml") || g_str_has_suffix(path, ".json"));
}

/* A file that says a kind and is no YAML is a template, or broken; either way it is not known what it would be. */
static bool looks_like_policy(GBytes *bytes)
{
    return g_strstr_len(g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes), "NetworkPolicy") != NULL;
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const OkseCollectPart *part = context;
    g_autofree char *shown = okse_collect_part_path(part, path);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseYaml) yaml = g_bytes_get_size(bytes) == 0 ? NULL : okse_yaml_read_foreign(bytes, shown, &error);

    if (yaml == NULL) {
        if (g_bytes_get_size(bytes) > 0 && looks_like_policy(bytes))
            okse_facts_coverage(part->collection->facts, "network-policies", OKSE_PARTIAL, error->message);
        return;
    }
    for (unsigned i = 0; i < okse_yaml_documents(yaml); i++) {
        const OkseNode *node = okse_yaml_document(yaml, i);
        g_autoptr(json_t) object = NULL;

        if (okse_node_get(node, "apiVersion") == NULL || okse_node_get(node, "kind") == NULL)
            continue;
        object = okse_node_to_json(node);
        okse_network_policies_add(part->collection->policies, object, shown, okse_node_place(node).line);
    }
}

static void on_result(void *context, const OkseNetworkPolicyResult *result)
{
    OkseCollection *collection = context;
    const char *otherwise = result->isolated ? "deny" : "allow";
    g_autoptr(json_t) source = okse_facts_source(&(OkseSourceFact){.collector = "network-policies",
                                                                   .path = result->path,
                                                                   .line = result->line,
                                                                   .excerpt = result->subject,
                                                                   .via = "structured"});
    OkseEgressSubject subject = {.kind = "pods",
                                 .name = result->subject,
                                 .state = "configured",
                                 .complete = result->unmodelled->len == 0,
                                 .defaults = {otherwise, otherwise},
                                 .source = source};
    json_t *unmodelled = json_array();

    for (guint i = 0; i < MIN(result->unmodelled->len, LIMIT_NAMED); i++)
        json_array_append_new(unmodelled, okse_firewall_rule_json(g_ptr_array_index(result->unmodelled, i)));
    okse_egress_add(collection, &subject, result->envelope, unmodelled);
}

static const OkseCollectParts parts = {"network-policies", "infra", {wants, use, NULL}};

static void begin(OkseCollection *collection)
{
    collection->policies = okse_network_policies_new();
}

static void end(OkseCollection *collection)
{
    if (!okse_network_policies_visit(collection->policies, on_result, collection))
        okse_facts_coverage(collection->facts, "network-policies", OKSE_PARTIAL, "more workloads than are judged");
    g_clear_pointer(&collection->policies, okse_network_policies_free);
}

bool okse_collect_network_policies(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    bool good;

    begin(collection);
    good = okse_collect_parts(collection, contents, &parts, error);
    end(collection);
    return good;
}

void okse_collect_installed_network_policies(OkseCollection *collection, const char *why_not)
{
    begin(collection);
    okse_collect_installed_parts(collection, &parts, why_not);
    end(collection);
}
