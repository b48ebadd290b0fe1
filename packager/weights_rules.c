/* The data behind the examination: which imports a pickle may name, and words to look for. */
#include "packager/weights_internal.h"

#include "packager/patterns.h"

#include <string.h>

static bool read_allowed(OkseWeightsRules *rules, const json_t *rows, GError **error)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *names = json_object_get(row, "names");
        const char *module = okse_json_peek_text(row, "module");

        if (module == NULL || json_array_size(names) == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "manifests/pickle-allow.yaml: row %zu has no module or names",
                             i + 1);
        for (size_t k = 0; k < json_array_size(names); k++) {
            const char *name = json_string_value(json_array_get(names, k));

            if (name == NULL)
                return okse_fail(error, OKSE_ERROR_INVALID, "manifests/pickle-allow.yaml: a name of '%s' is no text",
                                 module);
            g_hash_table_add(rules->allowed, g_strdup_printf("%s\n%s", module, name));
        }
    }
    return true;
}

OkseWeightsRules *okse_weights_rules_read(const OkseResources *resources, GError **error)
{
    g_autoptr(OkseWeightsRules) rules = g_new0(OkseWeightsRules, 1);
    g_autoptr(json_t) allowed = okse_patterns_read(resources, "manifests/pickle-allow.yaml", error);

    rules->allowed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (allowed == NULL || !read_allowed(rules, allowed, error))
        return NULL;
    rules->words = okse_patterns_read(resources, "manifests/weights.yaml", error);
    return rules->words == NULL ? NULL : g_steal_pointer(&rules);
}

void okse_weights_rules_free(OkseWeightsRules *rules)
{
    if (rules == NULL)
        return;
    g_clear_pointer(&rules->allowed, g_hash_table_unref);
    json_decref(rules->words);
    g_free(rules);
}
