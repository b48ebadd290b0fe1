#include "packager/drift_hash.h"

#include "core/fd.h"
#include "packager/tree_hash.h"
#include "packager/verity_file.h"

#include <sys/stat.h>

/* A large file between its segments. */
typedef struct {
    OkseDriftFile *file;
    OkseSha256 *segments;
    bool *present; /* by segment; each written by its unit */
    bool sealed;   /* written by the unit of the first segment */
} Large;

typedef struct {
    OkseDriftFile *file; /* by its SHA-256, or NULL */
    guint large;         /* otherwise: which one, and its segment */
    uint64_t segment;
} Unit;

typedef struct {
    int dir_fd;
    GArray *units, *larges;
    OkseProgress *progress;
} Hashing;

static void large_clear(gpointer data)
{
    Large *large = data;

    g_free(large->segments);
    g_free(large->present);
}

/* What it is must be told of the opened file. -1: it stays unread. */
static int file_open(const Hashing *hashing, const OkseTreeEntry *entry, struct stat *info)
{
    okse_autofd fd = okse_open_beneath(hashing->dir_fd, entry->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);

    return fd >= 0 && fstat(fd, info) == 0 && S_ISREG(info->st_mode) ? okse_fd_steal(&fd) : -1;
}

static bool is_sealed(const OkseTreeEntry *entry, int fd)
{
    OkseSha256 measured;

    return entry->has_verity && okse_verity_measure(fd, &measured) && okse_sha256_equal(&measured, &entry->verity);
}

static bool put(const void *data, size_t length, void *context)
{
    okse_sha256_stream_update(context, data, length);
    return true;
}

/* Only a wish to stop is a failure of the whole; *good says whether the file could be read. */
static bool outcome(bool *good, GError *cause, GError **error)
{
    *good = cause == NULL;
    if (!g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_CANCELLED)) {
        g_clear_error(&cause);
        return true;
    }
    g_propagate_error(error, cause);
    return false;
}

static bool hash_file(const Hashing *hashing, const OkseJobs *jobs, OkseDriftFile *file, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    struct stat info;
    okse_autofd fd = file_open(hashing, file->entry, &info);
    g_autoptr(OkseBytes) bytes = NULL;
    OkseRange range = {NULL, 0, 0, file->entry->path, false};
    GError *cause = NULL;

    if (fd < 0)
        return true;
    if (is_sealed(file->entry, fd)) {
        file->sealed = file->read = true;
        file->digest = file->entry->digest;
        return true;
    }
    range.size = (uint64_t)info.st_size;
    range.bytes = bytes = okse_bytes_of_fd(fd, range.size);
    okse_range_read(&range, jobs, hashing->progress, put, stream, &cause);
    if (!outcome(&file->read, cause, error))
        return false;
    file->digest = okse_sha256_stream_end(stream);
    return true;
}

static bool hash_segment(const Hashing *hashing, const OkseJobs *jobs, const Unit *unit, GError **error)
{
    Large *large = &g_array_index(hashing->larges, Large, unit->large);
    const OkseTreeEntry *entry = large->file->entry;
    struct stat info;
    okse_autofd fd = file_open(hashing, entry, &info);
    g_autoptr(OkseBytes) bytes = okse_bytes_of_fd(fd, entry->size);
    OkseRange range = {bytes, 0, entry->size, entry->path, false};
    GError *cause = NULL;

    if (fd < 0 || (uint64_t)info.st_size != entry->size)
        return true;
    if (is_sealed(entry, fd)) {
        if (unit->segment == 0)
            large->sealed = true;
        return true;
    }
    okse_tree_segment(&range, unit->segment, jobs, hashing->progress, &large->segments[unit->segment], &cause);
    return outcome(&large->present[unit->segment], cause, error);
}

static bool run_unit(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    const Hashing *hashing = context;
    const Unit *unit = &g_array_index(hashing->units, Unit, index);

    return unit->file != NULL ? hash_file(hashing, jobs, unit->file, error) : hash_segment(hashing, jobs, unit, error);
}

static void large_add(Hashing *hashing, OkseDriftFile *file)
{
    uint64_t count = okse_tree_segments(file->entry->size);
    Large large = {file, g_new(OkseSha256, count), g_new0(bool, count), false};

    for (uint64_t i = 0; i < count; i++) {
        Unit unit = {NULL, hashing->larges->len, i};

        g_array_append_val(hashing->units, unit);
    }
    g_array_append_val(hashing->larges, large);
}

static bool tree_holds(const Large *large)
{
    uint64_t size = large->file->entry->size;
    OkseSha256 tree;

    for (uint64_t i = 0; i < okse_tree_segments(size); i++)
        if (!large->present[i])
            return false;
    tree = okse_tree_digest(large->segments, size);
    return okse_sha256_equal(&tree, &large->file->entry->verity);
}

/* Large files that are as promised are done; the others are looked at again, whole. */
static void larges_judge(Hashing *hashing)
{
    g_array_set_size(hashing->units, 0);
    for (guint i = 0; i < hashing->larges->len; i++) {
        const Large *large = &g_array_index(hashing->larges, Large, i);
        Unit again = {large->file, 0, 0};

        if (large->sealed || tree_holds(large)) {
            large->file->sealed = large->sealed;
            large->file->read = true;
            large->file->digest = large->file->entry->digest;
        } else {
            g_array_append_val(hashing->units, again);
        }
    }
}

bool okse_drift_hash(int dir_fd, GArray *files, unsigned threads, OkseProgress *progress, GError **error)
{
    g_autoptr(GArray) units = g_array_new(FALSE, FALSE, sizeof(Unit));
    g_autoptr(GArray) larges = g_array_new(FALSE, FALSE, sizeof(Large));
    Hashing hashing = {dir_fd, units, larges, progress};

    g_array_set_clear_func(larges, large_clear);
    for (guint i = 0; i < files->len; i++) {
        OkseDriftFile *file = &g_array_index(files, OkseDriftFile, i);
        Unit unit = {file, 0, 0};

        if (file->entry->has_verity && file->entry->size > OKSE_VERITY_SEGMENT)
            large_add(&hashing, file);
        else
            g_array_append_val(units, unit);
    }
    if (!okse_jobs_run(units->len, threads, run_unit, &hashing, error))
        return false;
    larges_judge(&hashing);
    return okse_jobs_run(units->len, threads, run_unit, &hashing, error);
}
