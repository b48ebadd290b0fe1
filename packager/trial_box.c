/* Two processes: the first enters the namespaces, opens the name server's socket and waits; the second is the first of
 * the new process namespace, so that its end ends everything the program started. */
#include "packager/trial_box.h"

#include "core/fd.h"
#include "packager/trial_filter.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SCRATCH "/tmp" /* covered by a tmpfs of our own mount namespace, then left behind */
#define NAME_SERVER_PORT 53
#define PROCESSES 4096 /* a program that multiplies stops itself and nothing else */

static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

/* A report is shorter than PIPE_BUF, so it arrives whole. */
static void tell(const OkseBoxRequest *request, OkseBoxReport report)
{
    if (write(request->report, &report, sizeof report) != (ssize_t)sizeof report)
        _exit(OKSE_BOX_STATUS);
}

static _Noreturn void give_up(const OkseBoxRequest *request, const char *step)
{
    OkseBoxReport report = {.kind = OKSE_BOX_FAILED, .value = errno};

    g_strlcpy(report.step, step, sizeof report.step);
    tell(request, report);
    _exit(OKSE_BOX_STATUS);
}

static bool write_file(const char *path, const char *text)
{
    okse_autofd fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Inside, the user is 0 and nobody else exists. */
static bool enter_namespaces(void)
{
    g_autofree char *users = g_strdup_printf("0 %u 1\n", geteuid());
    g_autofree char *groups = g_strdup_printf("0 %u 1\n", getegid());

    return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) == 0 &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", users) &&
           write_file("/proc/self/gid_map", groups) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool loopback_up(void)
{
    okse_autofd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* Returns the socket of the name server, or -1. */
static int name_server(void)
{
    okse_autofd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(NAME_SERVER_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return okse_fd_steal(&fd);
}

/* What the program writes goes to a tmpfs above its root. Nothing beneath the root is opened before the root is ours,
 * so that no link in it leads out. */
static bool make_root(const char *root)
{
    okse_autofd lower = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *options = g_strdup_printf("lowerdir=/proc/self/fd/%d,upperdir=%s/upper,workdir=%s/work,userxattr",
                                               lower, SCRATCH, SCRATCH);

    return lower >= 0 && mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV, "size=512m,mode=0755") == 0 &&
           mkdir(SCRATCH "/upper", 0755) == 0 && mkdir(SCRATCH "/work", 0755) == 0 &&
           mkdir(SCRATCH "/root", 0755) == 0 &&
           mount("overlay", SCRATCH "/root", "overlay", MS_NOSUID | MS_NODEV, options) == 0;
}

static bool enter_root(void)
{
    return chdir(SCRATCH "/root") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
           chdir("/") == 0;
}

/* Returns a /proc of the new process namespace that is mounted nowhere yet, or -1: where parts of the outer one are
 * hidden (in most containers), the kernel gives out no new one. */
static int new_proc(void)
{
    okse_autofd context = fsopen("proc", FSOPEN_CLOEXEC);

    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static bool new_tmpfs(const char *path, const char *options)
{
    return (mkdir(path, 0755) == 0 || errno == EEXIST) &&
           mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

static bool place(int tree, const char *path)
{
    return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

static bool place_devices(const int *trees)
{
    if (!new_tmpfs("/dev", "size=64k,mode=0755"))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        okse_autofd point = open(devices[i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);

        if (point < 0 || !place(trees[i], devices[i]))
            return false;
    }
    return true;
}

static bool write_resolver(void)
{
    static const char text[] = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    okse_autofd fd = -1;

    if ((mkdir("/etc", 0755) < 0 && errno != EEXIST) || (unlink("/etc/resolv.conf") < 0 && errno != ENOENT))
        return false;
    fd = open("/etc/resolv.conf", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    return fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1;
}

/* The file system as the program sees it. Errors: gives up. */
static void build_root(const OkseBoxRequest *request, bool *without_proc)
{
    int trees[G_N_ELEMENTS(devices)];
    okse_autofd proc = new_proc();

    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        trees[i] = open_tree(AT_FDCWD, devices[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (trees[i] < 0)
            give_up(request, "find its devices");
    }
    if (!make_root(request->root))
        give_up(request, "lay an overlay over the root");
    if (!enter_root())
        give_up(request, "enter the root");
    if (!place_devices(trees) || !new_tmpfs("/tmp", "size=512m,mode=1777") || !new_tmpfs("/run", "size=64m,mode=0755"))
        give_up(request, "mount what a program expects");
    if (!write_resolver())
        give_up(request, "name the name server");
    *without_proc = proc < 0 || (mkdir("/proc", 0555) < 0 && errno != EEXIST) || !place(proc, "/proc");
}

static void redirect(const OkseBoxRequest *request)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(request->show ? STDERR_FILENO : nothing, STDOUT_FILENO) < 0 ||
        (!request->show && dup2(nothing, STDERR_FILENO) < 0))
        give_up(request, "redirect its output");
}

/* Being 0 inside brings back nothing at exec when the bounding set is empty. */
static bool drop_capabilities(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return false;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

/* Nothing of the outer one; what the program brings along wins. */
static bool clean_environment(const OkseBoxRequest *request)
{
    if (clearenv() != 0 || setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) != 0 ||
        setenv("HOME", "/tmp", 1) != 0 || setenv("LANG", "C.UTF-8", 1) != 0)
        return false;
    for (char *const *word = request->environment; word != NULL && *word != NULL; word++) {
        g_autofree char *name = g_strndup(*word, strcspn(*word, "="));

        if (*name != '\0' && strchr(*word, '=') != NULL && setenv(name, strchr(*word, '=') + 1, 1) != 0)
            return false;
    }
    return true;
}

static bool limit_resources(void)
{
    const struct rlimit cores = {0, 0}, processes = {PROCESSES, PROCESSES};

    return setrlimit(RLIMIT_CORE, &cores) == 0 && setrlimit(RLIMIT_NPROC, &processes) == 0;
}

static _Noreturn void program(const OkseBoxRequest *request)
{
    OkseBoxReport report = {.kind = OKSE_BOX_LISTENER};
    char go;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    build_root(request, &report.without_proc);
    redirect(request);
    if (!clean_environment(request))
        give_up(request, "clean its environment");
    if (request->directory != NULL && chdir(request->directory) < 0)
        give_up(request, "enter its directory");
    signal(SIGPIPE, SIG_DFL);
    if (!drop_capabilities() || !limit_resources())
        give_up(request, "drop its rights");
    report.value = okse_trial_filter();
    if (report.value < 0)
        give_up(request, "set up the system-call filter");
    tell(request, report);
    if (read(request->go, &go, 1) != 1)
        _exit(OKSE_BOX_STATUS);
    execvp(request->command[0], request->command);
    give_up(request, "start the program");
}

_Noreturn void okse_trial_box(const OkseBoxRequest *request)
{
    OkseBoxReport report = {.kind = OKSE_BOX_RESOLVER};
    int status = 0;
    pid_t child;

    if (!enter_namespaces())
        give_up(request, "enter namespaces of its own");
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    report.value = loopback_up() ? name_server() : -1;
    if (report.value < 0)
        give_up(request, "open a name server on its loopback");
    tell(request, report);
    child = fork();
    if (child < 0)
        give_up(request, "start a process");
    if (child == 0)
        program(request);
    tell(request, (OkseBoxReport){.kind = OKSE_BOX_PROGRAM, .value = child});
    close(request->report);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            _exit(OKSE_BOX_STATUS);
    if (WIFSIGNALED(status)) { /* end the same way, for whoever waits outside */
        const struct rlimit cores = {0, 0};

        setrlimit(RLIMIT_CORE, &cores);
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    _exit(WEXITSTATUS(status));
}
