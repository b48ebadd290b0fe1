#pragma once

#include "core/resource.h"

/* A first stack.yaml (`okse init`): either one of the examples of manifests/stacks/, or a proposal for what already
 * lies in a directory. What proposes which kind is data: manifests/scaffold.yaml. */

/* The files of an example, written beneath dir_fd. Nothing that exists is replaced: then nothing is written at all.
 * Returns the paths. Errors: INVALID for an unknown example (names the known ones) and when a file exists;
 * SYSTEM. */
GStrv okse_scaffold_example(int dir_fd, const char *example, const OkseResources *resources,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The text of a stack.yaml called `name` for the entries directly beneath dir_fd, or NULL without an error when there
 * is nothing to pack. What was left out is said in comments. Errors: SYSTEM; INVALID for broken data. */
char *okse_scaffold_stack(int dir_fd, const char *name, const OkseResources *resources,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
