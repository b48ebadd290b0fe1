/* A pool without shared mutable state but one job counter: every job owns its output, and errors are kept one a job
 * so that the first in job order wins. */
#include "core/worker.h"

#include <sched.h>
#include <stdatomic.h>

static _Atomic bool interrupted; /* lock-free, so a signal handler may set it for every thread */

struct OkseJobs {
    unsigned count;
    OkseJobFunc run;
    void *context;
    GError **errors; /* one a job */
    _Atomic unsigned next;
    _Atomic unsigned spare; /* threads without a job */
    _Atomic bool failed;
};

void okse_interrupt(void)
{
    atomic_store(&interrupted, true);
}

bool okse_interrupted(void)
{
    return atomic_load(&interrupted);
}

unsigned okse_processors(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return g_get_num_processors();
    return (unsigned)MAX(CPU_COUNT(&set), 1);
}

bool okse_jobs_stopped(const OkseJobs *jobs)
{
    return atomic_load(&jobs->failed) || okse_interrupted();
}

static gpointer work(gpointer data)
{
    OkseJobs *jobs = data;

    while (!okse_jobs_stopped(jobs)) {
        unsigned index = atomic_fetch_add(&jobs->next, 1);

        if (index >= jobs->count)
            break;
        if (!jobs->run(jobs, index, jobs->context, &jobs->errors[index]))
            atomic_store(&jobs->failed, true);
    }
    atomic_fetch_add(&jobs->spare, 1);
    return NULL;
}

bool okse_jobs_borrow(OkseJobs *jobs)
{
    unsigned spare = atomic_load(&jobs->spare);

    while (spare > 0)
        if (atomic_compare_exchange_weak(&jobs->spare, &spare, spare - 1))
            return true;
    return false;
}

void okse_jobs_give_back(OkseJobs *jobs)
{
    atomic_fetch_add(&jobs->spare, 1);
}

static bool first_error(OkseJobs *jobs, GError **error)
{
    GError *first = NULL, *cancelled = NULL;

    for (unsigned i = 0; i < jobs->count; i++) {
        GError *found = g_steal_pointer(&jobs->errors[i]);

        if (found == NULL)
            continue;
        if (first == NULL && !g_error_matches(found, OKSE_ERROR, OKSE_ERROR_CANCELLED))
            first = g_steal_pointer(&found);
        else if (cancelled == NULL)
            cancelled = g_steal_pointer(&found);
        g_clear_error(&found);
    }
    if (first == NULL)
        first = g_steal_pointer(&cancelled);
    g_clear_error(&cancelled);
    if (first == NULL)
        return true;
    g_propagate_error(error, first);
    return false;
}

bool okse_jobs_run(unsigned count, unsigned threads, OkseJobFunc run, void *context, GError **error)
{
    g_autofree GError **errors = g_new0(GError *, MAX(count, 1));
    OkseJobs jobs = {.count = count, .run = run, .context = context, .errors = errors};
    g_autofree GThread **pool = NULL;
    unsigned extra;

    if (threads == 0)
        threads = okse_processors();
    extra = MIN(threads, MAX(count, 1)) - 1; /* this thread works too */
    atomic_store(&jobs.spare, threads - extra - 1);
    pool = g_new0(GThread *, extra + 1);
    for (unsigned i = 0; i < extra; i++)
        pool[i] = g_thread_new("okse-worker", work, &jobs);
    work(&jobs);
    for (unsigned i = 0; i < extra; i++)
        g_thread_join(pool[i]);
    if (!first_error(&jobs, error))
        return false;
    return okse_interrupted() ? okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted") : true;
}
