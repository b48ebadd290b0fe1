#pragma once

#include "packager/layout.h"
#include "packager/registry.h"

/* For pull*.c only. */

/* What a bundle index and the manifests that it names say, as a plan whose every digest and size is known: all
 * metadata is fetched, no payload. index: the bundle index. Errors: as okse_pull(). */
OksePlan *pull_plan(OkseRegistry *registry, GBytes *index, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fetch what refers to the bundle in `fd` (unsigned and whole), or to its weights, and add what is a statement of a
 * bundle. name: of the file, for messages. Errors: as okse_pull(). */
typedef struct {
    unsigned statements, others;
} PullReferrers;
bool pull_statements(OkseRegistry *registry, int fd, const char *name, PullReferrers *found, GError **error);
