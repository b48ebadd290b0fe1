#pragma once

#include <glib.h>
#include <stddef.h>

/* A second thread for one job: it is handed runs of bytes and does one thing with them, in order, while the first goes
 * on. The bytes are borrowed and must stay as they are until the run is done. */
typedef struct OkseLane OkseLane;
typedef void (*OkseLaneFunc)(void *context, const void *data, size_t length);

/* At most this many runs wait; okse_lane_put() waits for room. */
#define OKSE_LANE_RUNS 4u

/* context: touched by the lane only, until okse_lane_wait(…, 0). */
OkseLane *okse_lane_new(OkseLaneFunc run, void *context);
void okse_lane_put(OkseLane *lane, const void *data, size_t length);
/* Until at most `most` runs are not done. */
void okse_lane_wait(OkseLane *lane, unsigned most);
/* Does what is still waiting, then ends the thread. */
void okse_lane_free(OkseLane *lane);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseLane, okse_lane_free)
