/* In two steps, because one control is asked with many parameters: what does not depend on them is worked out once for
 * all facts, the rest for each task over the few classes that are left. */
#include "audit/fact_classes.h"

#include "audit/fact_column.h"
#include "audit/fact_kinds.h"
#include "core/json.h"

#include <string.h>

#define PREFETCH_IDS 16u /* texts lie in no order: the next are fetched while one is counted */

typedef struct {
    const json_t *list;
    bool usable;         /* an array of objects with ids */
    guint32 *ranks;      /* of each fact's id, among all ids */
    GHashTable *columns; /* path → OkseFactColumn; owns both */
} List;

struct OkseFactClasses {
    const json_t *facts;
    List *lists; /* by row of okse_fact_kinds */
    guint count;
    GPtrArray *ids;    /* json_t by rank; borrowed */
    char *label;       /* before the ids of a document that is made here: no fact knows it */
    GHashTable *known; /* GBytes: a set of ranks → json_t */
};

/* A path on which parameters decide: what stands there, for each class. */
typedef struct {
    const OkseReadPath *path;
    const OkseFactColumn *column;
    guint32 *numbers;
} Undecided;

typedef struct {
    guint row;
    guint32 count;
    guint32 *before;    /* of each class: its number as far as no parameter decides */
    GPtrArray *members; /* GArray of ranks, by class */
    json_t *copies;     /* one fact, cut down, for each class */
    GArray *undecided;  /* Undecided */
} Classes;

struct OkseControlView {
    OkseFactClasses *classes;
    const OkseControlReads *reads;
    json_t *same;     /* the members of the document that no parameter changes */
    GPtrArray *lists; /* Classes */
};

struct OkseTaskView {
    const OkseControlView *view;
    GPtrArray *stands; /* guint32 *, for each of the lists: the class that stands for a class */
};

static void column_free(gpointer data)
{
    okse_fact_column_free(data);
}

static void value_free(gpointer data)
{
    json_decref(data);
}

static void classes_free(gpointer data)
{
    Classes *classes = data;

    g_free(classes->before);
    g_ptr_array_unref(classes->members);
    json_decref(classes->copies);
    for (guint i = 0; i < classes->undecided->len; i++)
        g_free(g_array_index(classes->undecided, Undecided, i).numbers);
    g_array_unref(classes->undecided);
    g_free(classes);
}

static const char *id_of(const json_t *fact)
{
    return json_string_value(json_object_get(fact, "id"));
}

static bool is_usable(const json_t *list)
{
    const json_t *fact;
    size_t i;

    json_array_foreach(list, i, fact) if (id_of(fact) == NULL) return false;
    return json_is_array(list);
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* In the order in which jq sorts texts: by their bytes. */
static void rank_ids(OkseFactClasses *classes)
{
    g_autoptr(GHashTable) ranks = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    const json_t *fact;
    size_t i;

    for (guint row = 0; row < classes->count; row++)
        if (classes->lists[row].usable)
            json_array_foreach(classes->lists[row].list, i, fact) g_ptr_array_add(all, json_object_get(fact, "id"));
    g_ptr_array_sort(all, compare_ids);
    for (guint k = 0; k < all->len; k++) {
        json_t *id = g_ptr_array_index(all, k);

        if (g_hash_table_insert(ranks, (gpointer)(uintptr_t)json_string_value(id), GUINT_TO_POINTER(classes->ids->len)))
            g_ptr_array_add(classes->ids, id);
        else
            g_hash_table_insert(ranks, (gpointer)(uintptr_t)json_string_value(id),
                                GUINT_TO_POINTER(classes->ids->len - 1));
    }
    for (guint row = 0; row < classes->count; row++) {
        List *list = &classes->lists[row];

        list->ranks = g_new(guint32, list->usable ? json_array_size(list->list) : 0);
        if (list->usable)
            json_array_foreach(list->list, i, fact) list->ranks[i] =
                GPOINTER_TO_UINT(g_hash_table_lookup(ranks, id_of(fact)));
    }
}

OkseFactClasses *okse_fact_classes_new(const json_t *facts)
{
    OkseFactClasses *classes = g_new0(OkseFactClasses, 1);

    classes->facts = facts;
    while (okse_fact_kinds[classes->count].list != NULL)
        classes->count++;
    classes->lists = g_new0(List, classes->count);
    classes->ids = g_ptr_array_new();
    classes->label = g_uuid_string_random();
    classes->known = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, value_free);
    for (guint row = 0; row < classes->count; row++) {
        List *list = &classes->lists[row];

        list->list = json_object_get(facts, okse_fact_kinds[row].list);
        list->usable = is_usable(list->list);
        list->columns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, column_free);
    }
    rank_ids(classes);
    return classes;
}

void okse_fact_classes_free(OkseFactClasses *classes)
{
    if (classes == NULL)
        return;
    for (guint row = 0; row < classes->count; row++) {
        g_hash_table_unref(classes->lists[row].columns);
        g_free(classes->lists[row].ranks);
    }
    g_free(classes->lists);
    g_ptr_array_unref(classes->ids);
    g_hash_table_unref(classes->known);
    g_free(classes->label);
    g_free(classes);
}

static const OkseFactColumn *column_of(List *list, const OkseReadPath *path)
{
    g_autofree char *key = g_strconcat(path->path, path->shape ? " " : "", NULL);
    OkseFactColumn *column = g_hash_table_lookup(list->columns, key);

    if (column == NULL) {
        column = okse_fact_column_new(list->list, path);
        g_hash_table_insert(list->columns, g_steal_pointer(&key), column);
    }
    return column;
}

static bool is_undecided(const OkseReadPath *path)
{
    if (path->whole)
        return false;
    for (guint i = 0; i < path->atoms->len; i++)
        if (g_array_index(path->atoms, OkseReadAtom, i).parameter != NULL)
            return true;
    return false;
}

/* What tells values of `path` apart before any parameter is known; NULL: the values themselves. */
static guint32 *decided(const OkseReadPath *path, const OkseFactColumn *column)
{
    g_autoptr(json_t) with = json_array();

    if (path->whole || path->shape || is_undecided(path))
        return NULL;
    for (guint i = 0; i < path->atoms->len; i++)
        json_array_append(with, g_array_index(path->atoms, OkseReadAtom, i).literal);
    return okse_fact_column_alike(column, with);
}

/* Split the classes that `numbers` gives by what stands at `path`. */
static void split(List *list, const OkseReadPath *path, guint32 *numbers)
{
    const OkseFactColumn *column = column_of(list, path);
    g_autofree guint32 *alike = decided(path, column);
    g_autoptr(OksePairs) pairs = okse_pairs_new();

    for (size_t i = 0; i < json_array_size(list->list); i++) {
        guint32 value = column->numbers[i];

        numbers[i] = okse_pairs_number(pairs, numbers[i], alike != NULL ? alike[value] : value);
    }
}

static void add_copy(Classes *classes, const OkseFactClasses *all, const OkseReadList *read, const json_t *fact)
{
    g_autofree char *id = g_strdup_printf("%s:%u:%u", all->label, classes->row, classes->count);
    json_t *copy = json_object();

    for (guint i = 0; i < read->paths->len; i++)
        okse_fact_copy_path(copy, fact, g_ptr_array_index(read->paths, i));
    json_object_set_new(copy, "id", json_string(id));
    json_array_append_new(classes->copies, copy);
    g_ptr_array_add(classes->members, g_array_new(FALSE, FALSE, sizeof(guint32)));
}

static void gather(Classes *classes, OkseFactClasses *all, const OkseReadList *read, const guint32 *before,
                   const guint32 *numbers)
{
    List *list = &all->lists[classes->row];
    const json_t *fact;
    size_t i;

    json_array_foreach(list->list, i, fact)
    {
        if (numbers[i] == classes->count) { /* numbered in the order of the facts: the first of its class */
            add_copy(classes, all, read, fact);
            for (guint k = 0; k < classes->undecided->len; k++) {
                Undecided *one = &g_array_index(classes->undecided, Undecided, k);

                one->numbers[classes->count] = one->column->numbers[i];
            }
            classes->before[classes->count++] = before[i];
        }
        g_array_append_val((GArray *)g_ptr_array_index(classes->members, numbers[i]), list->ranks[i]);
    }
}

static void add_undecided(Classes *classes, List *list, const OkseReadPath *path)
{
    Undecided one = {path, column_of(list, path), g_new(guint32, json_array_size(list->list))};

    g_array_append_val(classes->undecided, one);
}

static void members_free(gpointer data)
{
    g_array_unref(data);
}

static Classes *classes_new(OkseFactClasses *all, const OkseReadList *read, guint row)
{
    Classes *classes = g_new0(Classes, 1);
    List *list = &all->lists[row];
    size_t count = json_array_size(list->list);
    g_autofree guint32 *before = g_new0(guint32, count + 1), *numbers = NULL;

    classes->row = row;
    classes->before = g_new(guint32, count + 1);
    classes->members = g_ptr_array_new_with_free_func(members_free);
    classes->copies = json_array();
    classes->undecided = g_array_new(FALSE, FALSE, sizeof(Undecided));
    for (guint32 i = 0; read->every && i < count; i++)
        before[i] = i;
    for (guint i = 0; !read->every && i < read->paths->len; i++)
        if (!is_undecided(g_ptr_array_index(read->paths, i)))
            split(list, g_ptr_array_index(read->paths, i), before);
    numbers = g_memdup2(before, sizeof *before * (count + 1));
    for (guint i = 0; !read->every && i < read->paths->len; i++)
        if (is_undecided(g_ptr_array_index(read->paths, i))) {
            split(list, g_ptr_array_index(read->paths, i), numbers);
            add_undecided(classes, list, g_ptr_array_index(read->paths, i));
        }
    gather(classes, all, read, before, numbers);
    return classes;
}

OkseControlView *okse_control_view_new(OkseFactClasses *classes, const OkseControlReads *reads)
{
    OkseControlView *view = g_new0(OkseControlView, 1);
    GHashTableIter iterator;
    gpointer name;

    view->classes = classes;
    view->reads = reads;
    view->same = json_object();
    view->lists = g_ptr_array_new_with_free_func(classes_free);
    g_hash_table_iter_init(&iterator, reads->members);
    while (g_hash_table_iter_next(&iterator, &name, NULL))
        if (json_object_get(classes->facts, name) != NULL)
            json_object_set(view->same, name, json_object_get(classes->facts, name));
    for (guint row = 0; row < classes->count; row++) {
        const OkseReadList *read = &reads->lists[row];
        const List *list = &classes->lists[row];

        if (!read->read || list->list == NULL)
            continue;
        if (list->usable && !read->whole)
            g_ptr_array_add(view->lists, classes_new(classes, read, row));
        else
            json_object_set(view->same, okse_fact_kinds[row].list, (json_t *)(uintptr_t)list->list);
    }
    return view;
}

bool okse_control_view_is_decided(const OkseControlView *view)
{
    for (guint i = 0; i < view->lists->len; i++)
        if (((const Classes *)g_ptr_array_index(view->lists, i))->undecided->len > 0)
            return false;
    return true;
}

void okse_control_view_free(OkseControlView *view)
{
    if (view == NULL)
        return;
    json_decref(view->same);
    g_ptr_array_unref(view->lists);
    g_free(view);
}

static json_t *given(const OkseTask *task, const char *name)
{
    json_t *value = json_object_get(task->parameters, name);

    if (value != NULL)
        return json_incref(value);
    if (strcmp(name, "country") == 0 || strcmp(name, "at") == 0)
        return json_string(*name == 'a' ? task->at != NULL ? task->at : "" : task->country);
    return json_null();
}

/* What the values of a path are compared with in this task; NULL when that is not only scalars. */
static json_t *compared_with(const OkseReadPath *path, const OkseTask *task)
{
    json_t *with = json_array(), *item;
    bool scalars = true;
    size_t k;

    for (guint i = 0; i < path->atoms->len; i++) {
        const OkseReadAtom *atom = &g_array_index(path->atoms, OkseReadAtom, i);

        if (atom->literal != NULL) {
            json_array_append(with, atom->literal);
        } else {
            json_t *value = given(task, atom->parameter);

            if (atom->items && json_is_array(value))
                json_array_extend(with, value);
            else if (!atom->items)
                json_array_append(with, value);
            else
                scalars = false;
            json_decref(value);
        }
    }
    json_array_foreach(with, k, item) scalars = scalars && !json_is_array(item) && !json_is_object(item);
    if (!scalars) {
        json_decref(with);
        return NULL;
    }
    return with;
}

/* The class that stands for each class in this task: itself, or one before it. */
static guint32 *stands_for(const Classes *classes, const OkseTask *task)
{
    g_autofree guint32 *numbers = g_memdup2(classes->before, sizeof *numbers * (classes->count + 1));
    g_autofree guint32 *firsts = g_new(guint32, classes->count + 1);
    guint32 *stands = g_new(guint32, classes->count + 1), known = 0;

    for (guint i = 0; i < classes->undecided->len; i++) {
        const Undecided *one = &g_array_index(classes->undecided, Undecided, i);
        g_autoptr(json_t) with = compared_with(one->path, task);
        g_autofree guint32 *alike = with != NULL ? okse_fact_column_alike(one->column, with) : NULL;
        g_autoptr(OksePairs) pairs = okse_pairs_new();

        for (guint32 k = 0; k < classes->count; k++)
            numbers[k] = okse_pairs_number(pairs, numbers[k], alike != NULL ? alike[one->numbers[k]] : one->numbers[k]);
    }
    for (guint32 k = 0; k < classes->count; k++) {
        if (numbers[k] == known)
            firsts[known++] = k;
        stands[k] = firsts[numbers[k]];
    }
    return stands;
}

OkseTaskView *okse_task_view_new(OkseControlView *view, const OkseTask *task, json_t **document)
{
    OkseTaskView *task_view = g_new0(OkseTaskView, 1);

    task_view->view = view;
    task_view->stands = g_ptr_array_new_with_free_func(g_free);
    *document = json_copy(view->same);
    for (guint i = 0; i < view->lists->len; i++) {
        const Classes *classes = g_ptr_array_index(view->lists, i);
        guint32 *stands = stands_for(classes, task);
        json_t *list = json_array();

        for (guint32 k = 0; k < classes->count; k++)
            if (stands[k] == k)
                json_array_append(list, json_array_get(classes->copies, k));
        json_object_set_new(*document, okse_fact_kinds[classes->row].list, list);
        g_ptr_array_add(task_view->stands, stands);
    }
    return task_view;
}

void okse_task_view_free(OkseTaskView *view)
{
    if (view == NULL)
        return;
    g_ptr_array_unref(view->stands);
    g_free(view);
}

/* The class that an id of ours names; false: it is an id of a fact. */
static bool read_label(const OkseTaskView *view, const char *id, guint *list, guint64 *number)
{
    const char *label = view->view->classes->label;
    char *end;
    guint64 row;

    if (!g_str_has_prefix(id, label))
        return false;
    row = g_ascii_strtoull(id + strlen(label) + 1, &end, 10);
    *number = g_ascii_strtoull(end + 1, NULL, 10);
    for (*list = 0; *list < view->view->lists->len; ++*list)
        if (((const Classes *)g_ptr_array_index(view->view->lists, *list))->row == row)
            return true;
    return false;
}

/* chosen: of the classes that stand for others */
static void add_members(const OkseTaskView *view, guint list, const bool *chosen, guint8 *ranks)
{
    const Classes *classes = g_ptr_array_index(view->view->lists, list);
    const guint32 *stands = g_ptr_array_index(view->stands, list);

    for (guint32 k = 0; k < classes->count; k++) {
        const GArray *members = g_ptr_array_index(classes->members, k);

        for (guint i = 0; chosen[stands[k]] && i < members->len; i++) {
            guint32 rank = g_array_index(members, guint32, i);

            ranks[rank / 8] |= (guint8)(1u << rank % 8);
        }
    }
}

static json_t *ids_of(OkseFactClasses *classes, GBytes *ranks)
{
    json_t *list = g_hash_table_lookup(classes->known, ranks);
    const guint8 *bits = g_bytes_get_data(ranks, NULL);

    if (list != NULL)
        return json_incref(list);
    list = json_array();
    for (guint rank = 0; rank < classes->ids->len; rank++) {
        guint ahead = rank + PREFETCH_IDS;

        if (ahead < classes->ids->len && (bits[ahead / 8] >> ahead % 8 & 1) != 0)
            __builtin_prefetch(g_ptr_array_index(classes->ids, ahead), 1);
        if ((bits[rank / 8] >> rank % 8 & 1) != 0)
            json_array_append(list, g_ptr_array_index(classes->ids, rank));
    }
    g_hash_table_insert(classes->known, g_bytes_ref(ranks), json_incref(list));
    return list;
}

/* Both sorted, ids before what is absent; each once. */
static json_t *merged(const json_t *ids, const json_t *others)
{
    json_t *list = json_array();
    size_t i = 0, k = 0;

    while (i < json_array_size(ids) || k < json_array_size(others)) {
        json_t *id = json_array_get(ids, i), *other = json_array_get(others, k);
        int order = id == NULL ? 1 : !json_is_string(other) ? -1 : compare_ids(&id, &other);

        json_array_append(list, order <= 0 ? id : other);
        i += order <= 0;
        k += order >= 0;
    }
    return list;
}

static void choose(const OkseTaskView *view, GPtrArray *chosen, guint list, guint64 number)
{
    const Classes *classes = g_ptr_array_index(view->view->lists, list);
    bool *of_list = g_ptr_array_index(chosen, list);

    if (of_list == NULL) {
        of_list = g_new0(bool, classes->count + 1);
        g_ptr_array_index(chosen, list) = of_list;
    }
    if (number < classes->count)
        of_list[number] = true;
}

static json_t *expand(const OkseTaskView *view, const json_t *references)
{
    OkseFactClasses *classes = view->view->classes;
    size_t size = classes->ids->len / 8 + 1, i;
    guint8 *ranks = g_malloc0(size);
    g_autoptr(GBytes) key = g_bytes_new_take(ranks, size);
    g_autoptr(json_t) others = json_array(), ids = NULL;
    g_autoptr(GPtrArray) chosen = g_ptr_array_new_with_free_func(g_free);
    const json_t *reference;

    g_ptr_array_set_size(chosen, (gint)view->view->lists->len);
    json_array_foreach(references, i, reference)
    {
        guint list;
        guint64 number;

        if (json_is_string(reference) && read_label(view, json_string_value(reference), &list, &number))
            choose(view, chosen, list, number);
        else
            json_array_append(others, (json_t *)(uintptr_t)reference);
    }
    for (guint list = 0; list < chosen->len; list++)
        if (g_ptr_array_index(chosen, list) != NULL)
            add_members(view, list, g_ptr_array_index(chosen, list), ranks);
    ids = ids_of(classes, key);
    return json_array_size(others) == 0 ? g_steal_pointer(&ids) : merged(ids, others);
}

json_t *okse_task_view_result(const OkseTaskView *view, const json_t *result)
{
    json_t *whole = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)result, key, value)
        json_object_set_new(whole, key, json_is_array(value) ? expand(view, value) : json_incref(value));
    return whole;
}
