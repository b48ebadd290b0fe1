#include "packager/registry_limits.h"

#include "core/yaml.h"

#include <string.h>

#define PATH "manifests/registries.yaml"

static void limits_free(gpointer memory)
{
    OkseRegistryLimits *limits = memory;

    g_free(limits->name);
    g_free(limits->title);
    g_free(limits->source);
    g_free(limits->date);
    g_free(limits->confidence);
    g_strfreev(limits->hosts);
    g_free(limits);
}

static uint64_t number_take(OkseMap *map, const char *key)
{
    guint64 number = 0;

    return okse_map_take_unsigned(map, key, OKSE_OPTIONAL, &number) ? number : 0;
}

static GStrv hosts_take(OkseMap *map, OkseIssues *issues)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const OkseNode *list = NULL;

    okse_map_take_list(map, "hosts", OKSE_REQUIRED, &list);
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        OksePlace at = okse_node_place(item);

        if (okse_node_kind(item) == OKSE_NODE_TEXT)
            g_strv_builder_add(builder, okse_node_text(item));
        else
            okse_issue(issues, &at, "a host's pattern is a text");
    }
    return g_strv_builder_end(builder);
}

static void limits_take(GPtrArray *table, const OkseNode *list, unsigned index, OkseIssues *issues)
{
    OkseRegistryLimits *limits = g_new0(OkseRegistryLimits, 1);
    OkseMap *map = okse_map_open(okse_node_item(list, index), "a registry", issues);
    static const char *const confidences[] = {"high", "medium", "low", NULL};
    OksePlace at = okse_node_key_place(list, index);

    g_ptr_array_add(table, limits);
    limits->name = g_strdup(okse_node_key(list, index));
    limits->title = okse_map_dup_text(map, "title", OKSE_REQUIRED);
    limits->source = okse_map_dup_text(map, "source", OKSE_REQUIRED);
    limits->date = okse_map_dup_text(map, "date", OKSE_REQUIRED);
    limits->confidence = okse_map_dup_text(map, "confidence", OKSE_REQUIRED);
    limits->hosts = hosts_take(map, issues);
    limits->layer_size = number_take(map, "layer_size");
    limits->manifest_size = number_take(map, "manifest_size");
    limits->layers = number_take(map, "layers");
    if (limits->confidence != NULL && !g_strv_contains(confidences, limits->confidence))
        okse_issue(issues, &at, "confidence is high, medium or low");
    okse_map_end(map);
}

GPtrArray *okse_registry_limits_parse(GBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseYaml) yaml = okse_yaml_read(bytes, origin, error);
    g_autoptr(GPtrArray) table = g_ptr_array_new_with_free_func(limits_free);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *list = NULL;
    const char *version = NULL;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "table of registries", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &version);
    okse_map_take_map(map, "registries", OKSE_REQUIRED, &list);
    for (unsigned i = 0; i < okse_node_count(list); i++)
        limits_take(table, list, i, issues);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? g_steal_pointer(&table) : NULL;
}

GPtrArray *okse_registry_limits_read(const OkseResources *resources, GError **error)
{
    g_autofree char *origin = okse_resources_name(resources, PATH);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, PATH, error);

    return bytes == NULL ? NULL : okse_registry_limits_parse(bytes, origin, error);
}

bool okse_registry_limits_apply(const OkseRegistryLimits *limits, const char *host)
{
    g_autofree char *name = g_strndup(host, strcspn(host, ":"));

    for (char **pattern = limits->hosts; *pattern != NULL; pattern++)
        if (g_pattern_match_simple(*pattern, host) || g_pattern_match_simple(*pattern, name))
            return true;
    return false;
}
