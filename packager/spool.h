#pragma once

#include "packager/readable.h"

/* Bytes that arrive in order and are then read anywhere: an unnamed temporary file, so that nothing is left behind
 * however the process ends. */
typedef struct {
    int fd; /* -1 until something is written */
    uint64_t size;
} OkseSpool;

/* Errors of all: SYSTEM. */
bool okse_spool_write(OkseSpool *spool, const void *data, size_t length, GError **error);
/* read of an OkseReadable whose context is an OkseSpool. */
bool okse_spool_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);
/* Empty it for the next file. */
bool okse_spool_reset(OkseSpool *spool, GError **error);
void okse_spool_clear(OkseSpool *spool);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseSpool, okse_spool_clear)
