#include "core/sandbox.h"

#include "core/fd.h"

#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* A leak checker stops the process at its end and looks at it through /proc and ptrace. */
#if defined(__has_feature)
#define CLANG_SANITIZER __has_feature(address_sanitizer)
#else
#define CLANG_SANITIZER 0
#endif
#if defined(__SANITIZE_ADDRESS__) || CLANG_SANITIZER
#define SANITIZER_LOOKS true
#else
#define SANITIZER_LOOKS false
#endif

/* Everything that reaches another machine, another program or another process. */
static const int forbidden[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(mount),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(bpf),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(kexec_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(userfaultfd),
};

/* What only a process does that answers others. */
static const int answering[] = {
    SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
};

/* libc itself opens files, such as /proc/sys/vm/overcommit_memory when it gives memory back, and does without. */
static const int opening[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat), SCMP_SYS(open_by_handle_at),
};

static int rules_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++)
        if (!SANITIZER_LOOKS || calls[i] != SCMP_SYS(ptrace))
            status = seccomp_rule_add(filter, action, calls[i], 0);
    return status;
}

static bool filter_load(bool serving, GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int status = filter != NULL ? 0 : -ENOMEM;

    if (status == 0)
        status = rules_add(filter, SCMP_ACT_KILL_PROCESS, forbidden, G_N_ELEMENTS(forbidden));
    if (status == 0 && !serving)
        status = rules_add(filter, SCMP_ACT_KILL_PROCESS, answering, G_N_ELEMENTS(answering));
    if (status == 0 && serving && !SANITIZER_LOOKS)
        status = rules_add(filter, SCMP_ACT_ERRNO(EACCES), opening, G_N_ELEMENTS(opening));
    if (status == 0)
        status = seccomp_load(filter);
    seccomp_release(filter);
    if (status == 0)
        return true;
    errno = -status;
    return okse_fail_errno(error, "the system-call filter cannot be set up");
}

/* Rights of the first version, which every kernel with Landlock knows; devices and sockets are never made. */
#define LANDLOCK_ALL ((1ull << 13) - 1)
#define LANDLOCK_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_WRITE                                                                                                 \
    (LANDLOCK_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |       \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR)

/* Renaming from one directory to another came with the second version; before it, Landlock forbids that everywhere. */
static __u64 rename_right(void)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
}

static bool allow_beneath(int rules, const char *path, __u64 access)
{
    okse_autofd fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};

    return fd >= 0 && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
}

static bool landlock_enter(const char *const *readable, const char *const *writable)
{
    __u64 rename = rename_right();
    struct landlock_ruleset_attr attributes = {.handled_access_fs = LANDLOCK_ALL | rename};
    okse_autofd rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    bool good = rules >= 0 && (rename != 0 || writable == NULL || writable[0] == NULL);

    for (size_t i = 0; good && writable != NULL && writable[i] != NULL; i++)
        good = allow_beneath(rules, writable[i], LANDLOCK_WRITE | rename);
    for (size_t i = 0; good && readable != NULL && readable[i] != NULL; i++)
        good = allow_beneath(rules, readable[i], LANDLOCK_READ);
    if (good && SANITIZER_LOOKS)
        good = allow_beneath(rules, "/proc", LANDLOCK_READ);
    return good && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static bool enter(const char *const *readable, const char *const *writable, bool serving, OkseSandbox *sandbox,
                  GError **error)
{
    OkseSandbox made = {false, false};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return okse_fail_errno(error, "the sandbox cannot be set up");
    made.landlock = landlock_enter(readable, writable);
    if (!filter_load(serving, error))
        return false;
    made.filter = true;
    if (sandbox != NULL)
        *sandbox = made;
    return true;
}

bool okse_sandbox_enter(const char *const *readable, const char *const *writable, OkseSandbox *sandbox, GError **error)
{
    return enter(readable, writable, false, sandbox, error);
}

bool okse_sandbox_enter_serving(OkseSandbox *sandbox, GError **error)
{
    return enter(NULL, NULL, true, sandbox, error);
}
