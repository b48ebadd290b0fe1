/* okse policy matrix: which data may go from where to where, and who says so. */
#include "audit/policy_matrix.h"
#include "audit/law_read.h"
#include "cli/commands.h"
#include "cli/law_source.h"
#include "cli/policy_parts.h"
#include "core/json.h"
#include "core/text.h"
#include "core/vocabulary.h"

#include <string.h>
#include <time.h>

typedef struct {
    char **countries, **to;
    char *data, *at;
} MatrixOptions;

static const OkseOption matrix_options[] = {
    {OKSE_OPTION_LIST, "country", 0, "ISO2", "from where; may be repeated (default: everywhere)",
     offsetof(MatrixOptions, countries)},
    {OKSE_OPTION_LIST, "to", 0, "ISO2", "to where; may be repeated; a bloc stands for its members",
     offsetof(MatrixOptions, to)},
    {OKSE_OPTION_TEXT, "data", 0, "CLASS", "a data class (default: those that the law names)",
     offsetof(MatrixOptions, data)},
    {OKSE_OPTION_TEXT, "at", 0, "TIME", "the law of that day (default: now)", offsetof(MatrixOptions, at)},
    {0},
};

bool okse_policy_time(const char *option, const char *text, gint64 *time_read, GError **error)
{
    *time_read = (gint64)time(NULL);
    if (text == NULL || okse_text_time_parse(text, time_read))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "--%s: '%s' is no date or RFC 3339 time with an offset", option, text);
}

bool okse_policy_countries(const OkseInvocation *invocation, const OkseLaw *law, char **given, GStrv *countries,
                           GError **error)
{
    g_autoptr(GPtrArray) codes = g_ptr_array_new_with_free_func(g_free);

    *countries = NULL;
    for (char **one = given; one != NULL && *one != NULL; one++) {
        char *code = g_ascii_strup(*one, -1);
        const char *const wanted[] = {code, NULL};

        g_ptr_array_add(codes, code);
        if (okse_law_jurisdiction(law, code) == NULL) {
            g_autoptr(OkseLaw) refused = okse_policy_load(invocation, wanted, error);

            g_assert(refused == NULL);
            return false;
        }
    }
    g_ptr_array_add(codes, NULL);
    if (given != NULL)
        *countries = (GStrv)g_ptr_array_free(g_steal_pointer(&codes), FALSE);
    return true;
}

static bool is_known(const OkseInvocation *invocation, const char *list, const char *word, const char *option,
                     GError **error)
{
    g_autoptr(OkseResources) resources = okse_law_source(invocation, error);
    g_autoptr(OkseVocabulary) names = resources == NULL ? NULL : okse_vocabulary_read(resources, list, error);
    const char *near;

    if (names == NULL)
        return false;
    if (okse_vocabulary_find(names, word) != NULL)
        return true;
    near = okse_text_nearest(word, okse_vocabulary_words(names));
    return okse_fail(error, OKSE_ERROR_INVALID, "--%s: '%s' is not in manifests/%s.yaml%s%s%s", option, word, list,
                     near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

static bool read_to(const OkseInvocation *invocation, const OkseLaw *law, GStrv *to, GError **error)
{
    const MatrixOptions *options = invocation->options;
    GPtrArray *codes = g_ptr_array_new();
    bool known = true;

    for (char **one = options->to; known && one != NULL && *one != NULL; one++) {
        char *code = g_ascii_strup(*one, -1);

        g_ptr_array_add(codes, code);
        known = okse_law_jurisdiction(law, code) != NULL || is_known(invocation, "countries", code, "to", error);
    }
    g_ptr_array_add(codes, NULL);
    *to = (GStrv)g_ptr_array_free(codes, FALSE);
    if (options->to == NULL)
        g_clear_pointer(to, g_strfreev);
    return known;
}

static char *rule_of(const json_t *cell)
{
    const json_t *recipients = json_object_get(cell, "recipients"), *mechanism;
    const json_t *otherwise = json_object_get(cell, "otherwise");
    const char *mode = okse_json_peek_text(cell, "mode"), *sector = okse_json_peek_text(cell, "sector");
    g_autoptr(GString) text = g_string_new(NULL);
    size_t i;

    g_string_append_printf(text, "%s%s%s", okse_json_peek_text(cell, "data"), sector != NULL ? ", sector " : "",
                           sector != NULL ? sector : "");
    if (mode == NULL) {
        g_string_append(text, "\n    no rule recorded");
        return g_string_free(g_steal_pointer(&text), FALSE);
    }
    g_string_append_printf(text, "\n    %s", mode);
    if (json_is_object(recipients))
        g_string_append_printf(text, ", only to %s", okse_policy_english(recipients));
    json_array_foreach(json_object_get(cell, "mechanisms"), i, mechanism) g_string_append_printf(
        text, "%s%s (%s)", i > 0 ? "; " : ": ", okse_policy_english(json_object_get(mechanism, "name")),
        okse_json_peek_text(mechanism, "basis"));
    g_string_append_printf(text, "\n    says %s, %s; confidence %s%s", okse_json_peek_text(cell, "provision"),
                           okse_json_peek_text(cell, "article"), okse_json_peek_text(cell, "confidence"),
                           strcmp(okse_json_peek_text(cell, "confidence"), "low") == 0 ? ": a lawyer must check" : "");
    if (otherwise != NULL)
        g_string_append_printf(
            text, "\n    others there: %s (%s)",
            okse_json_peek_text(otherwise, "mode") != NULL ? okse_json_peek_text(otherwise, "mode")
                                                           : "no rule recorded",
            okse_json_peek_text(otherwise, "provision") != NULL ? okse_json_peek_text(otherwise, "provision") : "-");
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void string_free(gpointer data)
{
    g_string_free(data, TRUE);
}

static void print_group(const char *from, GPtrArray *rules, GHashTable *destinations)
{
    okse_print("%s\n", from);
    for (guint i = 0; i < rules->len; i++)
        okse_print("  %s\n    →%s\n", (const char *)g_ptr_array_index(rules, i),
                   ((const GString *)g_hash_table_lookup(destinations, g_ptr_array_index(rules, i)))->str);
    g_ptr_array_set_size(rules, 0);
    g_hash_table_remove_all(destinations);
}

/* Destinations under the same rule stand together. */
static void print_matrix(const json_t *cells)
{
    g_autoptr(GPtrArray) rules = g_ptr_array_new();
    g_autoptr(GHashTable) destinations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, string_free);
    const char *from = NULL;
    const json_t *cell;
    size_t i;

    json_array_foreach(cells, i, cell)
    {
        char *rule = rule_of(cell);
        GString *to;

        if (from != NULL && strcmp(from, okse_json_peek_text(cell, "from")) != 0)
            print_group(from, rules, destinations);
        from = okse_json_peek_text(cell, "from");
        to = g_hash_table_lookup(destinations, rule);
        if (to == NULL) {
            to = g_string_new(NULL);
            g_ptr_array_add(rules, rule);
            g_hash_table_insert(destinations, rule, to);
        } else {
            g_free(rule);
        }
        g_string_append_printf(to, " %s", okse_json_peek_text(cell, "to"));
    }
    if (from != NULL)
        print_group(from, rules, destinations);
}

static int matrix_run(const OkseInvocation *invocation, GError **error)
{
    const MatrixOptions *options = invocation->options;
    g_autoptr(OkseLaw) law = NULL;
    g_auto(GStrv) from = NULL, to = NULL;
    g_autoptr(json_t) cells = NULL, document = NULL;
    g_autofree char *at = NULL;
    OkseMatrixRequest request = {.data = options->data};

    if (!okse_policy_time("at", options->at, &request.at, error) ||
        (options->data != NULL && !is_known(invocation, "data-classes", options->data, "data", error)))
        return 2;
    law = okse_policy_load(invocation, NULL, error);
    if (law == NULL || !okse_policy_countries(invocation, law, options->countries, &from, error) ||
        !read_to(invocation, law, &to, error))
        return 2;
    request.law = law;
    request.from = (const char *const *)from;
    request.to = (const char *const *)to;
    cells = okse_policy_matrix(&request);
    if (!invocation->json) {
        print_matrix(cells);
        return 0;
    }
    at = okse_text_time(request.at);
    document = json_pack("{s:s, s:s, s:s, s:O}", "schema", "okse.policy.matrix.v1", "manifests", law->digest, "at", at,
                         "cells", cells);
    return okse_print_json(document, error) ? 0 : 3;
}

const OkseCommand okse_command_policy_matrix = {
    .name = "policy matrix",
    .summary = "Show which data may go from where to where, how, and which provision says so.",
    .details = "'no rule recorded' is not 'free': nobody has written down what the law says there.",
    .options = matrix_options,
    .options_size = sizeof(MatrixOptions),
    .takes_policy = true,
    .run = matrix_run,
};
