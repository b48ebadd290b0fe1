#pragma once

#include "audit/evaluate.h"
#include "audit/finding_evidence.h"

#define OKSE_UNPOLICED_LISTED 100u /* facts listed for each list; the counts tell how many there are */

/* Which facts the evaluated controls looked at. A control that says its subjects looked at those; one that does not at
 * what it found, and it read the lists that its expressions name. What did not apply or failed looked at nothing.
 * Adds to a findings document's inventory:
 *   "coverage": {"facts", "looked_at", "read", "unpoliced", "lists": {list: the same of it}}
 *   "unpoliced_facts": [{"list", "id", "message"}]
 * results: of okse_evaluate() over tasks, which the index has looked at (okse_fact_index_look()). */
void okse_findings_unpoliced(json_t *inventory, const json_t *facts, const OkseFactIndex *index, const OkseTask *tasks,
                             const json_t *results, const json_t *schema);
