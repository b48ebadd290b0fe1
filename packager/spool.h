#pragma once

#include "packager/readable.h"

/* Bytes that need no file: most members of archives, and all that a process may keep that has given up writing
 * (core/confine.h). */
#define OKSE_SPOOL_MEMORY (8u << 20)

/* Bytes that arrive in order and are then read anywhere: in memory, then in an unnamed temporary file, so that nothing
 * is left behind however the process ends. */
typedef struct {
    int fd; /* -1 until there is a file */
    uint64_t size;
    GByteArray *memory; /* before there is a file; NULL for none */
} OkseSpool;

/* Errors of all: SYSTEM. */
bool okse_spool_write(OkseSpool *spool, const void *data, size_t length, GError **error);
/* read of an OkseReadable whose context is an OkseSpool. */
bool okse_spool_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);
/* Empty it for the next file. */
bool okse_spool_reset(OkseSpool *spool, GError **error);
void okse_spool_clear(OkseSpool *spool);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseSpool, okse_spool_clear)
