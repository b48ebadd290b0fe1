#include "packager/evaluation_index.h"

#include "packager/patterns.h"

#include <string.h>

#define TABLE_PATH "manifests/evaluation-indices.yaml"

struct OkseIndices {
    json_t *table;
    GHashTable *datasets; /* plain name → row of `datasets` (borrowed from table) */
};

void okse_indices_free(OkseIndices *indices)
{
    if (indices == NULL)
        return;
    json_decref(indices->table);
    g_clear_pointer(&indices->datasets, g_hash_table_unref);
    g_free(indices);
}

/* How names are compared. */
static char *plain_name(const char *name)
{
    g_autofree char *folded = g_utf8_casefold(name, -1);
    GString *plain = g_string_new(NULL);

    for (const char *c = folded; *c != '\0'; c++)
        if (strchr(" \t-_", *c) == NULL)
            g_string_append_c(plain, *c);
    return g_string_free(plain, FALSE);
}

static bool is_part(const json_t *part, const json_t *table)
{
    const char *dataset = okse_json_peek_text(part, "dataset");
    const json_t *rows = json_object_get(table, "datasets");

    for (size_t i = 0; dataset != NULL && i < json_array_size(rows); i++)
        if (g_strcmp0(okse_json_peek_text(json_array_get(rows, i), "id"), dataset) == 0)
            return json_number_value(json_object_get(part, "weight")) > 0;
    return false;
}

static bool is_version(const json_t *version, const json_t *table)
{
    const json_t *parts = json_object_get(version, "parts"), *tolerance = json_object_get(version, "tolerance");

    for (size_t i = 0; i < json_array_size(parts); i++)
        if (!is_part(json_array_get(parts, i), table))
            return false;
    return okse_json_peek_text(version, "version") != NULL && json_is_array(parts) && json_is_number(tolerance) &&
           json_number_value(tolerance) >= 0;
}

static bool has_names(const json_t *row)
{
    const json_t *names = json_object_get(row, "names");

    for (size_t i = 0; i < json_array_size(names); i++)
        if (!json_is_string(json_array_get(names, i)))
            return false;
    return okse_json_peek_text(row, "id") != NULL && okse_json_peek_text(row, "title") != NULL &&
           json_array_size(names) > 0;
}

static bool check_table(const json_t *table, GError **error)
{
    const json_t *indices = json_object_get(table, "indices"), *datasets = json_object_get(table, "datasets");

    for (size_t i = 0; i < json_array_size(datasets); i++)
        if (!has_names(json_array_get(datasets, i)))
            return okse_fail(error, OKSE_ERROR_INVALID, TABLE_PATH ": datasets[%zu] needs id, title and names", i);
    for (size_t i = 0; i < json_array_size(indices); i++) {
        const json_t *versions = json_object_get(json_array_get(indices, i), "versions");

        if (!has_names(json_array_get(indices, i)))
            return okse_fail(error, OKSE_ERROR_INVALID, TABLE_PATH ": indices[%zu] needs id, title and names", i);
        for (size_t k = 0; k < json_array_size(versions); k++)
            if (!is_version(json_array_get(versions, k), table))
                return okse_fail(error, OKSE_ERROR_INVALID,
                                 TABLE_PATH ": indices[%zu].versions[%zu] needs a version, a tolerance, and parts of "
                                            "known data sets with a weight",
                                 i, k);
    }
    return true;
}

static void name_datasets(OkseIndices *indices)
{
    json_t *row;
    size_t i;

    indices->datasets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_array_foreach(json_object_get(indices->table, "datasets"), i, row)
    {
        const json_t *names = json_object_get(row, "names");

        g_hash_table_insert(indices->datasets, plain_name(okse_json_peek_text(row, "id")), row);
        for (size_t k = 0; k < json_array_size(names); k++)
            g_hash_table_insert(indices->datasets, plain_name(json_string_value(json_array_get(names, k))), row);
    }
}

OkseIndices *okse_indices_read(const OkseResources *resources, GError **error)
{
    json_t *table = okse_patterns_read(resources, TABLE_PATH, error);
    g_autoptr(OkseIndices) indices = NULL;

    if (table == NULL)
        return NULL;
    indices = g_new0(OkseIndices, 1);
    indices->table = table;
    if (!check_table(table, error))
        return NULL;
    name_datasets(indices);
    return g_steal_pointer(&indices);
}

/* "v2.2" or "2.2" behind a name; NULL when something else is there. */
static char *version_behind(const char *rest)
{
    rest += *rest == 'v';
    return g_ascii_isdigit(*rest) && rest[strspn(rest, "0123456789.")] == '\0' ? g_strdup(rest) : NULL;
}

static const json_t *find_index(const OkseIndices *indices, const char *name, char **version)
{
    const json_t *rows = json_object_get(indices->table, "indices");
    g_autofree char *plain = plain_name(name);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *names = json_object_get(row, "names");

        for (size_t k = 0; k < json_array_size(names); k++) {
            g_autofree char *known = plain_name(json_string_value(json_array_get(names, k)));
            g_autofree char *behind = NULL;

            if (!g_str_has_prefix(plain, known))
                continue;
            behind = version_behind(plain + strlen(known));
            if (plain[strlen(known)] != '\0' && behind == NULL)
                continue;
            *version = g_steal_pointer(&behind);
            return row;
        }
    }
    return NULL;
}

bool okse_indices_is_index(const OkseIndices *indices, const char *name, char **version)
{
    return find_index(indices, name, version) != NULL;
}

/* What is asked of a data set tells more than its name. */
static const json_t *find_dataset(const OkseIndices *indices, const char *dataset, const char *task)
{
    g_autofree char *both = task == NULL ? NULL : g_strconcat(dataset, "#", task, NULL);
    g_autofree char *narrow = both == NULL ? NULL : plain_name(both), *plain = plain_name(dataset);
    const json_t *row = narrow == NULL ? NULL : g_hash_table_lookup(indices->datasets, narrow);

    return row != NULL ? row : g_hash_table_lookup(indices->datasets, plain);
}

bool okse_indices_is_judged(const OkseIndices *indices, const char *dataset, const char *task)
{
    return json_is_true(json_object_get(find_dataset(indices, dataset, task), "judged"));
}

/* In percent. A small number without a unit may be a share or less than one point, so it is neither. */
static bool percent_of(const json_t *score, double *value)
{
    const char *unit = okse_json_peek_text(score, "unit");
    double number = json_number_value(json_object_get(score, "value"));
    bool percent = g_strcmp0(unit, "percent") == 0 || (unit == NULL && number > 1);

    *value = percent ? number : number * 100;
    return (unit != NULL || percent) && *value >= 0 && *value <= 100;
}

typedef struct {
    double lowest, highest;
    bool found;
} Range;

/* A part that is there several times may be any of them. */
static Range range_of(const OkseIndices *indices, const json_t *scores, const char *id)
{
    Range range = {0, 100, false};

    for (size_t i = 0; i < json_array_size(scores); i++) {
        const json_t *score = json_array_get(scores, i);
        const char *dataset = okse_json_peek_text(score, "dataset");
        const json_t *row = find_dataset(indices, dataset, okse_json_peek_text(score, "metric"));
        double value;

        if (g_strcmp0(okse_json_peek_text(row, "id"), id) != 0 || !percent_of(score, &value))
            continue;
        range.lowest = range.found ? MIN(range.lowest, value) : value;
        range.highest = range.found ? MAX(range.highest, value) : value;
        range.found = true;
    }
    return range;
}

static const char *title_of(const OkseIndices *indices, const char *id)
{
    return okse_json_peek_text(find_dataset(indices, id, NULL), "title");
}

static void set_range(const OkseIndices *indices, const json_t *parts, const json_t *scores, json_t *claim)
{
    double lowest = 0, highest = 0, weights = 0;

    for (size_t i = 0; i < json_array_size(parts); i++) {
        const char *id = okse_json_peek_text(json_array_get(parts, i), "dataset");
        double weight = json_number_value(json_object_get(json_array_get(parts, i), "weight"));
        Range range = range_of(indices, scores, id);

        lowest += weight * range.lowest;
        highest += weight * range.highest;
        weights += weight;
        if (!range.found)
            json_array_append_new(json_object_get(claim, "missing"), json_string(title_of(indices, id)));
    }
    json_object_set_new(claim, "lowest", weights > 0 ? json_real(lowest / weights) : json_null());
    json_object_set_new(claim, "highest", weights > 0 ? json_real(highest / weights) : json_null());
}

void okse_indices_recompute(const OkseIndices *indices, const json_t *scores, json_t *claim)
{
    g_autofree char *behind = NULL;
    const json_t *index = find_index(indices, okse_json_peek_text(claim, "name"), &behind);
    const json_t *versions = json_object_get(index, "versions");
    const char *said = okse_json_peek_text(claim, "version"), *version = said == NULL ? behind : said;
    g_autofree char *plain = g_strdup(version != NULL && *version == 'v' ? version + 1 : version);

    json_object_set_new(claim, "index", index != NULL ? json_incref(json_object_get(index, "id")) : json_null());
    json_object_set_new(claim, "version", plain != NULL ? json_string(plain) : json_null());
    json_object_update_new(
        claim, json_pack("{s:b,s:n,s:n,s:n,s:[]}", "known", 0, "lowest", "highest", "tolerance", "missing"));
    for (size_t i = 0; i < json_array_size(versions); i++) {
        const json_t *row = json_array_get(versions, i);

        if (g_strcmp0(okse_json_peek_text(row, "version"), plain) != 0)
            continue;
        json_object_set_new(claim, "known", json_true());
        json_object_set(claim, "tolerance", json_object_get(row, "tolerance"));
        set_range(indices, json_object_get(row, "parts"), scores, claim);
    }
}
