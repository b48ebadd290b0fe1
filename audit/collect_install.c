/* What is installed and whether it still is what was installed; the comparison itself is packager/drift.h's. */
#include "audit/collector.h"
#include "core/digest.h"

#include <string.h>

#define SIGNATURES_MAX 100u

static void copy_member(json_t *to, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);

    json_object_set_new(to, member, value != NULL ? json_incref(value) : json_null());
}

/* Whose signatures held when it was installed, as the install's records have it; their word alone. */
static json_t *signatures_json(const json_t *recorded)
{
    json_t *list = json_array();

    for (size_t i = 0; i < MIN(json_array_size(recorded), SIGNATURES_MAX); i++) {
        const json_t *one = json_array_get(recorded, i);

        if (g_strcmp0(okse_json_peek_text(one, "status"), "valid") == 0)
            json_array_append_new(
                list, json_pack("{s:s?, s:s?, s:s?, s:s?}", "signer", okse_json_peek_text(one, "signer"), "role",
                                okse_json_peek_text(one, "role"), "component", okse_json_peek_text(one, "component"),
                                "signed_at", okse_json_peek_text(one, "signed_at")));
    }
    return list;
}

static json_t *install_fact(const OkseCollection *collection)
{
    static const char *const members[] = {"generation", "identity", "name",       "version",      "sequence",
                                          "country",    "vendor",   "compliance", "installed_at", NULL};
    const json_t *components = json_object_get(collection->install, "components");
    json_t *fact = json_pack("{s:s}", "root", collection->root), *list = json_array();

    for (const char *const *member = members; *member != NULL; member++)
        copy_member(fact, collection->install, *member);
    for (size_t i = 0; i < json_array_size(components); i++) {
        json_t *row = json_object();

        copy_member(row, json_array_get(components, i), "name");
        copy_member(row, json_array_get(components, i), "kind");
        copy_member(row, json_array_get(components, i), "files");
        copy_member(row, json_array_get(components, i), "size");
        copy_member(row, json_array_get(components, i), "model");
        okse_collect_said(row, collection->install);
        json_array_append_new(list, row);
    }
    json_object_set_new(fact, "components", list);
    json_object_set_new(fact, "signatures", signatures_json(json_object_get(collection->install, "signatures")));
    return fact;
}

static void add_drift(OkseCollection *collection, const json_t *row)
{
    const char *component = okse_json_peek_text(row, "component"), *path = okse_json_peek_text(row, "path");
    const char *status = okse_json_peek_text(row, "status");
    g_autofree char *shown =
        g_strdup_printf("%s/current/%s%s%s", collection->root, component != NULL ? component : "",
                        component != NULL && *component != '\0' ? "/" : "", path != NULL ? path : "");
    g_autofree char *key = g_strdup_printf("%s|%s", shown, status != NULL ? status : "");
    json_t *fact = json_deep_copy(row);

    json_object_set_new(fact, "state", json_string("observed"));
    json_object_set_new(
        fact, "source",
        okse_facts_source(&(OkseSourceFact){
            .collector = "drift", .path = shown, .excerpt = status, .component = component, .via = "structured"}));
    okse_facts_add(collection->facts, "drift", key, fact);
}

static void add_drifts(OkseCollection *collection)
{
    const json_t *rows = json_object_get(collection->install, "drift");
    const json_t *unreadable = json_object_get(collection->install, "unreadable");
    g_autofree char *reason = NULL;

    for (size_t i = 0; i < json_array_size(rows); i++)
        add_drift(collection, json_array_get(rows, i));
    if (json_is_true(json_object_get(collection->install, "complete"))) {
        okse_facts_coverage(collection->facts, "drift", OKSE_COMPLETE, NULL);
        return;
    }
    if (json_array_size(unreadable) > 0)
        reason = g_strdup_printf("%zu files could not be compared, such as %s", json_array_size(unreadable),
                                 json_string_value(json_array_get(unreadable, 0)));
    okse_facts_coverage(collection->facts, "drift", OKSE_PARTIAL,
                        reason != NULL ? reason : okse_json_peek_text(collection->install, "fault"));
}

void okse_collect_install(OkseCollection *collection, const char *why_not)
{
    const char *fault = okse_json_peek_text(collection->install, "fault"); /* of the install's records */

    if (collection->install == NULL) {
        okse_facts_set(collection->facts, "install", json_null());
        okse_facts_coverage(collection->facts, "install", OKSE_UNAVAILABLE, why_not);
        okse_facts_coverage(collection->facts, "drift", OKSE_UNAVAILABLE, why_not);
        return;
    }
    okse_facts_set(collection->facts, "install", install_fact(collection));
    if (fault == NULL)
        okse_facts_coverage(collection->facts, "install", OKSE_COMPLETE, NULL);
    else
        okse_facts_coverage(collection->facts, "install", OKSE_PARTIAL, fault);
    add_drifts(collection);
}
