#include "packager/spdx.h"

#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/patterns.h"

#include <string.h>

#define IDS_PATH "manifests/spdx-licenses.yaml"
#define EXPRESSION_LIMIT 1024u
#define OWN_PREFIX "LicenseRef-"
#define FOREIGN_PREFIX "DocumentRef-"

typedef struct {
    const char *at;
    unsigned depth;
    GError **error;
} Parser;

static size_t word_length(Parser *parser)
{
    parser->at += strspn(parser->at, " \t");
    return strcspn(parser->at, " \t()");
}

static bool take_word(Parser *parser, const char *word)
{
    size_t length = word_length(parser);

    if (length != strlen(word) || strncmp(parser->at, word, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static json_t *refuse(const Parser *parser, const char *wanted)
{
    g_autofree char *shown = okse_text_show(parser->at, -1, false);

    okse_fail(parser->error, OKSE_ERROR_INVALID, "%s expected %s%s%s", wanted,
              *shown != '\0' ? "before '" : "at its end", shown, *shown != '\0' ? "'" : "");
    return NULL;
}

static char *take_id(Parser *parser)
{
    static const char *const operators[] = {"AND", "OR", "WITH", NULL};
    size_t length = word_length(parser);
    g_autofree char *id = g_strndup(parser->at, length);

    if (length == 0 || g_strv_contains(operators, id))
        return NULL;
    parser->at += length;
    return g_steal_pointer(&id);
}

static json_t *parse_any(Parser *parser);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static json_t *parse_one(Parser *parser)
{
    g_autofree char *id = NULL;
    g_autoptr(json_t) inner = NULL;

    word_length(parser);
    if (*parser->at != '(') {
        id = take_id(parser);
        return id != NULL ? json_pack("{s:s}", "id", id) : refuse(parser, "a license identifier is");
    }
    if (parser->depth++ >= OKSE_LIMIT_DEPTH)
        return refuse(parser, "fewer brackets are");
    parser->at++;
    inner = parse_any(parser);
    if (inner == NULL)
        return NULL;
    word_length(parser);
    if (*parser->at != ')')
        return refuse(parser, "')' is");
    parser->at++;
    parser->depth--;
    return g_steal_pointer(&inner);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static json_t *parse_with(Parser *parser)
{
    g_autoptr(json_t) one = parse_one(parser);
    g_autofree char *exception = NULL;

    if (one == NULL || json_object_get(one, "id") == NULL || !take_word(parser, "WITH"))
        return g_steal_pointer(&one);
    exception = take_id(parser);
    if (exception == NULL)
        return refuse(parser, "an exception's identifier is");
    json_object_set_new(one, "exception", json_string(exception));
    return g_steal_pointer(&one);
}

typedef json_t *(*ParseOperand)(Parser *parser);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static json_t *parse_list(Parser *parser, const char *operator, const char * member, ParseOperand operand)
{
    g_autoptr(json_t) first = operand(parser), list = NULL;

    if (first == NULL || !take_word(parser, operator))
        return g_steal_pointer(&first);
    list = json_pack("[O]", first);
    do {
        json_t *next = operand(parser);

        if (next == NULL)
            return NULL;
        json_array_append_new(list, next);
    } while (take_word(parser, operator));
    return json_pack("{s:O}", member, list);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static json_t *parse_all(Parser *parser)
{
    return parse_list(parser, "AND", "all", parse_with);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static json_t *parse_any(Parser *parser)
{
    return parse_list(parser, "OR", "any", parse_all);
}

json_t *okse_spdx_parse(const char *expression, GError **error)
{
    Parser parser = {expression, 0, error};
    g_autoptr(json_t) parsed = NULL;

    if (strlen(expression) > EXPRESSION_LIMIT || !g_utf8_validate(expression, -1, NULL)) {
        okse_fail(error, OKSE_ERROR_INVALID, "longer than %u bytes, or no UTF-8", EXPRESSION_LIMIT);
        return NULL;
    }
    parsed = parse_any(&parser);
    if (parsed == NULL)
        return NULL;
    word_length(&parser);
    return *parser.at == '\0' ? g_steal_pointer(&parsed) : refuse(&parser, "AND, OR or WITH is");
}

struct OkseSpdxIds {
    GPtrArray *licenses, *exceptions; /* NULL-terminated */
};

static GPtrArray *read_list(const json_t *rows, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *id = json_string_value(json_array_get(rows, i));

        if (id == NULL) {
            okse_fail(error, OKSE_ERROR_INVALID, IDS_PATH ": row %zu is no text", i + 1);
            return NULL;
        }
        g_ptr_array_add(list, g_strdup(id));
    }
    g_ptr_array_add(list, NULL);
    return g_steal_pointer(&list);
}

OkseSpdxIds *okse_spdx_ids_read(const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) data = okse_patterns_read(resources, IDS_PATH, error);
    g_autoptr(OkseSpdxIds) ids = g_new0(OkseSpdxIds, 1);

    if (data == NULL)
        return NULL;
    ids->licenses = read_list(json_object_get(data, "licenses"), error);
    ids->exceptions = ids->licenses == NULL ? NULL : read_list(json_object_get(data, "exceptions"), error);
    return ids->exceptions == NULL ? NULL : g_steal_pointer(&ids);
}

void okse_spdx_ids_free(OkseSpdxIds *ids)
{
    if (ids == NULL)
        return;
    g_clear_pointer(&ids->licenses, g_ptr_array_unref);
    g_clear_pointer(&ids->exceptions, g_ptr_array_unref);
    g_free(ids);
}

static bool check_id(const GPtrArray *known, const char *id, GError **error)
{
    const char *const *words = (const char *const *)known->pdata;
    g_autofree char *shown = okse_text_show(id, -1, false);
    const char *near = NULL;

    if (g_strv_contains(words, id))
        return true;
    for (const char *const *word = words; near == NULL && *word != NULL; word++)
        near = g_ascii_strcasecmp(*word, id) == 0 ? *word : NULL;
    if (near == NULL)
        near = okse_text_nearest(id, words);
    return okse_fail(error, OKSE_ERROR_INVALID, "'%s' is no identifier of SPDX%s%s%s", shown,
                     near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'?)" : "; one of your own begins with '" OWN_PREFIX "'");
}

/* "LicenseRef-Name" or "DocumentRef-Name:LicenseRef-Name". */
static bool is_own(const char *id)
{
    const char *colon = g_str_has_prefix(id, FOREIGN_PREFIX) ? strchr(id, ':') : NULL;
    const char *name = colon != NULL ? colon + 1 : id;
    size_t length;

    if (!g_str_has_prefix(name, OWN_PREFIX))
        return false;
    name += strlen(OWN_PREFIX);
    length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
    return length > 0 && name[length] == '\0';
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as what okse_spdx_parse() made */
bool okse_spdx_check(const OkseSpdxIds *ids, const json_t *parsed, GError **error)
{
    const char *id = okse_json_peek_text(parsed, "id"), *exception = okse_json_peek_text(parsed, "exception");
    const json_t *list = json_object_get(parsed, json_object_get(parsed, "any") != NULL ? "any" : "all");
    g_autofree char *plain = NULL;

    for (size_t i = 0; i < json_array_size(list); i++)
        if (!okse_spdx_check(ids, json_array_get(list, i), error))
            return false;
    if (id == NULL)
        return true;
    plain = g_strndup(id, strlen(id) - g_str_has_suffix(id, "+"));
    if (!is_own(id) && !check_id(ids->licenses, plain, error))
        return false;
    return exception == NULL || check_id(ids->exceptions, exception, error);
}
