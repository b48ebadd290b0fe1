#pragma once

#include <stdbool.h>

/* The lists of a facts document and the collectors that fill them (docs/formats/facts.md): each is named here once, and
 * a new one is a row. The published names are in manifests/schemas/facts.schema.json and control.schema.json. */

typedef struct {
    const char *list;      /* member of the document */
    const char *prefix;    /* of the ids of its facts */
    const char *collector; /* whose emptiness it shows; NULL: several fill it, none vouches for it */
    bool counted;          /* its length is the collector's number of items */
    bool later;            /* documents of older versions may lack it: nobody looked */
} OkseFactKind;

/* Ends with a row whose list is NULL. */
extern const OkseFactKind okse_fact_kinds[];

typedef enum {
    OKSE_SCOPE_ANY,     /* asked in every scope */
    OKSE_SCOPE_INSTALL, /* of what is installed, or will be */
    OKSE_SCOPE_HOST,    /* of the machine around it */
} OkseCollectorScope;

typedef struct {
    const char *name;
    OkseCollectorScope scope;
} OkseCollectorKind;

/* Ends with a row whose name is NULL. */
extern const OkseCollectorKind okse_collector_kinds[];

/* The row, or NULL. */
const OkseFactKind *okse_fact_kind(const char *list);
const OkseCollectorKind *okse_collector_kind(const char *name);
