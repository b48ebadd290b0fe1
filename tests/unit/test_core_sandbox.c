#include "core/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Attempt)(void);

/* In a child: enter the sandbox, then try. Returns the wait status. */
static int attempt(Attempt what)
{
    pid_t child = fork();
    int status = 0;

    g_assert_cmpint(child, >=, 0);
    if (child == 0)
        _exit(okse_sandbox_enter(NULL, NULL, NULL, NULL) ? what() : 99);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    return status;
}

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2;
}

static int try_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return 2;
}

static int try_nothing(void)
{
    return 0;
}

static int try_open(void)
{
    OkseSandbox sandbox = {false, false};

    if (!okse_sandbox_enter(NULL, NULL, &sandbox, NULL))
        return 98;
    return !sandbox.landlock ? 3 : open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 1 : 0;
}

static void kills(void)
{
    Attempt forbidden[] = {try_socket, try_program};

    for (gsize i = 0; i < G_N_ELEMENTS(forbidden); i++) {
        int status = attempt(forbidden[i]);

        g_assert_true(WIFSIGNALED(status));
        g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
    }
    g_assert_cmpint(attempt(try_nothing), ==, 0);
}

static void opens_no_file(void)
{
    int status = attempt(try_open);

    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 3) {
        g_test_skip("this kernel has no Landlock");
        return;
    }
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/sandbox/kills-sockets-and-programs", kills);
    g_test_add_func("/core/sandbox/opens-no-file", opens_no_file);
    return g_test_run();
}
