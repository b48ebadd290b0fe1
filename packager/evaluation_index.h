#pragma once

#include "core/json.h"
#include "core/resource.h"

/* Indices that are made of several evaluations (manifests/evaluation-indices.yaml): which claims are of one, and what
 * the parts that stand beside a claim let its value be. */
typedef struct OkseIndices OkseIndices;

/* Errors: those of reading the file; INVALID. */
OkseIndices *okse_indices_read(const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_indices_free(OkseIndices *indices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseIndices, okse_indices_free)

/* Does the name stand for an index? version: becomes what is behind the name ("… v2.2"), or NULL; owned. */
bool okse_indices_is_index(const OkseIndices *indices, const char *name, char **version);

/* Is this evaluation graded or played by another model? task: what the data set is asked for, or NULL. */
bool okse_indices_is_judged(const OkseIndices *indices, const char *dataset, const char *task);

/* Add to a claim {"name", "version", "value"}: "index" (id or null), "known" (the version is in the table), "lowest"
 * and "highest" (what its parts among `scores` let the value be, missing ones anything from 0 to 100 %; null when the
 * parts of the version are not known), "missing" (titles of parts without a score), "tolerance" (points, or null). */
void okse_indices_recompute(const OkseIndices *indices, const json_t *scores, json_t *claim);
