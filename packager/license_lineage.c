/* A model is held to its own license and to those of everything it was made from: through units of the same stack as
 * far as they lead, then by the families of names. */
#include "core/json.h"
#include "packager/license_internal.h"
#include "packager/spdx.h"

#include <string.h>

#define CHAIN_LIMIT 16u /* models of one lineage */

typedef struct {
    const OkseLicenseEvidence *evidence;
    json_t *rows;
} Writer;

/* How names are compared: the last element, in lower case, with '-' for blanks. */
static char *plain_name(const char *model)
{
    g_autofree char *base = g_path_get_basename(model);

    return g_strdelimit(g_ascii_strdown(base, -1), " _", '-');
}

static bool is_unit(const json_t *unit, const char *plain)
{
    const char *texts[] = {okse_json_peek_text(unit, "component"), okse_json_peek_text(unit, "name")};

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *own = texts[i] != NULL ? plain_name(texts[i]) : NULL;

        if (g_strcmp0(own, plain) == 0)
            return true;
    }
    return false;
}

static const json_t *find_unit(const Writer *writer, const char *plain)
{
    for (size_t i = 0; i < json_array_size(writer->evidence->units); i++)
        if (is_unit(json_array_get(writer->evidence->units, i), plain))
            return json_array_get(writer->evidence->units, i);
    return NULL;
}

/* A lineage while it is followed. */
typedef struct {
    json_t *steps; /* [{"model", "id", "by", "component"}] */
    json_t *known; /* {"all": [expression]} of those with terms */
    bool complete; /* every model of it has */
    GHashTable *seen;
} Chain;

static void step(const Writer *writer, Chain *chain, const char *model, const char *id, const char *by,
                 const char *component)
{
    g_autoptr(json_t) parsed = id != NULL ? okse_spdx_parse(id, NULL) : NULL;
    g_autoptr(json_t) terms = parsed != NULL ? okse_license_terms(writer->evidence->table, parsed) : NULL;

    json_array_append_new(chain->steps,
                          json_pack("{s:s,s:s?,s:s,s:s?}", "model", model, "id", id, "by", by, "component", component));
    if (terms != NULL)
        json_array_append(json_object_get(chain->known, "all"), parsed);
    else
        chain->complete = false;
}

static void follow(const Writer *writer, Chain *chain, const char *model);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by CHAIN_LIMIT */
static void follow_unit(const Writer *writer, Chain *chain, const char *model, const json_t *unit)
{
    const json_t *claims = json_object_get(unit, "claims"), *bases = json_object_get(unit, "bases");
    const char *component = okse_json_peek_text(unit, "component");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < json_array_size(claims); i++) {
        const char *id = okse_json_peek_text(json_array_get(claims, i), "id");

        if (g_hash_table_add(seen, (gpointer)(uintptr_t)(id != NULL ? id : "")))
            step(writer, chain, model, id, "unit", component);
    }
    if (json_array_size(claims) == 0)
        step(writer, chain, model, NULL, "unit", component);
    for (size_t i = 0; i < json_array_size(bases); i++)
        follow(writer, chain, okse_json_peek_text(json_array_get(bases, i), "model"));
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by CHAIN_LIMIT */
static void follow(const Writer *writer, Chain *chain, const char *model)
{
    g_autofree char *plain = plain_name(model);
    const char *family = okse_license_of_model(writer->evidence->table, model);
    const json_t *unit = find_unit(writer, plain);

    if (g_hash_table_contains(chain->seen, plain))
        return;
    if (g_hash_table_size(chain->seen) >= CHAIN_LIMIT) {
        chain->complete = false;
        return;
    }
    g_hash_table_add(chain->seen, g_strdup(plain));
    if (family != NULL)
        step(writer, chain, model, family, "family", NULL);
    if (unit != NULL)
        follow_unit(writer, chain, model, unit);
    if (family == NULL && unit == NULL)
        step(writer, chain, model, NULL, "unknown", NULL);
}

/* The ids of a chain as one expression, each once. */
static char *expression_of(const json_t *steps)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *id = okse_json_peek_text(json_array_get(steps, i), "id");
        bool compound = id != NULL && strchr(id, ' ') != NULL;

        if (id != NULL && g_hash_table_add(seen, (gpointer)(uintptr_t)id))
            g_string_append_printf(text, "%s%s%s%s", text->len > 0 ? " AND " : "", compound ? "(" : "", id,
                                   compound ? ")" : "");
    }
    return text->len == 0 ? NULL : g_string_free(g_steal_pointer(&text), FALSE);
}

/* Which of the terms' attributions stands nowhere. */
static json_t *missing_attribution(const Writer *writer, const json_t *terms)
{
    const json_t *wanted = json_object_get(terms, "attribution");
    json_t *missing = json_array();

    for (size_t i = 0; i < json_array_size(wanted); i++)
        if (!g_hash_table_contains(writer->evidence->attributed, json_string_value(json_array_get(wanted, i))))
            json_array_append(missing, json_array_get(wanted, i));
    return missing;
}

static json_t *base_models(const json_t *unit)
{
    const json_t *bases = json_object_get(unit, "bases");
    json_t *models = json_array();

    for (size_t i = 0; i < json_array_size(bases); i++)
        json_array_append(models, json_object_get(json_array_get(bases, i), "model"));
    return models;
}

static void add_name(json_t *names, GHashTable *seen, const char *name)
{
    char *lower = g_ascii_strdown(name, -1);

    if (g_hash_table_add(seen, lower)) /* stolen */
        json_array_append_new(names, json_string(lower));
}

/* How an agreement may call what it covers, in lower case. */
static json_t *names_of(const json_t *unit, const json_t *steps)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *name = okse_json_peek_text(unit, "name");
    json_t *names = json_array();

    add_name(names, seen, okse_json_peek_text(unit, "component"));
    if (name != NULL)
        add_name(names, seen, name);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *model = okse_json_peek_text(json_array_get(steps, i), "model");
        g_autofree char *base = g_path_get_basename(model);

        add_name(names, seen, model);
        add_name(names, seen, base);
    }
    return names;
}

/* Made from another model, by its own word. */
static bool is_derivative(const json_t *unit)
{
    const json_t *bases = json_object_get(unit, "bases");

    for (size_t i = 0; i < json_array_size(bases); i++)
        if (g_strcmp0(okse_json_peek_text(json_array_get(bases, i), "method"), "base") == 0)
            return true;
    return false;
}

/* What the license texts of a component are, each once. */
static json_t *copies_of(const json_t *unit)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *claims = json_object_get(unit, "claims");
    json_t *copies = json_array();

    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);
        const char *id = okse_json_peek_text(claim, "id");

        if (!json_is_null(json_object_get(claim, "digest")) &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)(id != NULL ? id : "")))
            json_array_append(copies, json_object_get(claim, "id"));
    }
    return copies;
}

/* claim: with "method", "said", "id", "path", "line", "score", "digest". terms, steps: stolen. */
static void add_row(const Writer *writer, const json_t *unit, const json_t *claim, json_t *terms, json_t *steps,
                    bool complete)
{
    const char *component = okse_json_peek_text(unit, "component"), *method = okse_json_peek_text(claim, "method");
    const char *path = okse_json_peek_text(claim, "path"), *text = okse_json_peek_text(claim, "said");
    const char *name = okse_json_peek_text(unit, "name");
    json_int_t line = json_integer_value(json_object_get(claim, "line"));
    g_autofree char *key = g_strdup_printf("%s|%s|%s|%" JSON_INTEGER_FORMAT "|%s", component, method, path, line,
                                           text != NULL ? text : "");
    json_t *row = json_pack("{s:s,s:O,s:s,s:O,s:{s:O,s:s,s:O,s:s?},s:O,s:o,s:o,s:b,s:o,s:o,s:O}", "component",
                            component, "kind", json_object_get(unit, "kind"), "name", name != NULL ? name : component,
                            "declared", json_object_get(unit, "declared"), "detected", "id",
                            json_object_get(claim, "id"), "method", method, "score", json_object_get(claim, "score"),
                            "said", text, "text_digest", json_object_get(claim, "digest"), "base_models",
                            base_models(unit), "lineage", steps, "lineage_complete", complete, "names",
                            names_of(unit, steps), "copies", copies_of(unit), "texts", json_object_get(unit, "texts"));

    json_object_set_new(row, "derivative", json_boolean(is_derivative(unit)));
    json_object_set_new(row, "attribution_missing", missing_attribution(writer, terms));
    json_object_set_new(row, "terms", terms != NULL ? terms : json_null());
    json_object_set_new(row, "key", json_string(key));
    json_object_set_new(row, "path", json_string(path));
    json_object_set_new(row, "line", json_integer(line));
    json_array_append_new(writer->rows, row);
}

static json_t *terms_of_expression(const Writer *writer, const char *expression)
{
    g_autoptr(json_t) parsed = expression != NULL ? okse_spdx_parse(expression, NULL) : NULL;

    return parsed != NULL ? okse_license_terms(writer->evidence->table, parsed) : NULL;
}

static void add_claims(const Writer *writer, const json_t *unit)
{
    const json_t *claims = json_object_get(unit, "claims");

    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);

        add_row(writer, unit, claim, terms_of_expression(writer, okse_json_peek_text(claim, "id")), json_array(), true);
    }
    if (json_array_size(claims) > 0)
        return;
    g_autoptr(json_t) none = json_pack("{s:s,s:n,s:n,s:s,s:i,s:n,s:n}", "method", "none", "said", "id", "path",
                                       okse_json_peek_text(unit, "place"), "line", 0, "score", "digest");
    add_row(writer, unit, none, NULL, json_array(), true);
}

/* Where a base leads, as one fact at the place that names it. */
static void add_base(const Writer *writer, const json_t *unit, const json_t *base)
{
    Chain chain = {json_array(), json_pack("{s:[]}", "all"), true,
                   g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    const char *model = okse_json_peek_text(base, "model");
    g_autofree char *expression = NULL;
    g_autoptr(json_t) claim = NULL;

    follow(writer, &chain, model);
    expression = expression_of(chain.steps);
    claim = json_pack("{s:s,s:s,s:s?,s:O,s:O,s:n,s:n}", "method", okse_json_peek_text(base, "method"), "said", model,
                      "id", expression, "path", json_object_get(base, "path"), "line", json_object_get(base, "line"),
                      "score", "digest");
    add_row(writer, unit, claim, okse_license_terms(writer->evidence->table, chain.known), chain.steps, chain.complete);
    json_decref(chain.known);
    g_hash_table_unref(chain.seen);
}

json_t *okse_license_rows_of(const OkseLicenseEvidence *evidence)
{
    Writer writer = {evidence, json_array()};

    for (size_t i = 0; i < json_array_size(evidence->units); i++) {
        const json_t *unit = json_array_get(evidence->units, i), *bases = json_object_get(unit, "bases");

        add_claims(&writer, unit);
        for (size_t k = 0; k < json_array_size(bases); k++)
            add_base(&writer, unit, json_array_get(bases, k));
    }
    return writer.rows;
}
