#pragma once

#include "packager/readable.h"
#include "packager/tensors.h"

/* Which tensor of an old model each one of a new model was. Two are the same one when component, path and name are;
 * then, of those left, when component and name are; then when their bytes, type and shape are. Each is in one pair at
 * most. */
typedef struct OkseTensorPairs OkseTensorPairs;

/* old, new: OkseTensorFile with digests; borrowed, must outlive the pairs. */
OkseTensorPairs *okse_tensor_pairs_new(const GPtrArray *old, const GPtrArray *new) G_GNUC_WARN_UNUSED_RESULT;
void okse_tensor_pairs_free(OkseTensorPairs *pairs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTensorPairs, okse_tensor_pairs_free)

/* What a tensor of the new model was, by the numbers of its file and of itself; NULL: nothing. Borrowed. */
const OkseTensorPlace *okse_tensor_pairs_origin(const OkseTensorPairs *pairs, unsigned file, unsigned tensor);
/* Is this tensor of the old model one of the new one's? */
bool okse_tensor_pairs_stays(const OkseTensorPairs *pairs, unsigned file, unsigned tensor);

/* The same bytes under the same type and shape. */
bool okse_tensor_same(const OkseTensor *one, const OkseTensor *other);

/* Runs of a changed tensor's bytes, from its start to its end, that equal what lies as far from the start of the one it
 * was, and runs that do not: rows that were trained, rows that were appended. One in which none of sixteen places,
 * spread evenly, is equal counts as changed from end to end and is not read further. */
#define OKSE_TENSOR_BLOCK 4096u /* what is compared at a time */
#define OKSE_TENSOR_RUN 65536u  /* shorter equal runs are not told: naming them costs more than they save */
typedef struct {
    uint64_t at, length; /* from the tensor's start */
    bool same;
} OkseTensorRun;

typedef struct {
    const OkseReadable *file;
    const OkseTensor *tensor; /* of it */
} OkseTensorBytes;

/* runs: an empty GArray of OkseTensorRun. Errors: those of reading. */
bool okse_tensor_runs(const OkseTensorBytes *old, const OkseTensorBytes *new, GArray *runs, GError **error);
