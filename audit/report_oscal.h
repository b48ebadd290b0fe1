#pragma once

#include "audit/report_uuid.h"
#include "audit/report_view.h"

/* What assessment results and the plan of action say in the same words, under the same UUIDs. */
typedef struct {
    const json_t *findings;
    const OkseReportView *view;
    char *time; /* of the audit, UTC; owned */
    char run[OKSE_UUID_TEXT], okse[OKSE_UUID_TEXT], host[OKSE_UUID_TEXT], plan[OKSE_UUID_TEXT], facts[OKSE_UUID_TEXT],
        party[OKSE_UUID_TEXT], catalog[OKSE_UUID_TEXT];
} OkseOscal;

/* Names everything after what it was computed from: equal findings give equal UUIDs. view: borrowed. */
void okse_oscal_identify(OkseOscal *oscal, const json_t *findings, const OkseReportView *view);

json_t *okse_oscal_origins(const OkseOscal *oscal) G_GNUC_WARN_UNUSED_RESULT;
json_t *okse_oscal_metadata(const OkseOscal *oscal, const char *title) G_GNUC_WARN_UNUSED_RESULT;
json_t *okse_oscal_local_definitions(const OkseOscal *oscal) G_GNUC_WARN_UNUSED_RESULT;
json_t *okse_oscal_back_matter(const OkseOscal *oscal) G_GNUC_WARN_UNUSED_RESULT;

/* Appends the observations of one finding to `all`, and references to them to `related`. */
void okse_oscal_observe(const OkseOscal *oscal, const json_t *finding, json_t *all, json_t *related);

/* The risk of not meeting a provision, by these findings of it (const json_t *): open, investigating while nothing is
 * known, or approved as a deviation with the day on which the first waiver ends. */
json_t *okse_oscal_risk(const OkseOscal *oscal, const json_t *provision, const GPtrArray *list, OkseStatus status,
                        const char *uuid) G_GNUC_WARN_UNUSED_RESULT;
