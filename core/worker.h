#pragma once

#include "core/error.h"

/* Run `count` jobs on up to `threads` threads (0: as many as the process may use). `run` gets the shared, read-only
 * `context` and the job's index; it writes only what belongs to that job. The first failure in job order is returned
 * (so messages do not depend on timing); jobs after a failed one may be skipped: they see okse_jobs_stopped().
 * Jobs start in order, so the largest should come first. */
typedef struct OkseJobs OkseJobs;
typedef bool (*OkseJobFunc)(OkseJobs *jobs, unsigned index, void *context, GError **error);

bool okse_jobs_run(unsigned count, unsigned threads, OkseJobFunc run, void *context, GError **error);

/* True when a sibling failed or the user asked to stop: a long job looks now and then and returns CANCELLED. */
bool okse_jobs_stopped(const OkseJobs *jobs);

/* A thread of the run that has no job any more, or never had one, for a job that can use a second one; the job gives
 * it back before it ends. False when there is none. */
bool okse_jobs_borrow(OkseJobs *jobs);
void okse_jobs_give_back(OkseJobs *jobs);

/* Processors this process may run on (sched_getaffinity), at least 1. */
unsigned okse_processors(void);

/* Ctrl-C: the one global. Set by the signal handler of the command line, read by long work. */
void okse_interrupt(void);
bool okse_interrupted(void);
