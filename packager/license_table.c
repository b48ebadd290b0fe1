#include "packager/license_table.h"

#include "core/json.h"
#include "core/text.h"
#include "packager/patterns.h"

#include <string.h>

#define TABLE_PATH "manifests/licenses.yaml"
#define FAMILIES_PATH "manifests/model-families.yaml"

const char *const okse_license_uses[] = {"commercial", "research", "education", "public-administration", NULL};

struct OkseLicenseTable {
    json_t *rows;      /* id → terms */
    GHashTable *names; /* lower-case word → id (borrowed from rows) */
    json_t *families;
};

/* From the loosest to the strictest. */
static const char *const distributions[] = {"free", "with-copy", "contradictory", "agreement-needed", NULL};
static const char *const trainings[] = {"allowed", "named", "if-not-competing", "forbidden", NULL};
static const char *const confidences[] = {"high", "medium", "low", NULL};
static const char *const lists[] = {"uses", "uses_unclear", "attribution", "not_in", NULL};
static const char *const flags[] = {"revocable", "share_alike", "termination_destroy", NULL};

void okse_license_table_free(OkseLicenseTable *table)
{
    if (table == NULL)
        return;
    json_decref(table->rows);
    json_decref(table->families);
    g_clear_pointer(&table->names, g_hash_table_unref);
    g_free(table);
}

static int rank(const char *word, const char *const *words)
{
    for (int i = 0; word != NULL && words[i] != NULL; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static bool is_texts(const json_t *list, const char *const *known)
{
    if (list == NULL)
        return true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL || (known != NULL && !g_strv_contains(known, text)))
            return false;
    }
    return json_is_array(list);
}

static const char *wrong_member(const json_t *row)
{
    const json_t *commercial = json_object_get(row, "distribution_commercial");

    if (okse_json_peek_text(row, "title") == NULL)
        return "title";
    if (json_object_get(row, "uses") == NULL || !is_texts(json_object_get(row, "uses"), okse_license_uses))
        return "uses";
    if (!is_texts(json_object_get(row, "uses_unclear"), okse_license_uses))
        return "uses_unclear";
    if (!is_texts(json_object_get(row, "attribution"), NULL))
        return "attribution";
    if (!is_texts(json_object_get(row, "not_in"), NULL))
        return "not_in";
    if (!is_texts(json_object_get(row, "names"), NULL))
        return "names";
    if (rank(okse_json_peek_text(row, "distribution"), distributions) < 0)
        return "distribution";
    if (commercial != NULL && rank(json_string_value(commercial), distributions) < 0)
        return "distribution_commercial";
    if (rank(okse_json_peek_text(row, "train_others"), trainings) < 0)
        return "train_others";
    return rank(okse_json_peek_text(row, "confidence"), confidences) < 0 ? "confidence" : NULL;
}

/* The terms as facts show them: every member is there. */
static json_t *terms_of_row(const json_t *row)
{
    static const char *const texts[] = {"title", "distribution", "derivative_prefix", "train_others",
                                        "law",   "conditions",   "confidence",        NULL};
    const char *commercial = okse_json_peek_text(row, "distribution_commercial");
    json_t *terms = json_object();

    for (const char *const *member = texts; *member != NULL; member++)
        json_object_set_new(terms, *member, json_pack("s?", okse_json_peek_text(row, *member)));
    json_object_set_new(terms, "distribution_commercial",
                        json_string(commercial != NULL ? commercial : okse_json_peek_text(row, "distribution")));
    for (const char *const *member = lists; *member != NULL; member++) {
        json_t *list = json_object_get(row, *member);

        json_object_set_new(terms, *member, list != NULL ? json_incref(list) : json_array());
    }
    for (const char *const *member = flags; *member != NULL; member++)
        json_object_set_new(terms, *member, json_boolean(json_is_true(json_object_get(row, *member))));
    return terms;
}

static void add_name(OkseLicenseTable *table, const char *name, const char *id)
{
    g_hash_table_insert(table->names, g_ascii_strdown(name, -1), g_strdup(id));
}

static bool add_row(OkseLicenseTable *table, const json_t *row, GError **error)
{
    const char *id = okse_json_peek_text(row, "id"), *wrong = id == NULL ? "id" : wrong_member(row);
    const json_t *names = json_object_get(row, "names");

    if (wrong != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, TABLE_PATH ": '%s' of %s is missing or none of the words there are",
                         wrong, id != NULL ? id : "a row");
    json_object_set_new(table->rows, id, terms_of_row(row));
    add_name(table, id, id);
    for (size_t i = 0; i < json_array_size(names); i++)
        add_name(table, json_string_value(json_array_get(names, i)), id);
    return true;
}

static bool check_families(const OkseLicenseTable *table, GError **error)
{
    for (size_t i = 0; i < json_array_size(table->families); i++) {
        const json_t *row = json_array_get(table->families, i);
        const char *pattern = okse_json_peek_text(row, "pattern"), *license = okse_json_peek_text(row, "license");

        if (pattern == NULL || license == NULL || json_object_get(table->rows, license) == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID, FAMILIES_PATH ": row %zu has no pattern, or no known license",
                             i + 1);
    }
    return true;
}

OkseLicenseTable *okse_license_table_read(const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) data = okse_patterns_read(resources, TABLE_PATH, error), families = NULL;
    g_autoptr(OkseLicenseTable) table = g_new0(OkseLicenseTable, 1);
    const json_t *rows = json_object_get(data, "licenses");

    table->rows = json_object();
    table->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (data == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (!add_row(table, json_array_get(rows, i), error))
            return NULL;
    families = okse_patterns_read(resources, FAMILIES_PATH, error);
    if (families == NULL)
        return NULL;
    table->families = json_incref(json_object_get(families, "families"));
    return check_families(table, error) ? g_steal_pointer(&table) : NULL;
}

const char *okse_license_named(const OkseLicenseTable *table, const char *word)
{
    g_autofree char *lower = g_ascii_strdown(word, -1);

    return g_hash_table_lookup(table->names, g_strstrip(lower));
}

const char *okse_license_of_model(const OkseLicenseTable *table, const char *model)
{
    g_autofree char *name = g_strdelimit(g_strdup(model), " _", '-'); /* GGUF writes "EXAONE 4.0 1.2B" */

    return okse_json_peek_text(okse_patterns_find(table->families, name), "license");
}

json_t *okse_license_terms_of(const OkseLicenseTable *table, const char *id)
{
    g_autofree char *plain = g_strndup(id, strlen(id) - g_str_has_suffix(id, "+"));
    const char *known = okse_license_named(table, id);

    if (known == NULL) /* "Apache-2.0+": this one or a later one */
        known = okse_license_named(table, plain);
    return known == NULL ? NULL : json_incref(json_object_get(table->rows, known));
}

const json_t *okse_license_rows(const OkseLicenseTable *table)
{
    return table->rows;
}

static bool holds(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), value))
            return true;
    return false;
}

static json_t *joined(const json_t *a, const json_t *b)
{
    json_t *list = json_copy((json_t *)(uintptr_t)a);

    for (size_t i = 0; i < json_array_size(b); i++)
        if (!holds(list, json_array_get(b, i)))
            json_array_append(list, json_array_get(b, i));
    return list;
}

static void stricter(json_t *terms, const json_t *other, const char *member, const char *const *words)
{
    if (rank(okse_json_peek_text(other, member), words) > rank(okse_json_peek_text(terms, member), words))
        json_object_set(terms, member, json_object_get(other, member));
}

/* Both apply: what either forbids is forbidden. */
static void restrict_terms(json_t *terms, const json_t *other)
{
    const json_t *mine = json_object_get(terms, "uses"), *theirs = json_object_get(other, "uses");
    g_autofree char *title =
        g_strdup_printf("%s AND %s", okse_json_peek_text(terms, "title"), okse_json_peek_text(other, "title"));
    json_t *both = json_array();

    for (size_t i = 0; i < json_array_size(mine); i++)
        if (holds(theirs, json_array_get(mine, i)))
            json_array_append(both, json_array_get(mine, i));
    json_object_set_new(terms, "title", json_string(title));
    for (const char *const *member = lists; *member != NULL; member++)
        json_object_set_new(terms, *member, joined(json_object_get(terms, *member), json_object_get(other, *member)));
    json_object_set_new(terms, "uses", both);
    stricter(terms, other, "distribution", distributions);
    stricter(terms, other, "distribution_commercial", distributions);
    stricter(terms, other, "train_others", trainings);
    stricter(terms, other, "confidence", confidences);
    for (const char *const *member = flags; *member != NULL; member++)
        if (json_is_true(json_object_get(other, *member)))
            json_object_set_new(terms, *member, json_true());
    if (json_is_null(json_object_get(terms, "derivative_prefix")))
        json_object_set(terms, "derivative_prefix", json_object_get(other, "derivative_prefix"));
    if (!json_equal(json_object_get(terms, "law"), json_object_get(other, "law")))
        json_object_set_new(terms, "law", json_null());
}

static bool is_looser(const json_t *terms, const json_t *other)
{
    size_t mine = json_array_size(json_object_get(terms, "uses")),
           theirs = json_array_size(json_object_get(other, "uses"));

    if (mine != theirs)
        return mine > theirs;
    return rank(okse_json_peek_text(terms, "distribution"), distributions) <
           rank(okse_json_peek_text(other, "distribution"), distributions);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as what okse_spdx_parse() made */
json_t *okse_license_terms(const OkseLicenseTable *table, const json_t *expression)
{
    const char *id = okse_json_peek_text(expression, "id");
    const json_t *any = json_object_get(expression, "any");
    const json_t *list = any != NULL ? any : json_object_get(expression, "all");
    g_autoptr(json_t) terms = NULL;

    if (id != NULL)
        return okse_license_terms_of(table, id);
    for (size_t i = 0; i < json_array_size(list); i++) {
        g_autoptr(json_t) one = okse_license_terms(table, json_array_get(list, i));

        if (one == NULL && any == NULL)
            return NULL;
        if (one == NULL)
            continue;
        if (terms == NULL)
            terms = json_copy(one);
        else if (any == NULL)
            restrict_terms(terms, one);
        else if (is_looser(one, terms)) {
            json_decref(terms);
            terms = json_incref(one);
        }
    }
    return g_steal_pointer(&terms);
}
