#pragma once

#include "packager/bundle_reader.h"
#include "packager/shard.h"

/* What one shard of a verification checked, as a document (okse.verification-shard.v1, docs/formats/verification.md).
 * It comes back from another machine: hostile until it was compared with the bundle (shard_merge.h). */
typedef struct {
    OkseSha256 index;   /* of index.json, canonical: with the identity all metadata and all statements */
    uint64_t size;      /* of the bundle */
    gint64 seconds;     /* when the file was modified; nanoseconds below */
    gint64 nanoseconds; /* 0 … 999,999,999 */
    OkseSha256 files;   /* sizes and times of all files, where it is parts: one of them may be older than the newest */
} OkseShardFile;

typedef struct {
    uint64_t piece; /* segment of the tree, from 0 */
    OkseSha256 digest;
} OkseShardPiece;

typedef struct {
    OkseSha256 digest;
    GArray *pieces; /* OkseShardPiece that were hashed; NULL: the whole blob agreed with its digests */
} OkseShardBlob;

typedef struct OkseShardRecord {
    OkseShard shard;
    OkseSha256 identity;
    OkseShardFile file;
    OkseSha256 policy;  /* of trust.yaml */
    bool both;          /* files were checked by both digests */
    char *clock;        /* where the time came from */
    gint64 time;        /* of checking, seconds since 1970 */
    GPtrArray *reasons; /* char *: what it refused; empty when its part is as it should be */
    GPtrArray *blobs;   /* OkseShardBlob, in archive order */
} OkseShardRecord;

/* An empty record; everything but the shard is to be filled in. */
OkseShardRecord *okse_shard_record_new(const OkseShard *shard) G_GNUC_WARN_UNUSED_RESULT;
void okse_shard_record_free(OkseShardRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseShardRecord, okse_shard_record_free)

/* Add a blob; with `divided` its pieces are to be filled in. Borrowed from the record. */
OkseShardBlob *okse_shard_record_add(OkseShardRecord *record, const OkseSha256 *digest, bool divided);

/* Which file a bundle is, as records say it. */
OkseShardFile okse_shard_file(const OkseBundle *bundle);
bool okse_shard_file_equal(const OkseShardFile *a, const OkseShardFile *b);

/* origin: its name in messages. At most OKSE_LIMIT_CHECKPOINT bytes. Errors: INVALID. */
OkseShardRecord *okse_shard_record_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A new reference. */
json_t *okse_shard_record_json(const OkseShardRecord *record) G_GNUC_WARN_UNUSED_RESULT;
