/* One job a file, the largest first; a component in tar form is one job. */
#include "packager/stage.h"

#include "core/fd.h"
#include "packager/file_copy.h"
#include "packager/tar_extract.h"
#include "packager/verity_file.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    const OksePart *part;
    const OkseTreeEntry *entry; /* NULL: the whole component in tar form */
    OkseBlobRange blob;
    OkseStaged staged; /* written by the job */
} Job;

typedef struct {
    const OkseStaging *staging;
    int stage_fd;
    Job *jobs;
} Work;

bool okse_stage_range(const OkseStaging *staging, const OkseSha256 *digest, OkseBlobRange *range, GError **error)
{
    const OkseBlob *blob = okse_bundle_find(staging->bundle, digest);
    char text[OKSE_SHA256_TEXT];

    if (blob == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED, "blob %s is not in the bundle", okse_sha256_text(digest, text));
    *range = (OkseBlobRange){okse_bundle_bytes(staging->bundle), blob->offset, blob->size, *digest};
    return true;
}

GBytes *okse_stage_blob(const OkseSha256 *digest, uint64_t limit, void *context, GError **error)
{
    const OkseStaging *staging = context;
    GBytes *kept = okse_bundle_metadata(staging->bundle, digest);
    char text[OKSE_SHA256_TEXT];
    OkseBlobRange range;

    if (kept != NULL)
        return g_bytes_ref(kept);
    if (!okse_stage_range(staging, digest, &range, error))
        return NULL;
    return okse_blob_read(&range, limit, okse_sha256_text(digest, text), error);
}

int okse_stage_create(int dir_fd, const char *path, bool executable, GError **error)
{
    mode_t mode = executable ? 0755 : 0644;
    okse_autofd fd = okse_open_beneath(dir_fd, path, O_RDWR | O_CREAT | O_EXCL, mode, error);

    if (fd >= 0 && fchmod(fd, mode) < 0) { /* the umask may have taken bits away */
        okse_fail_errno(error, "%s", path);
        return -1;
    }
    return okse_fd_steal(&fd);
}

bool okse_stage_write(int dir_fd, const char *path, GBytes *bytes, GError **error)
{
    okse_autofd fd = okse_stage_create(dir_fd, path, false, error);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);

    return fd >= 0 && okse_write_all(fd, data, length, path, error);
}

static bool make_directory(int dir_fd, const char *path, GError **error)
{
    g_autofree char *above = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    okse_autofd parent = okse_open_beneath(dir_fd, above, O_RDONLY | O_DIRECTORY, 0, error);

    if (parent < 0)
        return false;
    if (mkdirat(parent, name, 0755) < 0 || fchmodat(parent, name, 0755, 0) < 0)
        return okse_fail_errno(error, "make directory %s", path);
    return true;
}

static bool make_tree(int stage_fd, const OksePart *part, GError **error)
{
    okse_autofd fd = -1;

    if (!make_directory(stage_fd, part->name, error))
        return false;
    fd = okse_open_beneath(stage_fd, part->name, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0)
        return false;
    for (unsigned i = 0; i < okse_tree_count(part->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(part->tree, i);

        if (entry->type == OKSE_TREE_DIRECTORY && !make_directory(fd, entry->path, error))
            return false;
    }
    return true;
}

/* Seal one file; a promise that the kernel does not confirm is a refusal. */
static bool seal(const OkseTreeEntry *entry, int dir_fd, uint64_t *sealed, GError **error)
{
    OkseSha256 measured;
    okse_autofd fd = -1;

    if (!okse_verity_enable(dir_fd, entry->path))
        return true;
    (*sealed)++;
    if (!entry->has_verity)
        return true;
    fd = okse_open_beneath(dir_fd, entry->path, O_RDONLY, 0, error);
    if (fd < 0)
        return false;
    return !okse_verity_measure(fd, &measured) || okse_sha256_equal(&measured, &entry->verity) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "'%s': its fs-verity digest is not the one in the manifest",
                     entry->path);
}

static bool stage_text(const OksePart *part, const OkseTreeEntry *entry, int fd, GError **error)
{
    g_autoptr(GBytes) marker = g_bytes_new_static(OKSE_OCI_LAYOUT, strlen(OKSE_OCI_LAYOUT));
    gsize length;
    const void *data = g_bytes_get_data(strcmp(entry->path, "index.json") == 0 ? part->layout : marker, &length);

    return okse_write_all(fd, data, length, entry->path, error);
}

/* The two files of an OCI layout that are no blobs. */
static bool is_layout_text(const OksePart *part, const OkseTreeEntry *entry)
{
    return part->form == OKSE_FORM_IMAGE && strchr(entry->path, '/') == NULL;
}

static bool stage_blob(const Work *work, Job *job, OkseJobs *jobs, int fd, GError **error)
{
    g_autofree char *from = NULL, *name = NULL;
    const OkseFileCopy copy = {.from = job->blob.bytes,
                               .from_at = job->blob.offset,
                               .to = fd,
                               .size = job->blob.size,
                               .way = work->staging->way,
                               .reserve = true,
                               .from_name = "the bundle",
                               .to_name = job->entry->path,
                               .jobs = jobs,
                               .progress = work->staging->progress};
    OkseFileCopied result;

    if (!okse_file_copy(&copy, &result, error))
        return false;
    job->staged.copied = result.copied;
    if (okse_sha256_equal(&result.digest, &job->blob.digest))
        return true;
    from = okse_bytes_from(job->blob.bytes, job->blob.offset, job->blob.size);
    name = g_strconcat(job->entry->path, from, NULL);
    return okse_blob_check(&job->blob, &result.digest, name, error);
}

static bool stage_file(const Work *work, Job *job, OkseJobs *jobs, int dir_fd, GError **error)
{
    okse_autofd fd = okse_stage_create(dir_fd, job->entry->path, job->entry->executable, error);
    bool written;

    if (fd < 0)
        return false;
    if (is_layout_text(job->part, job->entry)) {
        job->staged.copied.written = job->entry->size;
        written = stage_text(job->part, job->entry, fd, error);
    } else {
        written = stage_blob(work, job, jobs, fd, error);
    }
    okse_fd_clear(&fd);
    return written && (!work->staging->verity || seal(job->entry, dir_fd, &job->staged.sealed, error));
}

static bool stage_tar(const Work *work, Job *job, OkseJobs *jobs, int dir_fd, GError **error)
{
    OkseBlobSink sink = {.jobs = jobs, .progress = work->staging->progress};
    g_autofree char *name = g_strdup_printf("%s.tar", job->part->name);

    if (!okse_tar_extract(&job->blob, job->part->tree, dir_fd, &sink, name, error))
        return false;
    for (unsigned i = 0; i < okse_tree_count(job->part->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(job->part->tree, i);

        if (entry->type != OKSE_TREE_FILE || entry->beside)
            continue;
        job->staged.copied.written += entry->size;
        if (work->staging->verity && !seal(entry, dir_fd, &job->staged.sealed, error))
            return false;
    }
    return true;
}

static bool job_run(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    const Work *work = context;
    Job *job = &work->jobs[index];
    okse_autofd dir_fd = okse_open_beneath(work->stage_fd, job->part->name, O_RDONLY | O_DIRECTORY, 0, error);

    if (dir_fd < 0)
        return false;
    if (job->entry != NULL ? stage_file(work, job, jobs, dir_fd, error) : stage_tar(work, job, jobs, dir_fd, error))
        return true;
    g_prefix_error(error, "component %s: ", job->part->name);
    return false;
}

static int job_compare(gconstpointer a, gconstpointer b)
{
    const Job *one = a, *other = b;
    int order = (one->blob.size < other->blob.size) - (one->blob.size > other->blob.size);

    if (order == 0)
        order = strcmp(one->part->name, other->part->name);
    return order != 0 || one->entry == NULL ? order : strcmp(one->entry->path, other->entry->path);
}

static bool part_jobs(const OkseStaging *staging, const OksePart *part, GArray *jobs, GError **error)
{
    Job job = {.part = part};

    if (part->form == OKSE_FORM_TAR) {
        if (!okse_stage_range(staging, &part->archive, &job.blob, error))
            return false;
        g_array_append_val(jobs, job);
    }
    for (unsigned i = 0; i < okse_tree_count(part->tree); i++) {
        job = (Job){.part = part, .entry = okse_tree_entry(part->tree, i)};
        if (job.entry->type != OKSE_TREE_FILE || (part->form == OKSE_FORM_TAR && !job.entry->beside))
            continue;
        if (!is_layout_text(part, job.entry)) {
            if (!okse_stage_range(staging, &job.entry->digest, &job.blob, error))
                return false;
            if (job.blob.size != job.entry->size)
                return okse_fail(error, OKSE_ERROR_REFUSED, "'%s': its blob has another size than its manifest says",
                                 job.entry->path);
        }
        g_array_append_val(jobs, job);
    }
    return true;
}

bool okse_stage_parts(int stage_fd, const GPtrArray *parts, const OkseStaging *staging, OkseStaged *staged,
                      GError **error)
{
    g_autoptr(GArray) jobs = g_array_new(FALSE, FALSE, sizeof(Job));
    Work work = {.staging = staging, .stage_fd = stage_fd};
    OkseStaged sum = {0};

    for (guint i = 0; i < parts->len; i++) {
        const OksePart *part = g_ptr_array_index(parts, i);

        if (!make_tree(stage_fd, part, error) || !part_jobs(staging, part, jobs, error))
            return false;
    }
    g_array_sort(jobs, job_compare);
    work.jobs = &g_array_index(jobs, Job, 0);
    if (!okse_jobs_run(jobs->len, staging->threads, job_run, &work, error))
        return false;
    for (guint i = 0; i < jobs->len; i++) {
        sum.sealed += work.jobs[i].staged.sealed;
        okse_copied_add(&sum.copied, &work.jobs[i].staged.copied);
    }
    *staged = sum;
    return true;
}
