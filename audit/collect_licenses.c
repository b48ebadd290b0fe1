/* Licenses as facts: one for every claim, so that a finding can name the file and line of the one that is wrong. */
#include "audit/collector.h"
#include "core/json.h"

static void add_fact(const OkseCollection *collection, const json_t *found)
{
    g_autoptr(json_t) claim = okse_collect_mask_texts(collection, found);
    g_autoptr(json_t) key = json_incref(json_object_get(claim, "key"));
    g_autoptr(json_t) path = json_incref(json_object_get(claim, "path"));
    g_autoptr(json_t) line = json_incref(json_object_get(claim, "line"));

    json_object_del(claim, "key");
    json_object_del(claim, "path");
    json_object_del(claim, "line");
    json_object_set_new(claim, "state", json_string("declared"));
    json_object_set_new(
        claim, "source",
        okse_facts_source(&(OkseSourceFact){.collector = "licenses",
                                            .path = json_string_value(path),
                                            .line = (unsigned)json_integer_value(line),
                                            .digest = okse_json_peek_text(claim, "text_digest"),
                                            .excerpt = okse_json_peek_text(json_object_get(claim, "detected"), "said"),
                                            .component = okse_json_peek_text(claim, "component"),
                                            .via = "declared"}));
    okse_facts_add(collection->facts, "licenses", json_string_value(key), json_incref(claim));
}

static bool collect(OkseCollection *collection, const OkseContents *contents, const char *root, GError **error)
{
    g_autoptr(json_t) found = okse_licenses_of(collection->licenses, contents, root, error);
    const json_t *incomplete = json_object_get(found, "incomplete");
    json_t *claim;
    size_t i;

    if (found == NULL)
        return false;
    json_array_foreach(json_object_get(found, "claims"), i, claim) add_fact(collection, claim);
    for (i = 0; i < json_array_size(incomplete); i++)
        okse_facts_coverage(collection->facts, "licenses", OKSE_PARTIAL,
                            json_string_value(json_array_get(incomplete, i)));
    okse_facts_coverage(collection->facts, "licenses", OKSE_COMPLETE, NULL);
    return true;
}

bool okse_collect_licenses(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    return collect(collection, contents, NULL, error);
}

void okse_collect_installed_licenses(OkseCollection *collection, const char *why_not)
{
    const char *fault = okse_json_peek_text(collection->install, "fault");
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseContents) contents = NULL;

    if (collection->install == NULL) {
        okse_facts_coverage(collection->facts, "licenses", OKSE_UNAVAILABLE, why_not);
        return;
    }
    if (fault != NULL) /* the list of components may be short */
        okse_facts_coverage(collection->facts, "licenses", OKSE_PARTIAL, fault);
    contents = okse_contents_of_install(collection->root_fd, &cause);
    if (contents == NULL || !collect(collection, contents, collection->root, &cause))
        okse_facts_coverage(collection->facts, "licenses", OKSE_UNAVAILABLE, cause->message);
}
