#pragma once

#include "cli/options.h"
#include "packager/shard_merge.h"
#include "packager/verification.h"

/* okse verify --shard and --merge: one verification by many machines. */
typedef struct {
    char *shard, *since, *is_signed;
    gboolean merge;
} ShardOptions;

/* What of it belongs to one run. */
typedef struct {
    OkseShardRecord *record; /* --shard: to be filled; NULL otherwise */
    OkseShardTerms terms;
    OkseShardMerge *merge; /* --merge; NULL otherwise */
} ShardSession;

void okse_shard_session_clear(ShardSession *session);

/* Read the options, and for --merge the records that stand behind the bundle on the command line. terms.policy,
 * terms.clock, terms.now and terms.trust are set before. Errors: INVALID, SYSTEM. */
bool okse_shard_session_open(ShardSession *session, const OkseInvocation *invocation, const ShardOptions *options,
                             GError **error);
/* The record of this shard: what was checked and what was refused. NULL when the bundle could not be read. */
GBytes *okse_shard_session_record(ShardSession *session, const OkseVerified *verified) G_GNUC_WARN_UNUSED_RESULT;
/* What a shard says. Errors: SYSTEM. */
bool okse_shard_session_print(const ShardSession *session, const OkseInvocation *invocation,
                              const OkseVerified *verified, GError **error);
