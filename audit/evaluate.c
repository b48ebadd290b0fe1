/* Tasks share a program, because libjq parses its builtins at every compile (26 ms each, Debian 12), but not all of
 * them share one: its compile time grows with the square of a program's length. The answers come one a line in task
 * order, so when the process dies the line that is missing names the culprit: that task is answered by an error, and a
 * new process goes on behind it. */
#include "audit/evaluate.h"

#include "audit/evaluate_worker.h"
#include "core/fd.h"
#include "core/json.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

const OkseEvaluateLimits okse_evaluate_limits = {.seconds = 4, .memory = 1024u << 20, .output = 64u << 20, .stops = 8};

#define FACTS_BYTES_A_SECOND (2u << 20) /* a task may take this much longer for large facts */
#define MEMORY_A_FACTS_BYTE 24u         /* a jv tree of 40-byte nodes against its JSON text, with room to sort */
#define WALL_FACTOR 15u                 /* a stopped machine is not a looping program */
#define POLL_MILLISECONDS 100
#define TASKS_A_PROGRAM 64u

typedef struct {
    const OkseTask *tasks;
    unsigned count, done;
    unsigned batch; /* tasks of one process */
    const OkseEvaluateLimits *limits;
    GBytes *facts;
    json_t *results;
} Evaluation;

typedef struct {
    pid_t pid;
    int fd; /* owned: where its lines arrive */
    GString *line;
    uint64_t used;    /* processor nanoseconds when the last line arrived */
    gint64 since;     /* monotonic microseconds of the same */
    const char *stop; /* why it was stopped, or NULL */
} Child;

static const char reference[] =
    "def okse_reference: if type == \"object\" and (.id | type) == \"string\" then .id"
    " elif type == \"object\" and (.absent | type) == \"string\" then {absent: .absent[0:300]}"
    " else {absent: (tojson | .[0:300])} end;\n";

/* A control is a function of the country and its parameters, so that tasks that differ in those alone share one. */
static void append_control(GString *program, const OkseControl *control, unsigned index)
{
    char *const *texts = control->expressions;
    const char *applies = texts[OKSE_EXPRESSION_APPLIES];
    const char *subjects = texts[OKSE_EXPRESSION_SUBJECTS];

    g_string_append_printf(program, "def okse_control_%u($country; $at", index);
    for (guint i = 0; i < control->parameters->len; i++)
        g_string_append_printf(program, "; $%s",
                               ((const OkseParameter *)g_ptr_array_index(control->parameters, i))->name);
    g_string_append_printf(program, "): if ([(%s\n)] | all) then {applies: true,\n",
                           applies != NULL ? applies : "true");
    g_string_append_printf(program, "violations: [(%s\n) | okse_reference] | unique,\n",
                           texts[OKSE_EXPRESSION_VIOLATIONS]);
    g_string_append_printf(program, "unknown: [(%s\n) | okse_reference] | unique,\n", texts[OKSE_EXPRESSION_UNKNOWN]);
    g_string_append_printf(program, "subjects: [(%s\n) | okse_reference] | unique}\n",
                           subjects != NULL ? subjects : "empty");
    g_string_append(program, "else {applies: false} end;\n");
}

static void append_task(GString *program, const OkseTask *task, unsigned function, unsigned index)
{
    g_string_append_printf(program, "%s(try (", index > 0 ? ",\n" : "");
    if (task->document > 0)
        g_string_append_printf(program, ".[%u] | ", task->document - 1);
    g_string_append_printf(program, "okse_control_%u($okse[%u].country; $okse[%u].at", function, index, index);
    for (guint i = 0; i < task->control->parameters->len; i++)
        g_string_append_printf(program, "; $okse[%u].parameters.%s", index,
                               ((const OkseParameter *)g_ptr_array_index(task->control->parameters, i))->name);
    g_string_append(program, "))\ncatch {error: (\"it failed: \" + "
                             "(if type == \"string\" then .[0:200] else \"?\" end))})");
}

char *okse_evaluate_program(const OkseTask *tasks, unsigned count)
{
    g_autoptr(GHashTable) functions = g_hash_table_new(g_direct_hash, g_direct_equal);
    GString *program = g_string_new(reference);

    for (unsigned i = 0; i < count; i++) {
        gpointer key = (gpointer)(uintptr_t)tasks[i].control;

        if (!g_hash_table_contains(functions, key)) {
            g_hash_table_insert(functions, key, GUINT_TO_POINTER(i));
            append_control(program, tasks[i].control, i);
        }
    }
    for (unsigned i = 0; i < count; i++)
        append_task(program, &tasks[i], GPOINTER_TO_UINT(g_hash_table_lookup(functions, tasks[i].control)), i);
    if (count == 0)
        g_string_append(program, "empty");
    return g_string_free(program, FALSE);
}

json_t *okse_evaluate_arguments(const OkseTask *tasks, unsigned count)
{
    json_t *arguments = json_array();

    for (unsigned i = 0; i < count; i++) {
        json_t *one = json_object();

        json_object_set_new(one, "country", json_string(tasks[i].country));
        json_object_set_new(one, "at", json_string(tasks[i].at != NULL ? tasks[i].at : ""));
        json_object_set(one, "parameters", tasks[i].parameters);
        json_array_append_new(arguments, one);
    }
    return arguments;
}

static unsigned seconds_a_task(const Evaluation *evaluation)
{
    return evaluation->limits->seconds + (unsigned)(g_bytes_get_size(evaluation->facts) / FACTS_BYTES_A_SECOND);
}

static void run_child(const Evaluation *evaluation, int fd)
{
    const OkseTask *tasks = evaluation->tasks + evaluation->done;
    unsigned count = MIN(evaluation->count - evaluation->done, evaluation->batch);
    g_autofree char *program = okse_evaluate_program(tasks, count);
    g_autoptr(json_t) arguments = okse_evaluate_arguments(tasks, count);
    g_autoptr(GBytes) written = okse_json_write(arguments);
    g_autofree char *text = g_strndup(g_bytes_get_data(written, NULL), g_bytes_get_size(written));
    size_t length = g_bytes_get_size(evaluation->facts);
    OkseWorkerRequest request = {.program = program,
                                 .arguments = text,
                                 .facts = g_bytes_get_data(evaluation->facts, NULL),
                                 .facts_length = length,
                                 .memory = evaluation->limits->memory + (uint64_t)length * MEMORY_A_FACTS_BYTE,
                                 .seconds = (uint64_t)seconds_a_task(evaluation) * (count + 1),
                                 .output = evaluation->limits->output};

    okse_evaluate_worker(&request, fd);
}

static bool start(const Evaluation *evaluation, Child *child, GError **error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return okse_fail_errno(error, "make a pipe for the evaluation");
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        run_child(evaluation, ends[1]);
    }
    close(ends[1]);
    child->fd = ends[0];
    if (child->pid < 0)
        return okse_fail_errno(error, "make a process for the evaluation");
    child->since = g_get_monotonic_time();
    return true;
}

/* Processor time of the child so far, in nanoseconds; 0 when it is gone. */
static uint64_t used_by(pid_t pid)
{
    clockid_t clock;
    struct timespec now;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_late(const Evaluation *evaluation, const Child *child)
{
    uint64_t allowed = seconds_a_task(evaluation);
    uint64_t used = used_by(child->pid);

    return (used > child->used && used - child->used > allowed * 1000000000u) ||
           g_get_monotonic_time() - child->since > (gint64)(allowed * WALL_FACTOR) * G_USEC_PER_SEC;
}

static void take_line(Evaluation *evaluation, Child *child)
{
    json_t *result =
        evaluation->done < evaluation->count ? json_loadb(child->line->str, child->line->len, 0, NULL) : NULL;

    if (!json_is_object(result)) {
        json_decref(result);
        result = json_pack("{s:s}", "error", "its answer could not be read");
    }
    if (evaluation->done < evaluation->count) {
        json_array_append_new(evaluation->results, result);
        evaluation->done++;
    } else {
        json_decref(result);
    }
    g_string_truncate(child->line, 0);
    child->used = used_by(child->pid);
    child->since = g_get_monotonic_time();
}

/* What arrived. False: nothing more will, or enough did. Nothing read from a pipe that has not been hung up is no end.
 */
static bool take_bytes(Evaluation *evaluation, Child *child, bool hung_up, GError **error)
{
    char buffer[16384];
    ssize_t got = read(child->fd, buffer, sizeof buffer);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got < 0)
        return okse_fail_errno(error, "read the answers of the evaluation");
    if (got == 0)
        return !hung_up;
    for (const char *at = buffer, *end = buffer + got; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        g_string_append_len(child->line, at, (newline != NULL ? newline : end) - at);
        at = newline != NULL ? newline + 1 : end;
        if (newline != NULL)
            take_line(evaluation, child);
    }
    if (child->line->len > evaluation->limits->output + 1)
        child->stop = "its answer is longer than the limit";
    return child->stop == NULL;
}

static bool listen_to(Evaluation *evaluation, Child *child, GError **error)
{
    GError *cause = NULL;

    for (;;) {
        struct pollfd ready = {child->fd, POLLIN, 0};
        int found = poll(&ready, 1, POLL_MILLISECONDS);
        bool hung_up = (ready.revents & POLLHUP) != 0 && (ready.revents & POLLIN) == 0;

        if (found > 0 && !take_bytes(evaluation, child, hung_up, &cause))
            break;
        if (is_late(evaluation, child)) {
            child->stop = "it took longer than the limit and was stopped";
            break;
        }
    }
    if (cause != NULL)
        g_propagate_error(error, cause);
    return cause == NULL;
}

static const char *why_ended(const Child *child, int status)
{
    if (child->stop != NULL)
        return child->stop;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return "it took longer than the limit and was stopped";
    if (WIFSIGNALED(status))
        return "it needed more memory than the limit, or crashed";
    if (WEXITSTATUS(status) == OKSE_WORKER_UNCONFINED)
        return "the evaluation could not be confined on this system";
    if (WEXITSTATUS(status) == OKSE_WORKER_PROGRAM)
        return "its program could not be compiled";
    return "it gave no answer";
}

static void answer_rest(Evaluation *evaluation, unsigned count, const char *why)
{
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(evaluation->results, json_pack("{s:s}", "error", why));
    evaluation->done += count;
}

/* The process ended and left tasks of its batch without an answer. */
static void judge_end(Evaluation *evaluation, const Child *child, int status, unsigned *stops)
{
    bool exited = child->stop == NULL && WIFEXITED(status);

    if (exited && WEXITSTATUS(status) == OKSE_WORKER_UNCONFINED) {
        answer_rest(evaluation, evaluation->count - evaluation->done, why_ended(child, status));
    } else if (exited && WEXITSTATUS(status) == OKSE_WORKER_PROGRAM && evaluation->batch > 1) {
        evaluation->batch = 1; /* one of them does not compile: each for itself */
    } else {
        answer_rest(evaluation, 1, why_ended(child, status));
        *stops += !exited;
    }
}

/* One process, from the first task without an answer on. */
static bool run_once(Evaluation *evaluation, unsigned *stops, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    Child child = {.fd = -1, .line = line};
    unsigned end = evaluation->done + MIN(evaluation->count - evaluation->done, evaluation->batch);
    int status = 0;
    bool heard;

    if (!start(evaluation, &child, error)) {
        okse_fd_clear(&child.fd);
        return false;
    }
    heard = listen_to(evaluation, &child, error);
    kill(child.pid, SIGKILL); /* already ended, or has to */
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    okse_fd_clear(&child.fd);
    if (heard && evaluation->done < end)
        judge_end(evaluation, &child, status, stops);
    return heard;
}

json_t *okse_evaluate(const json_t *facts, const OkseTask *tasks, unsigned count, const OkseEvaluateLimits *limits,
                      GError **error)
{
    g_autoptr(GBytes) text = okse_json_write(facts);
    g_autoptr(json_t) results = json_array();
    Evaluation evaluation = {
        .tasks = tasks, .count = count, .batch = TASKS_A_PROGRAM, .limits = limits, .facts = text, .results = results};
    unsigned stops = 0;

    if (g_bytes_get_size(text) > (gsize)INT_MAX) {
        okse_fail(error, OKSE_ERROR_INVALID, "the facts are larger than 2 GiB");
        return NULL;
    }
    while (evaluation.done < count && stops < limits->stops)
        if (!run_once(&evaluation, &stops, error))
            return NULL;
    answer_rest(&evaluation, count - evaluation.done, "too many controls had to be stopped before it");
    return g_steal_pointer(&results);
}
