/* The page cache is asked for the next window before the present one is read, so that a disk works while a processor
 * hashes. The buffer is small enough to stay in a core's own cache. Nothing is mapped for reading: a file that shrinks
 * meanwhile would kill the process, and mapped pages would count as its memory. */
#include "core/range.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK (256u << 10)
#define WINDOW (4u << 20)
#define PAGE 4096u

/* Does the page cache hold any of this run of a file? When it cannot be told: yes, then nothing is dropped. */
static bool run_is_cached(int fd, uint64_t at, size_t length)
{
    uint64_t first = at / PAGE * PAGE;
    size_t pages = (size_t)((at + length - first + PAGE - 1) / PAGE);
    unsigned char present[WINDOW / PAGE + 1];
    void *view = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fd, (off_t)first); /* never touched */
    bool cached = view == MAP_FAILED || mincore(view, pages * PAGE, present) != 0;

    for (size_t i = 0; !cached && i < pages; i++)
        cached = (present[i] & 1) != 0;
    if (view != MAP_FAILED)
        munmap(view, pages * PAGE);
    return cached;
}

static bool is_cached(const OkseBytes *bytes, uint64_t at, size_t length)
{
    while (length > 0) {
        OkseBytesPlace place = okse_bytes_place(bytes, at);
        size_t run = (size_t)MIN(place.length, length);

        if (place.fd >= 0 && run_is_cached(place.fd, place.offset, run))
            return true;
        at += run;
        length -= run;
    }
    return false;
}

/* Ask for the window that begins at `at`; true when it is ours to give back afterwards. */
static bool window_fetch(const OkseRange *range, uint64_t at)
{
    size_t length = (size_t)MIN(range->size - at, WINDOW);
    bool ours;

    if (length == 0)
        return false;
    ours = range->drop && !is_cached(range->bytes, range->offset + at, length);
    okse_bytes_advise(range->bytes, range->offset + at, length, POSIX_FADV_WILLNEED);
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
            if (!okse_bytes_read(range->bytes, range->offset + at, buffer, length, range->name, error))
                return false;
            more = put(buffer, length, context);
            okse_progress_add(progress, length);
            at += length;
        }
        if (ours)
            okse_bytes_advise(range->bytes, range->offset + window, end - window, POSIX_FADV_DONTNEED);
        ours = next;
    }
    return true;
}

bool okse_range_floods(uint64_t file_size)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    return pages > 0 && page > 0 && file_size > (uint64_t)pages * (uint64_t)page / 2;
}
