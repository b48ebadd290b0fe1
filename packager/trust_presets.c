#include "packager/trust_presets.h"

#include "core/text.h"
#include "core/yaml.h"
#include "packager/key.h"

#include <string.h>

#define PATH "manifests/algorithm-presets.yaml"

static void preset_free(gpointer memory)
{
    OkseAlgorithmPreset *preset = memory;

    g_free(preset->name);
    g_free(preset->title);
    g_free(preset->note);
    g_free(preset->source);
    g_free(preset->confidence);
    g_strfreev(preset->algorithms);
    g_free(preset);
}

static GStrv algorithms_take(OkseMap *map, OkseIssues *issues)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const OkseNode *list = NULL;

    okse_map_take_list(map, "algorithms", OKSE_REQUIRED, &list);
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const char *name = okse_node_text(okse_node_item(list, i));
        OksePlace at = okse_node_place(okse_node_item(list, i));

        if (name != NULL && g_strv_contains(okse_key_algorithms(), name))
            g_strv_builder_add(builder, name);
        else
            okse_issue(issues, &at, "no algorithm that Okse knows");
    }
    return g_strv_builder_end(builder);
}

static void preset_take(GPtrArray *presets, const OkseNode *list, unsigned index, OkseIssues *issues)
{
    OkseAlgorithmPreset *preset = g_new0(OkseAlgorithmPreset, 1);
    OkseMap *map = okse_map_open(okse_node_item(list, index), "a preset", issues);

    g_ptr_array_add(presets, preset);
    preset->name = g_strdup(okse_node_key(list, index));
    preset->title = okse_map_dup_text(map, "title", OKSE_REQUIRED);
    preset->note = okse_map_dup_text(map, "note", OKSE_REQUIRED);
    preset->source = okse_map_dup_text(map, "source", OKSE_REQUIRED);
    preset->confidence = okse_map_dup_text(map, "confidence", OKSE_REQUIRED);
    preset->algorithms = algorithms_take(map, issues);
    okse_map_end(map);
}

GPtrArray *okse_algorithm_presets_read(const OkseResources *resources, GError **error)
{
    g_autofree char *origin = okse_resources_name(resources, PATH);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, PATH, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(GPtrArray) presets = g_ptr_array_new_with_free_func(preset_free);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *list = NULL;
    const char *version = NULL;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "algorithm presets", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &version);
    okse_map_take_map(map, "presets", OKSE_REQUIRED, &list);
    for (unsigned i = 0; i < okse_node_count(list); i++)
        preset_take(presets, list, i, issues);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? g_steal_pointer(&presets) : NULL;
}

const OkseAlgorithmPreset *okse_algorithm_preset_find(const GPtrArray *presets, const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    g_autofree char *shown = okse_text_show(name, -1, false);

    for (guint i = 0; i < presets->len; i++) {
        const OkseAlgorithmPreset *preset = g_ptr_array_index(presets, i);

        if (strcmp(preset->name, name) == 0)
            return preset;
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", preset->name);
    }
    okse_fail(error, OKSE_ERROR_INVALID, "unknown preset '%s' (known: %s)", shown, known->str);
    return NULL;
}
