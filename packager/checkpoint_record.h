#pragma once

#include "core/digest.h"

/* What an interrupted verification had checked, as a document (okse.verify-progress.v1, docs/verify.md). */
typedef struct {
    OkseSha256 digest;
    unsigned count;       /* of segments; 0: the whole blob agreed with its digests */
    OkseSha256 *segments; /* owned */
    bool *present;        /* owned; which of them are there */
} OkseCheckpointBlob;

typedef struct {
    char *file;          /* which file it was, see okse_checkpoint_open() */
    OkseSha256 identity; /* of the bundle */
    bool both;           /* checked by both digests */
    char *since;         /* when the first run began */
    GPtrArray *blobs;    /* OkseCheckpointBlob */
} OkseCheckpointRecord;

OkseCheckpointRecord *okse_checkpoint_record_new(const char *file, const OkseSha256 *identity, bool both,
                                                 const char *since) G_GNUC_WARN_UNUSED_RESULT;
/* Add a blob with room for `count` segments, none of them present; borrowed from the record. */
OkseCheckpointBlob *okse_checkpoint_record_add(OkseCheckpointRecord *record, const OkseSha256 *digest, unsigned count);

/* At most OKSE_LIMIT_CHECKPOINT bytes. Errors: INVALID. */
OkseCheckpointRecord *okse_checkpoint_record_read(GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes *okse_checkpoint_record_write(const OkseCheckpointRecord *record) G_GNUC_WARN_UNUSED_RESULT;
void okse_checkpoint_record_free(OkseCheckpointRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCheckpointRecord, okse_checkpoint_record_free)
