/* The small things of reading an expression: words, punctuation, names in sight, objections. */
#include "audit/expression_parser.h"

#include "audit/expression_place.h"
#include "core/text.h"

#include <string.h>

#define PATH_SHOWN 256u

OkseType okse_expression_object(OkseExpressionParser *parser, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *shown = NULL;
    bool of_word = parser->word != NULL && parser->at == parser->word + parser->word_length;
    size_t offset = (size_t)((of_word ? parser->word : parser->at) - parser->text);
    OksePlace exact;
    va_list arguments;

    if (parser->failed)
        return (OkseType){NULL, false, NULL};
    parser->failed = true;
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    shown = okse_text_show(text, -1, false);
    if (parser->rules->source != NULL &&
        okse_scalar_place(parser->rules->source, parser->place, parser->text, offset, &exact))
        okse_issue(parser->issues, &exact, "%s: %s", parser->what, shown);
    else
        okse_issue(parser->issues, parser->place, "%s: %s (at character %zu)", parser->what, shown, offset + 1);
    return (OkseType){NULL, false, NULL};
}

void okse_expression_space(OkseExpressionParser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\n' || *parser->at == '\r')
        parser->at++;
}

bool okse_expression_take(OkseExpressionParser *parser, const char *punctuation)
{
    okse_expression_space(parser);
    if (parser->failed || !g_str_has_prefix(parser->at, punctuation))
        return false;
    parser->at += strlen(punctuation);
    return true;
}

bool okse_expression_expect(OkseExpressionParser *parser, const char *punctuation)
{
    if (okse_expression_take(parser, punctuation))
        return true;
    okse_expression_object(parser, "'%s' is missing", punctuation);
    return false;
}

static size_t word_length(const char *at)
{
    size_t length = 0;

    if (!g_ascii_isalpha(*at) && *at != '_')
        return 0;
    while (g_ascii_isalnum(at[length]) || at[length] == '_')
        length++;
    return length;
}

char *okse_expression_word(OkseExpressionParser *parser)
{
    size_t length;
    char *word;

    okse_expression_space(parser);
    length = parser->failed ? 0 : word_length(parser->at);
    if (length == 0)
        return NULL;
    word = g_strndup(parser->at, length);
    parser->word = parser->at;
    parser->word_length = length;
    parser->at += length;
    return word;
}

bool okse_expression_keyword(OkseExpressionParser *parser, const char *keyword)
{
    size_t length;

    okse_expression_space(parser);
    length = parser->failed ? 0 : word_length(parser->at);
    if (length != strlen(keyword) || strncmp(parser->at, keyword, length) != 0)
        return false;
    parser->at += length;
    return true;
}

void okse_expression_bind(OkseExpressionParser *parser, const char *name, OkseType type, int arity)
{
    OkseExpressionName bound = {g_strdup(name), type, arity};

    g_ptr_array_add(parser->names, (gpointer)(uintptr_t)bound.name);
    g_array_append_val(parser->scope, bound);
}

const OkseExpressionName *okse_expression_find(const OkseExpressionParser *parser, const char *name, int arity)
{
    for (guint i = parser->scope->len; i > 0; i--) {
        const OkseExpressionName *bound = &g_array_index(parser->scope, OkseExpressionName, i - 1);

        if (bound->arity == arity && strcmp(bound->name, name) == 0)
            return bound;
    }
    return NULL;
}

/* The member that was probably meant. */
static const char *nearest_member(const json_t *node, const char *name)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    json_t *members = json_object_get(node, "properties"), *value;
    const char *key;

    json_object_foreach(members, key, value) g_ptr_array_add(known, (gpointer)(uintptr_t)key);
    g_ptr_array_add(known, NULL);
    return okse_text_nearest(name, (const char *const *)known->pdata);
}

/* "" is the facts themselves. The text lives as long as the reading. */
static const char *path_of(OkseExpressionParser *parser, const char *path, const char *separator, const char *name)
{
    char *text;

    if (path == NULL || strlen(path) + strlen(name) > PATH_SHOWN)
        return NULL;
    text = g_strconcat(path, *path != '\0' ? separator : "", name, NULL);
    g_ptr_array_add(parser->names, text);
    return text;
}

OkseType okse_expression_item(OkseExpressionParser *parser, OkseType list, OkseType item)
{
    item.path = list.list ? list.path : path_of(parser, list.path, "", "[]");
    return item;
}

OkseType okse_expression_member(OkseExpressionParser *parser, OkseType value, const char *name)
{
    OkseType found = {NULL, false, NULL};
    const char *near;

    switch (okse_type_member(parser->rules->schema, value, name, &found)) {
    case OKSE_TYPE_FOUND:
        if (parser->use != NULL && value.node == parser->rules->schema && value.node != NULL && !value.list)
            g_hash_table_add(parser->use->domains, g_strdup(name));
        found.path = path_of(parser, value.path, ".", name);
        if (found.path != NULL)
            g_hash_table_add(parser->use->paths, g_strdup(found.path));
        return found;
    case OKSE_TYPE_NO_OBJECT:
        return okse_expression_object(parser, "'.%s' of a value that has no members", name);
    case OKSE_TYPE_NO_MEMBER:
        break;
    }
    near = nearest_member(okse_type_resolve(parser->rules->schema, value.node), name);
    return okse_expression_object(parser, "no such fact '.%s'%s%s%s", name, near != NULL ? " (did you mean '." : "",
                                  near != NULL ? near : "", near != NULL ? "'?)" : "");
}

OkseExpressionUse *okse_expression_use_new(void)
{
    OkseExpressionUse *use = g_new0(OkseExpressionUse, 1);

    use->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    use->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    use->variables = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return use;
}

void okse_expression_use_free(OkseExpressionUse *use)
{
    if (use == NULL)
        return;
    g_hash_table_unref(use->domains);
    g_hash_table_unref(use->paths);
    g_hash_table_unref(use->variables);
    g_free(use);
}
