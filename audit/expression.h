#pragma once

#include "core/issue.h"

#include <jansson.h>
#include <stdint.h>

/* A control's jq expression, read before it ever runs. What is accepted is one complete expression of a safe subset of
 * jq 1.6: no environment, input, modules, clock, file, debug or halt; no assignment, no regular expression made of
 * facts; every path that starts at the facts exists in their schema, because a mistyped path is silently null in jq
 * and a comparison with null is silently false. */
typedef struct {
    const json_t *schema;         /* JSON Schema of the input: properties, items, additionalProperties, $ref to $defs */
    const char *const *variables; /* names without '$' that are bound from outside; ends with NULL */
    GBytes *source;               /* the file that the expression stands in, so that places are exact; or NULL */
} OkseExpressionRules;

/* What an expression reads: sets of texts. */
typedef struct {
    GHashTable *domains;   /* members of the facts document: "endpoints", … */
    GHashTable *paths;     /* of facts, as far as they can be followed: "endpoints[].location.country" */
    GHashTable *variables; /* of rules->variables */
} OkseExpressionUse;

OkseExpressionUse *okse_expression_use_new(void);
void okse_expression_use_free(OkseExpressionUse *use);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseExpressionUse, okse_expression_use_free)

/* Check `text`; every objection becomes an issue at `at` ("what: … at character N"). what: the key in messages.
 * use: what was read is added to it; may be NULL. Returns true when there was no objection.
 * Source: jq 1.6 manual and src/parser.y (precedence), src/builtin.jq (functions). */
bool okse_expression_check(const char *text, const OkseExpressionRules *rules, const char *what, const OksePlace *at,
                           OkseExpressionUse *use, OkseIssues *issues);
