/* Whether a package may go where it goes is decided by people; here only what the table of embargoes says of the
 * destination becomes facts, beside the papers that are documents already. */
#include "audit/collector.h"
#include "core/json.h"
#include "core/yaml.h"

#include <string.h>

#define EMBARGOES "manifests/embargoes.yaml"

static void row_check(const OkseNode *row, OkseIssues *issues)
{
    static const char *const members[] = {"exporter", "destination", "title", "as_of", "confidence", "list"};
    OkseMap *map = okse_map_open(row, "an embargo", issues);
    const char *text = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
        okse_map_take_text(map, members[i], OKSE_REQUIRED, &text);
    okse_map_end(map);
}

json_t *okse_embargoes_read(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, EMBARGOES, error);
    g_autofree char *origin = okse_resources_name(resources, EMBARGOES);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *rows = NULL;
    const char *kind = NULL;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "the table of embargoes", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &kind);
    if (okse_map_take_list(map, "embargoes", OKSE_REQUIRED, &rows))
        for (unsigned i = 0; i < okse_node_count(rows); i++)
            row_check(okse_node_item(rows, i), issues);
    okse_map_end(map);
    return okse_issues_none(issues, error) ? okse_node_to_json(rows) : NULL;
}

/* exporter: a country, or "*" for all of them. */
static bool is_about(const json_t *row, const char *exporter, const char *destination)
{
    const char *whose = okse_json_peek_text(row, "exporter");

    return g_strcmp0(okse_json_peek_text(row, "destination"), destination) == 0 &&
           (strcmp(whose, "*") == 0 || g_strcmp0(whose, exporter) == 0);
}

void okse_collect_export(OkseCollection *collection)
{
    const json_t *install = okse_facts_peek(collection->facts, "install"), *row;
    const char *exporter = okse_json_peek_text(json_object_get(install, "vendor"), "country");
    const char *destination = okse_json_peek_text(install, "country");
    size_t i;

    if (!json_is_object(install)) {
        okse_facts_coverage(collection->facts, "export", OKSE_UNAVAILABLE, "no install could be read");
        return;
    }
    json_array_foreach(collection->embargoes, i, row)
    {
        g_autofree char *key = NULL;
        json_t *fact;

        if (!is_about(row, exporter, destination))
            continue;
        key = g_strdup_printf("%s|%s", okse_json_peek_text(row, "exporter"), okse_json_peek_text(row, "title"));
        fact = json_deep_copy(row);
        json_object_set_new(
            fact, "source",
            okse_facts_source(&(OkseSourceFact){.collector = "export", .path = EMBARGOES, .via = "declared"}));
        json_object_set_new(fact, "state", json_string("declared"));
        okse_facts_add(collection->facts, "embargoes", key, fact);
    }
    okse_facts_coverage(collection->facts, "export", OKSE_COMPLETE, NULL);
}
