#include "core/worker.h"

static bool square(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    unsigned *results = context;

    (void)jobs;
    (void)error;
    results[index] = index * index;
    return true;
}

static bool fail_from_three(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    (void)jobs;
    (void)context;
    if (index == 3)
        g_usleep(20000); /* the later failure comes first in time, and must not win */
    return index < 3 ? true : okse_fail(error, OKSE_ERROR_INVALID, "job %u", index);
}

static void runs_every_job_once(void)
{
    unsigned results[1000] = {0};

    g_assert_true(okse_jobs_run(1000, 8, square, results, NULL));
    for (unsigned i = 0; i < 1000; i++)
        g_assert_cmpuint(results[i], ==, i * i);
    g_assert_true(okse_jobs_run(0, 8, square, results, NULL));
}

static void reports_the_first_failure_in_job_order(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(okse_jobs_run(5, 5, fail_from_three, NULL, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, "job 3");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/worker/every-job-once", runs_every_job_once);
    g_test_add_func("/core/worker/first-failure", reports_the_first_failure_in_job_order);
    return g_test_run();
}
