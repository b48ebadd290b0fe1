#pragma once

#include "packager/weights_internal.h"

/* Where the bytes of an examined file lie: in a source, in memory, or in an unnamed temporary file. */

typedef void (*WeightsVisit)(void *context, const WeightsFile *file, unsigned depth);

/* Every file of a source, in its order. Errors: SYSTEM, INVALID (changed meanwhile). */
bool weights_visit_source(const OkseSource *source, WeightsVisit visit, void *context, GError **error);

/* read of a WeightsFile whose context is a GBytes. */
bool weights_read_bytes(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);

/* Bytes that arrive in order and are then read anywhere. */
typedef struct {
    int fd; /* -1 until something is written */
    uint64_t size;
} WeightsSpool;

bool weights_spool_write(WeightsSpool *spool, const void *data, size_t length, GError **error);
/* read of a WeightsFile whose context is a WeightsSpool. */
bool weights_spool_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);
/* Empty it for the next file. */
bool weights_spool_reset(WeightsSpool *spool, GError **error);
void weights_spool_clear(WeightsSpool *spool);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WeightsSpool, weights_spool_clear)
