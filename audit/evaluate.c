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
#define DOCUMENTS_BYTES_A_PROGRAM (32u << 20) /* behind so many, the next task has a process of its own */
#define LANES 2u

typedef struct {
    const OkseTask *tasks;
    unsigned count, next; /* the first that no process was asked yet */
    const OkseEvaluateLimits *limits;
    const json_t *documents; /* where each task has its own; else NULL: */
    GBytes *facts;
    json_t **results; /* one for each task */
    unsigned stops;   /* tasks that had to be stopped so far */
} Evaluation;

/* One process at a time, for a row of tasks. */
typedef struct {
    unsigned done, end; /* of the tasks: answered; behind its last */
    bool single;        /* one of them does not compile: each for itself */
    unsigned asked;     /* behind the last of this process */
    GBytes *facts;      /* owned: what this process is given */
    OkseTask *tasks;    /* owned: from `done` on, as this process knows them */
    pid_t pid;          /* 0: none */
    int fd;             /* owned: where its lines arrive */
    GString *line;
    uint64_t used;    /* processor nanoseconds when the last line arrived */
    gint64 since;     /* monotonic microseconds of the same */
    const char *stop; /* why it was stopped, or NULL */
} Lane;

/* What every task uses is a function, too: libjq walks the whole program for each definition when it compiles. */
static const char reference[] =
    "def okse_reference: if type == \"object\" and (.id | type) == \"string\" then .id"
    " elif type == \"object\" and (.absent | type) == \"string\" then {absent: .absent[0:300]}"
    " else {absent: (tojson | .[0:300])} end;\n"
    "def okse_failed: {error: (\"it failed: \" + (if type == \"string\" then .[0:200] else \"?\" end))};\n";

/* A control is a function of its task, so that tasks that differ in country and parameters alone share one. The task
 * has a name that no control can call; jq's own def f($min) would also define min, which a control may mean as jq's. */
static void append_control(GString *program, const OkseControl *control, unsigned index)
{
    char *const *texts = control->expressions;
    const char *applies = texts[OKSE_EXPRESSION_APPLIES];
    const char *subjects = texts[OKSE_EXPRESSION_SUBJECTS];

    g_string_append_printf(
        program, "def okse_control_%u(okse_task): okse_task.country as $country | okse_task.at as $at\n", index);
    for (guint i = 0; i < control->parameters->len; i++) {
        const char *name = ((const OkseParameter *)g_ptr_array_index(control->parameters, i))->name;

        g_string_append_printf(program, "| okse_task.parameters.%s as $%s\n", name, name);
    }
    g_string_append_printf(program, "| if ([(%s\n)] | all) then {applies: true,\n", applies != NULL ? applies : "true");
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
    g_string_append_printf(program, "okse_control_%u($okse[%u])", function, index);
    g_string_append(program, ")\ncatch okse_failed)");
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

static unsigned seconds_a_task(const Evaluation *evaluation, const Lane *lane)
{
    return evaluation->limits->seconds + (unsigned)(g_bytes_get_size(lane->facts) / FACTS_BYTES_A_SECOND);
}

static void run_child(const Evaluation *evaluation, const Lane *lane, int fd)
{
    unsigned count = lane->asked - lane->done;
    g_autofree char *program = okse_evaluate_program(lane->tasks, count);
    g_autoptr(json_t) arguments = okse_evaluate_arguments(lane->tasks, count);
    g_autoptr(GBytes) written = okse_json_write(arguments);
    g_autofree char *text = g_strndup(g_bytes_get_data(written, NULL), g_bytes_get_size(written));
    size_t length = g_bytes_get_size(lane->facts);
    OkseWorkerRequest request = {.program = program,
                                 .arguments = text,
                                 .facts = g_bytes_get_data(lane->facts, NULL),
                                 .facts_length = length,
                                 .memory = evaluation->limits->memory + (uint64_t)length * MEMORY_A_FACTS_BYTE,
                                 .seconds = (uint64_t)seconds_a_task(evaluation, lane) * (count + 1),
                                 .output = evaluation->limits->output};

    okse_evaluate_worker(&request, fd);
}

/* The documents of its tasks, and no others, numbered anew; where they get too large, the process is asked less. */
static GBytes *documents_of(const Evaluation *evaluation, Lane *lane)
{
    GByteArray *text = g_byte_array_new();
    unsigned last = 0, count = 0;

    g_byte_array_append(text, (const guint8 *)"[", 1);
    for (unsigned i = 0; i < lane->asked - lane->done; i++) {
        unsigned number = lane->tasks[i].document;

        if (number != last) {
            g_autoptr(GBytes) document = NULL;

            if (text->len > DOCUMENTS_BYTES_A_PROGRAM) {
                lane->asked = lane->done + i;
                break;
            }
            document = okse_json_write(json_array_get(evaluation->documents, number - 1));
            g_byte_array_append(text, (const guint8 *)",", count++ > 0);
            g_byte_array_append(text, g_bytes_get_data(document, NULL), (guint)g_bytes_get_size(document));
        }
        last = number;
        lane->tasks[i].document = count;
    }
    g_byte_array_append(text, (const guint8 *)"]", 1);
    return g_byte_array_free_to_bytes(text);
}

/* The tasks of one process, and what they are about. */
static void prepare(const Evaluation *evaluation, Lane *lane)
{
    lane->tasks = g_memdup2(evaluation->tasks + lane->done, sizeof *lane->tasks * (lane->asked - lane->done));
    lane->facts = evaluation->documents != NULL ? documents_of(evaluation, lane) : g_bytes_ref(evaluation->facts);
}

static bool start(const Evaluation *evaluation, Lane *lane, GError **error)
{
    int ends[2];
    pid_t pid;

    lane->asked = lane->single ? lane->done + 1 : lane->end;
    prepare(evaluation, lane);
    if (g_bytes_get_size(lane->facts) > (gsize)INT_MAX)
        return okse_fail(error, OKSE_ERROR_INVALID, "the facts are larger than 2 GiB");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return okse_fail_errno(error, "make a pipe for the evaluation");
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(evaluation, lane, ends[1]);
    }
    close(ends[1]);
    lane->fd = ends[0];
    if (pid < 0)
        return okse_fail_errno(error, "make a process for the evaluation");
    lane->pid = pid;
    lane->stop = NULL;
    lane->used = 0;
    lane->since = g_get_monotonic_time();
    g_string_truncate(lane->line, 0);
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

static bool is_late(const Evaluation *evaluation, const Lane *lane)
{
    uint64_t allowed = seconds_a_task(evaluation, lane);
    uint64_t used = used_by(lane->pid);

    return (used > lane->used && used - lane->used > allowed * 1000000000u) ||
           g_get_monotonic_time() - lane->since > (gint64)(allowed * WALL_FACTOR) * G_USEC_PER_SEC;
}

static void take_line(Evaluation *evaluation, Lane *lane)
{
    json_t *result = lane->done < lane->asked ? json_loadb(lane->line->str, lane->line->len, 0, NULL) : NULL;

    if (!json_is_object(result)) {
        json_decref(result);
        result = json_pack("{s:s}", "error", "its answer could not be read");
    }
    if (lane->done < lane->asked)
        evaluation->results[lane->done++] = result;
    else
        json_decref(result);
    g_string_truncate(lane->line, 0);
    lane->used = used_by(lane->pid);
    lane->since = g_get_monotonic_time();
}

/* What arrived; *more is false where nothing more will, or enough did. Nothing read from a pipe that has not been hung
 * up is no end. */
static bool take_bytes(Evaluation *evaluation, Lane *lane, bool hung_up, bool *more, GError **error)
{
    char buffer[16384];
    ssize_t got = read(lane->fd, buffer, sizeof buffer);

    *more = true;
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got < 0)
        return okse_fail_errno(error, "read the answers of the evaluation");
    if (got == 0)
        *more = !hung_up;
    for (const char *at = buffer, *end = buffer + got; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        g_string_append_len(lane->line, at, (newline != NULL ? newline : end) - at);
        at = newline != NULL ? newline + 1 : end;
        if (newline != NULL)
            take_line(evaluation, lane);
    }
    if (lane->line->len > evaluation->limits->output + 1) {
        lane->stop = "its answer is longer than the limit";
        *more = false;
    }
    return true;
}

static const char *why_ended(const Lane *lane, int status)
{
    if (lane->stop != NULL)
        return lane->stop;
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

static void answer(Evaluation *evaluation, Lane *lane, unsigned count, const char *why)
{
    for (unsigned i = 0; i < count; i++)
        evaluation->results[lane->done++] = json_pack("{s:s}", "error", why);
}

/* The process ended and left tasks of its own without an answer. */
static void judge_end(Evaluation *evaluation, Lane *lane, int status)
{
    bool exited = lane->stop == NULL && WIFEXITED(status);

    if (exited && WEXITSTATUS(status) == OKSE_WORKER_UNCONFINED) {
        answer(evaluation, lane, lane->end - lane->done, why_ended(lane, status));
    } else if (exited && WEXITSTATUS(status) == OKSE_WORKER_PROGRAM && lane->asked - lane->done > 1) {
        lane->single = true;
    } else {
        answer(evaluation, lane, 1, why_ended(lane, status));
        evaluation->stops += !exited;
    }
}

/* End the process, which has ended already or has to. */
static int end_process(Lane *lane)
{
    int status = 0;

    if (lane->pid > 0) {
        kill(lane->pid, SIGKILL);
        while (waitpid(lane->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    lane->pid = 0;
    okse_fd_clear(&lane->fd);
    g_clear_pointer(&lane->facts, g_bytes_unref);
    g_clear_pointer(&lane->tasks, g_free);
    return status;
}

/* What a lane without a process does next; *busy: it has one then. */
static bool go_on(Evaluation *evaluation, Lane *lane, bool *busy, GError **error)
{
    if (lane->done == lane->end) {
        lane->single = false;
        lane->done = evaluation->next;
        lane->end = MIN(evaluation->next + TASKS_A_PROGRAM, evaluation->count);
        evaluation->next = lane->end;
    }
    if (evaluation->stops >= evaluation->limits->stops)
        answer(evaluation, lane, lane->end - lane->done, "too many controls had to be stopped before it");
    *busy = lane->done < lane->end;
    return !*busy || start(evaluation, lane, error);
}

static bool attend(Evaluation *evaluation, Lane *lane, short events, GError **error)
{
    bool more = true, hung_up = (events & POLLHUP) != 0 && (events & POLLIN) == 0;

    if (events != 0 && !take_bytes(evaluation, lane, hung_up, &more, error))
        return false;
    if (more && is_late(evaluation, lane)) {
        lane->stop = "it took longer than the limit and was stopped";
        more = false;
    }
    if (!more) {
        int status = end_process(lane);

        if (lane->done < lane->asked)
            judge_end(evaluation, lane, status);
    }
    return true;
}

/* A round over all lanes; *busy: there is still something to wait for. */
static bool round_of(Evaluation *evaluation, Lane *lanes, bool *busy, GError **error)
{
    struct pollfd ready[LANES];

    *busy = false;
    for (unsigned i = 0; i < LANES; i++) {
        bool has = lanes[i].pid > 0;

        while (!has && (lanes[i].done < lanes[i].end || evaluation->next < evaluation->count))
            if (!go_on(evaluation, &lanes[i], &has, error))
                return false;
        *busy |= has;
        ready[i] = (struct pollfd){has ? lanes[i].fd : -1, POLLIN, 0};
    }
    if (!*busy || poll(ready, LANES, POLL_MILLISECONDS) < 0)
        return true;
    for (unsigned i = 0; i < LANES; i++)
        if (lanes[i].pid > 0 && !attend(evaluation, &lanes[i], ready[i].revents, error))
            return false;
    return true;
}

json_t *okse_evaluate_plain(const json_t *facts, const OkseTask *tasks, unsigned count,
                            const OkseEvaluateLimits *limits, GError **error)
{
    bool own = count > 0 && tasks[0].document > 0, busy = true, done = true;
    g_autoptr(GBytes) text = own ? NULL : okse_json_write(facts);
    g_autofree json_t **results = g_new0(json_t *, count + 1);
    Evaluation evaluation = {.tasks = tasks,
                             .count = count,
                             .limits = limits,
                             .documents = own ? facts : NULL,
                             .facts = text,
                             .results = results};
    Lane lanes[LANES] = {0};
    json_t *list = json_array();

    for (unsigned i = 0; i < LANES; i++) {
        lanes[i].fd = -1;
        lanes[i].line = g_string_new(NULL);
    }
    while (done && busy)
        done = round_of(&evaluation, lanes, &busy, error);
    for (unsigned i = 0; i < LANES; i++) {
        end_process(&lanes[i]);
        g_string_free(lanes[i].line, TRUE);
    }
    for (unsigned i = 0; i < count; i++)
        if (results[i] != NULL)
            json_array_append_new(list, results[i]);
    if (!done) {
        json_decref(list);
        return NULL;
    }
    return list;
}
