#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes that can be read at any place, wherever they lie: a file of a source, a blob of a bundle, memory, a temporary
 * file. read: exactly `length` bytes, within the size; its errors are its own. */
typedef struct {
    const char *path; /* relative to its component; members of archives behind '!' */
    uint64_t size;
    bool (*read)(const void *context, uint64_t offset, void *buffer, size_t length, GError **error);
    const void *context;
} OkseReadable;
