#pragma once

#include "packager/build.h"
#include "packager/layout.h"

/* Build thin (request->thin_against): everything is read and hashed once, as for okse_build_nowhere(); then only what
 * no base has is read again and written, once, into `fd`, an empty file in the directory `dir_fd`. What an archive
 * delivers in its own order lies in between in a file without a name in that directory. Errors: as okse_build() and
 * okse_thin_write(). */
typedef struct {
    int fd, dir_fd;
    const char *path; /* for messages */
} OkseThinTarget;
bool okse_build_thin(const OkseBuildRequest *request, OksePlan *plan, const OkseLayout *layout,
                     const OkseThinTarget *target, OkseThinned *thinned, GError **error);
