#pragma once

#include "audit/repair.h"
#include "audit/repair_facts.h"

/* Inside the repair: the search. A set of lines is good when changing it leaves nothing mandatory open but what is open
 * with every line changed. */
typedef enum {
    OKSE_REPAIR_UNPROVED, /* all of them: without some, something else opened */
    OKSE_REPAIR_EACH,     /* no line of it can be left out */
    OKSE_REPAIR_LEAST,    /* and no smaller set is good: all were tried */
} OkseRepairProof;

typedef struct {
    GPtrArray *lines;  /* OkseRepairLine: all that were looked at */
    bool *chosen;      /* of them */
    json_t **reopened; /* of each chosen line: ids of the findings that stay open without its change; else NULL */
    OkseRepairProof proof;
    unsigned tried;    /* how many sets were evaluated */
    json_t *predicted; /* findings document of the changed facts */
} OkseRepairResult;

bool okse_repair_search(const OkseRepairRequest *request, const OkseRepairPlaces *places, OkseRepairResult *result,
                        GError **error);
void okse_repair_result_clear(OkseRepairResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseRepairResult, okse_repair_result_clear)

/* Mandatory, and fails or is not decided. */
bool okse_repair_is_open(const json_t *finding);
