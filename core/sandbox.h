#pragma once

#include "core/error.h"

/* Sanitizers map terabytes, which RLIMIT_AS would refuse: builds with them leave that limit out. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OKSE_ADDRESS_SPACE_IS_SHADOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OKSE_ADDRESS_SPACE_IS_SHADOWED 1
#endif
#endif
#ifndef OKSE_ADDRESS_SPACE_IS_SHADOWED
#define OKSE_ADDRESS_SPACE_IS_SHADOWED 0
#endif

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

/* The same for a process that answers: on sockets that it has it may listen, accept and send, but it makes, binds and
 * connects none, and opens no file. Here the filter itself refuses opening (EACCES), with Landlock or without. */
bool okse_sandbox_enter_serving(OkseSandbox *sandbox, GError **error);
