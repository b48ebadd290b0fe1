#pragma once

#include "audit/config_forms.h"
#include "audit/host_processes.h"

#define OKSE_LIMIT_WORDS (64u << 10) /* bytes of a command line that are looked at */

/* What a process was started with, in valid UTF-8; NULL when it does not say. */
GStrv okse_process_words(const OkseProcesses *processes, const OkseProcess *process) G_GNUC_WARN_UNUSED_RESULT;
/* "NAME=value" of its environment as it was started; NULL when it does not say. */
GStrv okse_process_environment(const OkseProcesses *processes, const OkseProcess *process) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    OkseDestination destination;
    const char *role; /* static */
    unsigned port;
} OkseTunnelFound;

/* Whether a command line holds a tunnel open, and to where; clear the destination in either case. */
bool okse_tunnel_read(char *const *words, OkseTunnelFound *found);
