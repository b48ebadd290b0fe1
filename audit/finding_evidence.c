/* A fact that was seen in several places is evidence in each of them; one that is not there has no place at all. The
 * messages hold names and numbers of the target only, so they need no translation. */
#include "audit/finding_evidence.h"

#include "audit/fact_kinds.h"
#include "audit/fact_message.h"

#include <string.h>

struct OkseFactIndex {
    GHashTable *by_id; /* borrowed text → borrowed fact */
};

OkseFactIndex *okse_fact_index_new(const json_t *facts)
{
    OkseFactIndex *index = g_new0(OkseFactIndex, 1);

    index->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        json_t *fact;
        size_t i;

        json_array_foreach(json_object_get(facts, kind->list), i, fact)
        {
            const char *id = okse_json_peek_text(fact, "id");

            if (id != NULL)
                g_hash_table_insert(index->by_id, (gpointer)(uintptr_t)id, fact);
        }
    }
    return index;
}

void okse_fact_index_free(OkseFactIndex *index)
{
    if (index == NULL)
        return;
    g_hash_table_unref(index->by_id);
    g_free(index);
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = okse_json_peek_text(object, key);

    return text != NULL ? text : otherwise;
}

static const char *country_of(const json_t *fact)
{
    return okse_json_peek_text(json_object_get(fact, "location"), "country");
}

static json_t *text_value(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *evidence_at(const char *id, const char *verdict, const json_t *fact, const json_t *source)
{
    g_autofree char *message = okse_fact_message(id, fact);
    const json_t *line = json_object_get(source, "line");

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "fact", id, "verdict", verdict, "file",
                     text_value(okse_json_peek_text(source, "path")), "line",
                     json_is_integer(line) ? json_integer(json_integer_value(line)) : json_null(), "excerpt",
                     text_value(okse_json_peek_text(source, "excerpt")), "message", message, "component",
                     text_value(okse_json_peek_text(source, "component")), "state",
                     text_value(okse_json_peek_text(fact, "state")), "country", text_value(country_of(fact)));
}

static json_t *evidence_absent(const char *what, const char *verdict)
{
    return json_pack("{s:n, s:s, s:n, s:n, s:n, s:s, s:n, s:n, s:n}", "fact", "verdict", verdict, "file", "line",
                     "excerpt", "message", what, "component", "state", "country");
}

static void add_evidence(const OkseFactIndex *index, GPtrArray *all, const json_t *reference, const char *verdict)
{
    const char *id = json_string_value(reference);
    const json_t *fact = id != NULL ? g_hash_table_lookup(index->by_id, id) : NULL;
    const json_t *sources = json_object_get(fact, "sources"), *source;
    size_t i;

    if (fact == NULL)
        g_ptr_array_add(all, evidence_absent(id != NULL ? id : text_or(reference, "absent", "?"), verdict));
    else if (json_array_size(sources) > 0)
        json_array_foreach(sources, i, source) g_ptr_array_add(all, evidence_at(id, verdict, fact, source));
    else
        g_ptr_array_add(all, evidence_at(id, verdict, fact, json_object_get(fact, "source")));
}

static int compare_evidence(gconstpointer a, gconstpointer b)
{
    const json_t *first = *(json_t *const *)a, *second = *(json_t *const *)b;
    json_int_t lines[2] = {json_integer_value(json_object_get(first, "line")),
                           json_integer_value(json_object_get(second, "line"))};
    int order = strcmp(text_or(first, "file", ""), text_or(second, "file", ""));

    if (order == 0)
        order = (lines[0] > lines[1]) - (lines[0] < lines[1]);
    if (order == 0)
        order = strcmp(text_or(first, "fact", ""), text_or(second, "fact", ""));
    if (order == 0)
        order = strcmp(text_or(first, "message", ""), text_or(second, "message", ""));
    return order;
}

/* The first so many are kept; violations before what is merely unknown, so that a cut never hides them. */
static void append_sorted(json_t *list, GPtrArray *all)
{
    g_ptr_array_sort(all, compare_evidence);
    for (guint i = 0; i < all->len && json_array_size(list) < OKSE_EVIDENCE_LISTED; i++)
        json_array_append(list, g_ptr_array_index(all, i));
}

static void evidence_free(gpointer data)
{
    json_decref(data);
}

json_t *okse_finding_evidence(const OkseFactIndex *index, const json_t *result)
{
    static const char *const keys[][2] = {{"violations", "violation"}, {"unknown", "unknown"}};
    g_autoptr(json_t) list = json_array();
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    json_t *sorted = json_array(), *entry;
    size_t i;

    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(evidence_free);

        json_array_foreach(json_object_get(result, keys[k][0]), i, entry) add_evidence(index, all, entry, keys[k][1]);
        append_sorted(list, all);
    }
    json_array_foreach(list, i, entry) g_ptr_array_add(kept, entry);
    g_ptr_array_sort(kept, compare_evidence);
    for (guint k = 0; k < kept->len; k++)
        json_array_append(sorted, g_ptr_array_index(kept, k));
    return sorted;
}
