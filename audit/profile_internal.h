#pragma once

#include "audit/profile.h"
#include "core/json.h"

/* Private to audit/profile*.c. */

/* One control under one provision of law. */
typedef struct {
    bool tighten; /* change what the law asks; otherwise ask this, too */
    char *provision, *control;
    json_t *parameters;   /* as written */
    const OkseNode *node; /* of the parameters, for places; NULL when there are none; borrowed from the document */
    OksePlace place;
} OkseProfileRow;

struct OkseProfile {
    OkseYaml *document;
    char *origin, *name, *as_of;
    json_t *title;         /* language → text */
    GPtrArray *countries;  /* char *: for whose law, and frameworks */
    GPtrArray *rows;       /* OkseProfileRow, in the order of the file */
    OkseJurisdiction *own; /* its own provisions, as a framework of its name; NULL when it has none */
    OksePlace place;       /* of the file */
    char digest[OKSE_SHA256_TEXT];
};
