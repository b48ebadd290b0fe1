#pragma once

#include "audit/control.h"

/* Controls over facts: one jq program for all of them, in a process of its own that can do nothing but compute. */
typedef struct {
    const OkseControl *control;
    json_t *parameters;  /* as okse_control_bind() gives them; borrowed */
    const char *country; /* the jurisdiction's, $country */
    unsigned document;   /* 0: the facts are the input; n: item n - 1 of a list of facts is */
    const char *at;      /* the time of the audit, $at: "2026-06-30T00:00:00Z"; borrowed */
} OkseTask;

/* Bounds of one evaluation; a task that breaks one is answered by {"error": …}, the others go on. */
typedef struct {
    unsigned seconds; /* of processor time for one task, on top of what reading the facts takes */
    uint64_t memory;  /* bytes of address space, on top of what the facts take */
    uint64_t output;  /* bytes of one task's answer */
    unsigned stops;   /* after so many tasks had to be stopped, the rest is not tried */
} OkseEvaluateLimits;

extern const OkseEvaluateLimits okse_evaluate_limits;

/* Evaluate `count` tasks over a facts document (or a list of such, see OkseTask). Returns a new list with one object a
 * task:
 *   {"applies": false}                                      the control says that it does not apply
 *   {"applies": true, "violations": […], "unknown": […], "subjects": […]}
 *   {"error": "why"}                                        it failed, or had to be stopped
 * A violation, unknown or subject is the id of a fact, or {"absent": "what"} for something that is not there; sorted,
 * each once. The program has no environment, no files, no sockets, no clock. Lists of several results may be the same.
 * Facts that a control cannot tell apart are evaluated once (docs/decisions/0040-one-fact-for-many.md).
 * Errors: SYSTEM when no process can be made. */
json_t *okse_evaluate(const json_t *facts, const OkseTask *tasks, unsigned count, const OkseEvaluateLimits *limits,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same, every task over every fact: what okse_evaluate() is tested against. */
json_t *okse_evaluate_plain(const json_t *facts, const OkseTask *tasks, unsigned count,
                            const OkseEvaluateLimits *limits, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The jq program of these tasks, and the value of its variable $okse: for tests, and for people who want to run it
 * with jq itself. */
char *okse_evaluate_program(const OkseTask *tasks, unsigned count) G_GNUC_WARN_UNUSED_RESULT;
json_t *okse_evaluate_arguments(const OkseTask *tasks, unsigned count) G_GNUC_WARN_UNUSED_RESULT;
