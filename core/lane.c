/* A ring between two threads. The lock is a pthread mutex because ThreadSanitizer does not see GMutex. */
#include "core/lane.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const void *data;
    size_t length;
} Piece;

struct OkseLane {
    OkseLaneFunc run;
    void *context;
    Piece pieces[OKSE_LANE_RUNS];
    uint64_t put, done; /* ever; under lock */
    bool ended;         /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GThread *thread;
};

static gpointer work(gpointer data)
{
    OkseLane *lane = data;

    pthread_mutex_lock(&lane->lock);
    while (!lane->ended || lane->done < lane->put) {
        const Piece piece = lane->pieces[lane->done % OKSE_LANE_RUNS];

        if (lane->done == lane->put) {
            pthread_cond_wait(&lane->changed, &lane->lock);
            continue;
        }
        pthread_mutex_unlock(&lane->lock);
        lane->run(lane->context, piece.data, piece.length);
        pthread_mutex_lock(&lane->lock);
        lane->done++;
        pthread_cond_broadcast(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

OkseLane *okse_lane_new(OkseLaneFunc run, void *context)
{
    OkseLane *lane = g_new0(OkseLane, 1);

    lane->run = run;
    lane->context = context;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    lane->thread = g_thread_new("okse-lane", work, lane);
    return lane;
}

static void wait_locked(OkseLane *lane, unsigned most)
{
    while (lane->put - lane->done > most)
        pthread_cond_wait(&lane->changed, &lane->lock);
}

void okse_lane_put(OkseLane *lane, const void *data, size_t length)
{
    pthread_mutex_lock(&lane->lock);
    wait_locked(lane, OKSE_LANE_RUNS - 1);
    lane->pieces[lane->put % OKSE_LANE_RUNS] = (Piece){data, length};
    lane->put++;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

void okse_lane_wait(OkseLane *lane, unsigned most)
{
    pthread_mutex_lock(&lane->lock);
    wait_locked(lane, most);
    pthread_mutex_unlock(&lane->lock);
}

void okse_lane_free(OkseLane *lane)
{
    if (lane == NULL)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->ended = true;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
    g_thread_join(lane->thread);
    pthread_mutex_destroy(&lane->lock);
    pthread_cond_destroy(&lane->changed);
    g_free(lane);
}
