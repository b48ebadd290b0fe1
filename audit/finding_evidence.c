/* A fact that was seen in several places is evidence in each of them; one that is not there has no place at all. The
 * messages hold names and numbers of the target only, so they need no translation. */
#include "audit/finding_evidence.h"

#include "audit/fact_kinds.h"
#include "audit/fact_message.h"

#include <string.h>

/* Where a fact was seen. What evidence says of a place is the same in every finding, and is made once. */
typedef struct {
    const json_t *fact, *source;
    const char *id, *file;
    json_int_t line;
    json_t *evidence[2]; /* as a violation, as unknown; owned, NULL: not made yet */
} Place;

/* The places that a list of references names. */
typedef struct {
    json_t *list;      /* owned, so that no other gets its address */
    guint8 *ranks;     /* a bit for each place, by rank */
    GPtrArray *absent; /* what is not there; texts of the list */
} Marks;

/* Many findings rest on the same lists: results share them, and so is what follows from them. */
typedef struct {
    json_t *lists[2]; /* violations, unknown; owned, so that no other gets their address; NULL: none */
    json_t *evidence; /* owned */
} Known;

struct OkseFactIndex {
    GHashTable *by_id;   /* borrowed text → 1 + index of its first place */
    GHashTable *by_name; /* the same by the JSON value of the id: results hold those of the facts */
    GArray *places;      /* those of one fact follow each other */
                         /* by place, small and apart because they are read in no order: */
    guint32 *ranks;      /* in the order of evidence, among all places */
    guint32 *ends;       /* behind the last place of the same fact */
    guint32 *ranked;     /* indices of places, in the order of evidence */
    guint8 *looked_at;   /* a bit for each place, by rank */
    GHashTable *marks;   /* list → Marks; results share lists */
    GHashTable *known;   /* Known, each its own key */
};

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

static void add_place(OkseFactIndex *index, const json_t *fact, const json_t *source)
{
    Place place = {.fact = fact,
                   .source = source,
                   .id = okse_json_peek_text(fact, "id"),
                   .file = text_or(source, "path", ""),
                   .line = json_integer_value(json_object_get(source, "line"))};

    g_array_append_val(index->places, place);
}

static void add_places(OkseFactIndex *index, const json_t *fact)
{
    const json_t *sources = json_object_get(fact, "sources"), *source;
    size_t i;

    g_hash_table_insert(index->by_id, (gpointer)(uintptr_t)okse_json_peek_text(fact, "id"),
                        GUINT_TO_POINTER(index->places->len + 1));
    if (json_array_size(sources) == 0)
        add_place(index, fact, json_object_get(fact, "source"));
    else
        json_array_foreach(sources, i, source) add_place(index, fact, source);
}

/* The message comes last, and follows from the fact. */
static int compare_places(gconstpointer a, gconstpointer b, gpointer places)
{
    const Place *first = &((const Place *)places)[*(const guint32 *)a];
    const Place *second = &((const Place *)places)[*(const guint32 *)b];
    int order = strcmp(first->file, second->file);

    if (order == 0)
        order = (first->line > second->line) - (first->line < second->line);
    if (order == 0)
        order = strcmp(first->id, second->id);
    return order != 0 ? order
                      : (*(const guint32 *)a > *(const guint32 *)b) - (*(const guint32 *)a < *(const guint32 *)b);
}

static void marks_free(gpointer data)
{
    Marks *marks = data;

    json_decref(marks->list);
    g_free(marks->ranks);
    g_ptr_array_unref(marks->absent);
    g_free(marks);
}

static const json_t *fact_of(const OkseFactIndex *index, guint place)
{
    return g_array_index(index->places, Place, place).fact;
}

static guint known_hash(gconstpointer key)
{
    const Known *known = key;

    return g_direct_hash(known->lists[0]) * 31 + g_direct_hash(known->lists[1]);
}

static gboolean known_equal(gconstpointer a, gconstpointer b)
{
    const Known *first = a, *second = b;

    return first->lists[0] == second->lists[0] && first->lists[1] == second->lists[1];
}

static void known_free(gpointer data)
{
    Known *known = data;

    json_decref(known->lists[0]);
    json_decref(known->lists[1]);
    json_decref(known->evidence);
    g_free(known);
}

OkseFactIndex *okse_fact_index_new(const json_t *facts)
{
    OkseFactIndex *index = g_new0(OkseFactIndex, 1);

    index->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    index->places = g_array_new(FALSE, FALSE, sizeof(Place));
    index->marks = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, marks_free);
    index->known = g_hash_table_new_full(known_hash, known_equal, known_free, NULL);
    for (const OkseFactKind *kind = okse_fact_kinds; kind->list != NULL; kind++) {
        json_t *fact;
        size_t i;

        json_array_foreach(json_object_get(facts, kind->list), i, fact) if (okse_json_peek_text(fact, "id") != NULL)
            add_places(index, fact);
    }
    index->by_name = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (guint32 i = 0; i < index->places->len; i++) {
        const Place *place = &g_array_index(index->places, Place, i);

        g_hash_table_insert(index->by_name, json_object_get(place->fact, "id"),
                            g_hash_table_lookup(index->by_id, place->id));
    }
    index->ranked = g_new(guint32, index->places->len + 1);
    for (guint32 i = 0; i < index->places->len; i++)
        index->ranked[i] = i;
    g_qsort_with_data(index->ranked, (gint)index->places->len, sizeof *index->ranked, compare_places,
                      index->places->data);
    index->ranks = g_new(guint32, index->places->len + 1);
    index->ends = g_new(guint32, index->places->len + 1);
    for (guint32 i = 0; i < index->places->len; i++)
        index->ranks[index->ranked[i]] = i;
    for (guint32 i = index->places->len; i-- > 0;)
        index->ends[i] =
            i + 1 < index->places->len && fact_of(index, i) == fact_of(index, i + 1) ? index->ends[i + 1] : i + 1;
    index->looked_at = g_malloc0(index->places->len / 8 + 1);
    return index;
}

void okse_fact_index_free(OkseFactIndex *index)
{
    if (index == NULL)
        return;
    for (guint i = 0; i < index->places->len; i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(((Place *)NULL)->evidence); k++)
            json_decref(g_array_index(index->places, Place, i).evidence[k]);
    g_array_unref(index->places);
    g_hash_table_unref(index->by_id);
    g_hash_table_unref(index->by_name);
    g_hash_table_unref(index->known);
    g_hash_table_unref(index->marks);
    g_free(index->ranks);
    g_free(index->ends);
    g_free(index->ranked);
    g_free(index->looked_at);
    g_free(index);
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

static void evidence_free(gpointer data)
{
    json_decref(data);
}

/* 1 + index of the first place of a fact; 0: there is no such fact. */
static guint first_place(const OkseFactIndex *index, const json_t *id)
{
    guint first = GPOINTER_TO_UINT(g_hash_table_lookup(index->by_name, id));

    return first > 0 || !json_is_string(id)
               ? first
               : GPOINTER_TO_UINT(g_hash_table_lookup(index->by_id, json_string_value(id)));
}

static Marks *marks_new(const OkseFactIndex *index, json_t *list)
{
    Marks *marks = g_new0(Marks, 1);
    json_t *reference;
    size_t i;

    marks->list = json_incref(list);
    marks->ranks = g_malloc0(index->places->len / 8 + 1);
    marks->absent = g_ptr_array_new();
    json_array_foreach(list, i, reference)
    {
        guint first = first_place(index, reference);

        for (guint place = first; first > 0 && place <= index->ends[first - 1]; place++)
            marks->ranks[index->ranks[place - 1] / 8] |= (guint8)(1u << index->ranks[place - 1] % 8);
        if (first == 0)
            g_ptr_array_add(marks->absent,
                            (gpointer)(uintptr_t)(json_is_string(reference) ? json_string_value(reference)
                                                                            : text_or(reference, "absent", "?")));
    }
    return marks;
}

/* list: NULL is none */
static const Marks *marks_of(OkseFactIndex *index, json_t *list)
{
    Marks *marks = g_hash_table_lookup(index->marks, list);

    if (marks == NULL) {
        marks = marks_new(index, list);
        g_hash_table_insert(index->marks, list, marks);
    }
    return marks;
}

void okse_fact_index_look(OkseFactIndex *index, const json_t *results)
{
    static const char *const keys[] = {"subjects", "violations", "unknown", NULL};
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    const json_t *result;
    size_t i;

    json_array_foreach(results, i, result) for (const char *const *key = keys; *key != NULL; key++)
    {
        json_t *list = json_object_get(result, *key);
        const Marks *marks = marks_of(index, list);

        if (!g_hash_table_add(seen, list))
            continue;
        for (guint byte = 0; byte <= index->places->len / 8; byte++)
            index->looked_at[byte] |= marks->ranks[byte];
    }
}

bool okse_fact_index_is_looked_at(const OkseFactIndex *index, const json_t *fact)
{
    guint first = first_place(index, json_object_get(fact, "id"));

    return first > 0 && (index->looked_at[index->ranks[first - 1] / 8] >> index->ranks[first - 1] % 8 & 1) != 0;
}

static json_t *evidence_of(const OkseFactIndex *index, guint32 rank, unsigned verdict, const char *name)
{
    Place *place = &g_array_index(index->places, Place, index->ranked[rank]);

    if (place->evidence[verdict] == NULL)
        place->evidence[verdict] = evidence_at(place->id, name, place->fact, place->source);
    return json_incref(place->evidence[verdict]);
}

/* The first places of these facts, and all that is absent; no more of the former than are listed at all. */
static GPtrArray *candidates(const OkseFactIndex *index, const Marks *marks, unsigned verdict, const char *name)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(evidence_free);
    guint found = 0;

    for (guint i = 0; i < marks->absent->len; i++)
        g_ptr_array_add(all, evidence_absent(g_ptr_array_index(marks->absent, i), name));
    for (guint32 rank = 0; rank < index->places->len && found < OKSE_EVIDENCE_LISTED; rank++)
        if ((marks->ranks[rank / 8] >> rank % 8 & 1) != 0) {
            g_ptr_array_add(all, evidence_of(index, rank, verdict, name));
            found++;
        }
    return all;
}

/* The first so many are kept; violations before what is merely unknown, so that a cut never hides them. */
static void append_sorted(json_t *list, GPtrArray *all)
{
    g_ptr_array_sort(all, compare_evidence);
    for (guint i = 0; i < all->len && json_array_size(list) < OKSE_EVIDENCE_LISTED; i++)
        json_array_append(list, g_ptr_array_index(all, i));
}

static json_t *evidence_new(OkseFactIndex *index, json_t *const *lists)
{
    static const char *const names[] = {"violation", "unknown"};
    json_t *list = json_array();
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(evidence_free);
    size_t violations = 0;

    for (unsigned k = 0; k < G_N_ELEMENTS(names) && json_array_size(list) < OKSE_EVIDENCE_LISTED; k++) {
        g_autoptr(GPtrArray) all = candidates(index, marks_of(index, lists[k]), k, names[k]);

        violations = json_array_size(list);
        append_sorted(list, all);
    }
    if (violations == 0 || violations == json_array_size(list)) /* of one kind: sorted already */
        return list;
    for (size_t i = 0; i < json_array_size(list); i++)
        g_ptr_array_add(kept, json_incref(json_array_get(list, i)));
    g_ptr_array_sort(kept, compare_evidence);
    json_array_clear(list);
    for (guint i = 0; i < kept->len; i++)
        json_array_append(list, g_ptr_array_index(kept, i));
    return list;
}

json_t *okse_finding_evidence(OkseFactIndex *index, const json_t *result)
{
    Known asked = {{json_object_get(result, "violations"), json_object_get(result, "unknown")}, NULL};
    Known *known = g_hash_table_lookup(index->known, &asked);

    if (known == NULL) {
        asked.evidence = evidence_new(index, asked.lists);
        json_incref(asked.lists[0]);
        json_incref(asked.lists[1]);
        known = g_memdup2(&asked, sizeof asked);
        g_hash_table_add(index->known, known);
    }
    return json_copy(known->evidence);
}
