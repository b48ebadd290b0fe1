#pragma once

#include "core/error.h"

#include <jansson.h>
#include <stdint.h>

/* What is known of the value of an expression: a node of the facts' schema, a list of such, or nothing at all. */
typedef struct {
    const json_t *node; /* NULL: anything */
    bool list;          /* a list whose items are `node` */
    const char *path;   /* where it stands in the facts: "endpoints[].location"; NULL: made, or not followed */
} OkseType;

typedef enum {
    OKSE_TYPE_FOUND,
    OKSE_TYPE_NO_MEMBER, /* the schema has members, but not this one */
    OKSE_TYPE_NO_OBJECT, /* a list or a scalar, which has no members */
} OkseTypeAnswer;

/* Follow $ref; schema is the document that $defs live in. */
const json_t *okse_type_resolve(const json_t *schema, const json_t *node);
/* .name of a value; *result is written on FOUND. */
OkseTypeAnswer okse_type_member(const json_t *schema, OkseType value, const char *name, OkseType *result);
/* .[] of a value; false when it is a scalar. */
bool okse_type_items(const json_t *schema, OkseType value, OkseType *result);
/* What a value is that comes from either side. */
OkseType okse_type_either(OkseType a, OkseType b);
