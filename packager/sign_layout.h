#pragma once

#include "packager/bundle_reader.h"

/* Where a new statement goes inside a bundle's file, as writes. Pure: nothing is written here. */
typedef struct {
    uint64_t offset;
    GBytes *bytes;
} OkseWrite;

/* A statement to add. */
typedef struct {
    GBytes *sigstore;
    const char *predicate_type;           /* for the manifest's annotation */
    const OkseBundleComponent *component; /* the weights that it is about; NULL: the bundle */
} OkseNewStatement;

/* The manifest under which a statement is in a bundle and in a registry: there is one form of it. */
GBytes *okse_sign_manifest(const OkseBundle *bundle, const OkseNewStatement *added) G_GNUC_WARN_UNUSED_RESULT;

/* The writes (OkseWrite) that add one sigstore bundle, in the order in which they are made: the blobs first, index.json
 * last. *present: it is there already and the list is empty. Errors: REFUSED when there is no room for another
 * statement. */
GPtrArray *okse_sign_plan(const OkseBundle *bundle, const OkseNewStatement *added, bool *present,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
