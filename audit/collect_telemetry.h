#pragma once

#include "audit/object_store.h"

/* Programs that run now, of those the rules know: their command line and environment as the kernel shows them. Added to
 * the store's workloads, hidden. */
void okse_collect_programs_running(OkseCollection *collection);

/* telemetry: every program of manifests/telemetry.yaml that shows in a workload, a configuration or a trace that it
 * left, judged by its own rule; what it would reach becomes endpoints. A workload in which one shows is no longer
 * hidden. */
void okse_collect_telemetry(OkseCollection *collection);

/* Packages beside the interpreter that a command names (…/bin/python → …/lib/python3.x/site-packages):
 * [{"name","version"}]; a new reference, NULL: none. */
json_t *okse_collect_beside(const OkseCollection *collection, const json_t *command) G_GNUC_WARN_UNUSED_RESULT;

/* Paths below the sysroot that fit a pattern ("*" inside one element, "~" every home directory), sorted. Never NULL.
 * missed: becomes why more may be there, the first time (owned); or NULL. */
GStrv okse_collect_glob(const OkseCollection *collection, const char *pattern, char **missed) G_GNUC_WARN_UNUSED_RESULT;
