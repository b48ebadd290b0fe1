/* Facts that a test leaves out are those of a target where nothing is wrong. */
#include "audit/test_facts.h"

#include "audit/expression_type.h"
#include "audit/fact_kinds.h"
#include "audit/facts_read.h"
#include "core/json.h"

/* Add what a value of this schema lacks and the schema has a default for. */
static void complete(json_t *value, const json_t *schema, const json_t *node, unsigned depth)
{
    const json_t *members, *items;
    json_t *member;
    const char *name;
    size_t i;

    node = okse_type_resolve(schema, node);
    members = json_object_get(node, "properties");
    items = json_object_get(node, "items");
    if (depth == 0)
        return;
    json_array_foreach(value, i, member) complete(member, schema, items, depth - 1);
    if (!json_is_object(value))
        return;
    json_object_foreach((json_t *)(uintptr_t)members, name, member)
    {
        const json_t *resolved = okse_type_resolve(schema, member);
        json_t *fallback = json_object_get(resolved, "default");

        if (json_object_get(value, name) == NULL && fallback != NULL)
            json_object_set_new(value, name, json_deep_copy(fallback));
        if (json_object_get(value, name) != NULL)
            complete(json_object_get(value, name), schema, resolved, depth - 1);
    }
}

static void number_facts(json_t *facts)
{
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        json_t *fact;
        size_t i;

        json_array_foreach(json_object_get(facts, kind->list), i, fact)
        {
            g_autofree char *id = g_strdup_printf("%s:%016zx", kind->prefix, i + 1);

            if (json_is_object(fact) && json_object_get(fact, "id") == NULL)
                json_object_set_new(fact, "id", json_string(id));
        }
    }
}

static json_t *empty_facts(void)
{
    json_t *facts = json_pack("{s:s, s:s, s:[s,s], s:s, s:{}, s:n, s:n, s:[]}", "schema", "okse.facts.v1",
                              "collected_at", "2026-07-01T00:00:00Z", "scope", "install", "host", "sysroot", "/",
                              "host", "install", "site", "collectors");

    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++)
        json_object_set_new(facts, kind->list, json_array());
    return facts;
}

/* A test names the collectors that are not complete; the others are. */
static void complete_collectors(json_t *facts)
{
    json_t *collectors = json_object_get(facts, "collectors");

    for (const OkseCollectorKind *kind = okse_collector_kinds; json_is_array(collectors) && kind->name != NULL;
         kind++) {
        const char *reason;

        if (okse_collector_status(facts, kind->name, &reason) == NULL)
            json_array_append_new(
                collectors, json_pack("{s:s, s:s, s:n}", "collector", kind->name, "status", "complete", "reason"));
    }
}

json_t *okse_test_facts(const json_t *given, const json_t *schema)
{
    json_t *facts = empty_facts();
    g_autoptr(json_t) own = json_deep_copy(given);

    json_object_update(facts, own);
    complete(facts, schema, schema, 8);
    complete_collectors(facts);
    number_facts(facts);
    return facts;
}
