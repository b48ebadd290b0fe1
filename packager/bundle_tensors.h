#pragma once

#include "packager/bundle_reader.h"
#include "packager/tensors.h"

/* The tensors that a bundle's signed documents list, in the order of the bundle: OkseTensorFile, with digests. Empty
 * for a bundle without such documents. What they say was computed by whoever built the bundle and hangs on its
 * identity; the payload is not looked at. Errors: REFUSED when a document is malformed or names a file that no weights
 * component has with this digest and size. */
GPtrArray *okse_bundle_tensors(const OkseBundle *bundle, GError **error) G_GNUC_WARN_UNUSED_RESULT;
