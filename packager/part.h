#pragma once

#include "packager/bundle_reader.h"
#include "packager/tree.h"

/* A component as it stands in an install: which files, with which digests. Derived from the bundle index alone, through
 * the digests in it, whether the blobs come from a bundle or from the records of an install. */
#define OKSE_LIMIT_LISTING (1ull << 30) /* bytes of one mtree listing: 4,000,000 files of 256 bytes */
#define OKSE_LIMIT_PARTS 10000u         /* manifests of one bundle */

typedef struct {
    char *name, *kind;
    OkseForm form;
    OkseTree *tree;     /* NULL when fault is set */
    OkseSha256 archive; /* TAR: the tar blob */
    GBytes *layout;     /* IMAGE: the index.json of its OCI layout directory */
    json_t *model;      /* of weights: okse_model_said() of its config, or NULL */
    char *fault;        /* why the tree is not known, or NULL */
    int fault_code;     /* OkseError of it: SYSTEM when it could not be read, which says nothing about the bundle */
} OksePart;

/* What a ModelPack config says of a model in its "config": {"architecture","paramSize","precision","quantization"}, as
 * far as it says so; a new value, NULL when it says nothing. Source: CNCF model-spec, config. */
json_t *okse_model_said(const json_t *config) G_GNUC_WARN_UNUSED_RESULT;

/* The bytes of a blob, already compared with its digest. Errors: the caller's. */
typedef GBytes *(*OkseBlobSource)(const OkseSha256 *digest, uint64_t limit, void *context, GError **error);

typedef struct {
    OkseBlobSource read;
    void *context; /* of read */
} OkseBlobs;

/* All components of a bundle index, in its order; several platforms of an image are one part. A manifest that cannot be
 * read or understood makes a part with a fault, nothing else; the stack manifest is no part.
 * Returns OksePart *, owned by the array. Errors: INVALID when the index itself is not understood. */
GPtrArray *okse_parts_read(const json_t *bundle_index, const OkseBlobs *blobs,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Add the model.sig that is put beside the weights. Errors: INVALID (it has a file of this name). */
bool okse_part_sign(OksePart *part, const OkseSha256 *statement, uint64_t size, GError **error);

/* The config of the stack manifest ("what the stack says"). A new reference. Errors: INVALID, what blobs->read reports.
 */
json_t *okse_parts_stack(const json_t *bundle_index, const OkseBlobs *blobs, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Add the digest of every metadata blob that is reachable from the bundle index to `digests` (GArray of OkseSha256, no
 * order, maybe repeated): manifests, configs, the stack's documents, listings. What can be reached is added on failure
 * too: a damaged manifest does not hide the others. Errors: as okse_parts_stack(), the first. */
bool okse_parts_metadata(const json_t *bundle_index, const OkseBlobs *blobs, GArray *digests, GError **error);
/* The same for the statements that a layout's index.json names. */
bool okse_parts_statements(const json_t *layout_index, const OkseBlobs *blobs, GArray *digests, GError **error);

/* The file of an OCI layout that says so: {"imageLayoutVersion":"1.0.0"}. */
#define OKSE_OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"
