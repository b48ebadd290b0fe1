#pragma once

#include "core/json.h"

/* The processes of the running system in one pass over /proc: who they are, in which namespaces they live, which
 * sockets they hold. Nothing is stopped or traced, no file of theirs is opened but those of /proc. */
typedef struct {
    unsigned pid, uid;
    char *exe;            /* what /proc tells of it, valid UTF-8; NULL: it does not, or the kernel's own */
    char *unit;           /* of systemd, from the control group; or NULL */
    char *container;      /* its 64 hex digits, or a name, from the control group; or NULL */
    guint64 netns, mntns; /* numbers of the namespaces; 0: not told */
    bool kernel;          /* a thread of the kernel */
} OkseProcess;

typedef struct OkseProcesses OkseProcesses;

#define OKSE_LIMIT_PROCESSES 4000000u /* more than Linux numbers at a time (PID_MAX_LIMIT) */

/* proc_fd: of /proc; kept open by the caller as long as the result. Never NULL. */
OkseProcesses *okse_processes_look(int proc_fd) G_GNUC_WARN_UNUSED_RESULT;
void okse_processes_free(OkseProcesses *processes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseProcesses, okse_processes_free)

int okse_processes_fd(const OkseProcesses *processes);
/* In the order of their numbers. Borrowed. */
unsigned okse_processes_count(const OkseProcesses *processes);
const OkseProcess *okse_processes_get(const OkseProcesses *processes, unsigned index);
/* Who holds the socket with this inode (of several the one with the lowest number but 1), or NULL. */
const OkseProcess *okse_processes_owner(const OkseProcesses *processes, guint64 inode);
/* The namespaces in which this process itself lives; 0: not told. */
guint64 okse_processes_own_netns(const OkseProcesses *processes);
guint64 okse_processes_own_mntns(const OkseProcesses *processes);
/* Why not every process, owner or namespace is known, or NULL. Borrowed. */
const char *okse_processes_why_not(const OkseProcesses *processes);
/* What is said when the namespaces of other users' processes stay hidden, or NULL. Borrowed. */
const char *okse_processes_hidden(const OkseProcesses *processes);

/* The processes that live in other network (mount) namespaces than this one, one of each: OkseProcess, borrowed, in the
 * order of their numbers. */
GPtrArray *okse_processes_netns(const OkseProcesses *processes) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *okse_processes_mntns(const OkseProcesses *processes) G_GNUC_WARN_UNUSED_RESULT;

/* Open a file of /proc/PID, or -1 with errno. */
int okse_processes_open(const OkseProcesses *processes, const OkseProcess *process, const char *path);
/* Open /proc/PID/net/PATH of whatever process still lives in the namespace; -1 with errno, ENOENT when none does. */
int okse_processes_open_netns(const OkseProcesses *processes, guint64 netns, const char *path);

/* {"pid","exe","unit","container"}, or null for none. A new reference. */
json_t *okse_process_json(const OkseProcess *process) G_GNUC_WARN_UNUSED_RESULT;

/* From the text of /proc/PID/cgroup: systemd's unit and the container's id; owned, or NULL. Source: systemd, "Control
 * Group APIs"; the names that docker, containerd, CRI-O, podman, LXC and nspawn give. */
void okse_cgroup_read(const char *text, char **unit, char **container);
