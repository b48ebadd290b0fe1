#pragma once

#include "packager/shard_record.h"
#include "packager/trust.h"

/* The records of all shards of one verification, held against the bundle they are about. Its metadata are read again
 * and its statements judged again, so nothing but "these bytes have this digest" is taken from a record. */
typedef struct {
    const OkseSha256 *policy; /* of trust.yaml */
    const char *clock;        /* where the time comes from; records must say the same */
    gint64 now;
    gint64 since;           /* older records are refused */
    const char *signer;     /* the role that must have signed every record (approval.h); NULL: not asked */
    const OkseTrust *trust; /* says who that is */
} OkseShardTerms;

typedef struct OkseShardMerge OkseShardMerge;

/* terms: borrowed. */
OkseShardMerge *okse_shard_merge_new(const OkseShardTerms *terms) G_GNUC_WARN_UNUSED_RESULT;
void okse_shard_merge_free(OkseShardMerge *merge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseShardMerge, okse_shard_merge_free)

/* Add a record. signature: what lies beside it, or NULL; name: its file, for messages. Errors: INVALID. */
bool okse_shard_merge_add(OkseShardMerge *merge, GBytes *bytes, GBytes *signature, const char *name, GError **error);

/* Everything that keeps the records from being one whole verification of this bundle, as char *; empty when nothing
 * does. Call it once. */
GPtrArray *okse_shard_merge_judge(OkseShardMerge *merge, const OkseBundle *bundle, bool both) G_GNUC_WARN_UNUSED_RESULT;
/* What the records say of a blob, after the judgement; NULL: nothing. Borrowed. */
const OkseCheckpointBlob *okse_shard_merge_blob(const OkseShardMerge *merge, const OkseSha256 *digest);
/* How many shards they say there are. */
unsigned okse_shard_merge_count(const OkseShardMerge *merge);
/* For the verdict: `shard`, `record` (SHA-256), `time` of each, in the order of the shards; a new reference. */
json_t *okse_shard_merge_json(const OkseShardMerge *merge) G_GNUC_WARN_UNUSED_RESULT;
