#pragma once

#include "audit/report_view.h"

/* What the picture of data flows shows, in HTML and in PDF: the places outside the host by country, worst first. */
#define OKSE_FLOW_ROWS 6u /* endpoints named in one group */

typedef enum {
    OKSE_FLOW_VIOLATION,
    OKSE_FLOW_UNKNOWN,
    OKSE_FLOW_UNPOLICED,
    OKSE_FLOW_ALLOWED,
} OkseFlow;

/* By OkseFlow: a class of the style sheet, and the key of a message. */
extern const char *const okse_flow_words[];
extern const char *const okse_flow_keys[];

typedef struct {
    const char *country;  /* code, or NULL */
    const char *name_key; /* of a message, when there is no country */
    GPtrArray *endpoints; /* borrowed json_t, worst first */
    OkseFlow worst;
} OkseFlowGroup;

/* OkseFlowGroup *, at most nine. */
GPtrArray *okse_flows_collect(const json_t *findings, const OkseReportView *view) G_GNUC_WARN_UNUSED_RESULT;
OkseFlow okse_flow_judge(const json_t *findings, const OkseReportView *view, const json_t *endpoint);
/* "→ host:port", cut. */
char *okse_flow_endpoint(const json_t *endpoint) G_GNUC_WARN_UNUSED_RESULT;
/* The endpoints of a group that are named. */
unsigned okse_flow_rows(const OkseFlowGroup *group);
/* True when the findings say that no check looked at this endpoint. */
bool okse_flow_unpoliced(const json_t *findings, const char *fact);
