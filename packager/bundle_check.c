/* Hashing the payload. A raw file is hashed by segments of its fs-verity tree, each a unit of its own, so that one file
 * keeps every processor busy; other blobs are one unit. Units that are longer than a segment come first, the longest
 * first, then the rest in archive order, which is the order of the disk. The faults are reported in archive order,
 * whichever worker found one first: after a fault only what stands before it is still of interest. */
#include "core/worker.h"
#include "packager/bundle_internal.h"
#include "packager/tree_hash.h"

#include <stdatomic.h>

/* One blob. */
typedef struct {
    const Stored *stored;
    bool by_verity, by_sha256;
    bool whole;               /* one unit, whatever its size */
    OkseSha256 *segments;     /* of the tree, when it is not whole; written by the units */
    _Atomic uint64_t missing; /* segments still to come; whoever brings the last one judges */
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
} Check;

void okse_checked_clear(OkseChecked *checked)
{
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

    if (verity_holds && sha256_holds)
        return;
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
    return (OkseRange){check->bundle->fd, item->stored->blob.offset, item->stored->blob.size, check->bundle->origin,
                       check->drop};
}

static bool whole_check(Check *check, Item *item, const OkseJobs *jobs, GError **error)
{
    const OkseBlob *blob = &item->stored->blob;
    g_autoptr(OkseVerityStream) verity = item->by_verity ? okse_verity_stream_new() : NULL;
    g_autoptr(OkseSha256Stream) sha256 = item->by_sha256 ? okse_sha256_stream_new() : NULL;
    OkseRange range = blob_range(check, item);
    Whole whole = {check, item, verity, sha256, false};
    OkseSha256 tree = blob->verity, digest = blob->digest;

    if (!okse_range_read(&range, jobs, check->checking->progress, whole_put, &whole, error))
        return false;
    if (whole.moot)
        return true;
    if (verity != NULL)
        tree = okse_verity_stream_end(verity);
    if (sha256 != NULL)
        digest = okse_sha256_stream_end(sha256);
    judge(check, item, okse_sha256_equal(&tree, &blob->verity), okse_sha256_equal(&digest, &blob->digest));
    return true;
}

static bool segment_check(Check *check, const Unit *unit, const OkseJobs *jobs, GError **error)
{
    Item *item = unit->item;
    OkseRange range = blob_range(check, item);
    OkseSha256 tree;

    if (!okse_tree_segment(&range, unit->segment, jobs, check->checking->progress, &item->segments[unit->segment],
                           error))
        return false;
    atomic_fetch_add(&check->read, unit->size);
    if (atomic_fetch_sub(&item->missing, 1) > 1)
        return true;
    tree = okse_tree_digest(item->segments, range.size);
    judge(check, item, okse_sha256_equal(&tree, &item->stored->blob.verity), true);
    return true;
}

static bool run_unit(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    Check *check = context;
    const Unit *unit = &g_array_index(check->units, Unit, index);

    if (is_moot(check, unit->item))
        return true;
    return unit->item->whole ? whole_check(check, unit->item, jobs, error) : segment_check(check, unit, jobs, error);
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
        Item item = {.stored = stored, .by_verity = stored->blob.has_verity};

        if (!stored->blob.payload)
            continue;
        item.by_sha256 = !item.by_verity || check->checking->both;
        item.whole = item.by_sha256;
        g_array_append_val(check->items, item);
    }
}

static void units_make(Check *check)
{
    for (guint i = 0; i < check->items->len; i++) {
        Item *item = &g_array_index(check->items, Item, i);
        uint64_t size = item->stored->blob.size, count = item->whole ? 1 : okse_tree_segments(size);

        item->missing = count;
        if (!item->whole)
            item->segments = g_new(OkseSha256, count);
        for (uint64_t k = 0; k < count; k++) {
            Unit unit = {item, k, item->whole ? size : MIN(size - k * OKSE_VERITY_SEGMENT, OKSE_VERITY_SEGMENT)};

            g_array_append_val(check->units, unit);
        }
    }
    g_array_sort(check->units, compare_units);
}

static void item_clear(gpointer data)
{
    Item *item = data;

    g_free(item->segments);
}

/* What was found, in archive order; without `all` only the first fault. */
static void results_collect(const Check *check, OkseChecked *checked)
{
    checked->faults = g_ptr_array_new_with_free_func(g_free);
    checked->read = atomic_load(&check->read);
    for (guint i = 0; i < check->items->len; i++) {
        const Item *item = &g_array_index(check->items, Item, i);
        uint64_t size = item->stored->blob.size;

        checked->by_verity += item->by_verity ? size : 0;
        checked->by_sha256 += item->by_sha256 ? size : 0;
        if (item->faulty && (check->checking->all || item->stored->blob.offset == atomic_load(&check->first_fault)))
            g_ptr_array_add(checked->faults, bundle_fault(check->bundle, item->stored, item->faulty_verity));
    }
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

bool okse_bundle_check(const OkseBundle *bundle, const OkseChecking *checking, OkseChecked *checked, GError **error)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_autoptr(GArray) units = g_array_new(FALSE, FALSE, sizeof(Unit));
    g_auto(OkseChecked) found = OKSE_CHECKED_INIT;
    Check check = {bundle, checking, items, units, okse_range_floods(bundle->slots.file_size), UINT64_MAX, 0};
    bool good = true;

    if (bundle->checked)
        return true;
    g_array_set_clear_func(items, item_clear);
    items_make(&check);
    units_make(&check);
    if (!okse_jobs_run(units->len, checking->threads, run_unit, &check, error))
        return false;
    results_collect(&check, &found);
    if (found.faults->len > 0)
        good = okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s", bundle->origin,
                         (const char *)g_ptr_array_index(found.faults, 0));
    if (checked != NULL) {
        *checked = found;
        found = (OkseChecked)OKSE_CHECKED_INIT;
    }
    return good;
}
