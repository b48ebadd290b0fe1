#pragma once

#include "core/error.h"

#include <stdint.h>

/* For a process that looks at a system and must not change it: docs/decisions/0031-collecting-apart.md. All of it is
 * for good, for this thread and those it starts afterwards; okse_confine_calls() is for all threads that there are. */

/* Bounds that need no filter: data memory in bytes (0: none), no core dump, no byte into any file; gentle: the lowest
 * priority for processor and disk. Errors: SYSTEM. */
bool okse_confine_resources(uint64_t memory, bool gentle, GError **error);

/* From now on the kernel refuses (EPERM) sockets but netlink's, connecting, listening, other programs, signals to and
 * looks into other processes, mounts, name spaces, clocks, modules; files are not opened for writing by open() and
 * openat(), nor made, renamed, removed or changed in mode, owner, time or attributes; bytes are written to descriptors
 * 1 and 2 only. The flags of openat2() no filter can see: okse_confine_files(). Errors: SYSTEM. */
bool okse_confine_calls(GError **error);

/* From now on no file is opened for writing, made, renamed or removed in any way (Landlock). It also hides from this
 * process what /proc says of other processes' files. False when this kernel has none. */
bool okse_confine_files(void);
