#pragma once

#include "packager/statement.h"

/* SLSA provenance v1 about a bundle: what was built from what, said by whoever built it. Source:
 * slsa.dev/spec/v1.0/provenance; docs/formats/statements.md. */
#define OKSE_PREDICATE_PROVENANCE "https://slsa.dev/provenance/v1"
#define OKSE_BUILD_TYPE "urn:okse:build:v1"

typedef struct {
    const char *name, *version, *country; /* of the bundle */
    uint64_t sequence;
    const json_t *lock;       /* okse.lock.v1: every component with its source and manifest */
    const OkseSha256 *key_id; /* of the builder's key, which is all that is known of the builder */
    gint64 finished;          /* seconds since 1970 */
} OkseProvenance;

/* The canonical payload of a statement about `identity`. */
GBytes *okse_provenance_write(const OkseProvenance *provenance, const OkseSha256 *identity) G_GNUC_WARN_UNUSED_RESULT;

/* A provenance in the form that Okse writes, of the right build type. Errors: INVALID, REFUSED. */
bool okse_provenance_check(const OkseStatement *statement, const char *origin, GError **error);
