/* A verdict says nothing about what nobody asked. So the facts that no control looked at are counted and named. */
#include "audit/findings_unpoliced.h"

#include "audit/fact_kinds.h"
#include "audit/fact_message.h"

static void add_lists(GHashTable *lists, const OkseControl *control, const json_t *schema)
{
    g_autoptr(OkseExpressionUse) use = okse_control_use(control, schema);
    GHashTableIter iterator;
    gpointer domain;

    g_hash_table_iter_init(&iterator, use->domains);
    while (g_hash_table_iter_next(&iterator, &domain, NULL))
        if (okse_fact_kind(domain) != NULL) /* its name outlives the use */
            g_hash_table_add(lists, (gpointer)(uintptr_t)okse_fact_kind(domain)->list);
}

/* The lists that a control reads without saying what of them it looks at. */
static GHashTable *lists_read(const OkseTask *tasks, const json_t *results, const json_t *schema)
{
    GHashTable *lists = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    const json_t *result;
    size_t i;

    json_array_foreach(results, i, result)
    {
        const OkseControl *control = tasks[i].control;

        if (json_is_true(json_object_get(result, "applies")) &&
            control->expressions[OKSE_EXPRESSION_SUBJECTS] == NULL &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)control))
            add_lists(lists, control, schema);
    }
    return lists;
}

static void list_fact(json_t *unpoliced, const char *list, const json_t *fact)
{
    const char *id = okse_json_peek_text(fact, "id");
    g_autofree char *message = okse_fact_message(id, fact);

    json_array_append_new(unpoliced, json_pack("{s:s, s:s, s:s}", "list", list, "id", id, "message", message));
}

static json_t *counts_to_json(const json_int_t *counts)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "facts", counts[0], "looked_at", counts[1], "read", counts[2], "unpoliced",
                     counts[3]);
}

static void count_list(const OkseFactIndex *index, const char *list, bool read, const json_t *facts, json_int_t *counts,
                       json_t *unpoliced)
{
    json_t *fact;
    size_t i;

    json_array_foreach(facts, i, fact)
    {
        unsigned kind = okse_fact_index_is_looked_at(index, fact) ? 1 : read ? 2 : 3;

        counts[0]++;
        counts[kind]++;
        if (kind == 3 && okse_json_peek_text(fact, "id") != NULL && counts[3] <= OKSE_UNPOLICED_LISTED)
            list_fact(unpoliced, list, fact);
    }
}

void okse_findings_unpoliced(json_t *inventory, const json_t *facts, const OkseFactIndex *index, const OkseTask *tasks,
                             const json_t *results, const json_t *schema)
{
    g_autoptr(GHashTable) read = lists_read(tasks, results, schema);
    json_int_t all[4] = {0};
    json_t *lists = json_object(), *unpoliced = json_array(), *coverage;

    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        const json_t *list = json_object_get(facts, kind->list);
        json_int_t counts[4] = {0};

        if (json_array_size(list) == 0)
            continue;
        count_list(index, kind->list, g_hash_table_contains(read, kind->list), list, counts, unpoliced);
        for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++)
            all[i] += counts[i];
        json_object_set_new(lists, kind->list, counts_to_json(counts));
    }
    coverage = counts_to_json(all);
    json_object_set_new(coverage, "lists", lists);
    json_object_set_new(inventory, "coverage", coverage);
    json_object_set_new(inventory, "unpoliced_facts", unpoliced);
}
