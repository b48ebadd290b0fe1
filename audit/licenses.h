#pragma once

#include "audit/facts.h"
#include "packager/license_table.h"

/* From what components say of their licenses to facts (docs/formats/facts.md, "licenses"). */

/* What one component says, gathered by the collector:
 * {"component", "kind", "place": its directory as sources show it, "declared": expression or null, "name": of the model or null, "texts": license texts in it,
 *  "claims": [{"method", "said", "id" or null, "path", "line", "score", "digest" or null}],
 *  "bases": [{"model", "method", "path", "line"}]}. */
typedef struct {
    json_t *units;          /* [unit], in the order of the components */
    GHashTable *attributed; /* attributions that stand in a notice, card or license of any component */
} OkseLicenseEvidence;

/* Add a fact for every claim and every base, with its terms and where its lineage leads. */
void okse_licenses_add(OkseFacts *facts, const OkseLicenseTable *table, const OkseLicenseEvidence *evidence);
