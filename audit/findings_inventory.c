/* The parts of a findings document that are copied from the facts, cut down to what reports show. */
#include "audit/findings_inventory.h"

#include <string.h>

/* New object with these members of `from`; one that is missing becomes null. */
static json_t *pick(const json_t *from, const char *const *keys)
{
    json_t *picked = json_object();

    for (; *keys != NULL; keys++) {
        json_t *value = json_object_get(from, *keys);

        json_object_set_new(picked, *keys, value != NULL ? json_incref(value) : json_null());
    }
    return picked;
}

json_t *okse_findings_target(const json_t *facts)
{
    static const char *const keys[] = {"name", "version", "sequence", "identity", "generation", "country", NULL};
    const json_t *install = json_object_get(facts, "install");
    const char *hostname = okse_json_peek_text(json_object_get(facts, "host"), "hostname");
    const char *site = okse_json_peek_text(json_object_get(facts, "site"), "name");

    return json_pack("{s:s?, s:o, s:s?}", "hostname", hostname, "install",
                     json_is_object(install) ? pick(install, keys) : json_null(), "site", site);
}

json_t *okse_findings_inventory(const json_t *facts, const OkseFactIndex *index)
{
    static const char *const endpoint_keys[] = {"id",    "host",     "port",     "role",      "scope",
                                                "state", "observed", "declared", "direction", NULL};
    static const char *const document_keys[] = {"path", "type", "title", NULL};
    json_t *components = json_object_get(json_object_get(facts, "install"), "components");
    json_t *signatures = json_object_get(json_object_get(facts, "install"), "signatures");
    json_t *inventory;
    json_t *endpoints = json_array(), *documents = json_array(), *unpoliced = json_array(), *fact;
    size_t i;

    json_array_foreach(json_object_get(facts, "endpoints"), i, fact)
    {
        json_t *shown = pick(fact, endpoint_keys);
        json_t *country = json_object_get(json_object_get(fact, "location"), "country");

        json_object_set_new(shown, "country", country != NULL ? json_incref(country) : json_null());
        json_array_append_new(endpoints, shown);
        if (!okse_fact_index_is_looked_at(index, fact))
            json_array_append(unpoliced, json_object_get(fact, "id"));
    }
    json_array_foreach(json_object_get(facts, "documents"), i, fact)
        json_array_append_new(documents, pick(fact, document_keys));
    inventory = json_pack("{s:o, s:o, s:o, s:o}", "components",
                          json_is_array(components) ? json_incref(components) : json_array(), "endpoints", endpoints,
                          "documents", documents, "unpoliced", unpoliced);
    if (json_is_array(signatures)) /* older evidence has none */
        json_object_set(inventory, "signatures", signatures);
    return inventory;
}
