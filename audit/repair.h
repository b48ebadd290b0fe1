#pragma once

#include "audit/findings.h"
#include "core/resource.h"

/* The smallest set of configuration lines whose change makes the verdict compliant, or as near to it as lines can:
 * proved by evaluating the facts again without what stands on them. Nothing on the target is changed, and the verdict
 * is a prediction. Docs: docs/repair.md. */

#define OKSE_LIMIT_REPAIR_LINES 256u /* lines that are looked at */
#define OKSE_REPAIR_EXACT 12u        /* up to so many, every smaller set is tried */

typedef struct {
    const OkseAuditRequest *request; /* of the findings; without `only` */
    const json_t *findings;          /* their document, which the request gives */
    const json_t *replacements;      /* object: host → the host to name in its place */
    const char *files;               /* the target's file system or a copy, read to show lines as they are; or NULL */
    const OkseResources *resources;
} OkseRepairRequest;

/* okse.repair.v1 (docs/formats/repair.md); a new value, a function of the request and of the files it shows. Errors:
 * INVALID for more than OKSE_LIMIT_REPAIR_LINES lines; those of evaluating. */
json_t *okse_repair(const OkseRepairRequest *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For people. */
char *okse_repair_text(const json_t *repair) G_GNUC_WARN_UNUSED_RESULT;
