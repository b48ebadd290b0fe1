#pragma once

#include "packager/bundle_reader.h"
#include "packager/plan.h"

/* Where a second build first differs from the bundle of the first one: from the outside in, so that what is named is
 * the cause and not what follows from it. */
typedef struct {
    char *component;        /* NULL: what the bundle index says of itself */
    char *path;             /* of a file or document; NULL: `aspect` is about the component as a whole */
    const char *aspect;     /* "presence", "content", "source", "annotations", … */
    char *expected, *found; /* NULL: there is none */
} OkseDifference;

/* plan: built, with every digest. Fills *difference (component, path and aspect NULL when all is equal).
 * Errors: those of okse_bundle_tree(). */
bool okse_rebuild_compare(const OksePlan *plan, const OkseBundle *bundle, OkseDifference *difference, GError **error);
void okse_difference_clear(OkseDifference *difference);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseDifference, okse_difference_clear)
