/* Hashing the payload. A raw file is hashed by segments of its fs-verity tree, each a unit of its own, so that one file
 * keeps every processor busy; other blobs are one unit. Units that are longer than a segment come first, the longest
 * first, then the rest in archive order, which is the order of the disk. The faults are reported in archive order,
 * whichever worker found one first: after a fault only what stands before it is still of interest. */
#include "core/text.h"
#include "core/worker.h"
#include "packager/bundle_internal.h"
#include "packager/shard_merge.h"
#include "packager/shard_plan.h"
#include "packager/tree_hash.h"

#include <stdatomic.h>
#include <string.h>

#define REMEMBER_EVERY (5 * G_USEC_PER_SEC)
#define REMEMBER_FROM (1u << 20) /* smaller blobs are quicker checked again than written down */

/* One blob. */
typedef struct {
    const Stored *stored;
    const OkseSha256 *verity; /* its fs-verity digest, when there is one */
    bool by_verity, by_sha256;
    bool whole;               /* one unit, whatever its size */
    OkseSha256 *segments;     /* of the tree; written by the units */
    _Atomic bool *present;    /* by segment */
    _Atomic uint64_t missing; /* segments still to come; whoever brings the last one judges */
    _Atomic bool holds;       /* agreed with its digests */
    bool faulty;              /* written by the judge */
    bool faulty_verity;
} Item;

typedef struct {
    Item *item;
    uint64_t segment;
    uint64_t size;
} Unit;

typedef struct {
    const OkseBundle *bundle;
    const OkseChecking *checking;
    GArray *items; /* Item, archive order */
    GArray *units; /* Unit */
    bool drop;
    _Atomic uint64_t first_fault; /* offset of the faulty blob nearest to the start, UINT64_MAX without one */
    _Atomic uint64_t read;
    uint64_t resumed, elsewhere, total; /* checked before, by other shards, all */
    _Atomic gint64 remember_at;         /* monotonic */
    _Atomic bool remembering;
} Check;

void okse_checked_clear(OkseChecked *checked)
{
    g_clear_pointer(&checked->since, g_free);
    g_clear_pointer(&checked->faults, g_ptr_array_unref);
}

/* Nobody asks about this blob any more: a fault in front of it was found. */
static bool is_moot(const Check *check, const Item *item)
{
    return !check->checking->all && item->stored->blob.offset > atomic_load(&check->first_fault);
}

static void judge(Check *check, Item *item, bool verity_holds, bool sha256_holds)
{
    uint64_t offset = item->stored->blob.offset, found = atomic_load(&check->first_fault);

    if (verity_holds && sha256_holds) {
        atomic_store(&item->holds, true);
        return;
    }
    item->faulty = true;
    item->faulty_verity = !verity_holds;
    while (offset < found && !atomic_compare_exchange_weak(&check->first_fault, &found, offset))
        ;
}

/* A blob that is hashed in one go, by one or both of its digests. */
typedef struct {
    Check *check;
    const Item *item;
    OkseVerityStream *verity;
    OkseSha256Stream *sha256;
    bool moot;
} Whole;

static bool whole_put(const void *data, size_t length, void *context)
{
    Whole *whole = context;

    if (whole->verity != NULL)
        okse_verity_stream_update(whole->verity, data, length);
    if (whole->sha256 != NULL)
        okse_sha256_stream_update(whole->sha256, data, length);
    atomic_fetch_add(&whole->check->read, length);
    whole->moot = is_moot(whole->check, whole->item);
    return !whole->moot;
}

static OkseRange blob_range(const Check *check, const Item *item)
{
    return (OkseRange){check->bundle->bytes, item->stored->blob.offset, item->stored->blob.size, check->bundle->origin,
                       check->drop};
}

static bool whole_check(Check *check, Item *item, const OkseJobs *jobs, GError **error)
{
    const OkseBlob *blob = &item->stored->blob;
    g_autoptr(OkseVerityStream) verity = item->by_verity ? okse_verity_stream_new() : NULL;
    g_autoptr(OkseSha256Stream) sha256 = item->by_sha256 ? okse_sha256_stream_new() : NULL;
    OkseRange range = blob_range(check, item);
    Whole whole = {check, item, verity, sha256, false};
    OkseSha256 tree = *item->verity, digest = blob->digest;

    if (!okse_range_read(&range, jobs, check->checking->progress, whole_put, &whole, error))
        return false;
    if (whole.moot)
        return true;
    if (verity != NULL)
        tree = okse_verity_stream_end(verity);
    if (sha256 != NULL)
        digest = okse_sha256_stream_end(sha256);
    judge(check, item, okse_sha256_equal(&tree, item->verity), okse_sha256_equal(&digest, &blob->digest));
    return true;
}

static void judge_tree(Check *check, Item *item)
{
    OkseSha256 tree = okse_tree_digest(item->segments, item->stored->blob.size);

    judge(check, item, okse_sha256_equal(&tree, item->verity), true);
}

static bool segment_check(Check *check, const Unit *unit, const OkseJobs *jobs, GError **error)
{
    Item *item = unit->item;
    OkseRange range = blob_range(check, item);

    if (!okse_tree_segment(&range, unit->segment, jobs, check->checking->progress, &item->segments[unit->segment],
                           error))
        return false;
    atomic_fetch_add(&check->read, unit->size);
    atomic_store(&item->present[unit->segment], true);
    if (atomic_fetch_sub(&item->missing, 1) == 1)
        judge_tree(check, item);
    return true;
}

static void item_remember(OkseCheckpointRecord *record, const Item *item)
{
    const OkseBlob *blob = &item->stored->blob;
    uint64_t count = okse_tree_segments(blob->size);
    OkseCheckpointBlob *entry;

    if (blob->size < REMEMBER_FROM)
        return;
    if (atomic_load(&item->holds))
        okse_checkpoint_record_add(record, &blob->digest, 0);
    if (atomic_load(&item->holds) || item->whole || count == 1)
        return;
    entry = okse_checkpoint_record_add(record, &blob->digest, (unsigned)count);
    for (uint64_t k = 0; k < count; k++)
        if (atomic_load(&item->present[k])) {
            entry->present[k] = true;
            entry->segments[k] = item->segments[k];
        }
}

static bool remember(const Check *check, GError **error)
{
    const OkseCheckpoint *checkpoint = check->checking->checkpoint;
    g_autoptr(OkseCheckpointRecord) record =
        okse_checkpoint_begin(checkpoint, &check->bundle->identity, check->checking->both);

    for (guint i = 0; i < check->items->len; i++)
        item_remember(record, &g_array_index(check->items, Item, i));
    return okse_checkpoint_save(checkpoint, record, error);
}

/* Now and then, by whichever worker comes by. That it failed is said when it matters: at an interruption. */
static void remember_sometimes(Check *check)
{
    if (check->checking->checkpoint == NULL || g_get_monotonic_time() < atomic_load(&check->remember_at) ||
        atomic_exchange(&check->remembering, true))
        return;
    remember(check, NULL);
    atomic_store(&check->remember_at, g_get_monotonic_time() + REMEMBER_EVERY);
    atomic_store(&check->remembering, false);
}

static bool run_unit(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    Check *check = context;
    const Unit *unit = &g_array_index(check->units, Unit, index);

    if (is_moot(check, unit->item))
        return true;
    if (!(unit->item->whole ? whole_check(check, unit->item, jobs, error) : segment_check(check, unit, jobs, error)))
        return false;
    remember_sometimes(check);
    return true;
}

static int compare_units(gconstpointer a, gconstpointer b)
{
    const Unit *first = a, *second = b;
    uint64_t one = MAX(first->size, OKSE_VERITY_SEGMENT), other = MAX(second->size, OKSE_VERITY_SEGMENT);

    if (one != other)
        return one < other ? 1 : -1;
    if (first->item != second->item)
        return first->item->stored->blob.offset < second->item->stored->blob.offset ? -1 : 1;
    return first->segment < second->segment ? -1 : 1;
}

static void items_make(Check *check)
{
    for (guint i = 0; i < check->bundle->stored->len; i++) {
        const Stored *stored = g_ptr_array_index(check->bundle->stored, i);
        const Expected *expected = bundle_expected(check->bundle, &stored->blob.digest);
        bool both = check->checking->both;
        Item item = {.stored = stored,
                     .verity = &expected->verity,
                     .by_verity = expected->by_verity || (both && expected->has_verity),
                     .by_sha256 = !expected->by_verity || both,
                     .whole = !expected->by_verity || both};

        if (!stored->blob.payload)
            continue;
        g_array_append_val(check->items, item);
    }
}

static uint64_t unit_size(const Item *item, uint64_t segment)
{
    uint64_t size = item->stored->blob.size;

    return item->whole ? size : MIN(size - segment * OKSE_VERITY_SEGMENT, OKSE_VERITY_SEGMENT);
}

static const OkseCheckpointBlob *known_blob(const Check *check, const OkseSha256 *digest)
{
    const OkseChecking *checking = check->checking;

    return checking->merge != NULL ? okse_shard_merge_blob(checking->merge, digest)
                                   : okse_checkpoint_blob(checking->checkpoint, digest);
}

/* Take over what an earlier run, or the shards, had of this blob; the rest becomes units. */
static void item_resume(Check *check, Item *item, uint64_t count)
{
    const OkseCheckpointBlob *known = known_blob(check, &item->stored->blob.digest);

    if (known == NULL)
        return;
    if (known->count == 0) {
        item->missing = 0;
        atomic_store(&item->holds, true);
        check->resumed += item->stored->blob.size;
        return;
    }
    for (uint64_t k = 0; !item->whole && known->count == count && k < count; k++)
        if (known->present[k]) {
            item->segments[k] = known->segments[k];
            atomic_store(&item->present[k], true);
            item->missing--;
            check->resumed += unit_size(item, k);
        }
    if (item->missing == 0)
        judge_tree(check, item);
}

static bool is_mine(const OkseShardPlan *plan, const Check *check, const Unit *unit)
{
    return plan == NULL || okse_shard_plan_owner(plan, &unit->item->stored->blob.digest, unit->segment) ==
                               check->checking->shard->shard.number;
}

static void units_make(Check *check, bool resume)
{
    const OkseChecking *checking = check->checking;
    g_autoptr(OkseShardPlan) plan =
        checking->shard != NULL ? okse_shard_plan_new(check->bundle, checking->both, checking->shard->shard.count)
                                : NULL;

    for (guint i = 0; i < check->items->len; i++) {
        Item *item = &g_array_index(check->items, Item, i);
        uint64_t count = item->whole ? 1 : okse_tree_segments(item->stored->blob.size);

        item->missing = count;
        item->segments = g_new(OkseSha256, count);
        item->present = g_new0(_Atomic bool, count);
        check->total += item->stored->blob.size;
        if (resume)
            item_resume(check, item, count);
        for (uint64_t k = 0; item->missing > 0 && k < count; k++) {
            Unit unit = {item, k, unit_size(item, k)};

            if (atomic_load(&item->present[k]))
                continue;
            if (is_mine(plan, check, &unit))
                g_array_append_val(check->units, unit);
            else
                check->elsewhere += unit.size;
        }
    }
    g_array_sort(check->units, compare_units);
}

static void item_clear(gpointer data)
{
    Item *item = data;

    g_free(item->segments);
    g_free(item->present);
}

/* What was found, in archive order; without `all` only the first fault. */
static void results_collect(const Check *check, OkseChecked *checked)
{
    checked->faults = g_ptr_array_new_with_free_func(g_free);
    checked->read = atomic_load(&check->read);
    checked->resumed = check->resumed;
    for (guint i = 0; i < check->items->len; i++) {
        const Item *item = &g_array_index(check->items, Item, i);
        uint64_t size = item->stored->blob.size;

        checked->by_verity += item->by_verity ? size : 0;
        checked->by_sha256 += item->by_sha256 ? size : 0;
        if (item->faulty && (check->checking->all || item->stored->blob.offset == atomic_load(&check->first_fault)))
            g_ptr_array_add(checked->faults, bundle_fault(check->bundle, item->stored, item->faulty_verity));
    }
}

static void item_note(OkseShardRecord *record, const Item *item)
{
    uint64_t count = item->whole ? 1 : okse_tree_segments(item->stored->blob.size);
    OkseShardBlob *blob = NULL;

    if (atomic_load(&item->holds)) {
        okse_shard_record_add(record, &item->stored->blob.digest, false);
        return;
    }
    for (uint64_t k = 0; count > 1 && k < count; k++) {
        OkseShardPiece piece = {k, item->segments[k]};

        if (!atomic_load(&item->present[k]))
            continue;
        if (blob == NULL)
            blob = okse_shard_record_add(record, &item->stored->blob.digest, true);
        g_array_append_val(blob->pieces, piece);
    }
}

/* What this shard can answer for. */
static void shard_note(const Check *check)
{
    OkseShardRecord *record = check->checking->shard;

    record->identity = check->bundle->identity;
    record->file = okse_shard_file(check->bundle);
    record->both = check->checking->both;
    for (guint i = 0; i < check->items->len; i++)
        item_note(record, &g_array_index(check->items, Item, i));
}

bool bundle_check_kept(const OkseBundle *bundle, GError **error)
{
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();

    for (guint i = 0; i < bundle->stored->len; i++) {
        const Stored *stored = g_ptr_array_index(bundle->stored, i);
        const Expected *expected = bundle_expected(bundle, &stored->blob.digest);
        g_autofree char *fault = NULL;
        OkseSha256 found;

        if (stored->bytes == NULL || !expected->has_verity)
            continue;
        okse_verity_stream_update(stream, g_bytes_get_data(stored->bytes, NULL), g_bytes_get_size(stored->bytes));
        found = okse_verity_stream_end(stream);
        if (okse_sha256_equal(&found, &expected->verity))
            continue;
        fault = bundle_fault(bundle, stored, true);
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s", bundle->origin, fault);
    }
    return true;
}

/* The run ends without a verdict: say what the next one can count on. */
static bool stopped(const Check *check, GError *cause, GError **error)
{
    g_autoptr(GError) owned = cause, why = NULL;
    g_autofree char *done = okse_text_size(atomic_load(&check->read) + check->resumed);
    g_autofree char *all = okse_text_size(check->total);

    if (check->checking->checkpoint == NULL) {
        g_propagate_error(error, g_steal_pointer(&owned));
        return false;
    }
    if (!remember(check, &why))
        return okse_fail(error, (OkseError)cause->code, "%s; how far it came is not remembered: %s", cause->message,
                         why->message);
    return okse_fail(error, (OkseError)cause->code,
                     "%s; about %s of %s were checked, and the same command goes on from there", cause->message, done,
                     all);
}

static bool faults_tell(const Check *check, const OkseChecked *checked, GError **error)
{
    return checked->faults->len == 0 || okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s", check->bundle->origin,
                                                  (const char *)g_ptr_array_index(checked->faults, 0));
}

/* What the shards say instead of reading. What they leave open is among the reasons, so nothing is left to do. */
static bool check_merged(Check *check, OkseChecked *checked, GError **error)
{
    g_autoptr(GPtrArray) reasons = okse_shard_merge_judge(check->checking->merge, check->bundle, check->checking->both);

    items_make(check);
    units_make(check, true);
    g_assert(check->units->len == 0 || reasons->len > 0);
    if (!okse_bytes_unchanged(check->bundle->bytes, error))
        return false;
    results_collect(check, checked);
    g_ptr_array_extend_and_steal(checked->faults, g_steal_pointer(&reasons));
    return faults_tell(check, checked, error);
}

static bool check_run(Check *check, OkseChecked *checked, GError **error)
{
    const OkseCheckpoint *checkpoint = check->checking->checkpoint;
    const OkseCheckpointRecord *earlier =
        checkpoint == NULL ? NULL
                           : okse_checkpoint_earlier(checkpoint, &check->bundle->identity, check->checking->both);
    GError *cause = NULL;

    items_make(check);
    units_make(check, earlier != NULL);
    okse_progress_skip(check->checking->progress, check->resumed + check->elsewhere);
    if (!okse_jobs_run(check->units->len, check->checking->threads, run_unit, check, &cause)) {
        /* A file that somebody cut off meanwhile is refused like any other that changed: it is no short bundle. */
        if (g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_INVALID) &&
            !okse_bytes_unchanged(check->bundle->bytes, error)) {
            g_error_free(cause);
            return false;
        }
        return stopped(check, cause, error);
    }
    if (!okse_bytes_unchanged(check->bundle->bytes, error)) /* what was hashed is what is there only if nobody wrote */
        return false;
    results_collect(check, checked);
    checked->since = check->resumed > 0 ? g_strdup(earlier->since) : NULL;
    if (check->checking->shard != NULL)
        shard_note(check);
    return faults_tell(check, checked, error);
}

bool okse_bundle_check(const OkseBundle *bundle, const OkseChecking *checking, OkseChecked *checked, GError **error)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_autoptr(GArray) units = g_array_new(FALSE, FALSE, sizeof(Unit));
    g_auto(OkseChecked) found = OKSE_CHECKED_INIT;
    Check check = {.bundle = bundle,
                   .checking = checking,
                   .items = items,
                   .units = units,
                   .drop = okse_range_floods(bundle->slots.file_size),
                   .first_fault = UINT64_MAX,
                   .remember_at = g_get_monotonic_time() + REMEMBER_EVERY};
    bool good;

    if (bundle->checked)
        return true;
    g_array_set_clear_func(items, item_clear);
    good = checking->merge != NULL ? check_merged(&check, &found, error) : check_run(&check, &found, error);
    if (checked != NULL) {
        *checked = found;
        found = (OkseChecked)OKSE_CHECKED_INIT;
    }
    return good;
}
