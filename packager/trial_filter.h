#pragma once

#include "packager/trial_wire.h"

#include <seccomp.h>

/* The system calls by which a program addresses a peer, stopped until the supervisor has looked at them. */

/* Load the filter into this process and what it starts. Returns the listener's descriptor, or -1 with errno. */
int okse_trial_filter(void);

/* Where a stopped call wants to go: at most `capacity` addresses of AF_INET and AF_INET6, from the caller's memory.
 * Returns how many there are, -1 when that memory cannot be read. The caller may have died meanwhile: ask
 * seccomp_notify_id_valid() before anything is believed. */
int okse_trial_destinations(const struct seccomp_notif *call, OkseTrialAddress *addresses, int capacity);

/* The socket type (SOCK_STREAM, …) of the stopped call, or -1 when it is no socket any more. */
int okse_trial_socket_type(const struct seccomp_notif *call);
