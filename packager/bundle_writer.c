/* One pass over the payload: read, SHA-256, fs-verity, write. Memory is a few buffers a worker, whatever the size. */
#include "packager/bundle_writer.h"

#include "core/verity.h"
#include "core/worker.h"
#include "packager/file_copy.h"
#include "packager/layout_index.h"
#include "packager/manifest.h"
#include "packager/tar_header.h"
#include "packager/tensor_hash.h"
#include "packager/tensor_plan.h"

#include <string.h>

static const char layout_file[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

/* What one worker does: a blob, a tar layer, or all blobs of a source that delivers in its own order. */
typedef struct {
    GPtrArray *blobs; /* OkseBlobPlan, all of one source, or a single one */
    uint64_t size;
    OkseCopied copied; /* written by the job */
} Job;

typedef struct {
    GPtrArray *jobs; /* Job, largest first */
    const OkseBundleTarget *target;
} Work;

typedef struct {
    const Work *work;
    OkseJobs *jobs;
    OkseBlobPlan **by_entry; /* NULL for a single blob */
    OkseBlobPlan *blob;      /* being written */
    uint64_t done;
    OkseSha256Stream *sha256;
    OkseVerityStream *verity;
    OkseTensorHash *tensors; /* of the blob, when they are listed; owned */
} Copy;

static void job_free(gpointer data)
{
    Job *job = data;

    g_ptr_array_unref(job->blobs);
    g_free(job);
}

static bool set_digest(OkseBlobPlan *blob, const OkseSha256 *digest, GError **error)
{
    if (blob->has_digest && !okse_sha256_equal(digest, &blob->digest))
        return okse_fail(
            error, OKSE_ERROR_INVALID,
            "%s: '%s' changed while it was being packed, or is not what its manifest says; nothing was written",
            okse_source_origin(blob->source), okse_source_entry(blob->source, blob->entry)->path);
    blob->digest = *digest;
    blob->has_digest = true;
    return true;
}

static bool finish_blob(Copy *copy, GError **error)
{
    OkseSha256 digest = okse_sha256_stream_end(copy->sha256);

    if (copy->tensors != NULL)
        okse_tensor_hash_end(copy->tensors);
    g_clear_pointer(&copy->tensors, okse_tensor_hash_free);
    if (copy->blob->wants_verity)
        copy->blob->verity = okse_verity_stream_end(copy->verity);
    return set_digest(copy->blob, &digest, error);
}

static bool sink(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Copy *copy = context;

    if (okse_jobs_stopped(copy->jobs))
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (copy->by_entry != NULL && copy->blob != copy->by_entry[entry]) {
        copy->blob = copy->by_entry[entry];
        copy->done = 0;
        g_clear_pointer(&copy->tensors, okse_tensor_hash_free);
        copy->tensors = copy->blob->tensors != NULL ? okse_tensor_hash_new(copy->blob->tensors) : NULL;
    }
    okse_sha256_stream_update(copy->sha256, data, length);
    if (copy->blob->wants_verity)
        okse_verity_stream_update(copy->verity, data, length);
    if (copy->tensors != NULL)
        okse_tensor_hash_update(copy->tensors, data, length);
    if (!okse_pwrite_all(copy->work->target->fd, data, length, copy->blob->data_at + copy->done, "the bundle", error))
        return false;
    copy->done += length;
    okse_progress_add(copy->work->target->progress, length);
    return copy->done < copy->blob->size || finish_blob(copy, error);
}

/* Files without content are never delivered; their digests are those of nothing. */
static bool finish_empty(Copy *copy, const Job *job, GError **error)
{
    for (guint i = 0; i < job->blobs->len; i++) {
        copy->blob = g_ptr_array_index(job->blobs, i);
        if (copy->blob->size == 0 && !finish_blob(copy, error))
            return false;
    }
    return true;
}

static bool copy_from_source(Copy *copy, const Job *job, GError **error)
{
    const OkseSource *source = ((OkseBlobPlan *)g_ptr_array_index(job->blobs, 0))->source;
    g_autofree bool *wanted = g_new0(bool, okse_source_count(source));
    g_autofree OkseBlobPlan **by_entry = g_new0(OkseBlobPlan *, okse_source_count(source));

    for (guint i = 0; i < job->blobs->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(job->blobs, i);

        wanted[blob->entry] = blob->size > 0;
        by_entry[blob->entry] = blob;
    }
    copy->by_entry = by_entry;
    return okse_source_copy(source, wanted, sink, copy, error) && finish_empty(copy, job, error);
}

/* Bytes that an interrupted build left in place are read back; only if they are what was noted then do they stay. */
static bool keep_file(const OkseBundleTarget *target, OkseBlobPlan *blob, const OkseFileCopy *copy, bool *kept,
                      GError **error)
{
    OkseFileCopy reading = *copy;
    OkseFileCopied result;
    OkseSha256 noted;

    *kept = false;
    if (!okse_resume_find(target->resume, blob, &noted))
        return true;
    reading.there = true;
    if (!okse_file_copy(&reading, &result, error))
        return false;
    if (!okse_sha256_equal(&noted, &result.digest))
        return true;
    blob->verity = result.verity;
    *kept = true;
    return set_digest(blob, &noted, error);
}

/* Where payload goes that its source can deliver again, in any order. */
static int kept_in(const OkseBundleTarget *target)
{
    return target->nowhere > 0 ? target->nowhere : target->fd;
}

/* A directory's file, whose blocks the bundle may share. */
static bool copy_file(const Work *work, OkseJobs *jobs, OkseBlobPlan *blob, OkseCopied *copied, GError **error)
{
    const OkseBundleTarget *target = work->target;
    okse_autofd fd = okse_source_open(blob->source, blob->entry, error);
    g_autoptr(OkseBytes) bytes = okse_bytes_of_fd(fd, blob->size);
    g_autofree char *name = okse_source_name(blob->source, blob->entry);
    const OkseFileCopy copy = {.from = bytes,
                               .to = kept_in(target),
                               .to_at = blob->data_at,
                               .size = blob->size,
                               .way = target->way,
                               .wants_verity = blob->wants_verity,
                               .tensors = blob->tensors,
                               .from_name = name,
                               .to_name = "the bundle",
                               .jobs = jobs,
                               .progress = target->progress};
    OkseFileCopied result;
    bool kept = false;

    if (fd < 0 || !keep_file(target, blob, &copy, &kept, error))
        return false;
    if (kept) {
        copied->kept = blob->size;
        return okse_source_check(blob->source, blob->entry, fd, error);
    }
    if (!okse_file_copy(&copy, &result, error) || !okse_source_check(blob->source, blob->entry, fd, error))
        return false;
    blob->verity = result.verity;
    *copied = result.copied;
    if (!set_digest(blob, &result.digest, error))
        return false;
    okse_resume_note(target->resume, blob);
    return true;
}

static bool copy_sequential(const Work *work, OkseJobs *jobs, Job *job, GError **error)
{
    g_autoptr(OkseSha256Stream) sha256 = okse_sha256_stream_new();
    g_autoptr(OkseVerityStream) verity = okse_verity_stream_new();
    Copy copy = {.work = work, .jobs = jobs, .sha256 = sha256, .verity = verity};
    bool good;

    job->copied.written = job->size;
    good = copy_from_source(&copy, job, error);
    okse_tensor_hash_free(copy.tensors);
    return good;
}

static bool run_job(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    const Work *work = context;
    Job *job = g_ptr_array_index(work->jobs, index);
    OkseBlobPlan *first = g_ptr_array_index(job->blobs, 0);

    if (first->tar != NULL) {
        bool again = !okse_source_is_sequential(okse_tar_layer_source(first->tar));
        const OkseTarTarget target = {again ? kept_in(work->target) : work->target->fd, first->data_at, jobs,
                                      work->target->progress};

        job->copied.written = job->size;
        first->has_digest = okse_tar_layer_write(first->tar, &target, &first->digest, error);
        return first->has_digest;
    }
    return okse_source_is_sequential(first->source) ? copy_sequential(work, jobs, job, error)
                                                    : copy_file(work, jobs, first, &job->copied, error);
}

static int compare_jobs(gconstpointer a, gconstpointer b)
{
    const Job *first = *(const Job *const *)a, *second = *(const Job *const *)b;

    return first->size < second->size ? 1 : first->size > second->size ? -1 : 0;
}

static GPtrArray *make_jobs(const OkseLayout *layout)
{
    GPtrArray *jobs = g_ptr_array_new_with_free_func(job_free);
    g_autoptr(GHashTable) by_source = g_hash_table_new(NULL, NULL);

    for (guint i = layout->metadata; i < layout->order->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);
        bool sequential = blob->source != NULL && okse_source_is_sequential(blob->source);
        Job *job = sequential ? g_hash_table_lookup(by_source, blob->source) : NULL;

        if (blob->listing != NULL)
            continue; /* follows from its tar */
        if (job == NULL) {
            job = g_new0(Job, 1);
            job->blobs = g_ptr_array_new();
            g_ptr_array_add(jobs, job);
            if (sequential)
                g_hash_table_insert(by_source, (gpointer)(uintptr_t)blob->source, job);
        }
        g_ptr_array_add(job->blobs, blob);
        job->size += blob->size;
    }
    g_ptr_array_sort(jobs, compare_jobs);
    return jobs;
}

static bool write_listings(const OkseLayout *layout, int fd, uint64_t *written, GError **error)
{
    for (guint i = layout->metadata; i < layout->order->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(layout->order, i);
        g_autoptr(GBytes) bytes = NULL;

        if (blob->listing == NULL)
            continue;
        bytes = okse_tar_layer_listing(blob->listing);
        g_assert(g_bytes_get_size(bytes) == blob->size);
        blob->digest = okse_sha256_of_bytes(bytes);
        blob->has_digest = true;
        if (!okse_pwrite_all(fd, g_bytes_get_data(bytes, NULL), blob->size, blob->data_at, "the bundle", error))
            return false;
        *written += blob->size;
    }
    return true;
}

static OkseSha256 verity_of(GBytes *bytes)
{
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();

    okse_verity_stream_update(stream, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    return okse_verity_stream_end(stream);
}

static void copy_digests(const OksePlan *plan)
{
    for (guint i = 0; i < plan->blobs->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(plan->blobs, i);

        if (blob->same_as == NULL && blob->bytes != NULL && blob->wants_verity)
            blob->verity = verity_of(blob->bytes);
    }
    for (guint i = 0; i < plan->blobs->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(plan->blobs, i);

        if (blob->same_as != NULL) {
            blob->digest = blob->same_as->digest;
            blob->verity = blob->same_as->verity;
        }
    }
    okse_tensor_plan_copy(plan);
}

bool okse_bundle_write_payload(OksePlan *plan, const OkseLayout *layout, const OkseBundleTarget *target,
                               OkseCopied *copied, GError **error)
{
    g_autoptr(GPtrArray) jobs = make_jobs(layout);
    Work work = {jobs, target};
    OkseCopied sum = {0};

    if (!okse_jobs_run(jobs->len, target->threads, run_job, &work, error) ||
        !write_listings(layout, target->fd, &sum.written, error))
        return false;
    for (guint i = 0; i < jobs->len; i++)
        okse_copied_add(&sum, &((const Job *)g_ptr_array_index(jobs, i))->copied);
    copy_digests(plan);
    *copied = sum;
    return true;
}

static int compare_digests(gconstpointer a, gconstpointer b)
{
    return okse_sha256_compare(&(*(const OkseBlobPlan *const *)a)->digest, &(*(const OkseBlobPlan *const *)b)->digest);
}

/* A file that equals metadata generated from it would have to be stored under one name twice. */
static bool all_different(const OkseLayout *layout, GError **error)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy(layout->order, NULL, NULL);

    g_ptr_array_sort(sorted, compare_digests);
    for (guint i = 1; i < sorted->len; i++)
        if (compare_digests(&g_ptr_array_index(sorted, i - 1), &g_ptr_array_index(sorted, i)) == 0)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "a file of a component is the same bytes as what Okse writes about it; change the file");
    return true;
}

static bool write_block(int fd, const char *name, const void *data, size_t length, uint64_t *at, GError **error)
{
    uint8_t block[OKSE_TAR_BLOCK];

    okse_tar_header(block, name, length);
    if (!okse_pwrite_all(fd, block, sizeof block, *at, "the bundle", error) ||
        !okse_pwrite_all(fd, data, length, *at + sizeof block, "the bundle", error))
        return false;
    *at += sizeof block + okse_tar_padded(length);
    return true;
}

bool okse_bundle_write_front(const OksePlan *plan, const OkseLayout *layout, int fd, GError **error)
{
    g_autoptr(json_t) bundle_index = okse_json_read(plan->index->bytes, plan->index->size, "bundle index", error);
    g_autoptr(json_t) index = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autofree char *slot = g_strnfill(layout->index_slot, ' ');
    uint64_t at = 0;

    if (bundle_index == NULL)
        return false;
    index = okse_layout_index(bundle_index, &plan->index->digest, plan->index->size, NULL);
    bytes = okse_json_write(index);
    memcpy(slot, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    return write_block(fd, "oci-layout", layout_file, strlen(layout_file), &at, error) &&
           write_block(fd, "index.json", slot, layout->index_slot, &at, error);
}

bool okse_bundle_write_blob_front(const OkseLayout *layout, guint index, int fd, GError **error)
{
    const OkseBlobPlan *blob = g_ptr_array_index(layout->order, index);
    g_autoptr(GBytes) prefix = okse_layout_prefix(layout, index);

    g_assert(blob->prefix_at + g_bytes_get_size(prefix) == blob->data_at);
    if (!okse_pwrite_all(fd, g_bytes_get_data(prefix, NULL), g_bytes_get_size(prefix), blob->prefix_at, "the bundle",
                         error))
        return false;
    return index >= layout->metadata ||
           okse_pwrite_all(fd, g_bytes_get_data(blob->bytes, NULL), blob->size, blob->data_at, "the bundle", error);
}

bool okse_bundle_write_metadata(OksePlan *plan, const OkseLayout *layout, int fd, GError **error)
{
    g_autofree uint64_t *sizes = g_new(uint64_t, layout->metadata);

    for (guint i = 0; i < layout->metadata; i++)
        sizes[i] = ((OkseBlobPlan *)g_ptr_array_index(layout->order, i))->size;
    if (!okse_manifest_render(plan, error) || !all_different(layout, error))
        return false;
    for (guint i = 0; i < layout->metadata; i++)
        g_assert(sizes[i] == ((OkseBlobPlan *)g_ptr_array_index(layout->order, i))->size);
    if (!okse_bundle_write_front(plan, layout, fd, error))
        return false;
    for (guint i = 0; i < layout->order->len; i++)
        if (!okse_bundle_write_blob_front(layout, i, fd, error))
            return false;
    return true;
}
