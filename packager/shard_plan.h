#pragma once

#include "packager/bundle_reader.h"

/* Who checks what: the payload of a bundle divided among N shards by bytes. A function of the bundle's metadata, `both`
 * and N alone, so that every shard, and whoever merges their records, comes to the same plan without talking.
 *
 * A blob that goes by its fs-verity tree is divided by segments of 64 MiB, any other is one piece. Pieces go, the
 * largest first, each to the shard that has least so far: two shards differ by no more than the largest piece. */
typedef struct OkseShardPlan OkseShardPlan;

typedef struct {
    uint64_t bytes, pieces;
} OkseShardPart;

OkseShardPlan *okse_shard_plan_new(const OkseBundle *bundle, bool both, unsigned shards) G_GNUC_WARN_UNUSED_RESULT;
void okse_shard_plan_free(OkseShardPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseShardPlan, okse_shard_plan_free)

/* Into how many pieces a payload blob is divided; 0 when the plan has no such blob. */
uint64_t okse_shard_plan_pieces(const OkseShardPlan *plan, const OkseSha256 *digest);
/* The number (from 1) of the shard that has this piece of a blob of the plan. */
unsigned okse_shard_plan_owner(const OkseShardPlan *plan, const OkseSha256 *digest, uint64_t piece);
/* What one shard has to check. */
OkseShardPart okse_shard_plan_part(const OkseShardPlan *plan, unsigned number);
