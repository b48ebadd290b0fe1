/* A recursive-descent reader of a subset of jq's grammar that carries the type of '.' along instead of building a tree:
 * each function takes what stands at '.' and returns what comes out. Reading the whole text as one expression is also
 * what makes it safe to put expressions side by side into one program. */
#include "audit/expression_parser.h"

#include <string.h>

static const OkseType anything = {NULL, false, NULL};

static bool deeper(OkseExpressionParser *parser)
{
    if (++parser->depth <= OKSE_EXPRESSION_DEPTH)
        return !parser->failed;
    okse_expression_object(parser, "nested deeper than %u levels", OKSE_EXPRESSION_DEPTH);
    return false;
}

OkseType okse_expression_string(OkseExpressionParser *parser, OkseType input, char **literal)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bool interpolated = false;

    *literal = NULL;
    for (parser->at++; !parser->failed && *parser->at != '"';) {
        char c = *parser->at++;

        if (c == '\0') {
            parser->at--;
            return okse_expression_object(parser, "the text is not closed");
        }
        if (c == '\\' && *parser->at == '(') {
            parser->at++;
            interpolated = true;
            okse_expression_pipe(parser, input);
            okse_expression_expect(parser, ")");
        } else if (c == '\\') {
            if (*parser->at == '\0' || strchr("\"\\/bfnrtu", *parser->at) == NULL)
                return okse_expression_object(parser, "unknown escape in a text");
            g_string_append_c(text, *parser->at++);
        } else {
            g_string_append_c(text, c);
        }
    }
    if (!parser->failed)
        parser->at++;
    if (!interpolated && !parser->failed)
        *literal = g_string_free(g_steal_pointer(&text), FALSE);
    return anything;
}

static OkseType read_variable(OkseExpressionParser *parser)
{
    g_autofree char *name = okse_expression_word(parser);
    const OkseExpressionName *bound;

    if (name == NULL)
        return okse_expression_object(parser, "a name must follow '$'");
    bound = okse_expression_find(parser, name, -1);
    if (bound != NULL)
        return bound->type;
    if (parser->rules->variables != NULL && g_strv_contains(parser->rules->variables, name)) {
        if (parser->use != NULL)
            g_hash_table_add(parser->use->variables, g_strdup(name));
        return anything;
    }
    return okse_expression_object(parser, "unknown variable '$%s'", name);
}

static void read_object_value(OkseExpressionParser *parser, OkseType input);

static void read_object(OkseExpressionParser *parser, OkseType input)
{
    if (okse_expression_take(parser, "}"))
        return;
    do {
        g_autofree char *key = NULL;
        bool shorthand = true;

        okse_expression_space(parser);
        if (*parser->at == '"') {
            okse_expression_string(parser, input, &key);
            shorthand = false;
        } else if (okse_expression_take(parser, "$")) {
            read_variable(parser);
            continue;
        } else if (okse_expression_take(parser, "(")) {
            okse_expression_pipe(parser, input);
            okse_expression_expect(parser, ")");
            shorthand = false;
        } else {
            key = okse_expression_word(parser);
            if (key == NULL)
                okse_expression_object(parser, "a key is missing");
        }
        if (okse_expression_take(parser, ":"))
            read_object_value(parser, input);
        else if (shorthand && key != NULL)
            okse_expression_member(parser, input, key);
        else
            okse_expression_object(parser, "':' is missing");
    } while (!parser->failed && okse_expression_take(parser, ","));
    okse_expression_expect(parser, "}");
}

static OkseType read_conditional(OkseExpressionParser *parser, OkseType input)
{
    OkseType result;

    okse_expression_pipe(parser, input);
    if (!okse_expression_keyword(parser, "then"))
        return okse_expression_object(parser, "'then' is missing");
    result = okse_expression_pipe(parser, input);
    while (okse_expression_keyword(parser, "elif")) {
        okse_expression_pipe(parser, input);
        if (!okse_expression_keyword(parser, "then"))
            return okse_expression_object(parser, "'then' is missing");
        result = okse_type_either(result, okse_expression_pipe(parser, input));
    }
    if (!okse_expression_keyword(parser, "else")) /* jq 1.6 has no if without else */
        return okse_expression_object(parser, "'else' is missing");
    result = okse_type_either(result, okse_expression_pipe(parser, input));
    if (!okse_expression_keyword(parser, "end"))
        return okse_expression_object(parser, "'end' is missing");
    return result;
}

static OkseType read_word(OkseExpressionParser *parser, OkseType input)
{
    static const char *const refused[] = {"reduce", "foreach", "label", "break", "import", "include", "try", "catch",
                                          "then",   "else",    "elif",  "end",   "as",     "def",     NULL};
    g_autofree char *word = okse_expression_word(parser);

    if (word == NULL)
        return okse_expression_object(
            parser, *parser->at == '\0' ? "the expression ends early" : "'%c' cannot stand here", *parser->at);
    if (strcmp(word, "if") == 0)
        return read_conditional(parser, input);
    if (g_strv_contains(refused, word))
        return okse_expression_object(parser, "'%s' cannot stand in a control", word);
    return okse_expression_call(parser, input, word);
}

static OkseType read_number(OkseExpressionParser *parser)
{
    char *end = NULL;

    g_ascii_strtod(parser->at, &end);
    parser->at = end;
    return anything;
}

/* What follows a lone '.': .name, ."name", or nothing. */
static OkseType read_dot(OkseExpressionParser *parser, OkseType input)
{
    g_autofree char *name = NULL;

    if (*parser->at == '.')
        return okse_expression_object(parser, "'..' reads everything and is refused");
    if (*parser->at == '"')
        okse_expression_string(parser, input, &name);
    else if (g_ascii_isalpha(*parser->at) || *parser->at == '_')
        name = okse_expression_word(parser);
    else
        return input;
    return name != NULL ? okse_expression_member(parser, input, name) : anything;
}

/* [] [expression] [from:to] behind a value. */
static OkseType read_brackets(OkseExpressionParser *parser, OkseType input, OkseType value)
{
    g_autofree char *name = NULL;
    OkseType result = anything;

    if (okse_expression_take(parser, "]")) {
        if (!okse_type_items(parser->rules->schema, value, &result))
            return okse_expression_object(parser, "'[]' of a value that is no list");
        return okse_expression_item(parser, value, result);
    }
    okse_expression_space(parser);
    if (*parser->at == '"') {
        okse_expression_string(parser, input, &name);
        if (okse_expression_take(parser, "]"))
            return name != NULL ? okse_expression_member(parser, value, name) : anything;
    }
    if (!okse_expression_take(parser, ":")) {
        okse_expression_pipe(parser, input);
        if (!okse_expression_take(parser, ":")) {
            okse_expression_expect(parser, "]");
            return anything;
        }
    }
    okse_expression_space(parser);
    if (*parser->at != ']')
        okse_expression_pipe(parser, input);
    okse_expression_expect(parser, "]");
    return value;
}

static OkseType read_primary(OkseExpressionParser *parser, OkseType input)
{
    g_autofree char *literal = NULL;
    OkseType value;

    okse_expression_space(parser);
    if (*parser->at == '"')
        return okse_expression_string(parser, input, &literal);
    if (g_ascii_isdigit(*parser->at))
        return read_number(parser);
    if (okse_expression_take(parser, "."))
        return read_dot(parser, input);
    if (okse_expression_take(parser, "$"))
        return read_variable(parser);
    if (okse_expression_take(parser, "(")) {
        value = okse_expression_pipe(parser, input);
        okse_expression_expect(parser, ")");
        return value;
    }
    if (okse_expression_take(parser, "[")) {
        if (okse_expression_take(parser, "]"))
            return anything;
        value = okse_expression_pipe(parser, input);
        okse_expression_expect(parser, "]");
        return value.list ? anything : (OkseType){value.node, value.node != NULL, value.path};
    }
    if (okse_expression_take(parser, "{")) {
        read_object(parser, input);
        return anything;
    }
    return read_word(parser, input);
}

static OkseType read_postfix(OkseExpressionParser *parser, OkseType input)
{
    OkseType value = deeper(parser) ? read_primary(parser, input) : anything;

    while (!parser->failed) {
        if (*parser->at == '.' && parser->at[1] != '.') { /* no space before: ". foo" is not a path */
            parser->at++;
            if (*parser->at == '[')
                continue;
            value = read_dot(parser, value);
        } else if (okse_expression_take(parser, "[")) {
            value = read_brackets(parser, input, value);
        } else if (!okse_expression_take(parser, "?")) {
            break;
        } else if (*parser->at == '/' && parser->at[1] == '/') {
            okse_expression_object(parser, "'?//' cannot stand in a control");
        }
    }
    parser->depth--;
    return value;
}

static OkseType read_unary(OkseExpressionParser *parser, OkseType input)
{
    if (okse_expression_take(parser, "-")) {
        read_postfix(parser, input);
        return anything;
    }
    return read_postfix(parser, input);
}

static OkseType read_sum(OkseExpressionParser *parser, OkseType input)
{
    OkseType value = read_unary(parser, input);

    for (;;) {
        okse_expression_space(parser);
        if (parser->failed || *parser->at == '\0' || strchr("+-*/%", *parser->at) == NULL ||
            (*parser->at == '/' && parser->at[1] == '/'))
            return value;
        if (*++parser->at == '=')
            return okse_expression_object(parser, "assignment cannot stand in a control");
        value = okse_type_either(value, read_unary(parser, input));
    }
}

static OkseType read_comparison(OkseExpressionParser *parser, OkseType input)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">", NULL};
    OkseType value = read_sum(parser, input);

    for (unsigned i = 0; operators[i] != NULL; i++)
        if (okse_expression_take(parser, operators[i])) {
            read_sum(parser, input);
            return anything;
        }
    okse_expression_space(parser);
    if (*parser->at == '=' || (*parser->at == '|' && parser->at[1] == '='))
        return okse_expression_object(parser, "assignment cannot stand in a control");
    return value;
}

/* and, or: their precedence does not matter to types. */
static OkseType read_logic(OkseExpressionParser *parser, OkseType input)
{
    OkseType value = read_comparison(parser, input);

    while (okse_expression_keyword(parser, "and") || okse_expression_keyword(parser, "or")) {
        read_comparison(parser, input);
        value = anything;
    }
    return value;
}

static OkseType read_alternative(OkseExpressionParser *parser, OkseType input)
{
    OkseType value = read_logic(parser, input);

    while (okse_expression_take(parser, "//")) {
        if (*parser->at == '=')
            return okse_expression_object(parser, "assignment cannot stand in a control");
        read_logic(parser, input); /* a default: what follows is still read as the left side */
    }
    return value;
}

static void read_object_value(OkseExpressionParser *parser, OkseType input)
{
    read_alternative(parser, input);
    while (!parser->failed && okse_expression_take(parser, "|"))
        read_alternative(parser, input);
}

static OkseType read_comma(OkseExpressionParser *parser, OkseType input)
{
    OkseType value = read_alternative(parser, input);

    while (okse_expression_take(parser, ","))
        value = okse_type_either(value, read_alternative(parser, input));
    return value;
}

OkseType okse_expression_pipe(OkseExpressionParser *parser, OkseType input)
{
    guint names = parser->scope->len;
    OkseType value = deeper(parser) ? read_comma(parser, input) : anything;

    while (!parser->failed) {
        if (okse_expression_keyword(parser, "as")) {
            g_autofree char *name = okse_expression_expect(parser, "$") ? okse_expression_word(parser) : NULL;

            if (name == NULL || !okse_expression_expect(parser, "|"))
                break;
            okse_expression_bind(parser, name, value, -1);
        } else if (okse_expression_take(parser, "|")) {
            input = value;
        } else {
            break;
        }
        value = read_comma(parser, input);
    }
    g_array_set_size(parser->scope, names);
    parser->depth--;
    return value;
}

bool okse_expression_check(const char *text, const OkseExpressionRules *rules, const char *what, const OksePlace *at,
                           OkseExpressionUse *use, OkseIssues *issues)
{
    g_autoptr(GArray) scope = g_array_new(FALSE, FALSE, sizeof(OkseExpressionName));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    OkseExpressionParser parser = {.text = text,
                                   .at = text,
                                   .rules = rules,
                                   .what = what,
                                   .place = at,
                                   .use = use,
                                   .issues = issues,
                                   .scope = scope,
                                   .names = names};

    okse_expression_pipe(&parser, (OkseType){rules->schema, false, use != NULL ? "" : NULL});
    okse_expression_space(&parser);
    if (!parser.failed && *parser.at != '\0')
        okse_expression_object(&parser, "'%c' cannot stand here", *parser.at);
    return !parser.failed;
}
