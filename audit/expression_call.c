/* The functions of jq 1.6 that an expression may call: pure, without a clock, a file or the environment. Everything not
 * listed is refused, so a new jq cannot bring a new door. */
#include "audit/expression_parser.h"

#include "core/text.h"

#include <string.h>

/* What stands at '.' in the arguments; FROM_FIRST: in the second, what the first puts out. */
typedef enum { FROM_INPUT, FROM_ITEMS, FROM_FIRST } Argument;
typedef enum { GIVES_ANYTHING, GIVES_INPUT, GIVES_ITEM, GIVES_LIST, GIVES_ARGUMENT } Gives;

typedef struct {
    const char *name;
    unsigned arity;
    Argument argument;
    Gives gives;
    bool pattern; /* the first argument is a regular expression */
} Function;

static const Function functions[] = {
    {"select", 1, FROM_INPUT, GIVES_INPUT, false},
    {"map", 1, FROM_ITEMS, GIVES_LIST, false},
    {"any", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"any", 1, FROM_ITEMS, GIVES_ANYTHING, false},
    {"all", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"all", 1, FROM_ITEMS, GIVES_ANYTHING, false},
    {"any", 2, FROM_FIRST, GIVES_ANYTHING, false},
    {"all", 2, FROM_FIRST, GIVES_ANYTHING, false},
    {"IN", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"IN", 2, FROM_INPUT, GIVES_ANYTHING, false},
    {"empty", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"isempty", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"first", 0, FROM_INPUT, GIVES_ITEM, false},
    {"first", 1, FROM_INPUT, GIVES_ARGUMENT, false},
    {"last", 0, FROM_INPUT, GIVES_ITEM, false},
    {"values", 0, FROM_INPUT, GIVES_INPUT, false},
    {"sort", 0, FROM_INPUT, GIVES_INPUT, false},
    {"sort_by", 1, FROM_ITEMS, GIVES_INPUT, false},
    {"unique", 0, FROM_INPUT, GIVES_INPUT, false},
    {"unique_by", 1, FROM_ITEMS, GIVES_INPUT, false},
    {"min_by", 1, FROM_ITEMS, GIVES_ITEM, false},
    {"max_by", 1, FROM_ITEMS, GIVES_ITEM, false},
    {"reverse", 0, FROM_INPUT, GIVES_INPUT, false},
    {"strings", 0, FROM_INPUT, GIVES_INPUT, false},
    {"numbers", 0, FROM_INPUT, GIVES_INPUT, false},
    {"arrays", 0, FROM_INPUT, GIVES_INPUT, false},
    {"objects", 0, FROM_INPUT, GIVES_INPUT, false},
    {"length", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"type", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"not", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"true", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"false", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"null", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"add", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"min", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"max", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"floor", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"keys", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"has", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"index", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"contains", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"inside", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"tostring", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"tonumber", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"split", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"join", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"ltrimstr", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"rtrimstr", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"startswith", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"endswith", 1, FROM_INPUT, GIVES_ANYTHING, false},
    {"ascii_downcase", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"ascii_upcase", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"fromdate", 0, FROM_INPUT, GIVES_ANYTHING, false},
    {"test", 1, FROM_INPUT, GIVES_ANYTHING, true},
    {"test", 2, FROM_INPUT, GIVES_ANYTHING, true},
};

/* Refused with a reason of their own; every other unknown name gets the nearest known one. */
static const char *const dangerous[] = {"env",
                                        "input",
                                        "inputs",
                                        "debug",
                                        "halt",
                                        "halt_error",
                                        "getpath",
                                        "now",
                                        "input_line_number",
                                        "input_filename",
                                        "modulemeta",
                                        "stderr",
                                        "localtime",
                                        "strflocaltime",
                                        "get_search_list",
                                        "recurse",
                                        "range",
                                        "while",
                                        "until",
                                        "repeat",
                                        "limit",
                                        "error",
                                        "$__loc__",
                                        "paths",
                                        "path",
                                        NULL};

static const Function *function_find(const char *name, unsigned arity, bool *other_arity)
{
    *other_arity = false;
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        if (strcmp(functions[i].name, name) != 0)
            continue;
        if (functions[i].arity == arity)
            return &functions[i];
        *other_arity = true;
    }
    return NULL;
}

/* How many arguments stand behind the name, counted by brackets and texts alone: what the arguments see at '.' depends
 * on which function it is, and reading them twice would take twice as long at every level. A text may hold
 * interpolations that hold texts; `open` remembers of each bracket whether it is one of those. */
static unsigned count_arguments(OkseExpressionParser *parser)
{
    char open[2 * OKSE_EXPRESSION_DEPTH] = {0};
    unsigned depth = 0, count = 1;
    bool quoted = false;

    okse_expression_space(parser);
    if (*parser->at != '(')
        return 0;
    for (const char *at = parser->at; *at != '\0' && depth < sizeof open - 1; at++) {
        if (quoted && *at == '\\' && at[1] == '(') {
            open[depth++] = '"';
            quoted = false;
            at++;
        } else if (quoted && *at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '"') {
            quoted = !quoted;
        } else if (!quoted && strchr("([{", *at) != NULL) {
            open[depth++] = '(';
        } else if (!quoted && strchr(")]}", *at) != NULL) {
            if (depth <= 1)
                return count;
            quoted = open[--depth] == '"';
        } else if (!quoted && depth == 1 && *at == ';') {
            count++;
        }
    }
    return count;
}

static OkseType unknown_function(OkseExpressionParser *parser, const char *name, unsigned arity, bool other_arity)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    const char *near;

    if (g_strv_contains(dangerous, name))
        return okse_expression_object(parser, "'%s' is refused in a control", name);
    if (other_arity)
        return okse_expression_object(parser, "'%s' does not take %u argument%s", name, arity, arity == 1 ? "" : "s");
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++)
        g_ptr_array_add(known, (gpointer)(uintptr_t)functions[i].name);
    g_ptr_array_add(known, NULL);
    near = okse_text_nearest(name, (const char *const *)known->pdata);
    return okse_expression_object(parser, "'%s' is not a function that a control may call%s%s%s", name,
                                  near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                                  near != NULL ? "'?)" : "");
}

static void pattern_check(OkseExpressionParser *parser)
{
    const char *at;

    okse_expression_space(parser);
    at = parser->at;
    if (*at == '"')
        for (at++; *at != '\0' && *at != '"' && !(*at == '\\' && at[1] == '('); at++)
            at += *at == '\\' && at[1] != '\0';
    if (*at++ == '"')
        while (*at == ' ')
            at++;
    if (at[-1] == '\0' || (*at != ')' && *at != ';'))
        okse_expression_object(parser, "a regular expression must be a plain text");
}

OkseType okse_expression_call(OkseExpressionParser *parser, OkseType input, const char *name)
{
    unsigned arity = count_arguments(parser);
    bool other_arity;
    const Function *function = function_find(name, arity, &other_arity);
    OkseType argument = {NULL, false, NULL}, items = {NULL, false, NULL};

    if (function == NULL)
        return unknown_function(parser, name, arity, other_arity);
    if ((function->argument == FROM_ITEMS || function->gives == GIVES_ITEM) &&
        !okse_type_items(parser->rules->schema, input, &items))
        return okse_expression_object(parser, "'%s' of a value that is no list", name);
    items = okse_expression_item(parser, input, items);
    if (arity > 0 && okse_expression_expect(parser, "(")) {
        if (function->pattern)
            pattern_check(parser);
        for (unsigned i = 0; i < arity && !parser->failed; i++) {
            argument = okse_expression_pipe(parser, function->argument == FROM_ITEMS            ? items
                                                    : function->argument == FROM_FIRST && i > 0 ? argument
                                                                                                : input);
            okse_expression_expect(parser, i + 1 < arity ? ";" : ")");
        }
    }
    switch (function->gives) {
    case GIVES_ANYTHING:
        break;
    case GIVES_INPUT:
        return input;
    case GIVES_ITEM:
        return items;
    case GIVES_LIST:
        return argument.list ? (OkseType){NULL, false, NULL}
                             : (OkseType){argument.node, argument.node != NULL, argument.path};
    case GIVES_ARGUMENT:
        return argument;
    }
    return (OkseType){NULL, false, NULL};
}
