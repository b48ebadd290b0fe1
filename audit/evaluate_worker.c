/* The confined half of an evaluation. Before any policy text is looked at, the process drops its environment, closes
 * what it does not need, limits itself and installs a filter that lets through memory, the one pipe and the end; every
 * other system call fails. If a step of that fails, nothing is evaluated. libjq 1.6 reads $HOME/.jq while it compiles:
 * without an environment and without open() it cannot.
 *
 * Between fork and _exit only this file, libjq, libseccomp and malloc run. */
#include "audit/evaluate_worker.h"

#include "core/sandbox.h"

#include <errno.h>
#include <jq.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static bool limit(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit bound = {value, value};

    return setrlimit(resource, &bound) == 0;
}

static bool limit_resources(const OkseWorkerRequest *request)
{
    if (!OKSE_ADDRESS_SPACE_IS_SHADOWED && !limit(RLIMIT_AS, request->memory))
        return false;
    return limit(RLIMIT_CPU, request->seconds) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
           limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, 0);
}

/* Writing is allowed to one descriptor only, so a descriptor that was left open is of no use. */
static bool filter_calls(int fd)
{
    static const int allowed[] = {SCMP_SYS(mmap),       SCMP_SYS(munmap),       SCMP_SYS(mremap),
                                  SCMP_SYS(mprotect),   SCMP_SYS(brk),          SCMP_SYS(madvise),
                                  SCMP_SYS(futex),      SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
                                  SCMP_SYS(exit_group), SCMP_SYS(exit),         SCMP_SYS(getrandom),
                                  SCMP_SYS(gettid),     SCMP_SYS(getpid),       SCMP_SYS(sched_yield),
                                  SCMP_SYS(sigaltstack)};
    const struct scmp_arg_cmp to_pipe = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)fd, .datum_b = 0};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool built = filter != NULL;

    for (size_t i = 0; built && i < sizeof allowed / sizeof *allowed; i++)
        built = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    built = built && seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, &to_pipe) == 0;
    built = built && seccomp_load(filter) == 0;
    if (filter != NULL)
        seccomp_release(filter);
    return built;
}

static bool confine(const OkseWorkerRequest *request, int fd)
{
    static char *nothing[] = {NULL};

    environ = nothing; /* not clearenv(): libjq walks environ without asking whether it is there */
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    return limit_resources(request) && filter_calls(fd);
}

static void write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            _exit(OKSE_WORKER_OUTPUT); /* the parent has stopped listening */
        data += written;
        length -= (size_t)written;
    }
}

static void write_value(int fd, jv value, uint64_t bound)
{
    static const char too_long[] = "{\"error\":\"its answer is longer than the limit\"}";
    jv text = jv_dump_string(value, 0);
    size_t length = (size_t)jv_string_length_bytes(jv_copy(text));

    if (length > bound)
        write_all(fd, too_long, sizeof too_long - 1);
    else
        write_all(fd, jv_string_value(text), length);
    write_all(fd, "\n", 1);
    jv_free(text);
}

static void discard(void *data, jv message)
{
    (void)data;
    jv_free(message);
}

_Noreturn void okse_evaluate_worker(const OkseWorkerRequest *request, int fd)
{
    jq_state *jq;
    jv arguments, input;

    if (!confine(request, fd))
        _exit(OKSE_WORKER_UNCONFINED);
    jq = jq_init();
    if (jq == NULL)
        _exit(OKSE_WORKER_PROGRAM);
    jq_set_error_cb(jq, discard, NULL);
    arguments = jv_object_set(jv_object(), jv_string("okse"), jv_parse(request->arguments));
    if (!jq_compile_args(jq, request->program, arguments))
        _exit(OKSE_WORKER_PROGRAM);
    input = jv_parse_sized(request->facts, (int)request->facts_length);
    if (!jv_is_valid(jv_copy(input)))
        _exit(OKSE_WORKER_PROGRAM);
    jq_start(jq, input, 0);
    for (;;) {
        jv value = jq_next(jq);

        if (!jv_is_valid(jv_copy(value)))
            break;
        write_value(fd, value, request->output);
    }
    _exit(OKSE_WORKER_DONE); /* nothing is freed: the process is the arena */
}
