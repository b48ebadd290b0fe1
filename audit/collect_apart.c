/* Two processes: one looks, the other writes. The one that looks is confined before it reads anything and says what it
 * saw, or its error, as one JSON document (core/json_wire.h) through a pipe; the other reads nothing of the target. */
#include "audit/collect_apart.h"

#include "audit/collector.h"
#include "audit/facts_read.h"
#include "audit/networks.h"
#include "core/confine.h"
#include "core/fd.h"
#include "core/json_wire.h"
#include "core/limits.h"
#include "core/worker.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#define KEY_LENGTH 32u
#define GRACE 60u /* seconds beyond its time limit until the process is ended from outside */
#define ANSWER_MOST (2 * (uint64_t)OKSE_LIMIT_EVIDENCE)

void okse_collected_clear(OkseCollected *collected)
{
    json_decref(collected->facts);
    json_decref(collected->geo);
    json_decref(collected->excerpts);
    *collected = (OkseCollected){0};
}

static void on_alarm(int number)
{
    (void)number;
    okse_interrupt();
}

static void set_alarm(unsigned seconds)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval timer = {.it_value = {.tv_sec = (time_t)seconds}};

    if (seconds == OKSE_COLLECT_UNLIMITED)
        return;
    if (seconds == 0)
        okse_interrupt();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static GBytes *key_make(const OkseCollectApart *apart)
{
    g_autofree unsigned char *random = g_malloc(KEY_LENGTH);

    if (!apart->excerpts)
        return NULL;
    if (apart->excerpt_key != NULL)
        return g_bytes_ref(apart->excerpt_key);
    g_assert(RAND_bytes(random, KEY_LENGTH) == 1);
    return g_bytes_new_take(g_steal_pointer(&random), KEY_LENGTH);
}

/* Whoever was stopped by the alarm says that he was interrupted. */
static void name_the_reason(const json_t *facts)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(facts, "collectors"), i, row)
    {
        const char *reason = okse_json_peek_text(row, "reason");

        if (okse_interrupted() && reason != NULL && strstr(reason, "interrupted") != NULL)
            json_object_set_new(row, "reason", json_string(OKSE_OUT_OF_TIME));
    }
}

/* A path in it may be no UTF-8. */
static json_t *error_json(int code, const char *message)
{
    g_autofree char *valid = g_utf8_make_valid(message, -1);

    return json_pack("{s:i,s:s}", "code", code, "error", valid);
}

/* Takes the networks. */
static json_t *answer_of(const OkseCollectRequest *asked, const OkseResources *resources, const OkseCollectApart *apart,
                         OkseNetworks *networks)
{
    OkseCollectAside aside = {.target = apart->target, .environment = apart->environment, .networks = networks};
    g_autoptr(GBytes) key = key_make(apart);
    g_autoptr(GError) error = NULL;
    OkseCollectRequest request = *asked;
    json_t *geo = NULL, *facts;

    aside.excerpt_key = key;
    request.aside = &aside;
    facts = okse_collect(&request, resources, &geo, &error);
    if (key != NULL && apart->excerpt_key == NULL)
        OPENSSL_cleanse((void *)(uintptr_t)g_bytes_get_data(key, NULL), g_bytes_get_size(key));
    g_clear_pointer(&aside.networks, okse_networks_leave);
    if (facts == NULL)
        return error_json(error->code, error->message);
    name_the_reason(facts);
    return json_pack("{s:o,s:o?,s:o?,s:b}", "facts", facts, "geo", geo, "excerpts", aside.excerpts, "landlock",
                     (int)aside.landlock);
}

static bool looks_at_namespaces(const OkseCollectRequest *request)
{
    return g_strcmp0(request->sysroot, "/") == 0 && g_strcmp0(request->scope, "install") != 0;
}

/* Between fork and _exit. Descriptor 1 is the pipe: no other is written to. */
static _Noreturn void look(const OkseCollectRequest *request, const OkseResources *resources,
                           const OkseCollectApart *apart, int pipe_fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) answer = NULL;
    OkseCollectRequest own = *request;
    OkseNetworks *networks = NULL;
    bool confined;

    own.clock = okse_collect_clock(); /* a call that could also set it, so it is given up */
    signal(SIGXFSZ, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    okse_keep_access_times();
    confined =
        dup2(pipe_fd, STDOUT_FILENO) >= 0 && okse_confine_resources(OKSE_LIMIT_COLLECT_MEMORY, apart->gentle, &error);
    if (confined && looks_at_namespaces(request)) /* the threads that live there are confined with this one */
        networks = okse_networks_enter();
    confined = confined && okse_confine_calls(&error);
    set_alarm(apart->seconds);
    if (confined)
        answer = answer_of(&own, resources, apart, networks);
    else
        answer = error_json(OKSE_ERROR_SYSTEM, error != NULL ? error->message : "the collection has no pipe");
    _exit(okse_json_wire_send(answer, STDOUT_FILENO) ? 0 : 3);
}

typedef struct {
    pid_t pid;
    int fd; /* its answer comes here */
} Child;

static bool child_start(Child *child, const OkseCollectRequest *request, const OkseResources *resources,
                        const OkseCollectApart *apart, GError **error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return okse_fail_errno(error, "make a pipe for the collection");
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        look(request, resources, apart, ends[1]);
    }
    close(ends[1]);
    child->fd = ends[0];
    return child->pid > 0 || okse_fail_errno(error, "start the collection");
}

/* Milliseconds until the process is ended from outside; -1: never. */
static int patience(const OkseCollectApart *apart, gint64 started)
{
    gint64 end;

    if (apart->seconds == OKSE_COLLECT_UNLIMITED)
        return -1;
    end = started + ((gint64)apart->seconds + GRACE) * G_USEC_PER_SEC;
    return (int)CLAMP((end - g_get_monotonic_time()) / 1000, 0, G_MAXINT);
}

static bool child_listen(const Child *child, const OkseCollectApart *apart, GByteArray *answer, GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(1u << 20);
    gint64 started = g_get_monotonic_time();

    for (;;) {
        struct pollfd wait = {.fd = child->fd, .events = POLLIN};
        int ready = poll(&wait, 1, patience(apart, started));
        ssize_t got;

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "the collection did not end after its time limit");
        got = read(child->fd, buffer, 1u << 20);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return okse_fail_errno(error, "read from the collection");
        if (got == 0)
            return true;
        if (answer->len + (uint64_t)got > ANSWER_MOST)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "what was collected is larger than the limit");
        g_byte_array_append(answer, buffer, (guint)got);
    }
}

static bool child_end(Child *child, bool kill_it, GError **error)
{
    int status = 0;

    close(child->fd);
    if (kill_it)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (kill_it || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return !kill_it;
    return okse_fail(
        error, OKSE_ERROR_SYSTEM, "the collection ended early (status %d); its memory is limited to %u MiB",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), (unsigned)(OKSE_LIMIT_COLLECT_MEMORY >> 20));
}

static json_t *take(json_t *answer, const char *member)
{
    json_t *value = json_object_get(answer, member);

    return json_is_null(value) ? NULL : json_incref(value);
}

static bool understand(const GByteArray *bytes, OkseCollected *collected, GError **error)
{
    g_autoptr(json_t) answer = okse_json_wire_read(bytes->data, bytes->len);
    const char *message = okse_json_peek_text(answer, "error");

    if (message != NULL) {
        g_set_error_literal(error, OKSE_ERROR, (gint)json_integer_value(json_object_get(answer, "code")), message);
        return false;
    }
    collected->facts = take(answer, "facts");
    collected->geo = take(answer, "geo");
    collected->excerpts = take(answer, "excerpts");
    collected->landlock = json_is_true(json_object_get(answer, "landlock"));
    return okse_audit_facts_check(collected->facts, "what was collected", error);
}

bool okse_collect_apart(const OkseCollectRequest *request, const OkseResources *resources,
                        const OkseCollectApart *apart, OkseCollected *collected, GError **error)
{
    g_autoptr(GByteArray) answer = g_byte_array_new();
    g_auto(OkseCollected) made = {0};
    Child child = {-1, -1};
    bool heard;

    if (!child_start(&child, request, resources, apart, error))
        return false;
    heard = child_listen(&child, apart, answer, error);
    if (!child_end(&child, !heard, error) || !understand(answer, &made, error))
        return false;
    *collected = made;
    made = (OkseCollected){0};
    return true;
}
