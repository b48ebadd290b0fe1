#pragma once

#include "core/resource.h"

/* okse init: papers to fill in. They go to compliance/TYPE.yaml beneath dir_fd; what is there already stays as it is.
 */

/* The papers that the law of these countries and the gates before shipping ask for today, for these classes of data and
 * this sector (NULL: not said), each with the articles that ask. Appends what was written to `written` (char *), and to
 * `notes` (char *) papers that are needed only under a condition. Errors: INVALID for a country without law; SYSTEM. */
bool okse_init_papers(int dir_fd, const char *const *countries, const char *const *classes, const char *sector,
                      const OkseResources *resources, GPtrArray *written, GPtrArray *notes, GError **error);

/* Are these words of manifests/data-classes.yaml and manifests/sectors.yaml? Errors: INVALID with the nearest; those of
 * reading the lists. */
bool okse_init_words(const char *const *classes, const char *sector, const OkseResources *resources, GError **error);

/* One paper. Errors: INVALID for an unknown type, naming those there are, and when the file exists; SYSTEM. */
bool okse_init_paper(int dir_fd, const char *type, const OkseResources *resources, GPtrArray *written, GError **error);
