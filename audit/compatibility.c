#include "audit/compatibility.h"

#include "core/yaml.h"
#include "packager/version.h"

#include <string.h>

#define TABLE "manifests/compatibility.yaml"

static void read_model(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a model", issues);
    const OkseNode *needs = NULL;
    const char *text = NULL;

    okse_map_take_text(map, "architecture", OKSE_REQUIRED, &text);
    okse_map_take_map(map, "needs", OKSE_REQUIRED, &needs);
    okse_map_take_text(map, "confidence", OKSE_REQUIRED, &text);
    okse_map_take_text(map, "source", OKSE_REQUIRED, &text);
    okse_map_end(map);
}

static void read_train(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a train", issues);
    const OkseNode *except = NULL;
    const char *text = NULL;

    okse_map_take_text(map, "prefix", OKSE_REQUIRED, &text);
    okse_map_take_list(map, "except", OKSE_OPTIONAL, &except);
    okse_map_take_text(map, "confidence", OKSE_REQUIRED, &text);
    okse_map_take_text(map, "source", OKSE_REQUIRED, &text);
    okse_map_end(map);
}

json_t *okse_compatibility_read(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, TABLE, error);
    g_autofree char *origin = okse_resources_name(resources, TABLE);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *models = NULL, *trains = NULL;
    const char *form = NULL;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "the table of what fits", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &form);
    if (okse_map_take_list(map, "models", OKSE_REQUIRED, &models))
        for (unsigned i = 0; i < okse_node_count(models); i++)
            read_model(okse_node_item(models, i), issues);
    if (okse_map_take_list(map, "trains", OKSE_REQUIRED, &trains))
        for (unsigned i = 0; i < okse_node_count(trains); i++)
            read_train(okse_node_item(trains, i), issues);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? okse_node_to_json(okse_yaml_root(yaml)) : NULL;
}

/* Package names are compared as PyPI does: without case, and one sign for '-', '_' and '.'. */
static bool is_named(const char *name, const char *wanted)
{
    for (; *name != '\0' && *wanted != '\0'; name++, wanted++) {
        char a = *name == '_' || *name == '.' ? '-' : g_ascii_tolower(*name);
        char b = *wanted == '_' || *wanted == '.' ? '-' : g_ascii_tolower(*wanted);

        if (a != b)
            return false;
    }
    return *name == *wanted;
}

static void add(json_t *rows, const json_t *rule, json_t *row)
{
    json_object_set(row, "confidence", json_object_get(rule, "confidence"));
    json_array_append_new(rows, row);
}

static void compare_model(json_t *rows, const json_t *rule, const char *component, const json_t *packages)
{
    const char *program;
    json_t *least;

    json_object_foreach(json_object_get(rule, "needs"), program, least)
    {
        g_autofree char *needs = g_strdup_printf("%s >= %s", program, json_string_value(least));

        for (size_t i = 0; i < json_array_size(packages); i++) {
            const json_t *package = json_array_get(packages, i);
            const char *name = okse_json_peek_text(package, "name"), *version = okse_json_peek_text(package, "version");

            if (name == NULL || version == NULL || !is_named(name, program))
                continue;
            add(rows, rule,
                json_pack("{s:s,s:s,s:s,s:s,s:b}", "rule", okse_json_peek_text(rule, "architecture"), "subject",
                          component, "needs", needs, "found", version, "agrees",
                          okse_version_compare(version, json_string_value(least)) >= 0));
        }
    }
}

static bool is_of_train(const json_t *rule, const char *name)
{
    const char *prefix = okse_json_peek_text(rule, "prefix");
    const json_t *except = json_object_get(rule, "except");

    for (size_t i = 0; i < json_array_size(except); i++)
        if (is_named(name, json_string_value(json_array_get(except, i))))
            return false;
    return g_ascii_strncasecmp(name, prefix, strlen(prefix)) == 0;
}

/* "2026.3" of "2026.3.0" */
static char *train_of(const char *version)
{
    size_t first = strcspn(version, "."),
           second = version[first] != '\0' ? strspn(version + first + 1, "0123456789") : 0;

    return g_strndup(version, first + (second > 0 ? second + 1 : 0));
}

/* The highest train that is there is the one that was meant. */
static void compare_train(json_t *rows, const json_t *rule, const json_t *packages)
{
    g_autofree char *highest = NULL;
    const json_t *package;
    size_t i;

    json_array_foreach(packages, i, package)
    {
        const char *name = okse_json_peek_text(package, "name"), *version = okse_json_peek_text(package, "version");
        g_autofree char *train = name == NULL || version == NULL ? NULL : train_of(version);

        if (train == NULL || !is_of_train(rule, name))
            continue;
        if (highest == NULL || okse_version_compare(train, highest) > 0) {
            g_free(highest);
            highest = g_steal_pointer(&train);
        }
    }
    json_array_foreach(packages, i, package)
    {
        const char *name = okse_json_peek_text(package, "name"), *version = okse_json_peek_text(package, "version");
        g_autofree char *train = name == NULL || version == NULL ? NULL : train_of(version);
        g_autofree char *needs = highest == NULL ? NULL : g_strdup_printf("train %s", highest);

        if (train == NULL || !is_of_train(rule, name))
            continue;
        add(rows, rule,
            json_pack("{s:s,s:s,s:s,s:s,s:b}", "rule", okse_json_peek_text(rule, "prefix"), "subject", name, "needs",
                      needs, "found", version, "agrees", strcmp(train, highest) == 0));
    }
}

json_t *okse_compatibility_compare(const json_t *table, const json_t *packages, const json_t *models)
{
    const json_t *rules = json_object_get(table, "models"), *trains = json_object_get(table, "trains"), *rule, *model;
    json_t *rows = json_array();
    size_t i, k;

    json_array_foreach(rules, i, rule)
        json_array_foreach(models, k, model) if (g_strcmp0(okse_json_peek_text(model, "architecture"),
                                                           okse_json_peek_text(rule, "architecture")) == 0)
            compare_model(rows, rule, okse_json_peek_text(model, "component"), packages);
    json_array_foreach(trains, i, rule) compare_train(rows, rule, packages);
    return rows;
}
