#pragma once

#include "core/error.h"

#include <stdint.h>

typedef struct {
    const char *program;   /* jq text, one output a task */
    const char *arguments; /* JSON, bound to $okse */
    const char *facts;     /* JSON, the input */
    size_t facts_length;
    uint64_t memory;  /* RLIMIT_AS in bytes */
    uint64_t seconds; /* RLIMIT_CPU */
    uint64_t output;  /* bytes of one line */
} OkseWorkerRequest;

/* How the process ends. */
enum {
    OKSE_WORKER_DONE = 0,
    OKSE_WORKER_UNCONFINED = 90, /* a limit or the filter could not be set: nothing was evaluated */
    OKSE_WORKER_PROGRAM = 91,    /* the program, its arguments or the facts are not understood */
    OKSE_WORKER_OUTPUT = 92,     /* nobody reads */
};

/* What the process is made of, once forked: confine it, run the program, write one JSON line for each output to `fd`.
 * Ends by _exit(); the parent judges by the lines that arrived. */
_Noreturn void okse_evaluate_worker(const OkseWorkerRequest *request, int fd);
