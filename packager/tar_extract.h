#pragma once

#include "packager/blob_copy.h"
#include "packager/tree.h"

/* Write a component in tar form below dir_fd, whose directories are there already. The tar is not interpreted: each
 * header is compared with the one that the listing calls for (okse_tar_entry()), so a member that the listing does not
 * promise, a device, a hard link, a second member of one name or anything behind the end cannot be expressed. Each file
 * is hashed on its own and the tar as a whole. Errors: REFUSED (differs from the listing or its digest), SYSTEM,
 * CANCELLED. */
bool okse_tar_extract(const OkseBlobRange *tar, const OkseTree *tree, int dir_fd, const OkseBlobSink *sink,
                      const char *name, GError **error);
