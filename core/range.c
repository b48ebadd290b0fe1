/* The page cache is asked for the next window before the present one is read, so that a disk works while a processor
 * hashes. The buffer is small enough to stay in a core's own cache. Nothing is mapped for reading: a file that shrinks
 * meanwhile would kill the process, and mapped pages would count as its memory. */
#include "core/range.h"

#include "core/fd.h"

#include <sys/mman.h>

#define CHUNK (256u << 10)
#define WINDOW (4u << 20)
#define PAGE 4096u

/* Does the page cache hold any of it? When it cannot be told: yes, then nothing is dropped. */
static bool is_cached(const OkseRange *range, uint64_t at, size_t length)
{
    uint64_t first = at / PAGE * PAGE;
    size_t pages = (size_t)((at + length - first + PAGE - 1) / PAGE);
    unsigned char present[WINDOW / PAGE + 1];
    void *view = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, range->fd, (off_t)first); /* never touched */
    bool cached = view == MAP_FAILED || mincore(view, pages * PAGE, present) != 0;

    for (size_t i = 0; !cached && i < pages; i++)
        cached = (present[i] & 1) != 0;
    if (view != MAP_FAILED)
        munmap(view, pages * PAGE);
    return cached;
}

/* Ask for the window that begins at `at`; true when it is ours to give back afterwards. */
static bool window_fetch(const OkseRange *range, uint64_t at)
{
    size_t length = (size_t)MIN(range->size - at, WINDOW);
    bool ours;

    if (length == 0)
        return false;
    ours = range->drop && !is_cached(range, range->offset + at, length);
    posix_fadvise(range->fd, (off_t)(range->offset + at), (off_t)length, POSIX_FADV_WILLNEED);
    return ours;
}

bool okse_range_read(const OkseRange *range, const OkseJobs *jobs, OkseProgress *progress, OkseRangePut put,
                     void *context, GError **error)
{
    g_autofree void *buffer = g_malloc((gsize)MIN(MAX(range->size, 1), CHUNK));
    bool ours = window_fetch(range, 0), more = true;

    for (uint64_t window = 0; more && window < range->size; window += WINDOW) {
        uint64_t end = MIN(window + WINDOW, range->size);
        bool next = window_fetch(range, end);

        for (uint64_t at = window; more && at < end;) {
            size_t length = (size_t)MIN(end - at, CHUNK);

            if (okse_jobs_stopped(jobs))
                return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
            if (!okse_pread_exact(range->fd, buffer, length, range->offset + at, range->name, error))
                return false;
            more = put(buffer, length, context);
            okse_progress_add(progress, length);
            at += length;
        }
        if (ours)
            posix_fadvise(range->fd, (off_t)(range->offset + window), (off_t)(end - window), POSIX_FADV_DONTNEED);
        ours = next;
    }
    return true;
}

bool okse_range_floods(uint64_t file_size)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    return pages > 0 && page > 0 && file_size > (uint64_t)pages * (uint64_t)page / 2;
}
