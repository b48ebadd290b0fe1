/* A ticker thread owns the terminal; workers only add to an atomic counter. Nothing is shown for the first half second,
 * so short work stays silent. */
#include "core/progress.h"

#include "core/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define QUIET_US 500000
#define TERMINAL_US 200000
#define PLAIN_US 5000000

struct OkseProgress {
    char *label;
    _Atomic uint64_t total;
    _Atomic uint64_t done;
    gint64 start;
    GThread *ticker;
    GMutex lock;
    GCond wake;
    _Atomic bool ended; /* set under lock; atomic because TSan does not see GMutex */
    bool shown;         /* ticker, then after the join */
    bool terminal;
};

static void show(OkseProgress *progress, gint64 now)
{
    uint64_t done = atomic_load(&progress->done), total = atomic_load(&progress->total);
    double seconds = (double)(now - progress->start) / 1e6;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    g_autofree char *have = okse_text_size(done);
    g_autofree char *all = okse_text_size(total);
    g_autofree char *speed = okse_text_size((guint64)rate);
    g_autoptr(GString) line = g_string_new(progress->label);

    g_string_append_printf(line, ": %s", have);
    if (total > 0)
        g_string_append_printf(line, " of %s (%d%%)", all, (int)(100.0 * (double)done / (double)total));
    g_string_append_printf(line, ", %s/s", speed);
    if (total > done && rate > 0)
        g_string_append_printf(line, ", %.0f s left", (double)(total - done) / rate);
    fprintf(stderr, progress->terminal ? "\r\033[K%s" : "%s\n", line->str);
    progress->shown = true;
}

static gpointer tick(gpointer data)
{
    OkseProgress *progress = data;
    gint64 due = progress->start + QUIET_US;

    g_mutex_lock(&progress->lock);
    while (!progress->ended) {
        if (g_cond_wait_until(&progress->wake, &progress->lock, due))
            continue;
        show(progress, g_get_monotonic_time());
        due = g_get_monotonic_time() + (progress->terminal ? TERMINAL_US : PLAIN_US);
    }
    g_mutex_unlock(&progress->lock);
    return NULL;
}

OkseProgress *okse_progress_new(const char *label, uint64_t total)
{
    OkseProgress *progress = g_new0(OkseProgress, 1);

    progress->label = g_strdup(label);
    progress->total = total;
    progress->start = g_get_monotonic_time();
    progress->terminal = isatty(STDERR_FILENO) == 1;
    g_mutex_init(&progress->lock);
    g_cond_init(&progress->wake);
    progress->ticker = g_thread_new("okse-progress", tick, progress);
    return progress;
}

void okse_progress_add(OkseProgress *progress, uint64_t bytes)
{
    if (progress != NULL)
        atomic_fetch_add(&progress->done, bytes);
}

void okse_progress_skip(OkseProgress *progress, uint64_t bytes)
{
    if (progress != NULL)
        atomic_fetch_sub(&progress->total, MIN(bytes, atomic_load(&progress->total)));
}

void okse_progress_free(OkseProgress *progress)
{
    if (progress == NULL)
        return;
    g_mutex_lock(&progress->lock);
    progress->ended = true;
    g_cond_signal(&progress->wake);
    g_mutex_unlock(&progress->lock);
    g_thread_join(progress->ticker);
    if (progress->shown && progress->terminal)
        fputs("\r\033[K", stderr);
    g_mutex_clear(&progress->lock);
    g_cond_clear(&progress->wake);
    g_free(progress->label);
    g_free(progress);
}
