#pragma once

#include "packager/bundle_reader.h"
#include "packager/tree.h"

/* The files of a component in RAW or TAR form, as install would lay them out; an empty tree for an IMAGE. The listing
 * of a TAR is read from the bundle and checked against its digest; the archive itself is not read. Only for a bundle
 * from okse_bundle_open(). Returns a finished tree. Errors: REFUSED (the listing has other content than its name says),
 * INVALID (it is no listing, or larger than OKSE_LIMIT_LISTING), SYSTEM. */
OkseTree *okse_bundle_tree(const OkseBundle *bundle, const OkseBundleComponent *component,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
