/* First every line that something open stands on is changed: what is open then, no line can mend. Then those that can
 * be left out are: each alone, which in most cases gives the answer at once (a line that is needed although all others
 * are changed is in every answer, as long as changing more mends no less), else one after the other. With few lines
 * every smaller set is tried, which proves it without that condition.
 *
 * Only the controls that lines can mend are asked while searching: a set that is not good for them is not good. The one
 * that is chosen is evaluated under the whole law in the end. */
#include "audit/repair_search.h"

#include <string.h>

#define ROUNDS 64u /* findings list 100 evidences each: the next ones show when those are gone */
#define SETS_AT_ONCE 32u
#define FACTS_AT_ONCE (64u << 20) /* bytes of facts in one evaluation */

typedef struct {
    const OkseRepairRequest *request;
    const OkseRepairPlaces *places;
    OkseAuditRequest asked; /* only what matters */
    OkseRepairResult *result;
    GHashTable *allowed; /* ids: open with every line changed */
    GStrv only;
    unsigned at_once;
} Search;

bool okse_repair_is_open(const json_t *finding)
{
    const char *status = okse_json_peek_text(finding, "status");

    return (g_strcmp0(status, "fail") == 0 || g_strcmp0(status, "inconclusive") == 0) &&
           g_strcmp0(okse_json_peek_text(finding, "severity"), "mandatory") == 0;
}

void okse_repair_result_clear(OkseRepairResult *result)
{
    for (guint i = 0; result->reopened != NULL && i < result->lines->len; i++)
        json_decref(result->reopened[i]);
    g_free(result->reopened);
    g_free(result->chosen);
    g_clear_pointer(&result->lines, g_ptr_array_unref);
    json_decref(result->predicted);
    *result = (OkseRepairResult){0};
}

/* The findings of several sets of lines, one list for each; sets: bool *, of as many members as there are lines. */
static json_t *evaluate(Search *search, const GPtrArray *sets, guint from, guint count, GError **error)
{
    g_autoptr(json_t) list = json_array();

    for (guint i = 0; i < count; i++)
        json_array_append_new(list, okse_repair_without(search->request->request->facts, search->result->lines,
                                                        g_ptr_array_index(sets, from + i), search->places));
    search->result->tried += count;
    return okse_findings_of_each(&search->asked, list, error);
}

/* Ids of mandatory findings that are open and not allowed to be; a new list. */
static json_t *wrong_in(const Search *search, const json_t *findings)
{
    json_t *ids = json_array(), *finding;
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        const char *id = okse_json_peek_text(finding, "id");

        if (okse_repair_is_open(finding) && !g_hash_table_contains(search->allowed, id))
            json_array_append_new(ids, json_string(id));
    }
    return ids;
}

/* For each set the ids that are wrong in it; NULL on error. */
static json_t *judge(Search *search, const GPtrArray *sets, GError **error)
{
    g_autoptr(json_t) all = json_array();

    for (guint from = 0; from < sets->len; from += search->at_once) {
        guint count = MIN(search->at_once, sets->len - from);
        g_autoptr(json_t) lists = evaluate(search, sets, from, count, error);
        const json_t *findings;
        size_t i;

        if (lists == NULL)
            return NULL;
        json_array_foreach(lists, i, findings) json_array_append_new(all, wrong_in(search, findings));
    }
    return g_steal_pointer(&all);
}

static bool *copy_of(const Search *search, const bool *set)
{
    return g_memdup2(set, sizeof *set * MAX(search->result->lines->len, 1));
}

/* Without the member `left`. */
static bool *all_but(const Search *search, const bool *set, guint left)
{
    bool *copy = copy_of(search, set);

    copy[left] = false;
    return copy;
}

static bool is_good(Search *search, const bool *set, bool *good, GError **error)
{
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(json_t) wrong = NULL;

    g_ptr_array_add(sets, (gpointer)(uintptr_t)set);
    wrong = judge(search, sets, error);
    *good = wrong != NULL && json_array_size(json_array_get(wrong, 0)) == 0;
    return wrong != NULL;
}

/* What stays open when one member of `set` is left out, for each member: NULL for what is none. */
static json_t **left_out(Search *search, const bool *set, GError **error)
{
    guint count = search->result->lines->len, next = 0;
    g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(json_t) wrong = NULL;
    json_t **each;

    for (guint i = 0; i < count; i++)
        if (set[i])
            g_ptr_array_add(sets, all_but(search, set, i));
    wrong = judge(search, sets, error);
    if (wrong == NULL)
        return NULL;
    each = g_new0(json_t *, count + 1);
    for (guint i = 0; i < count; i++)
        if (set[i])
            each[i] = json_incref(json_array_get(wrong, next++));
    return each;
}

static void free_each(const Search *search, json_t **each)
{
    for (guint i = 0; each != NULL && i < search->result->lines->len; i++)
        json_decref(each[i]);
    g_free(each);
}

/* Leave out one line after the other, from the last, as long as the rest is good. */
static bool thin_out(Search *search, bool *set, GError **error)
{
    for (guint i = search->result->lines->len; i-- > 0;) {
        bool good = false;

        set[i] = false;
        if (!is_good(search, set, &good, error))
            return false;
        set[i] = !good;
    }
    return true;
}

static bool choose(Search *search, GError **error)
{
    guint count = search->result->lines->len;
    bool *set = search->result->chosen, good = false;
    json_t **needed;

    for (guint i = 0; i < count; i++)
        set[i] = true;
    needed = left_out(search, set, error);
    if (needed == NULL)
        return false;
    for (guint i = 0; i < count; i++)
        set[i] = json_array_size(needed[i]) > 0;
    free_each(search, needed);
    if (!is_good(search, set, &good, error))
        return false;
    if (good)
        return true;
    for (guint i = 0; i < count; i++)
        set[i] = true;
    return thin_out(search, set, error);
}

static guint members_of(guint mask)
{
    return (guint)__builtin_popcount(mask);
}

/* Sets of `size` lines, all of them, by their masks; the first good one replaces what was chosen. */
static bool try_size(Search *search, guint size, bool *found, GError **error)
{
    guint count = search->result->lines->len;
    g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(json_t) wrong = NULL;

    for (guint mask = 0; mask < 1u << count; mask++) {
        bool *set;

        if (members_of(mask) != size)
            continue;
        set = g_new0(bool, count);
        for (guint i = 0; i < count; i++)
            set[i] = (mask >> i & 1u) != 0;
        g_ptr_array_add(sets, set);
    }
    wrong = judge(search, sets, error);
    for (size_t i = 0; wrong != NULL && !*found && i < json_array_size(wrong); i++)
        if (json_array_size(json_array_get(wrong, i)) == 0) {
            memcpy(search->result->chosen, g_ptr_array_index(sets, i), sizeof(bool) * count);
            *found = true;
        }
    return wrong != NULL;
}

static bool prove(Search *search, GError **error)
{
    guint count = search->result->lines->len, size = 0;
    bool found = false;

    for (guint i = 0; i < count; i++)
        size += search->result->chosen[i];
    for (guint k = 0; count <= OKSE_REPAIR_EXACT && k < size && !found; k++)
        if (!try_size(search, k, &found, error))
            return false;
    search->result->reopened = left_out(search, search->result->chosen, error);
    if (search->result->reopened == NULL)
        return false;
    search->result->proof = count <= OKSE_REPAIR_EXACT ? OKSE_REPAIR_LEAST : OKSE_REPAIR_EACH;
    for (guint i = 0; i < count; i++)
        if (search->result->chosen[i] && json_array_size(search->result->reopened[i]) == 0)
            search->result->proof = OKSE_REPAIR_UNPROVED;
    return true;
}

/* Add the lines that are not there yet; false when there were none. */
static bool add_lines(GPtrArray *lines, GPtrArray *more)
{
    guint before = lines->len;

    g_ptr_array_set_free_func(more, NULL);
    for (guint i = 0; i < more->len; i++) {
        OkseRepairLine *line = g_ptr_array_index(more, i);
        bool known = false;

        for (guint k = 0; k < before && !known; k++) {
            const OkseRepairLine *other = g_ptr_array_index(lines, k);

            known = other->number == line->number && strcmp(other->path, line->path) == 0;
        }
        if (known)
            okse_repair_line_free(line);
        else
            g_ptr_array_add(lines, line);
    }
    return lines->len > before;
}

/* Find the lines, and what is open with all of them changed: a findings list; NULL on error. */
static json_t *find_lines(Search *search, GError **error)
{
    const OkseRepairRequest *request = search->request;
    g_autoptr(json_t) findings = json_incref(json_object_get(request->findings, "findings"));
    GPtrArray *lines = search->result->lines;

    for (unsigned round = 0; round < ROUNDS; round++) {
        g_autoptr(GPtrArray) more = okse_repair_lines(request->request->facts, findings, request->replacements);
        g_autofree bool *all = NULL;
        g_autoptr(GPtrArray) sets = g_ptr_array_new();
        g_autoptr(json_t) lists = NULL;

        if (!add_lines(lines, more) && round > 0)
            break;
        if (lines->len > OKSE_LIMIT_REPAIR_LINES) {
            okse_fail(error, OKSE_ERROR_INVALID, "more than %u lines are against the law: mend some and audit again",
                      OKSE_LIMIT_REPAIR_LINES);
            return NULL;
        }
        all = g_new(bool, lines->len + 1);
        for (guint i = 0; i < lines->len; i++)
            all[i] = true;
        g_ptr_array_add(sets, all);
        lists = evaluate(search, sets, 0, 1, error);
        if (lists == NULL)
            return NULL;
        json_decref(findings);
        findings = json_incref(json_array_get(lists, 0));
    }
    g_ptr_array_sort(lines, okse_repair_line_compare);
    return g_steal_pointer(&findings);
}

/* The controls of what is open now and mended with every line changed. */
static void want_controls(const Search *search, GHashTable *controls)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(search->request->findings, "findings"), i, finding)
    {
        const char *id = okse_json_peek_text(finding, "id");

        if (okse_repair_is_open(finding) && !g_hash_table_contains(search->allowed, id))
            g_hash_table_add(controls, (gpointer)(uintptr_t)okse_json_peek_text(finding, "control"));
    }
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* From here on, only what can be mended is asked. */
static void narrow(Search *search, const json_t *changed)
{
    g_autoptr(GHashTable) controls = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const json_t *finding;
    GHashTableIter iterator;
    gpointer name;
    size_t i;

    json_array_foreach(changed, i, finding) if (okse_repair_is_open(finding))
        g_hash_table_add(search->allowed, g_strdup(okse_json_peek_text(finding, "id")));
    want_controls(search, controls);
    g_hash_table_iter_init(&iterator, controls);
    while (g_hash_table_iter_next(&iterator, &name, NULL))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_texts);
    g_ptr_array_add(names, NULL);
    search->only = (GStrv)g_ptr_array_steal(names, NULL);
    search->asked.only = (const char *const *)search->only;
}

static bool predict(Search *search, GError **error)
{
    OkseRepairResult *result = search->result;
    g_autoptr(json_t) facts =
        okse_repair_without(search->request->request->facts, result->lines, result->chosen, search->places);
    OkseAuditRequest whole = *search->request->request;

    whole.facts = facts;
    json_decref(result->predicted);
    result->predicted = okse_findings(&whole, error);
    return result->predicted != NULL;
}

/* Under the whole law. A set that opens something else there is given up for all lines. */
static bool confirm(Search *search, GError **error)
{
    OkseRepairResult *result = search->result;
    g_autoptr(json_t) wrong = NULL;

    if (!predict(search, error))
        return false;
    wrong = wrong_in(search, json_object_get(result->predicted, "findings"));
    if (json_array_size(wrong) == 0)
        return true;
    for (guint i = 0; i < result->lines->len; i++)
        result->chosen[i] = true;
    result->proof = OKSE_REPAIR_UNPROVED;
    return predict(search, error);
}

static unsigned sets_at_once(const json_t *facts)
{
    g_autoptr(GBytes) bytes = okse_json_write(facts);

    return (unsigned)CLAMP(FACTS_AT_ONCE / MAX(g_bytes_get_size(bytes), 1), 1, SETS_AT_ONCE);
}

bool okse_repair_search(const OkseRepairRequest *request, const OkseRepairPlaces *places, OkseRepairResult *result,
                        GError **error)
{
    g_autoptr(GHashTable) allowed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Search search = {.request = request,
                     .places = places,
                     .asked = *request->request,
                     .result = result,
                     .allowed = allowed,
                     .at_once = sets_at_once(request->request->facts)};
    g_autoptr(json_t) changed = NULL;
    bool done;

    result->lines = g_ptr_array_new_with_free_func(okse_repair_line_free);
    search.asked.previous = NULL; /* dates decide nothing */
    changed = find_lines(&search, error);
    if (changed == NULL)
        return false;
    result->chosen = g_new0(bool, result->lines->len + 1);
    narrow(&search, changed);
    result->proof = OKSE_REPAIR_LEAST; /* of no lines */
    done = (result->lines->len == 0 || (choose(&search, error) && prove(&search, error))) && confirm(&search, error);
    g_strfreev(search.only);
    return done;
}
