#pragma once

#include "core/error.h"

/* One of N parts into which the checking of a payload is divided: `okse verify --shard I/N`. */
#define OKSE_LIMIT_SHARDS 4096u

typedef struct {
    unsigned number; /* from 1 */
    unsigned count;
} OkseShard;

/* "3/8": 1 ≤ number ≤ count ≤ OKSE_LIMIT_SHARDS. Errors: INVALID. */
bool okse_shard_parse(const char *text, OkseShard *shard, GError **error);
