#include "packager/trial_filter.h"

#include "core/fd.h"

#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define MESSAGES_MOST 1024u /* UIO_MAXIOV, what one sendmmsg() may carry */

static const int watched[] = {SCMP_SYS(connect), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg)};

/* Ways around the watched calls, or out of the network namespace; programs fall back when they are missing. */
static const int missing[] = {SCMP_SYS(io_uring_setup), SCMP_SYS(ptrace), SCMP_SYS(bpf), SCMP_SYS(process_vm_writev),
                              SCMP_SYS(userfaultfd)};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static bool is_allowed_family(int family)
{
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        if (families[i] == family)
            return true;
    return false;
}

/* Families that no network namespace holds back (vsock reaches the host), or that only the privileged use. */
static int refuse_families(scmp_filter_ctx filter)
{
    int status = 0;

    for (int family = 0; family < AF_MAX && status == 0; family++) {
        const struct scmp_arg_cmp is_family = {
            .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = (scmp_datum_t)family};

        if (!is_allowed_family(family))
            status = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &is_family);
    }
    return status;
}

int okse_trial_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status = filter != NULL ? 0 : -ENOMEM;

    /* The system calls of another architecture (32 bits) would have other numbers: seen by nobody, so not made. */
    if (status == 0)
        status = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    for (size_t i = 0; i < G_N_ELEMENTS(watched) && status == 0; i++)
        status = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, watched[i], 0);
    for (size_t i = 0; i < G_N_ELEMENTS(missing) && status == 0; i++)
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), missing[i], 0);
    if (status == 0)
        status = refuse_families(filter);
    if (status == 0)
        status = seccomp_load(filter);
    if (status == 0)
        status = seccomp_notify_fd(filter);
    seccomp_release(filter);
    if (status < 0)
        errno = -status;
    return status < 0 ? -1 : status;
}

static bool read_memory(pid_t process, uint64_t from, void *to, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};

    return process_vm_readv(process, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* One address of the caller's memory; 0 or 1 of them, or -1. The kernel reads at most a sockaddr_storage. */
static int read_address(pid_t process, uint64_t from, uint64_t size, OkseTrialAddress *address)
{
    uint8_t bytes[sizeof(struct sockaddr_in6)];
    size_t length = MIN((size_t)(uint32_t)size, sizeof bytes);

    if (from == 0 || length == 0)
        return 0;
    if (!read_memory(process, from, bytes, length))
        return -1;
    return okse_trial_address_read(bytes, length, address) ? 1 : 0;
}

static int read_message(pid_t process, uint64_t from, OkseTrialAddress *address)
{
    struct msghdr message;

    if (!read_memory(process, from, &message, sizeof message))
        return -1;
    return read_address(process, (uintptr_t)message.msg_name, message.msg_namelen, address);
}

int okse_trial_destinations(const struct seccomp_notif *call, OkseTrialAddress *addresses, int capacity)
{
    const uint64_t *arguments = (const uint64_t *)call->data.args;
    pid_t process = (pid_t)call->pid;
    unsigned messages;
    int count = 0;

    if (call->data.nr == SCMP_SYS(connect))
        return read_address(process, arguments[1], arguments[2], addresses);
    if (call->data.nr == SCMP_SYS(sendto))
        return read_address(process, arguments[4], arguments[5], addresses);
    if (call->data.nr == SCMP_SYS(sendmsg))
        return read_message(process, arguments[1], addresses);
    messages = MIN((unsigned)arguments[2], MESSAGES_MOST);
    for (unsigned i = 0; i < messages && count < capacity; i++) {
        int found = read_message(process, arguments[1] + i * sizeof(struct mmsghdr), addresses + count);

        if (found < 0)
            return -1;
        count += found;
    }
    return count;
}

/* A notification names a thread; descriptors are taken from its process. */
static int open_process(pid_t thread)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", thread), *text = NULL;
    const char *line;
    guint64 process;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return -1;
    line = strstr(text, "\nTgid:\t");
    if (line == NULL)
        return -1;
    process = g_ascii_strtoull(line + strlen("\nTgid:\t"), NULL, 10);
    return (int)syscall(SYS_pidfd_open, (pid_t)process, 0);
}

int okse_trial_socket_type(const struct seccomp_notif *call)
{
    okse_autofd process = open_process((pid_t)call->pid);
    okse_autofd fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)call->data.args[0], 0);
    int type = -1;
    socklen_t size = sizeof type;

    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : -1;
}
