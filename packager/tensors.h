#pragma once

#include "core/digest.h"

/* The tensors of weights files: where each lies and the digest of its bytes, for whoever asks what changed between two
 * models or what of a new one an old one has already. Lists come from the files' headers (packager/weights.h), from a
 * bundle's signed documents (packager/tensor_list.h), or are made again from the bytes (packager/tensor_hash.h). */
#define OKSE_TENSORS_FROM (1u << 20) /* smaller files are not listed: their bytes cost less than their list */
#define OKSE_TENSOR_DIMENSIONS 8u    /* files with a tensor of more are not listed */

typedef struct {
    const char *name, *dtype; /* borrowed from the file's list; dtype as the format calls it: "BF16", "Q4_K" */
    uint64_t shape[OKSE_TENSOR_DIMENSIONS]; /* in the format's own order */
    unsigned dimensions;
    uint64_t offset, length; /* bytes of the file */
    OkseSha256 digest;       /* the fs-verity file digest of these bytes alone (core/verity.h); zero until known */
} OkseTensor;

/* The tensors of one file, sorted by offset, none over another; bytes between them (headers, padding) belong to none.
 */
typedef struct {
    char *component, *path; /* component: NULL when it is not one's */
    const char *format;     /* "safetensors" or "gguf" */
    uint64_t size;          /* of the file */
    OkseSha256 digest;      /* SHA-256 of the file; zero until known */
    GArray *tensors;        /* OkseTensor */
    GStringChunk *texts;    /* their names and dtypes */
} OkseTensorFile;

OkseTensorFile *okse_tensor_file_new(const char *component, const char *path, uint64_t size) G_GNUC_WARN_UNUSED_RESULT;
void okse_tensor_file_free(OkseTensorFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTensorFile, okse_tensor_file_free)
/* An array that owns OkseTensorFile. */
GPtrArray *okse_tensor_files_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* Add a tensor; its texts are copied. False, with nothing added, when it breaks a rule of the list: a name of 1 to 255
 * bytes of UTF-8 without controls, a dtype of 1 to 32 visible ASCII characters, at most OKSE_TENSOR_DIMENSIONS sizes
 * below 2^63, a place inside the file. */
bool okse_tensor_file_add(OkseTensorFile *file, const OkseTensor *tensor);
/* Sort; false when two have one name or lie over each other, or when there is none. */
bool okse_tensor_file_finish(OkseTensorFile *file);

static inline const OkseTensor *okse_tensor(const OkseTensorFile *file, unsigned index)
{
    return &g_array_index(file->tensors, OkseTensor, index);
}

/* Which bytes are where: digest → the first tensor with these bytes, in the order of the files and of their offsets. */
typedef struct {
    const OkseTensorFile *file;
    unsigned index;
} OkseTensorPlace;
typedef struct OkseTensorIndex OkseTensorIndex;
/* files: OkseTensorFile, with digests; borrowed, must outlive the index. */
OkseTensorIndex *okse_tensor_index_new(const GPtrArray *files) G_GNUC_WARN_UNUSED_RESULT;
/* Where bytes of that digest and length lie, or NULL; borrowed. */
const OkseTensorPlace *okse_tensor_index_find(const OkseTensorIndex *index, const OkseSha256 *digest, uint64_t length);
void okse_tensor_index_free(OkseTensorIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTensorIndex, okse_tensor_index_free)
