#pragma once

#include "audit/expression.h"
#include "audit/expression_type.h"

/* Private to expression*.c: where the reading stands, and what is in sight there. */
#define OKSE_EXPRESSION_DEPTH 64u

typedef struct {
    const char *name; /* borrowed from `names` */
    OkseType type;
    int arity; /* of a function; -1 for a variable */
} OkseExpressionName;

typedef struct {
    const char *text, *at; /* whole, and where reading stands */
    const char *word;      /* the last word taken; an objection right behind it is about it */
    size_t word_length;
    const OkseExpressionRules *rules;
    const char *what;
    const OksePlace *place;
    OkseExpressionUse *use; /* or NULL */
    OkseIssues *issues;
    GArray *scope;    /* OkseExpressionName, innermost last */
    GPtrArray *names; /* owns the texts of scope */
    unsigned depth;
    bool failed;
} OkseExpressionParser;

/* Record an objection once: after the first, reading only unwinds. Returns "anything". */
OkseType okse_expression_object(OkseExpressionParser *parser, const char *format, ...) G_GNUC_PRINTF(2, 3);

void okse_expression_space(OkseExpressionParser *parser);
/* Take this punctuation, if it stands here. */
bool okse_expression_take(OkseExpressionParser *parser, const char *punctuation);
bool okse_expression_expect(OkseExpressionParser *parser, const char *punctuation);
/* The identifier that stands here, or NULL; it is taken. The caller owns it. */
char *okse_expression_word(OkseExpressionParser *parser);
/* Take this keyword, if it stands here. */
bool okse_expression_keyword(OkseExpressionParser *parser, const char *keyword);

void okse_expression_bind(OkseExpressionParser *parser, const char *name, OkseType type, int arity);
const OkseExpressionName *okse_expression_find(const OkseExpressionParser *parser, const char *name, int arity);

/* A whole pipe; `input` is what stands at '.'. Returns the type of its outputs. */
OkseType okse_expression_pipe(OkseExpressionParser *parser, OkseType input);
/* "…" ; *literal is the text when there is no interpolation, else NULL. */
OkseType okse_expression_string(OkseExpressionParser *parser, OkseType input, char **literal);
/* A function name that was taken, and its arguments. */
OkseType okse_expression_call(OkseExpressionParser *parser, OkseType input, const char *name);
/* What `.[]` of `list` gives, at its place: [] behind the list's own, unless that list was made of its items. */
OkseType okse_expression_item(OkseExpressionParser *parser, OkseType list, OkseType item);
/* .name with all that is recorded and objected to. */
OkseType okse_expression_member(OkseExpressionParser *parser, OkseType value, const char *name);
