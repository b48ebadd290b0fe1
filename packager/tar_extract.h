#pragma once

#include "packager/blob_copy.h"
#include "packager/tree.h"

/* The header, with its pax header where it needs one, that an entry has in its component's tar. */
GBytes *okse_tar_tree_entry(const OkseTreeEntry *entry) G_GNUC_WARN_UNUSED_RESULT;

/* Write a component in tar form below dir_fd, whose directories are there already. The tar is not interpreted: each
 * header is compared with the one that the listing calls for (okse_tar_tree_entry()), so a member that the listing does
 * not promise, a device, a hard link, a second member of one name or anything behind the end cannot be expressed. Each
 * file is hashed on its own and the tar as a whole. Errors: REFUSED (differs from the listing or its digest), SYSTEM,
 * CANCELLED. */
bool okse_tar_extract(const OkseBlobRange *tar, const OkseTree *tree, int dir_fd, const OkseBlobSink *sink,
                      const char *name, GError **error);
