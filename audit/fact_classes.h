#pragma once

#include "audit/control_reads.h"
#include "audit/evaluate.h"

/* Facts that a control cannot tell apart, represented by one of them. The facts must not change meanwhile. */
typedef struct OkseFactClasses OkseFactClasses;

OkseFactClasses *okse_fact_classes_new(const json_t *facts) G_GNUC_WARN_UNUSED_RESULT;
void okse_fact_classes_free(OkseFactClasses *classes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseFactClasses, okse_fact_classes_free)

/* What one control reads of the facts. reads: borrowed, not plain. */
typedef struct OkseControlView OkseControlView;

OkseControlView *okse_control_view_new(OkseFactClasses *classes,
                                       const OkseControlReads *reads) G_GNUC_WARN_UNUSED_RESULT;
void okse_control_view_free(OkseControlView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseControlView, okse_control_view_free)

/* Whether its document is the same for every task, because no parameter tells facts apart. */
bool okse_control_view_is_decided(const OkseControlView *view);

/* Which fact stands for which in one task. */
typedef struct OkseTaskView OkseTaskView;

/* A facts document for `task` that is as small as can be. Its ids are our own. *document: a new value. */
OkseTaskView *okse_task_view_new(OkseControlView *view, const OkseTask *task,
                                 json_t **document) G_GNUC_WARN_UNUSED_RESULT;
void okse_task_view_free(OkseTaskView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTaskView, okse_task_view_free)

/* The result of the task over that document as it would be over all facts; a new value. Lists that are equal are one.
 */
json_t *okse_task_view_result(const OkseTaskView *view, const json_t *result) G_GNUC_WARN_UNUSED_RESULT;
