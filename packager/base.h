#pragma once

#include "packager/bundle_reader.h"

/* A place where the blobs may be found that a thin bundle leaves out: a whole bundle, or the generations of an install
 * root. Nothing that is found is believed: whoever reads it compares it with its digest. */
typedef struct OkseBase OkseBase;

/* bundle: taken over; not a thin one. name: as the user gave it; copied. */
OkseBase *okse_base_of_bundle(OkseBundle *bundle, const char *name) G_GNUC_WARN_UNUSED_RESULT;
/* Every generation beneath the root whose records can be read. Files are opened when they are asked for, beneath the
 * root. Errors: INVALID (no install root), NOT_FOUND, SYSTEM. */
OkseBase *okse_base_of_root(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_base_free(OkseBase *base);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseBase, okse_base_free)

const char *okse_base_name(const OkseBase *base);
/* The bundle that it is, or NULL; borrowed. */
const OkseBundle *okse_base_bundle(const OkseBase *base);

/* The base is a bundle, and this is its file. */
bool okse_base_lies_in(const OkseBase *base, const struct stat *file);

/* Where a blob of this digest lies: `size` bytes from `offset` of bytes. False when it is not there, or of another
 * size than `size` says (UINT64_MAX: any). bytes: borrowed from the base. For one thread. */
typedef struct {
    const OkseBytes *bytes;
    uint64_t offset, size;
} OkseBaseBlob;
bool okse_base_find(OkseBase *base, const OkseSha256 *digest, uint64_t size, OkseBaseBlob *blob);
