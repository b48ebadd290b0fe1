#pragma once

#include "core/error.h"

/* Give up for good what reading hostile bytes never needs. For this thread and those it starts afterwards, so: call it
 * before any worker runs. */
typedef struct {
    bool filter;   /* a seccomp filter: sockets, other programs, tracing end the process */
    bool landlock; /* Landlock: no file is opened any more but beneath what is named below */
} OkseSandbox;

/* readable, writable: directories that may still be read, or read and written (NULL-terminated; NULL: none).
 * Descriptors that are open stay usable. *sandbox (may be NULL) says what this kernel could enforce; Landlock is an
 * addition and may be missing, the filter may not. Errors: SYSTEM. */
bool okse_sandbox_enter(const char *const *readable, const char *const *writable, OkseSandbox *sandbox, GError **error);
