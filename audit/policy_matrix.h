#pragma once

#include "audit/law.h"

typedef struct {
    const OkseLaw *law;      /* every jurisdiction there is */
    const char *const *from; /* ISO codes that are loaded; NULL: all */
    const char *const *to;   /* ISO codes; a bloc stands for its members; NULL: all countries that are loaded */
    const char *data;        /* a data class; NULL: those that the rows name */
    gint64 at;               /* the law of this moment */
} OkseMatrixRequest;

/* Which data may go from where to where (docs/formats/controls.md, "Transfers"). A new list of cells, by from, data and
 * to:
 *   {"from", "to", "data", "sector": text or null, "mode": text or null, "recipients": texts or null,
 *    "mechanisms": […], "jurisdiction", "provision", "article", "confidence"}
 * Where recipients are named, `otherwise` holds mode to confidence for everybody else there.
 * A null mode says that nothing is recorded, which is not "free"; the members behind it are then left out. */
json_t *okse_policy_matrix(const OkseMatrixRequest *request) G_GNUC_WARN_UNUSED_RESULT;
