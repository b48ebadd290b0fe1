/* Every control that a provision in force asks is compared with every other under the rules. Nothing here knows a law,
 * a country or a control. */
#include "audit/conflicts.h"

#include "core/json.h"
#include "core/text.h"

#include <string.h>

/* One provision that asks one side of a rule. */
typedef struct {
    const OkseJurisdiction *jurisdiction;
    const OkseProvision *provision;
    const OkseMapping *mapping;
    json_t *value; /* owned */
} Ask;

typedef struct {
    const OkseLaw *law;
    const OkseTarget *target;
    gint64 at;
    json_t *list;
    GHashTable *told; /* owned texts: rule, and both provisions */
} Conflicts;

static void ask_clear(gpointer memory)
{
    Ask *ask = memory;

    json_decref(ask->value);
}

static bool holds(json_t *conditions, const json_t *bound, bool wanted)
{
    const char *name;
    json_t *value;

    json_object_foreach(conditions, name,
                        value) if (json_equal(json_object_get(bound, name), value) != wanted) return false;
    return true;
}

static json_t *value_of(const json_t *row, const OkseJurisdiction *jurisdiction, const json_t *bound)
{
    const char *name = okse_json_peek_text(row, "value");

    if (strcmp(name, "country") == 0)
        return jurisdiction->asked->len > 0 ? json_string(g_ptr_array_index(jurisdiction->asked, 0)) : NULL;
    return json_incref(json_object_get(bound, name));
}

static void add_asks(const Conflicts *conflicts, const json_t *side, const OkseJurisdiction *jurisdiction,
                     const OkseProvision *provision, const OkseMapping *mapping, GArray *asks)
{
    g_autoptr(OkseIssues) linked = okse_issues_new(); /* okse_law_load() has reported them */
    g_autoptr(json_t) bound = okse_control_bind(okse_law_control(conflicts->law, mapping->control), mapping->parameters,
                                                &mapping->place, linked);
    const json_t *row;
    size_t i;

    json_array_foreach(side, i, row)
    {
        Ask ask = {jurisdiction, provision, mapping, NULL};

        if (strcmp(okse_json_peek_text(row, "control"), mapping->control) != 0 ||
            !holds(json_object_get(row, "when"), bound, true) || !holds(json_object_get(row, "unless"), bound, false))
            continue;
        ask.value = value_of(row, jurisdiction, bound);
        if (ask.value != NULL)
            g_array_append_val(asks, ask);
    }
}

static GArray *asks_of(const Conflicts *conflicts, const json_t *side)
{
    GArray *asks = g_array_new(FALSE, FALSE, sizeof(Ask));

    g_array_set_clear_func(asks, ask_clear);
    for (guint i = 0; i < conflicts->law->jurisdictions->len; i++) {
        const OkseJurisdiction *one = g_ptr_array_index(conflicts->law->jurisdictions, i);

        for (guint k = 0; k < one->provisions->len; k++) {
            const OkseProvision *provision = g_ptr_array_index(one->provisions, k);
            g_autoptr(json_t) reason = NULL;

            if (okse_applies(provision, conflicts->target, conflicts->at, &reason) == OKSE_APPLIES_NOT)
                continue;
            for (guint m = 0; m < provision->mappings->len; m++)
                add_asks(conflicts, side, one, provision, g_ptr_array_index(provision->mappings, m), asks);
        }
    }
    return asks;
}

static bool has_item(const json_t *list, const json_t *item)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) if (json_equal(one, item)) return true;
    return false;
}

/* How many of a (a list, or one thing) are in the list b. */
static size_t shared(const json_t *a, const json_t *b)
{
    const json_t *item;
    size_t i, count = 0;

    if (!json_is_array(a))
        return has_item(b, a);
    json_array_foreach(a, i, item) count += has_item(b, item);
    return count;
}

static bool related(const char *relation, const json_t *first, const json_t *second)
{
    if (strcmp(relation, "greater") == 0)
        return json_is_number(first) && json_is_number(second) && json_number_value(first) > json_number_value(second);
    if (strcmp(relation, "differ") == 0)
        return !json_equal(first, second);
    if (strcmp(relation, "inside") == 0)
        return json_is_array(second) && shared(first, second) == (json_is_array(first) ? json_array_size(first) : 1);
    return json_is_array(second) && shared(first, second) == 0; /* disjoint, outside */
}

static json_t *ask_to_json(const Ask *ask)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:s}", "jurisdiction", ask->jurisdiction->iso, "provision",
                     ask->provision->id, "instrument", ask->provision->instrument, "article", ask->provision->article,
                     "control", ask->mapping->control, "value", ask->value, "confidence", ask->provision->confidence);
}

static char *shown(const json_t *value)
{
    GString *text = g_string_new(NULL);
    const json_t *item;
    size_t i;

    json_array_foreach(value, i, item) g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(item));
    if (json_is_string(value))
        g_string_append(text, json_string_value(value));
    if (json_is_integer(value))
        g_string_append_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return g_string_free(text, FALSE);
}

static char *cited(const Ask *ask)
{
    return g_strdup_printf("%s %s (%s)%s", ask->jurisdiction->iso, ask->provision->id, ask->provision->article,
                           okse_provision_is_doubtful(ask->provision) ? " [?]" : "");
}

static json_t *message_of(const json_t *rule, const Ask *first, const Ask *second)
{
    g_autofree char *a = cited(first), *b = cited(second), *one = shown(first->value), *two = shown(second->value);
    const char *const names[][2] = {{"{a}", a}, {"{b}", b}, {"{first}", one}, {"{second}", two}};
    json_t *texts = json_object(), *text;
    const char *language;

    json_object_foreach(json_object_get(rule, "message"), language, text)
    {
        g_autoptr(GString) filled = g_string_new(json_string_value(text));

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
            g_string_replace(filled, names[i][0], names[i][1], 0);
        json_object_set_new(texts, language, json_string(filled->str));
    }
    return texts;
}

static void tell(Conflicts *conflicts, const json_t *rule, const Ask *first, const Ask *second)
{
    char *key = g_strdup_printf("%s\n%s\n%s\n%s\n%s", okse_json_peek_text(rule, "id"), first->jurisdiction->iso,
                                first->provision->id, second->jurisdiction->iso, second->provision->id);

    if (!g_hash_table_add(conflicts->told, key))
        return;
    json_array_append_new(conflicts->list,
                          json_pack("{s:O, s:O, s:[s,s], s:[o,o], s:o}", "rule", json_object_get(rule, "id"), "kind",
                                    json_object_get(rule, "kind"), "controls", first->mapping->control,
                                    second->mapping->control, "provisions", ask_to_json(first), ask_to_json(second),
                                    "message", message_of(rule, first, second)));
}

/* Where both sides are the same, each pair is looked at once. */
static void apply(Conflicts *conflicts, const json_t *rule)
{
    const json_t *first = json_object_get(rule, "first"), *second = json_object_get(rule, "second");
    g_autoptr(GArray) one = asks_of(conflicts, first), two = asks_of(conflicts, second);
    bool same = json_equal(first, second);

    for (guint i = 0; i < one->len; i++)
        for (guint k = same ? i + 1 : 0; k < two->len; k++) {
            const Ask *a = &g_array_index(one, Ask, i), *b = &g_array_index(two, Ask, k);

            if (a->provision != b->provision && related(okse_json_peek_text(rule, "relation"), a->value, b->value))
                tell(conflicts, rule, a, b);
        }
}

json_t *okse_conflicts(const OkseLaw *law, const OkseTarget *target, gint64 at)
{
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Conflicts conflicts = {law, target, at, json_array(), told};
    const json_t *rule;
    size_t i;

    json_array_foreach(law->conflicts, i, rule) apply(&conflicts, rule);
    return conflicts.list;
}
