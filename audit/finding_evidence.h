#pragma once

#include "core/json.h"

/* From the ids of an evaluation back to facts, and from facts to the evidence of a finding. */
typedef struct OkseFactIndex OkseFactIndex;

/* facts: borrowed, must outlive the index. */
OkseFactIndex *okse_fact_index_new(const json_t *facts);
void okse_fact_index_free(OkseFactIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFactIndex, okse_fact_index_free)

#define OKSE_EVIDENCE_LISTED 100u /* evidences listed for one finding; its counts tell how many there are */

/* Remember which facts these results (of okse_evaluate()) name: as subjects, violations or unknown. */
void okse_fact_index_look(OkseFactIndex *index, const json_t *results);
/* Does a result that was given name this fact? */
bool okse_fact_index_is_looked_at(const OkseFactIndex *index, const json_t *fact);

/* The evidence of a result of okse_evaluate(): one entry for each place of each fact, sorted by file, line and fact.
 * A new list of entries that findings share. The lists of the result must not change as long as the index lives. */
json_t *okse_finding_evidence(OkseFactIndex *index, const json_t *result) G_GNUC_WARN_UNUSED_RESULT;
