#pragma once

#include "packager/tensors.h"

/* "okse.tensors.v1": lists of tensors as documents of a bundle's stack manifest (docs/formats/bundle.md). One document
 * holds tensors of one component; what does not fit goes on in the next, with the file's members repeated. */
#define OKSE_TENSOR_DOCUMENT (2u << 20) /* bytes of one document as Okse writes it; half of OKSE_LIMIT_METADATA */

/* Where a document begins. */
typedef struct {
    unsigned file, tensor;
} OkseTensorCursor;

/* The next document of a component's files (OkseTensorFile), from the cursor on, which moves to where the one after
 * begins: at file == files->len there is none. Its length does not depend on digests. */
GBytes *okse_tensor_list_write(const char *component, const GPtrArray *files,
                               OkseTensorCursor *cursor) G_GNUC_WARN_UNUSED_RESULT;

/* Read a document and add its files, or go on with the last one. Strict: canonical JSON, no other members, tensors in
 * order, within their file and not over each other. okse_tensor_file_finish() is the caller's, when all are read.
 * Errors: INVALID. */
bool okse_tensor_list_read(GBytes *document, const char *origin, GPtrArray *files, GError **error);
