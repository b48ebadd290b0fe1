#pragma once

#include "packager/base.h"

/* Thin bundles (docs/thin.md): a bundle without payload that a base has. Completed, it reads byte for byte as the whole
 * bundle, so everything that reads bundles works on it, and checks it, as if it had never been thin. */
typedef struct OkseThin OkseThin;

/* Do these bytes begin like a thin bundle? Only headers are looked at. */
bool okse_thin_is(const OkseBytes *bytes);

/* Read a thin bundle. origin: its name in messages; copied. Errors: as okse_bundle_of(); INVALID when it is none. */
OkseThin *okse_thin_open(const OkseBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_thin_free(OkseThin *thin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseThin, okse_thin_free)

/* The bytes of the whole bundle, with what the bases (OkseBase, asked in their order) have. Where a blob is in none of
 * them, reading it is REFUSED; the rest can be read. Only structure was checked so far: okse_bundle_of() and
 * okse_bundle_check() say whether it is a bundle. The thin bundle and the bases must outlive the bytes. Errors: INVALID
 * (over OKSE_LIMIT_BUNDLE_SIZE). */
OkseBytes *okse_thin_complete(OkseThin *thin, const GPtrArray *bases, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* After okse_thin_complete(). Borrowed. */
typedef struct {
    OkseSha256 digest;
    uint64_t size;
    char *files; /* whose it is: "COMPONENT/PATH", the first */
} OkseMissing;
typedef struct {
    const char *name; /* of the base */
    uint64_t blobs, bytes;
} OkseTaken;
typedef struct {
    GArray *missing;   /* OkseMissing, in archive order */
    GArray *taken;     /* OkseTaken, a base that gave something */
    GArray *against;   /* OkseSha256: the identities that it was made thin against */
    uint64_t left_out; /* blobs that it does not hold */
    uint64_t left_out_bytes;
    uint64_t recipes; /* of them, put together from pieces */
} OkseThinReport;
const OkseThinReport *okse_thin_report(const OkseThin *thin);

/* "complete with base A, B" or "thin: 3 blobs (2.1 GB) are missing". New. */
char *okse_thin_words(const OkseThinReport *report) G_GNUC_WARN_UNUSED_RESULT;
/* {"against":[…],"leftOut":{"blobs","bytes","recipes"},"bases":[{"name","blobs","bytes"}],"missing":[{"digest","size",
 * "file"}]}; a new value. */
json_t *okse_thin_json(const OkseThinReport *report) G_GNUC_WARN_UNUSED_RESULT;

/* Where a place of the whole bundle lies in the thin one's file, for signing, which writes in front of the payload and
 * behind it. */
uint64_t okse_thin_place(const OkseThin *thin, uint64_t whole);
