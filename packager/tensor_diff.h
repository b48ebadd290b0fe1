#pragma once

#include "core/json.h"
#include "packager/tensors.h"

/* What became of the tensors of one model in another: lists of OkseTensorFile with digests, of all components.
 *
 * Pairs are those of packager/tensor_pairs.h. The answer has an object for every file of `new` in which something
 * differs, then for those that only `old` has, in the lists' order:
 * {"component","path","unchanged","moved","changed","added","removed" (numbers of tensors),
 *  "shipped" (bytes of its tensors that no tensor of `old` has, equal ones once a file),
 *  "tensors":[{"change":"moved"|"changed"|"added"|"removed","old":SIDE?,"new":SIDE?}]}, SIDE being
 * {"path","name","dtype","shape","offset","length","fsverity"}. "moved": the same bytes, type and shape under another
 * name, path or offset. Unchanged ones have no row. */
json_t *okse_tensor_diff(const GPtrArray *old, const GPtrArray *new) G_GNUC_WARN_UNUSED_RESULT;

/* One tensor as a SIDE of the above. */
json_t *okse_tensor_json(const OkseTensorFile *file, unsigned index) G_GNUC_WARN_UNUSED_RESULT;
