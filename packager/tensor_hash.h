#pragma once

#include "core/range.h"
#include "packager/tensors.h"

/* Digests of a file's tensors while its bytes pass by, front to back: whoever reads the file anyway needs no second
 * reading. */
typedef struct OkseTensorHash OkseTensorHash;

/* file: finished; borrowed; its tensors' digests are written by okse_tensor_hash_end(). */
OkseTensorHash *okse_tensor_hash_new(OkseTensorFile *file) G_GNUC_WARN_UNUSED_RESULT;
/* The next bytes of the file; none beyond its size. */
void okse_tensor_hash_update(OkseTensorHash *hash, const void *data, size_t length);
/* The whole file has passed. */
void okse_tensor_hash_end(OkseTensorHash *hash);
void okse_tensor_hash_free(OkseTensorHash *hash);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTensorHash, okse_tensor_hash_free)

/* The same by reading the file, which is `range`. jobs, progress: as for okse_range_read(); its errors. */
bool okse_tensor_hash_range(OkseTensorFile *file, const OkseRange *range, const OkseJobs *jobs, OkseProgress *progress,
                            GError **error);
