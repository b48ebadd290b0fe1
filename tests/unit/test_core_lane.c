#include "core/lane.h"

#include "core/worker.h"

#include <stdint.h>
#include <string.h>

static void append(void *context, const void *data, size_t length)
{
    if (length % 3 == 0)
        g_usleep(200); /* now the one, now the other is ahead */
    g_byte_array_append(context, data, (guint)length);
}

/* More runs than fit, in buffers that are used again as soon as the lane allows it. */
static void does_every_run_in_order(void)
{
    static uint8_t buffers[OKSE_LANE_RUNS][64];
    g_autoptr(GByteArray) seen = g_byte_array_new(), wanted = g_byte_array_new();
    g_autoptr(OkseLane) lane = okse_lane_new(append, seen);

    for (unsigned i = 0; i < 500; i++) {
        uint8_t *buffer = buffers[i % OKSE_LANE_RUNS];
        size_t length = 1 + i % 64;

        okse_lane_wait(lane, OKSE_LANE_RUNS - 1);
        memset(buffer, (int)(i & 0xff), length);
        okse_lane_put(lane, buffer, length);
        g_byte_array_append(wanted, buffer, (guint)length);
    }
    okse_lane_wait(lane, 0);
    g_assert_cmpmem(seen->data, seen->len, wanted->data, wanted->len);
}

static void does_what_waits_before_it_ends(void)
{
    g_autoptr(GByteArray) seen = g_byte_array_new();
    OkseLane *lane = okse_lane_new(append, seen);

    for (unsigned i = 0; i < OKSE_LANE_RUNS; i++)
        okse_lane_put(lane, "abc", 3);
    okse_lane_free(lane);
    g_assert_cmpuint(seen->len, ==, 3 * OKSE_LANE_RUNS);
}

static bool borrow_all(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    unsigned *count = context;

    (void)index;
    (void)error;
    while (okse_jobs_borrow(jobs))
        (*count)++;
    for (unsigned i = 0; i < *count; i++)
        okse_jobs_give_back(jobs);
    return true;
}

static void a_job_may_borrow_the_threads_that_have_none(void)
{
    unsigned count = 0;

    g_assert_true(okse_jobs_run(1, 1, borrow_all, &count, NULL));
    g_assert_cmpuint(count, ==, 0);
    g_assert_true(okse_jobs_run(1, 5, borrow_all, &count, NULL));
    g_assert_cmpuint(count, ==, 4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/lane/in-order", does_every_run_in_order);
    g_test_add_func("/core/lane/end", does_what_waits_before_it_ends);
    g_test_add_func("/core/lane/borrowed-threads", a_job_may_borrow_the_threads_that_have_none);
    return g_test_run();
}
