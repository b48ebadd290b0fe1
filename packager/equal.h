#pragma once

#include "packager/plan.h"

/* Find components in tar form that hold the same files, so that they are stored once: sets same_as of their layers.
 * Reads only those whose listings (paths, kinds, sizes) agree. Errors: those of reading. */
bool okse_equal_trees(const OksePlan *plan, GError **error);
