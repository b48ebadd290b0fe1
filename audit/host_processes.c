/* One pass, so that all collectors speak of the same processes. A process that ends meanwhile is no gap; one that does
 * not show itself to us is. */
#include "audit/host_processes.h"

#include "core/fd.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct OkseProcesses {
    int fd;
    GPtrArray *all;     /* OkseProcess */
    GHashTable *owners; /* guint64 * inode → OkseProcess */
    guint64 own_netns, own_mntns;
    bool unlisted; /* the listing of /proc broke off */
    bool broken;   /* a listing of descriptors broke off */
    bool unshown;  /* somebody else's sockets */
    bool hidden;   /* somebody else's namespaces, or whole processes */
    bool boxed;    /* we see the processes of our own PID namespace only */
};

#define FIRST_PID_NAMESPACE 4026531836u /* PROC_PID_INIT_INO of linux/proc_ns.h: the number is part of the ABI */

static void process_free(gpointer data)
{
    OkseProcess *process = data;

    g_free(process->exe);
    g_free(process->unit);
    g_free(process->container);
    g_free(process);
}

void okse_processes_free(OkseProcesses *processes)
{
    if (processes == NULL)
        return;
    g_hash_table_unref(processes->owners);
    g_ptr_array_unref(processes->all);
    g_free(processes);
}

static char *link_of(int fd, const char *name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(fd, name, target, sizeof target - 1);

    if (length < 0)
        return NULL;
    target[length] = '\0';
    return g_utf8_make_valid(target, -1);
}

/* "net:[4026531840]" */
static guint64 namespace_of(int fd, const char *name)
{
    g_autofree char *target = link_of(fd, name);
    const char *digits = target == NULL ? NULL : strchr(target, '[');

    return digits == NULL ? 0 : g_ascii_strtoull(digits + 1, NULL, 10);
}

static char *small_file(int fd, const char *name)
{
    okse_autofd file = openat(fd, name, O_RDONLY | O_CLOEXEC);
    g_autoptr(GBytes) bytes = file < 0 ? NULL : okse_read_fd(file, 1u << 16, name, NULL);

    return bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static bool is_gone(int code)
{
    return code == ENOENT || code == ESRCH;
}

/* The first process can have a capability that the administrator was not given, and then shows itself to nobody. It
 * lives where the kernel started it, and what it listens on for others is seen without an owner: no gap for who may see
 * all else. */
static bool is_manager(const OkseProcess *process)
{
    return process->pid == 1 && geteuid() == 0;
}

static void add_sockets(OkseProcesses *processes, OkseProcess *process, int fd)
{
    int list = openat(fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = list < 0 ? NULL : fdopendir(list);
    const struct dirent *entry = NULL;
    bool whole = true;

    if (directory == NULL) {
        processes->unshown = processes->unshown || !(is_gone(errno) || is_manager(process));
        return;
    }
    while ((whole = okse_directory_next(directory, &entry, "fd", NULL)) && entry != NULL) {
        char target[64];
        const OkseProcess *before;
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        guint64 inode;

        if (length < 0 && !is_gone(errno) && !is_manager(process))
            processes->unshown = true;
        target[MAX(length, 0)] = '\0';
        if (!g_str_has_prefix(target, "socket:["))
            continue;
        inode = g_ascii_strtoull(target + strlen("socket:["), NULL, 10);
        before = g_hash_table_lookup(processes->owners, &inode);
        if (before == NULL || before->pid == 1) /* what listens for another hands the socket on */
            g_hash_table_replace(processes->owners, g_memdup2(&inode, sizeof inode), process);
    }
    closedir(directory);
    if (!whole && faccessat(fd, "fd", F_OK, 0) == 0) /* otherwise it ended while it was listed */
        processes->broken = true;
}

static void add_process(OkseProcesses *processes, int fd, unsigned pid)
{
    g_autofree char *group = small_file(fd, "cgroup");
    OkseProcess *process = g_new0(OkseProcess, 1);
    struct stat info;

    g_ptr_array_add(processes->all, process);
    process->pid = pid;
    process->uid = fstatat(fd, "", &info, AT_EMPTY_PATH) == 0 ? info.st_uid : 0;
    process->exe = link_of(fd, "exe");
    process->kernel = process->exe == NULL && errno == ENOENT;
    process->netns = namespace_of(fd, "ns/net");
    if (process->netns == 0 && !is_gone(errno) && !is_manager(process))
        processes->hidden = true;
    process->mntns = namespace_of(fd, "ns/mnt");
    if (group != NULL)
        okse_cgroup_read(group, &process->unit, &process->container);
    if (!process->kernel)
        add_sockets(processes, process, fd);
}

static int compare_pids(gconstpointer a, gconstpointer b)
{
    const OkseProcess *first = *(const OkseProcess *const *)a, *second = *(const OkseProcess *const *)b;

    return first->pid < second->pid ? -1 : first->pid > second->pid;
}

OkseProcesses *okse_processes_look(int proc_fd)
{
    OkseProcesses *processes = g_new0(OkseProcesses, 1);
    int copy = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry = NULL;
    bool whole = directory != NULL;

    processes->fd = proc_fd;
    processes->all = g_ptr_array_new_with_free_func(process_free);
    processes->owners = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    processes->own_netns = namespace_of(proc_fd, "self/ns/net");
    processes->own_mntns = namespace_of(proc_fd, "self/ns/mnt");
    while (directory != NULL && (whole = okse_directory_next(directory, &entry, "/proc", NULL)) && entry != NULL) {
        guint64 pid;
        okse_autofd process = -1;

        if (!g_ascii_string_to_unsigned(entry->d_name, 10, 1, G_MAXINT32, &pid, NULL))
            continue;
        process = openat(dirfd(directory), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0 && processes->all->len < OKSE_LIMIT_PROCESSES)
            add_process(processes, process, (unsigned)pid);
    }
    if (directory != NULL)
        closedir(directory);
    processes->unlisted = !whole;
    /* with hidepid=2 the first process is not shown to us; that of a box has number 1 too */
    processes->hidden = processes->hidden || faccessat(proc_fd, "1", F_OK, 0) != 0;
    processes->boxed = namespace_of(proc_fd, "self/ns/pid") != FIRST_PID_NAMESPACE;
    g_ptr_array_sort(processes->all, compare_pids);
    return processes;
}

int okse_processes_fd(const OkseProcesses *processes)
{
    return processes->fd;
}

unsigned okse_processes_count(const OkseProcesses *processes)
{
    return processes->all->len;
}

const OkseProcess *okse_processes_get(const OkseProcesses *processes, unsigned index)
{
    return g_ptr_array_index(processes->all, index);
}

const OkseProcess *okse_processes_owner(const OkseProcesses *processes, guint64 inode)
{
    return g_hash_table_lookup(processes->owners, &inode);
}

guint64 okse_processes_own_netns(const OkseProcesses *processes)
{
    return processes->own_netns;
}

guint64 okse_processes_own_mntns(const OkseProcesses *processes)
{
    return processes->own_mntns;
}

const char *okse_processes_why_not(const OkseProcesses *processes)
{
    if (processes->unlisted || processes->broken)
        return "the listing of processes broke off, so some sockets have no owner";
    if (processes->unshown)
        return "processes of other users do not show which sockets are theirs (run as root)";
    return okse_processes_hidden(processes);
}

const char *okse_processes_hidden(const OkseProcesses *processes)
{
    if (processes->unlisted)
        return "the listing of processes broke off, so namespaces may be missing";
    if (processes->boxed)
        return "this runs in a PID namespace of its own, so that processes outside it are not seen";
    return processes->hidden ? "processes of other users do not show in which namespaces they are (run as root)" : NULL;
}

int okse_processes_open(const OkseProcesses *processes, const OkseProcess *process, const char *path)
{
    g_autofree char *name = g_strdup_printf("%u/%s", process->pid, path);

    return openat(processes->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

int okse_processes_open_netns(const OkseProcesses *processes, guint64 netns, const char *path)
{
    int fd = -1;

    errno = ENOENT;
    for (guint i = 0; i < processes->all->len && fd < 0 && is_gone(errno); i++) {
        const OkseProcess *process = g_ptr_array_index(processes->all, i);
        g_autofree char *name = g_strconcat("net/", path, NULL);

        if (process->netns == netns)
            fd = okse_processes_open(processes, process, name);
    }
    return fd;
}

static GPtrArray *one_of_each(const OkseProcesses *processes, size_t member, guint64 own)
{
    GPtrArray *chosen = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (guint i = 0; i < processes->all->len; i++) {
        OkseProcess *process = g_ptr_array_index(processes->all, i);
        guint64 *number = (guint64 *)(void *)((char *)process + member);

        if (*number != 0 && *number != own && g_hash_table_add(seen, number))
            g_ptr_array_add(chosen, process);
    }
    return chosen;
}

GPtrArray *okse_processes_netns(const OkseProcesses *processes)
{
    return one_of_each(processes, offsetof(OkseProcess, netns), processes->own_netns);
}

GPtrArray *okse_processes_mntns(const OkseProcesses *processes)
{
    return one_of_each(processes, offsetof(OkseProcess, mntns), processes->own_mntns);
}

json_t *okse_process_json(const OkseProcess *process)
{
    if (process == NULL)
        return json_null();
    return json_pack("{s:i,s:s?,s:s?,s:s?}", "pid", (int)process->pid, "exe", process->exe, "unit", process->unit,
                     "container", process->container);
}
