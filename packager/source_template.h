#pragma once

#include "core/resource.h"
#include "packager/source.h"

/* The files that a template makes as a source. name: "kubernetes", …, one that comes with Okse (templates/infra), or a
 * path FILE.jsonnet relative to dir_fd; what lies beside that file can be imported. arguments: what the template's
 * function is called with. Errors: INVALID with the template's own place; NOT_FOUND; SYSTEM. */
OkseSource *okse_source_open_template(int dir_fd, const char *name, const char *origin, const json_t *arguments,
                                      const OkseResources *resources, GError **error) G_GNUC_WARN_UNUSED_RESULT;
