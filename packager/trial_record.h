#pragma once

#include "core/json.h"
#include "packager/trial_wire.h"

/* What a trial has seen so far: equal attempts are one entry with a count. Bounded: after
 * OKSE_TRIAL_ATTEMPTS_MOST different ones no more are kept, and the record says that it is not complete. */
#define OKSE_TRIAL_ATTEMPTS_MOST 4096u

typedef struct OkseTrialRecord OkseTrialRecord;

OkseTrialRecord *okse_trial_record_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_trial_record_free(OkseTrialRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTrialRecord, okse_trial_record_free)

/* process: path of its program, any bytes, or NULL when it could not be told; milliseconds: since the start. */
void okse_trial_record_lookup(OkseTrialRecord *record, const OkseTrialQuestion *question, const char *process,
                              uint64_t milliseconds);
/* type: SOCK_STREAM, …, or -1. */
void okse_trial_record_connect(OkseTrialRecord *record, const OkseTrialAddress *address, int type, const char *process,
                               uint64_t milliseconds);
/* A call or a query that could not be read. */
void okse_trial_record_unreadable(OkseTrialRecord *record);

/* How many different attempts there are. */
unsigned okse_trial_record_count(const OkseTrialRecord *record);
/* Nothing was dropped and nothing was unreadable. */
bool okse_trial_record_complete(const OkseTrialRecord *record);
/* "attempts" of okse.trial.v1, in the order of their first time; a new reference. */
json_t *okse_trial_record_json(const OkseTrialRecord *record) G_GNUC_WARN_UNUSED_RESULT;
