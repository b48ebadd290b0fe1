#pragma once

#include "core/issue.h"
#include "core/resource.h"

#include <stdint.h>

/* The allow-list of a return bundle (docs/return.md): what a site sends back to its vendor, item by item. Immutable
 * after reading. */
#define OKSE_LIMIT_RETURN_ITEMS 1000u

typedef enum {
    OKSE_RETURN_VERIFICATION, /* the record of okse verify --record */
    OKSE_RETURN_FINDINGS,     /* what okse report --redact LEVEL --format json made */
    OKSE_RETURN_STATEMENT,    /* a signature of okse sign --document about another item */
} OkseReturnKind;

typedef struct {
    OkseReturnKind kind;
    char *path;      /* safe, below the root, and where it lies in the bundle */
    char *redaction; /* FINDINGS: the level that the list allows; NULL otherwise */
    char *about;     /* STATEMENT: the path of the item that it is about; NULL otherwise */
} OkseReturnItem;

typedef struct {
    char *name, *version;
    uint64_t sequence;
    char *from_name, *from_country, *from_contact; /* who answers for it; contact may be NULL */
    char *to;                                      /* the country it goes to */
    GPtrArray *items;                              /* OkseReturnItem, in the list's order; at least one */
} OkseReturnList;

/* origin: its name in messages. Errors: INVALID with every issue as origin:line:column. */
OkseReturnList *okse_return_list_read(GBytes *yaml, const char *origin, const OkseResources *resources,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_return_list_free(OkseReturnList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseReturnList, okse_return_list_free)

/* The item of this path, or NULL. */
const OkseReturnItem *okse_return_list_find(const OkseReturnList *list, const char *path);
