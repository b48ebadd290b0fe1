#include "packager/shard_plan.h"

#include "core/verity.h"
#include "packager/tree_hash.h"

typedef struct {
    OkseSha256 digest;
    uint64_t count;
    guint16 *owners; /* by piece: number of the shard */
} Blob;

typedef struct {
    Blob *blob;
    uint64_t piece, size, offset;
} Piece;

typedef struct {
    OkseShardPart part;
    unsigned number;
} Load;

struct OkseShardPlan {
    GHashTable *blobs; /* OkseSha256 → Blob */
    Load *loads;       /* by number - 1 */
};

static void blob_free(gpointer data)
{
    Blob *blob = data;

    g_free(blob->owners);
    g_free(blob);
}

static int compare_pieces(gconstpointer a, gconstpointer b)
{
    const Piece *first = a, *second = b;

    if (first->size != second->size)
        return first->size < second->size ? 1 : -1;
    if (first->offset != second->offset)
        return first->offset < second->offset ? -1 : 1;
    return first->piece < second->piece ? -1 : first->piece > second->piece;
}

/* A blob is listed once, so offsets tell blobs apart; pieces of one blob are told apart by their numbers. */
static GArray *pieces_list(OkseShardPlan *plan, const OkseBundle *bundle, bool both)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));

    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++) {
        const OkseBlob *stored = okse_bundle_blob(bundle, i);
        bool divided = !both && okse_bundle_by_verity(bundle, &stored->digest);
        Blob *blob;

        if (!stored->payload)
            continue;
        blob = g_new0(Blob, 1);
        *blob = (Blob){stored->digest, divided ? okse_tree_segments(stored->size) : 1, NULL};
        blob->owners = g_new0(guint16, blob->count);
        g_hash_table_replace(plan->blobs, &blob->digest, blob);
        for (uint64_t k = 0; k < blob->count; k++) {
            uint64_t from = k * OKSE_VERITY_SEGMENT;
            Piece piece = {blob, k, divided ? MIN(stored->size - from, OKSE_VERITY_SEGMENT) : stored->size,
                           stored->offset};

            g_array_append_val(pieces, piece);
        }
    }
    g_array_sort(pieces, compare_pieces);
    return pieces;
}

static bool is_lighter(const Load *a, const Load *b)
{
    return a->part.bytes != b->part.bytes ? a->part.bytes < b->part.bytes : a->number < b->number;
}

/* The root of the heap has become heavier. */
static void heap_sink(Load **heap, unsigned count)
{
    for (unsigned at = 0, child; (child = 2 * at + 1) < count; at = child) {
        Load *moved = heap[at];

        if (child + 1 < count && is_lighter(heap[child + 1], heap[child]))
            child++;
        if (!is_lighter(heap[child], moved))
            return;
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

OkseShardPlan *okse_shard_plan_new(const OkseBundle *bundle, bool both, unsigned shards)
{
    OkseShardPlan *plan = g_new0(OkseShardPlan, 1);
    g_autofree Load **heap = g_new0(Load *, shards);
    g_autoptr(GArray) pieces = NULL;

    plan->blobs = g_hash_table_new_full(okse_sha256_hash, okse_sha256_same, NULL, blob_free);
    plan->loads = g_new0(Load, shards);
    pieces = pieces_list(plan, bundle, both);
    for (unsigned i = 0; i < shards; i++) {
        plan->loads[i].number = i + 1;
        heap[i] = &plan->loads[i];
    }
    for (guint i = 0; i < pieces->len; i++) {
        const Piece *piece = &g_array_index(pieces, Piece, i);

        piece->blob->owners[piece->piece] = (guint16)heap[0]->number;
        heap[0]->part.bytes += piece->size;
        heap[0]->part.pieces++;
        heap_sink(heap, shards);
    }
    return plan;
}

void okse_shard_plan_free(OkseShardPlan *plan)
{
    if (plan == NULL)
        return;
    g_hash_table_unref(plan->blobs);
    g_free(plan->loads);
    g_free(plan);
}

uint64_t okse_shard_plan_pieces(const OkseShardPlan *plan, const OkseSha256 *digest)
{
    const Blob *blob = g_hash_table_lookup(plan->blobs, digest);

    return blob != NULL ? blob->count : 0;
}

unsigned okse_shard_plan_owner(const OkseShardPlan *plan, const OkseSha256 *digest, uint64_t piece)
{
    const Blob *blob = g_hash_table_lookup(plan->blobs, digest);

    g_assert(blob != NULL && piece < blob->count);
    return blob->owners[piece];
}

OkseShardPart okse_shard_plan_part(const OkseShardPlan *plan, unsigned number)
{
    return plan->loads[number - 1].part;
}
