#include "audit/fact_column.h"

#include "core/json_append.h"

#include <string.h>

struct OksePairs {
    guint64 *keys; /* of the slots; key + 1, 0 is free */
    guint32 *numbers;
    guint32 count;
    guint32 mask;
};

static void pairs_resize(OksePairs *pairs, guint32 slots)
{
    OksePairs old = *pairs;

    pairs->keys = g_new0(guint64, slots);
    pairs->numbers = g_new(guint32, slots);
    pairs->mask = slots - 1;
    for (guint32 i = 0; old.keys != NULL && i <= old.mask; i++) {
        guint32 slot;

        if (old.keys[i] == 0)
            continue;
        for (slot = (guint32)((old.keys[i] * 0x9e3779b97f4a7c15u) >> 32) & pairs->mask; pairs->keys[slot] != 0;)
            slot = (slot + 1) & pairs->mask;
        pairs->keys[slot] = old.keys[i];
        pairs->numbers[slot] = old.numbers[i];
    }
    g_free(old.keys);
    g_free(old.numbers);
}

OksePairs *okse_pairs_new(void)
{
    OksePairs *pairs = g_new0(OksePairs, 1);

    pairs_resize(pairs, 256);
    return pairs;
}

void okse_pairs_free(OksePairs *pairs)
{
    if (pairs == NULL)
        return;
    g_free(pairs->keys);
    g_free(pairs->numbers);
    g_free(pairs);
}

guint32 okse_pairs_number(OksePairs *pairs, guint32 first, guint32 second)
{
    guint64 key = ((guint64)first << 32 | second) + 1; /* numbers are below 2^31, see the limit of a facts document */
    guint32 slot = (guint32)((key * 0x9e3779b97f4a7c15u) >> 32) & pairs->mask;

    while (pairs->keys[slot] != 0 && pairs->keys[slot] != key)
        slot = (slot + 1) & pairs->mask;
    if (pairs->keys[slot] == key)
        return pairs->numbers[slot];
    if (pairs->count >= pairs->mask / 2) {
        pairs_resize(pairs, (pairs->mask + 1) * 2);
        return okse_pairs_number(pairs, first, second);
    }
    pairs->keys[slot] = key;
    pairs->numbers[slot] = pairs->count;
    return pairs->count++;
}

guint32 okse_pairs_count(const OksePairs *pairs)
{
    return pairs->count;
}

/* What stands at `path`, a new reference; NULL where jq would fail. */
static json_t *value_at(const json_t *value, const char *path, bool shape)
{
    const json_t *item;
    size_t length, i;
    json_t *all;

    if (*path == '\0')
        return shape || value == NULL ? json_null() : json_incref((json_t *)(uintptr_t)value);
    if (g_str_has_prefix(path, "[]")) {
        if (!json_is_array(value))
            return NULL;
        all = json_array();
        json_array_foreach(value, i, item)
        {
            json_t *one = value_at(item, path + 2, shape);

            if (one == NULL) {
                json_decref(all);
                return NULL;
            }
            json_array_append_new(all, one);
        }
        return all;
    }
    if (value != NULL && !json_is_null(value) && !json_is_object(value))
        return NULL;
    path += *path == '.';
    length = strcspn(path, ".[");
    return value_at(json_object_getn(value, path, length), path + length, shape);
}

static void value_free(gpointer data)
{
    json_decref(data);
}

typedef struct {
    GHashTable *texts;              /* borrowed text → number + 1 */
    GHashTable *others;             /* owned JSON → number + 1 */
    guint constants[JSON_NULL + 1]; /* true, false, null by their type: number + 1; 0: not seen */
    GString *key;
    OkseFactColumn *column;
} Numbering;

static guint add_value(Numbering *numbering, json_t *value)
{
    g_ptr_array_add(numbering->column->values, json_incref(value));
    return numbering->column->values->len;
}

static guint number_of_text(Numbering *numbering, json_t *value)
{
    gpointer text = (gpointer)(uintptr_t)json_string_value(value);
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(numbering->texts, text));

    if (number == 0) {
        number = add_value(numbering, value);
        g_hash_table_insert(numbering->texts, text, GUINT_TO_POINTER(number));
    }
    return number;
}

/* Where the path leads nowhere, what it starts from tells facts apart. */
static guint number_of_other(Numbering *numbering, json_t *value, const json_t *fact, const char *path)
{
    const json_t *shown = value != NULL ? value : json_object_getn(fact, path, strcspn(path, ".["));
    GString *key = numbering->key;
    guint number;

    g_string_assign(key, value != NULL ? "" : "!");
    if (shown != NULL)
        okse_json_append(key, shown);
    number = GPOINTER_TO_UINT(g_hash_table_lookup(numbering->others, key->str));
    if (number == 0) {
        number = add_value(numbering, value);
        g_hash_table_insert(numbering->others, g_strdup(key->str), GUINT_TO_POINTER(number));
    }
    return number;
}

static guint32 number_of(Numbering *numbering, json_t *value, const json_t *fact, const char *path)
{
    guint *constant;

    if (json_is_string(value))
        return number_of_text(numbering, value) - 1;
    if (!json_is_boolean(value) && !json_is_null(value))
        return number_of_other(numbering, value, fact, path) - 1;
    constant = &numbering->constants[json_typeof(value)];
    if (*constant == 0)
        *constant = add_value(numbering, value);
    return *constant - 1;
}

OkseFactColumn *okse_fact_column_new(const json_t *list, const OkseReadPath *path)
{
    OkseFactColumn *column = g_new0(OkseFactColumn, 1);
    g_autoptr(GHashTable) texts = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) others = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GString) key = g_string_new(NULL);
    Numbering numbering = {.texts = texts, .others = others, .key = key, .column = column};
    const json_t *fact;
    size_t i;

    column->numbers = g_new(guint32, json_array_size(list));
    column->values = g_ptr_array_new_with_free_func(value_free);
    json_array_foreach(list, i, fact)
    {
        json_t *value = value_at(fact, path->path, path->shape);

        column->numbers[i] = number_of(&numbering, value, fact, path->path);
        json_decref(value);
    }
    return column;
}

void okse_fact_column_free(OkseFactColumn *column)
{
    if (column == NULL)
        return;
    g_free(column->numbers);
    g_ptr_array_unref(column->values);
    g_free(column);
}

/* As jq 1.6 does: all numbers are double. */
static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) != 0;
}

guint32 *okse_fact_column_alike(const OkseFactColumn *column, const json_t *with)
{
    guint32 *numbers = g_new(guint32, column->values->len + 1), count = (guint32)json_array_size(with);

    for (guint32 i = 0; i < column->values->len; i++) {
        const json_t *value = g_ptr_array_index(column->values, i);
        guint32 k = 0;

        while (k < count && !is_equal(value, json_array_get(with, k)))
            k++;
        if (value == NULL)
            numbers[i] = count + 3 + i;
        else if (json_is_null(value) || json_is_false(value))
            numbers[i] = count + 1 + json_is_false(value);
        else
            numbers[i] = k; /* `count` is any other */
    }
    return numbers;
}

void okse_fact_copy_path(json_t *copy, const json_t *fact, const OkseReadPath *path)
{
    const char *at = path->path;

    for (;;) {
        size_t length = strcspn(at, ".[");
        json_t *value = json_object_getn(fact, at, length), *copied = json_object_getn(copy, at, length);
        bool last = at[length] == '\0', inside = at[length] == '[';

        if (value == NULL || value == copied)
            return;
        if (!json_is_object(value) || inside || (last && path->whole)) {
            json_object_setn(copy, at, length, value);
            return;
        }
        if (copied == NULL) {
            copied = json_object();
            json_object_setn_new(copy, at, length, copied);
        }
        if (last)
            return;
        fact = value;
        copy = copied;
        at += length + 1;
    }
}
