#pragma once

#include "packager/bundle_reader.h"
#include "packager/weights.h"

/* The tensors that a bundle's signed documents list, in the order of the bundle: OkseTensorFile, with digests. Empty
 * for a bundle without such documents. What they say was computed by whoever built the bundle and hangs on its
 * identity; the payload is not looked at. Errors: REFUSED when a document is malformed or names a file that no weights
 * component has with this digest and size. */
GPtrArray *okse_bundle_tensors(const OkseBundle *bundle, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Are the lists those of the payload: every tensor that a listed file's header has, with its place, type, shape and
 * digest? *lie: what is not, as "COMPONENT/PATH: …", made safe to show, new; NULL when all agree. Errors: INVALID (the
 * file ends early), SYSTEM, CANCELLED. */
bool okse_bundle_tensors_check(const OkseBundle *bundle, const GPtrArray *listed, const OkseWeightsRules *rules,
                               bool show_progress, char **lie, GError **error);

/* The same lists from the payload, whatever the documents say: headers are read, tensors hashed, on all processors.
 * Whether the files are what their digests say is not looked at. Errors: INVALID (the file ends early), SYSTEM,
 * CANCELLED. */
GPtrArray *okse_bundle_tensors_read(const OkseBundle *bundle, const OkseWeightsRules *rules, bool show_progress,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
