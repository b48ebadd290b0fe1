#pragma once

#include <glib.h>
#include <jansson.h>

/* An expression that okse_expression_check() accepts, as a tree: for those who must know what it does, not whether it
 * may. Source: jq 1.6 src/parser.y. */
typedef enum {
    OKSE_TERM_DOT,
    OKSE_TERM_LITERAL,  /* literal: a number, a text without escapes, true, false, null */
    OKSE_TERM_TEXT,     /* any other text; children: what is interpolated */
    OKSE_TERM_VARIABLE, /* name */
    OKSE_TERM_MEMBER,   /* children[0].name */
    OKSE_TERM_ITEMS,    /* children[0][] */
    OKSE_TERM_INDEX,    /* children[0][children[1]], or a slice of it */
    OKSE_TERM_TRY,      /* children[0]? */
    OKSE_TERM_ARRAY,    /* [children[0]], or [] */
    OKSE_TERM_OBJECT,   /* children: keys that are computed, and values */
    OKSE_TERM_CALL,     /* name(children) */
    OKSE_TERM_IF,       /* children: condition, then, condition, then, …, else */
    OKSE_TERM_AS,       /* children[0] as $name | children[1] */
    OKSE_TERM_OPERATOR, /* children[0] name children[1]: "|", ",", "//", "and", "or", comparisons, arithmetic; or "-" of
                           one */
} OkseTermKind;

typedef struct {
    OkseTermKind kind;
    char *name;
    json_t *literal;
    GPtrArray *children; /* OkseTerm; owned */
} OkseTerm;

/* Returns NULL for what is not understood; that is no error here. */
OkseTerm *okse_expression_tree(const char *text) G_GNUC_WARN_UNUSED_RESULT;
void okse_term_free(OkseTerm *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTerm, okse_term_free)

const OkseTerm *okse_term_child(const OkseTerm *node, guint index);
