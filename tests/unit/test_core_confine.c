/* What a confined process cannot do, tried in a child each, so that nothing is only believed. */
#include "core/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Attempt)(const char *directory);

/* errno of the attempt, 0 when it succeeded. */
static int tried(Attempt attempt, bool files)
{
    g_autofree char *directory = g_dir_make_tmp("okse-confine-XXXXXX", NULL);
    g_autofree char *inside = g_build_filename(directory, "file", NULL);
    int status = 0;
    pid_t pid;

    g_assert_true(g_file_set_contents(inside, "content", -1, NULL));
    pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        if (!okse_confine_resources(0, true, NULL) || !okse_confine_calls(NULL) || (files && !okse_confine_files()))
            _exit(200);
        _exit(attempt(inside) >= 0 ? 0 : errno);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    {
        g_autofree char *content = NULL;

        g_assert_true(g_file_get_contents(inside, &content, NULL, NULL));
        g_assert_cmpstr(content, ==, "content");
    }
    g_unlink(inside);
    g_assert_cmpint(g_rmdir(directory), ==, 0); /* nothing was made beside it */
    return WEXITSTATUS(status);
}

static int do_socket(const char *inside)
{
    (void)inside;
    return socket(AF_INET, SOCK_STREAM, 0);
}
static int do_unix(const char *inside)
{
    (void)inside;
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}
static int do_connect(const char *inside)
{
    struct sockaddr_in to = {.sin_family = AF_INET};

    (void)inside;
    return connect(0, (struct sockaddr *)&to, sizeof to);
}
static int do_write(const char *inside)
{
    return open(inside, O_WRONLY);
}
static int do_create(const char *inside)
{
    g_autofree char *other = g_strconcat(inside, "2", NULL);

    return open(other, O_RDONLY | O_CREAT, 0600);
}
static int do_truncate(const char *inside)
{
    return open(inside, O_RDONLY | O_TRUNC);
}
static int do_unlink(const char *inside)
{
    return unlink(inside);
}
static int do_rename(const char *inside)
{
    return rename(inside, "/tmp/okse-confine");
}
static int do_chmod(const char *inside)
{
    return chmod(inside, 0777);
}
static int do_exec(const char *inside)
{
    (void)inside;
    return execl("/bin/true", "true", NULL);
}
static int do_kill(const char *inside)
{
    (void)inside;
    return kill(getppid(), 0);
}
static int do_openat2(const char *inside)
{
    struct open_how how = {.flags = O_WRONLY | O_TRUNC};

    return (int)syscall(SYS_openat2, AT_FDCWD, inside, &how, sizeof how);
}
static int do_read(const char *inside)
{
    return open(inside, O_RDONLY);
}
static int do_netlink(const char *inside)
{
    (void)inside;
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static void what_changes_or_reaches_is_refused(void)
{
    static const Attempt attempts[] = {do_socket, do_unix,   do_connect, do_write, do_create, do_truncate,
                                       do_unlink, do_rename, do_chmod,   do_exec,  do_kill};

    for (unsigned i = 0; i < G_N_ELEMENTS(attempts); i++)
        g_assert_cmpint(tried(attempts[i], false), ==, EPERM);
}

static void looking_is_not(void)
{
    g_assert_cmpint(tried(do_read, false), ==, 0);
    g_assert_cmpint(tried(do_netlink, false), ==, 0);
}

static void landlock_sees_what_the_filter_cannot(void)
{
    int status = tried(do_read, true);

    if (status == 200) {
        g_test_skip("this kernel has no Landlock");
        return;
    }
    g_assert_cmpint(status, ==, 0);
    g_assert_cmpint(tried(do_openat2, true), ==, EACCES);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/confine/what-changes-or-reaches-is-refused", what_changes_or_reaches_is_refused);
    g_test_add_func("/core/confine/looking-is-not", looking_is_not);
    g_test_add_func("/core/confine/landlock-sees-what-the-filter-cannot", landlock_sees_what_the_filter_cannot);
    return g_test_run();
}
