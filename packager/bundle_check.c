/* Hashing the payload: every blob by one worker, the largest first, through a buffer of its own (mapped pages would
 * count as memory). The faults are reported in archive order, whichever worker found one first: after a fault only what
 * stands before it is still of interest. */
#include "core/fd.h"
#include "core/worker.h"
#include "packager/bundle_internal.h"

#include <stdatomic.h>

#define CHUNK (1u << 20)

typedef struct {
    const OkseBundle *bundle;
    const Stored **order; /* payload, largest first */
    bool *faulty;         /* by position in order; each written by one worker */
    bool all;
    _Atomic uint64_t first_fault; /* offset of the faulty blob nearest to the start, UINT64_MAX without one */
    OkseProgress *progress;
} Check;

static char *fault_of(const Stored *stored, const char *what)
{
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("blob %s %s", okse_sha256_hex(&stored->blob.digest, hex), what);
}

/* Nobody asks about this blob any more: a fault in front of it was found. */
static bool is_moot(const Check *check, const Stored *stored)
{
    return !check->all && stored->blob.offset > atomic_load(&check->first_fault);
}

static void note_fault(Check *check, unsigned index)
{
    uint64_t offset = check->order[index]->blob.offset, found = atomic_load(&check->first_fault);

    check->faulty[index] = true;
    while (offset < found && !atomic_compare_exchange_weak(&check->first_fault, &found, offset))
        ;
}

/* *digest means nothing when the blob became moot on the way. */
static bool hash_blob(const Check *check, OkseJobs *jobs, const Stored *stored, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(CHUNK);

    posix_fadvise(check->bundle->fd, (off_t)stored->blob.offset, (off_t)stored->blob.size, POSIX_FADV_WILLNEED);
    for (uint64_t at = 0; at < stored->blob.size && !is_moot(check, stored);) {
        size_t length = (size_t)MIN(stored->blob.size - at, CHUNK);

        if (okse_jobs_stopped(jobs))
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!okse_pread_exact(check->bundle->fd, buffer, length, stored->blob.offset + at, check->bundle->origin,
                              error))
            return false;
        okse_sha256_stream_update(stream, buffer, length);
        okse_progress_add(check->progress, length);
        at += length;
    }
    *digest = okse_sha256_stream_end(stream);
    return true;
}

static bool run_check(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    Check *check = context;
    const Stored *stored = check->order[index];
    OkseSha256 digest;

    if (is_moot(check, stored))
        return true;
    if (!hash_blob(check, jobs, stored, &digest, error))
        return false;
    if (!okse_sha256_equal(&digest, &stored->blob.digest) && !is_moot(check, stored))
        note_fault(check, index);
    return true;
}

static int compare_sizes(gconstpointer a, gconstpointer b)
{
    const Stored *first = *(const Stored *const *)a, *second = *(const Stored *const *)b;

    if (first->blob.size != second->blob.size)
        return first->blob.size < second->blob.size ? 1 : -1;
    return first->blob.offset < second->blob.offset ? -1 : 1;
}

static int compare_offsets(gconstpointer a, gconstpointer b)
{
    const Stored *first = *(const Stored *const *)a, *second = *(const Stored *const *)b;

    return first->blob.offset < second->blob.offset ? -1 : 1;
}

/* The faulty blobs as lines, in archive order; without `all` only the first. */
static void collect(const Check *check, unsigned count, GPtrArray *lines)
{
    g_autoptr(GPtrArray) faulty = g_ptr_array_new();

    for (unsigned k = 0; k < count; k++)
        if (check->faulty[k] && (check->all || check->order[k]->blob.offset == atomic_load(&check->first_fault)))
            g_ptr_array_add(faulty, (gpointer)(uintptr_t)check->order[k]);
    g_ptr_array_sort(faulty, compare_offsets);
    for (guint i = 0; i < faulty->len; i++)
        g_ptr_array_add(lines, fault_of(g_ptr_array_index(faulty, i), "has other content than its name says"));
}

bool okse_bundle_check(const OkseBundle *bundle, unsigned threads, bool all, OkseProgress *progress, GPtrArray *faults,
                       GError **error)
{
    g_autofree const Stored **order = g_new0(const Stored *, bundle->stored->len + 1);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    Check check = {bundle, order, NULL, all, UINT64_MAX, progress};
    g_autofree bool *faulty = NULL;
    unsigned count = 0;
    bool good;

    if (bundle->checked)
        return true;
    for (guint i = 0; i < bundle->stored->len; i++)
        if (((Stored *)g_ptr_array_index(bundle->stored, i))->blob.payload)
            order[count++] = g_ptr_array_index(bundle->stored, i);
    qsort(order, count, sizeof *order, compare_sizes);
    check.faulty = faulty = g_new0(bool, count + 1);
    good = okse_jobs_run(count, threads, run_check, &check, error);
    collect(&check, count, found);
    for (guint i = 0; faults != NULL && i < found->len; i++)
        g_ptr_array_add(faults, g_strdup(g_ptr_array_index(found, i)));
    if (good && found->len > 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s", bundle->origin, (char *)g_ptr_array_index(found, 0));
    return good;
}
