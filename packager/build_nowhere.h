#pragma once

#include "packager/build.h"
#include "packager/layout.h"

/* Everything a build does but keep the bytes: afterwards the plan has every digest. A component in tar form whose
 * source is an archive must be written somewhere to be hashed in its own order: then the whole bundle is, to a file
 * without a name in the working directory, if there is room. Errors: as okse_build(). */
bool okse_build_nowhere(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout, GError **error);
