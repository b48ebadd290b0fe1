#include "core/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Attempt)(void);

typedef enum { READING, SERVING } Life;

/* In a child: enter the sandbox, then try. Returns the wait status. */
static int attempt_as(Life life, Attempt what)
{
    pid_t child = fork();
    int status = 0;

    g_assert_cmpint(child, >=, 0);
    if (child == 0)
        _exit((life == READING ? okse_sandbox_enter(NULL, NULL, NULL, NULL) : okse_sandbox_enter_serving(NULL, NULL))
                  ? what()
                  : 99);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    return status;
}

static int attempt(Attempt what)
{
    return attempt_as(READING, what);
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

static int listener = -1;

static int try_accept(void)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    int line = listen(listener, 1) == 0 && poll(&ready, 1, 0) == 0 ? 0 : -1;

    return line == 0 && accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN ? 0 : 1;
}

static int try_connect(void)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9)};

    return connect(listener, (struct sockaddr *)&nobody, sizeof nobody) == 0 ? 1 : 2;
}

static int try_bind(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};

    return bind(listener, (struct sockaddr *)&any, sizeof any) == 0 ? 1 : 2;
}

static int try_open_refused(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : 1;
}

/* Who serves accepts on what it has, and does nothing else. */
static void serves(void)
{
    Attempt forbidden[] = {try_socket, try_connect, try_bind, try_program};

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_assert_cmpint(listener, >=, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(forbidden); i++)
        g_assert_cmpint(WTERMSIG(attempt_as(SERVING, forbidden[i])), ==, SIGSYS);
    g_assert_cmpint(attempt_as(SERVING, try_accept), ==, 0);
    g_assert_cmpint(attempt_as(SERVING, try_open_refused), ==, 0);
    g_assert_cmpint(WTERMSIG(attempt(try_accept)), ==, SIGSYS);
    close(listener);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/sandbox/kills-sockets-and-programs", kills);
    g_test_add_func("/core/sandbox/opens-no-file", opens_no_file);
    g_test_add_func("/core/sandbox/serves", serves);
    return g_test_run();
}
