#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Progress of long work, counted in bytes from any thread, shown on stderr by one: on a terminal a line that is
 * rewritten (done, rate, remaining time), elsewhere a plain line every few seconds. NULL is a valid OkseProgress that
 * shows nothing. */
typedef struct OkseProgress OkseProgress;

/* label: what is going on ("packing"); total: bytes expected, 0 when unknown. */
OkseProgress *okse_progress_new(const char *label, uint64_t total);
/* Any thread. */
void okse_progress_add(OkseProgress *progress, uint64_t bytes);
/* So much of the total need not be done. */
void okse_progress_skip(OkseProgress *progress, uint64_t bytes);
/* Ends the line and frees. */
void okse_progress_free(OkseProgress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseProgress, okse_progress_free)
