#include "packager/patterns.h"

#include "core/yaml.h"

json_t *okse_patterns_read(const OkseResources *resources, const char *path, GError **error)
{
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);

    return yaml == NULL ? NULL : okse_node_to_json(okse_yaml_root(yaml));
}

const json_t *okse_patterns_find(const json_t *rows, const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *name = g_ascii_strdown(base, -1);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *pattern = okse_json_peek_text(row, "pattern");

        if (pattern != NULL && g_pattern_match_simple(pattern, name))
            return row;
    }
    return NULL;
}
