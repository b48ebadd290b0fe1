/* The rows of one class in one jurisdiction compete: one that names the destination beats one that does not, then the
 * strictest counts. Between classes (health data is personal data too), between a country and its bloc, and between
 * what binds a sector and what binds everybody nothing competes: all of it binds, so the strictest counts. */
#include "audit/policy_matrix.h"

#include <string.h>

typedef struct {
    const OkseJurisdiction *jurisdiction;
    const OkseTransfer *row; /* NULL: nothing is recorded */
} Rule;

typedef struct {
    const OkseMatrixRequest *request;
    const OkseJurisdiction *from;
    const char *data, *sector; /* sector NULL: what binds everybody */
    const char *to;
    bool others; /* for those in `to` whom a row with recipients does not mean */
} Cell;

static bool has_word(const GPtrArray *words, const char *word)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)words, word, g_str_equal, NULL);
}

static bool in_force(const Cell *cell, const OkseJurisdiction *jurisdiction, const OkseTransfer *row)
{
    const OkseProvision *provision = okse_jurisdiction_provision(jurisdiction, row->provision);

    return provision != NULL && okse_provision_in_force(provision, cell->request->at);
}

/* Does it speak of this class, as itself, to this destination? */
static bool speaks(const Cell *cell, const OkseJurisdiction *jurisdiction, const OkseTransfer *row, const char *class)
{
    const char *sector = cell->sector != NULL ? cell->sector : "all";

    if (cell->others && json_object_get(row->recipients, cell->to) != NULL)
        return false;
    return has_word(row->data, class) && has_word(row->sectors, sector) &&
           (row->to == NULL || has_word(row->to, cell->to)) && in_force(cell, jurisdiction, row);
}

static bool beats(const OkseTransfer *row, const OkseTransfer *best)
{
    if (best == NULL || (row->to != NULL) != (best->to != NULL))
        return best == NULL || row->to != NULL;
    return row->mode < best->mode;
}

static void find_in(const Cell *cell, const OkseJurisdiction *jurisdiction, const char *class, Rule *strictest)
{
    const OkseTransfer *best = NULL;

    for (guint i = 0; i < jurisdiction->transfers->len; i++) {
        const OkseTransfer *row = g_ptr_array_index(jurisdiction->transfers, i);

        if (speaks(cell, jurisdiction, row, class) && beats(row, best))
            best = row;
    }
    if (best != NULL && (strictest->row == NULL || best->mode < strictest->row->mode))
        *strictest = (Rule){jurisdiction, best};
}

/* The country's own rows, then those of its blocs. `seen` ends circles of blocs. */
static void find_along(const Cell *cell, const OkseJurisdiction *jurisdiction, const char *class, GPtrArray *seen,
                       Rule *strictest)
{
    if (jurisdiction == NULL || g_ptr_array_find(seen, jurisdiction, NULL))
        return;
    g_ptr_array_add(seen, (gpointer)(uintptr_t)jurisdiction);
    find_in(cell, jurisdiction, class, strictest);
    for (guint i = 0; i < jurisdiction->inherits->len; i++)
        find_along(cell, okse_law_jurisdiction(cell->request->law, g_ptr_array_index(jurisdiction->inherits, i)), class,
                   seen, strictest);
}

static void find_class(const Cell *cell, const char *class, Rule *strictest)
{
    g_autoptr(GPtrArray) seen = g_ptr_array_new();

    find_along(cell, cell->from, class, seen, strictest);
}

static Rule find(const Cell *cell)
{
    g_autoptr(GHashTable) closure = okse_data_class_closure(cell->request->law->classes, cell->data);
    g_autoptr(GList) classes = g_list_sort(g_hash_table_get_keys(closure), (GCompareFunc)strcmp);
    Rule strictest = {NULL, NULL};

    find_class(cell, cell->data, &strictest); /* first: its own rule is named where another is as strict */
    for (const GList *class = classes; class != NULL; class = class->next)
        find_class(cell, class->data, &strictest);
    if (!g_hash_table_contains(closure, "all"))
        find_class(cell, "all", &strictest);
    return strictest;
}

static void add_rule(json_t *value, const Cell *cell, const Rule *rule)
{
    const OkseProvision *provision;
    json_t *recipients;

    if (rule->row == NULL) {
        json_object_set_new(value, "mode", json_null());
        return;
    }
    provision = okse_jurisdiction_provision(rule->jurisdiction, rule->row->provision);
    recipients = json_object_get(rule->row->recipients, cell->to);
    json_object_set_new(value, "mode", json_string(okse_transfer_modes[rule->row->mode]));
    json_object_set_new(value, "recipients", recipients != NULL ? json_incref(recipients) : json_null());
    json_object_set(value, "mechanisms", rule->row->mechanisms);
    json_object_set_new(value, "jurisdiction", json_string(rule->jurisdiction->iso));
    json_object_set_new(value, "provision", json_string(provision->id));
    json_object_set_new(value, "article", json_string(provision->article));
    json_object_set_new(value, "confidence", json_string(rule->row->confidence));
}

static json_t *cell_to_json(const Cell *cell, const Rule *rule)
{
    json_t *value = json_pack("{s:s, s:s, s:s, s:s?}", "from", cell->from->iso, "to", cell->to, "data", cell->data,
                              "sector", cell->sector);

    add_rule(value, cell, rule);
    if (json_is_object(json_object_get(value, "recipients"))) {
        Cell others = *cell;
        json_t *otherwise = json_object();
        Rule rest;

        others.others = true;
        rest = find(&others);
        add_rule(otherwise, &others, &rest);
        json_object_set_new(value, "otherwise", otherwise);
    }
    return value;
}

static void add_words(GPtrArray *set, const GPtrArray *words)
{
    for (guint i = 0; i < words->len; i++)
        if (!has_word(set, g_ptr_array_index(words, i)))
            g_ptr_array_add(set, g_ptr_array_index(words, i));
}

static gint compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The classes and sectors that rows of the country or its blocs name, sorted. */
static void vocabulary(const OkseLaw *law, const OkseJurisdiction *one, GPtrArray *seen, GPtrArray *classes,
                       GPtrArray *sectors)
{
    if (one == NULL || g_ptr_array_find(seen, one, NULL))
        return;
    g_ptr_array_add(seen, (gpointer)(uintptr_t)one);
    for (guint i = 0; i < one->transfers->len; i++) {
        const OkseTransfer *row = g_ptr_array_index(one->transfers, i);

        add_words(classes, row->data);
        add_words(sectors, row->sectors);
    }
    for (guint i = 0; i < one->inherits->len; i++)
        vocabulary(law, okse_law_jurisdiction(law, g_ptr_array_index(one->inherits, i)), seen, classes, sectors);
}

/* A sector has a cell of its own where something binds it that does not bind everybody; there the stricter counts. */
static void add_cells(Cell *cell, const GPtrArray *sectors, json_t *cells)
{
    Rule everybody;

    cell->sector = NULL;
    everybody = find(cell);
    json_array_append_new(cells, cell_to_json(cell, &everybody));
    for (guint i = 0; i < sectors->len; i++) {
        Rule special;

        cell->sector = g_ptr_array_index(sectors, i);
        if (strcmp(cell->sector, "all") == 0)
            continue;
        special = find(cell);
        if (special.row != NULL && (everybody.row == NULL || special.row->mode < everybody.row->mode))
            json_array_append_new(cells, cell_to_json(cell, &special));
    }
}

static void add_country(const OkseMatrixRequest *request, const OkseJurisdiction *from, const GPtrArray *to,
                        json_t *cells)
{
    g_autoptr(GPtrArray) classes = g_ptr_array_new(), sectors = g_ptr_array_new(), seen = g_ptr_array_new();
    Cell cell = {.request = request, .from = from};

    vocabulary(request->law, from, seen, classes, sectors);
    g_ptr_array_sort(sectors, compare_words);
    g_ptr_array_sort(classes, compare_words);
    if (request->data != NULL) {
        g_ptr_array_set_size(classes, 0);
        g_ptr_array_add(classes, (gpointer)(uintptr_t)request->data);
    } else if (classes->len == 0) {
        g_ptr_array_add(classes, (gpointer)(uintptr_t) "personal");
    }
    for (guint i = 0; i < classes->len; i++)
        for (guint k = 0; k < to->len; k++) {
            cell.data = g_ptr_array_index(classes, i);
            cell.to = g_ptr_array_index(to, k);
            if (strcmp(cell.to, from->iso) != 0)
                add_cells(&cell, sectors, cells);
        }
}

/* Sorted, each once; blocs are their members. */
static GPtrArray *destinations(const OkseMatrixRequest *request)
{
    const GPtrArray *all = request->law->jurisdictions;
    GPtrArray *to = g_ptr_array_new();

    for (guint i = 0; request->to == NULL && i < all->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(all, i);

        if (!one->framework && one->members->len == 0)
            g_ptr_array_add(to, one->iso);
    }
    for (guint i = 0; request->to != NULL && request->to[i] != NULL; i++) {
        const OkseJurisdiction *one = okse_law_jurisdiction(request->law, request->to[i]);

        if (one != NULL && one->members->len > 0)
            add_words(to, one->members);
        else if (!has_word(to, request->to[i]))
            g_ptr_array_add(to, (gpointer)(uintptr_t)request->to[i]);
    }
    g_ptr_array_sort(to, compare_words);
    return to;
}

json_t *okse_policy_matrix(const OkseMatrixRequest *request)
{
    g_autoptr(GPtrArray) to = destinations(request);
    const GPtrArray *all = request->law->jurisdictions;
    json_t *cells = json_array();

    for (guint i = 0; i < all->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(all, i);

        if (!one->framework && (request->from == NULL || g_strv_contains(request->from, one->iso)))
            add_country(request, one, to, cells);
    }
    return cells;
}
