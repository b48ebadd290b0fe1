#pragma once

#include "core/share.h"
#include "packager/volumes.h"

/* The bundle from its parts: byte for byte what was split. It grows beside its name, as ".NAME.joining", and takes its
 * name when every byte was compared with its digest; what an earlier run left there is checked and kept. */
typedef struct {
    OkseVolumes *volumes;
    const char *output; /* the bundle's path */
    unsigned threads;   /* 0: all */
    bool partial;       /* too few parts are here, and the others come later: join what is */
} OkseJoin;

typedef struct {
    OkseCopied copied;
    uint64_t repaired; /* blocks */
    bool unfinished;   /* partial: parts are still missing; not an error */
} OkseJoined;

/* Parts are only read. Errors: REFUSED (more is missing or damaged than parity covers), INVALID (an encoding this
 * version does not know), SYSTEM (no room — told before anything is written —, a reader that fails), CANCELLED. What
 * was joined by then stays for the next run, except where nothing was. */
bool okse_join(const OkseJoin *join, OkseJoined *joined, GError **error);
