/* Evaluations as facts: one for every claim, so that a finding can name the file and line of the one that is wrong. */
#include "audit/collector.h"
#include "core/json.h"
#include "core/text.h"
#include "packager/evaluations.h"

#include <string.h>

typedef struct {
    OkseCollection *collection;
    const json_t *record;
    const char *country; /* of destination, or NULL */
} Adding;

/* Every member is there, so that a control can ask any fact for any of them. */
static json_t *fact_new(const Adding *adding, const char *claim)
{
    const json_t *record = adding->record;
    json_t *fact = json_pack(
        "{s:s,s:O,s:O,s:O,s:s,s:O,s:b,s:O}", "claim", claim, "component", json_object_get(record, "component"),
        "component_kind", json_object_get(record, "kind"), "path", json_object_get(record, "path"), "state", "declared",
        "format", json_object_get(record, "format"), "judged", 0, "covered", json_object_get(record, "covered"));
    static const char *const nothing[] = {"name",   "version", "metric",  "value",     "unit",  "revision", "stdev",
                                          "runs",   "lowest",  "highest", "tolerance", "role",  "location", "abroad",
                                          "target", "digest",  "shipped", "known",     "fault", "harness"};

    for (unsigned i = 0; i < G_N_ELEMENTS(nothing); i++)
        json_object_set_new(fact, nothing[i], json_null());
    json_object_set_new(fact, "missing", json_array());
    for (unsigned i = 0; i < 3; i++) {
        static const char *const counted[] = {"subjects", "judges", "scores"};

        json_object_set_new(fact, counted[i],
                            json_integer((json_int_t)json_array_size(json_object_get(record, counted[i]))));
    }
    return fact;
}

static void take(json_t *fact, const json_t *row, const char *const *members)
{
    for (; *members != NULL; members++)
        if (json_object_get(row, *members) != NULL)
            json_object_set(fact, *members, json_object_get(row, *members));
}

static void add(const Adding *adding, json_t *fact, const json_t *row, unsigned index)
{
    const char *path = okse_json_peek_text(adding->record, "path"), *claim = okse_json_peek_text(fact, "claim");
    g_autofree char *key = g_strdup_printf("%s|%s|%u", path, claim, index);
    json_t *masked = okse_collect_mask_texts(adding->collection, fact);

    json_decref(fact);
    json_object_set_new(
        masked, "source",
        okse_facts_source(&(OkseSourceFact){.collector = "evaluations",
                                            .path = path,
                                            .line = (unsigned)json_integer_value(json_object_get(row, "line")),
                                            .digest = okse_json_peek_text(adding->record, "digest"),
                                            .component = okse_json_peek_text(adding->record, "component"),
                                            .via = "declared"}));
    okse_facts_add(adding->collection->facts, "evaluations", key, masked);
}

static json_t *record_fact(const Adding *adding, const json_t *row)
{
    static const char *const members[] = {"harness", NULL};
    json_t *fact = fact_new(adding, "record");

    take(fact, row, members);
    json_object_set(fact, "name", json_object_get(row, "title"));
    return fact;
}

static json_t *fault_fact(const Adding *adding, const json_t *row)
{
    json_t *fact = fact_new(adding, "fault");

    json_object_set(fact, "fault", json_object_get(row, "text"));
    return fact;
}

static json_t *score_fact(const Adding *adding, const json_t *row)
{
    static const char *const members[] = {"metric", "value", "unit", "revision", "stdev", "runs", "judged", NULL};
    json_t *fact = fact_new(adding, "score");

    take(fact, row, members);
    json_object_set(fact, "name", json_object_get(row, "dataset"));
    return fact;
}

static json_t *index_fact(const Adding *adding, const json_t *row)
{
    static const char *const members[] = {"name",    "version",   "value",   "known", "lowest",
                                          "highest", "tolerance", "missing", NULL};
    json_t *fact = fact_new(adding, "index");

    take(fact, row, members);
    return fact;
}

static json_t *judge_fact(const Adding *adding, const json_t *row)
{
    static const char *const members[] = {"name", "version", "role", "location", NULL};
    const char *location = okse_json_peek_text(row, "location");
    json_t *fact = fact_new(adding, "judge");

    take(fact, row, members);
    if (location != NULL && adding->country != NULL)
        json_object_set_new(fact, "abroad", json_boolean(strcmp(location, adding->country) != 0));
    return fact;
}

static json_t *file_fact(const Adding *adding, const json_t *row, const char *claim, const char *component)
{
    static const char *const members[] = {"digest", "shipped", NULL};
    const char *path = okse_json_peek_text(row, "path");
    g_autofree char *whole = path == NULL ? g_strdup(component) : g_strconcat(component, "/", path, NULL);
    g_autofree char *shown = okse_text_show(whole, -1, false);
    json_t *fact = fact_new(adding, claim);

    take(fact, row, members);
    json_object_set_new(fact, "target", json_string(shown));
    return fact;
}

static json_t *subject_fact(const Adding *adding, const json_t *row)
{
    return file_fact(adding, row, "subject", okse_json_peek_text(row, "component"));
}

/* Raw outputs that are not in the package are named by their digest only. */
static json_t *output_fact(const Adding *adding, const json_t *row)
{
    return okse_json_peek_text(row, "path") == NULL
               ? NULL
               : file_fact(adding, row, "output", okse_json_peek_text(adding->record, "component"));
}

static void add_record(const Adding *adding)
{
    static const struct {
        const char *list;
        json_t *(*fact)(const Adding *adding, const json_t *row);
    } kinds[] = {{"faults", fault_fact}, {"scores", score_fact},     {"indices", index_fact},
                 {"judges", judge_fact}, {"subjects", subject_fact}, {"outputs", output_fact}};

    add(adding, record_fact(adding, adding->record), adding->record, 0);
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const json_t *rows = json_object_get(adding->record, kinds[k].list);

        for (size_t i = 0; i < json_array_size(rows); i++) {
            json_t *fact = kinds[k].fact(adding, json_array_get(rows, i));

            if (fact != NULL)
                add(adding, fact, json_array_get(rows, i), (unsigned)i);
        }
    }
}

static void add_all(OkseCollection *collection, const json_t *found, const char *country)
{
    const json_t *records = json_object_get(found, "records"), *incomplete = json_object_get(found, "incomplete");

    for (size_t i = 0; i < json_array_size(records); i++) {
        const Adding adding = {collection, json_array_get(records, i), country};

        add_record(&adding);
    }
    for (size_t i = 0; i < json_array_size(incomplete); i++)
        okse_facts_coverage(collection->facts, "evaluations", OKSE_PARTIAL,
                            json_string_value(json_array_get(incomplete, i)));
    okse_facts_coverage(collection->facts, "evaluations", OKSE_COMPLETE, NULL);
}

bool okse_collect_evaluations(OkseCollection *collection, const OkseContents *contents, const OkseResources *resources,
                              GError **error)
{
    const char *country = okse_json_peek_text(okse_contents_stack(contents), "country");
    const json_t *known = okse_contents_evaluations(contents);
    g_autoptr(json_t) found =
        known != NULL ? json_deep_copy(known) : okse_evaluations_of(resources, contents, NULL, error);

    if (found != NULL)
        add_all(collection, found, country);
    return found != NULL;
}

void okse_collect_installed_evaluations(OkseCollection *collection, const OkseResources *resources, const char *why_not)
{
    const char *fault = okse_json_peek_text(collection->install, "fault");
    g_autoptr(GError) cause = NULL;
    g_autoptr(OkseContents) contents = NULL;
    g_autoptr(json_t) found = NULL;

    if (collection->install == NULL) {
        okse_facts_coverage(collection->facts, "evaluations", OKSE_UNAVAILABLE, why_not);
        return;
    }
    if (fault != NULL) /* the list of components may be short */
        okse_facts_coverage(collection->facts, "evaluations", OKSE_PARTIAL, fault);
    contents = okse_contents_of_install(collection->root_fd, &cause);
    if (contents != NULL)
        found = okse_evaluations_of(resources, contents, collection->root, &cause);
    if (found == NULL)
        okse_facts_coverage(collection->facts, "evaluations", OKSE_UNAVAILABLE, cause->message);
    else
        add_all(collection, found, okse_json_peek_text(collection->install, "country"));
}
