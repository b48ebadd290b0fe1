#include "core/confine.h"

#include "core/fd.h"
#include "core/sandbox.h"

#include <linux/fs.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* What reaches another machine, program, process or name space, or changes the machine. Unknown names of older
 * libraries are left out by the preprocessor, unknown calls of this processor by libseccomp. */
static const int forbidden[] = {
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fspick),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(reboot),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(open_by_handle_at),
    /* files */
    SCMP_SYS(creat),
    SCMP_SYS(truncate),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rmdir),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(utime),
    SCMP_SYS(utimes),
    SCMP_SYS(futimesat),
    SCMP_SYS(utimensat),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(removexattr),
    SCMP_SYS(lremovexattr),
    SCMP_SYS(fremovexattr),
};

/* Into a descriptor above 2: argument 0, but for those that name the source first. */
static const struct {
    int call;
    unsigned argument;
} writing[] = {{SCMP_SYS(write), 0},    {SCMP_SYS(writev), 0}, {SCMP_SYS(pwrite64), 0}, {SCMP_SYS(pwritev), 0},
               {SCMP_SYS(pwritev2), 0}, {SCMP_SYS(splice), 2}, {SCMP_SYS(vmsplice), 0}, {SCMP_SYS(copy_file_range), 2},
               {SCMP_SYS(sendfile), 0}, {SCMP_SYS(tee), 1},    {SCMP_SYS(fallocate), 0}};

static const int write_flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};

static const unsigned long changing_ioctls[] = {FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, FICLONE, TIOCSTI};

/* errno of the call becomes EPERM where the argument compares so. */
static int refuse_where(scmp_filter_ctx filter, int call, struct scmp_arg_cmp where)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), call, 1, &where);
}

static int refuse_opening(scmp_filter_ctx filter)
{
    int status = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(write_flags) && status == 0; i++) {
        scmp_datum_t flag = (scmp_datum_t)write_flags[i];

        status = refuse_where(filter, SCMP_SYS(open), SCMP_CMP(1, SCMP_CMP_MASKED_EQ, flag, flag));
        if (status == 0)
            status = refuse_where(filter, SCMP_SYS(openat), SCMP_CMP(2, SCMP_CMP_MASKED_EQ, flag, flag));
    }
    return status;
}

static int add_rules(scmp_filter_ctx filter)
{
    int status = refuse_opening(filter);

    for (size_t i = 0; i < G_N_ELEMENTS(forbidden) && status == 0; i++)
        if (forbidden[i] != SCMP_SYS(ptrace) || !OKSE_ADDRESS_SPACE_IS_SHADOWED) /* a leak checker looks by it */
            status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
    for (size_t i = 0; i < G_N_ELEMENTS(writing) && status == 0; i++)
        status = refuse_where(filter, writing[i].call, SCMP_CMP(writing[i].argument, SCMP_CMP_GT, STDERR_FILENO, 0));
    for (size_t i = 0; i < G_N_ELEMENTS(changing_ioctls) && status == 0; i++)
        status = refuse_where(filter, SCMP_SYS(ioctl), SCMP_CMP(1, SCMP_CMP_EQ, changing_ioctls[i], 0));
    if (status == 0)
        status = refuse_where(filter, SCMP_SYS(socket), SCMP_CMP(0, SCMP_CMP_NE, AF_NETLINK, 0));
    if (status == 0) /* abort() signals its own process */
        status = refuse_where(filter, SCMP_SYS(tgkill), SCMP_CMP(0, SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));
    return status;
}

bool okse_confine_calls(GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status = filter != NULL ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

    if (status == 0)
        status = add_rules(filter);
    if (status == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        status = -errno;
    if (status == 0)
        status = seccomp_load(filter);
    seccomp_release(filter);
    if (status == 0)
        return true;
    errno = -status;
    return okse_fail_errno(error, "the system-call filter cannot be set up");
}

/* Everything but reading; rights that this kernel does not know yet are left out. */
bool okse_confine_files(void)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    __u64 changes = ((1ull << 13) - 1) & ~(__u64)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    struct landlock_ruleset_attr attributes = {.handled_access_fs = changes};
    okse_autofd rules = -1;

    if (version < 1)
        return false;
    if (version >= 2)
        attributes.handled_access_fs |= 1ull << 13; /* renaming from directory to directory */
    if (version >= 3)
        attributes.handled_access_fs |= 1ull << 14; /* truncating */
    rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    return rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static bool limit(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit bound;

    if (getrlimit(resource, &bound) < 0)
        return false;
    bound.rlim_cur = MIN((uint64_t)bound.rlim_cur, value);
    bound.rlim_max = MIN((uint64_t)bound.rlim_max, value);
    return setrlimit(resource, &bound) == 0;
}

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)

bool okse_confine_resources(uint64_t memory, bool gentle, GError **error)
{
    if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_FSIZE, 0) ||
        (memory > 0 && !OKSE_ADDRESS_SPACE_IS_SHADOWED && !limit(RLIMIT_DATA, memory)))
        return okse_fail_errno(error, "limits cannot be set");
    if (gentle && (setpriority(PRIO_PROCESS, 0, 19) < 0 || /* both are a courtesy that a kernel may not offer */
                   syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE) < 0))
        errno = 0;
    return true;
}
