#pragma once

#include "packager/license_table.h"

/* Between license_evidence.c, which gathers, and license_lineage.c, which joins. What one component says:
 * {"component", "kind", "place": its directory as it is shown, "declared": expression or null,
 *  "name": of the model or null, "texts": license texts in it,
 *  "claims": [{"method", "said", "id" or null, "path", "line", "score", "digest" or null}],
 *  "bases": [{"model", "method", "path", "line"}]}. */
typedef struct {
    const OkseLicenseTable *table;
    json_t *units;          /* in the order of the components */
    GHashTable *attributed; /* attributions that stand in a notice, card or license of any component */
} OkseLicenseEvidence;

/* One row for every claim and every base, with its terms and where its lineage leads. A new reference. */
json_t *okse_license_rows_of(const OkseLicenseEvidence *evidence) G_GNUC_WARN_UNUSED_RESULT;
