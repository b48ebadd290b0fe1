/* The supervisor: starts the box, answers its name lookups and its stopped calls until it ends or its time is up. */
#include "packager/trial.h"

#include "core/fd.h"
#include "core/worker.h"
#include "packager/trial_box.h"
#include "packager/trial_filter.h"
#include "packager/trial_record.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MESSAGE_LONGEST 65535u
#define DESTINATIONS_MOST 64
#define GLANCE_MS 200 /* how soon Ctrl-C is noticed */
#define NAME_SERVER_PORT 53

typedef struct {
    pid_t box;      /* 0 when it was waited for */
    int report, go; /* our ends */
    int resolver;   /* the name server's socket */
    int listener;   /* of the filter */
    bool without_proc;
    gint64 start; /* monotonic, microseconds */
    OkseTrialRecord *record;
    char *asking; /* the program that addressed the name server last, or NULL */
} Trial;

static void trial_clear(Trial *trial)
{
    if (trial->box > 0) {
        kill(trial->box, SIGKILL); /* its child dies with it, and with that all of its namespace */
        while (waitpid(trial->box, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    okse_fd_clear(&trial->report);
    okse_fd_clear(&trial->go);
    okse_fd_clear(&trial->resolver);
    okse_fd_clear(&trial->listener);
    g_clear_pointer(&trial->record, okse_trial_record_free);
    g_clear_pointer(&trial->asking, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Trial, trial_clear)

static uint64_t elapsed_ms(const Trial *trial)
{
    return (uint64_t)(g_get_monotonic_time() - trial->start) / 1000;
}

static bool fork_box(const OkseTrialRequest *request, Trial *trial, GError **error)
{
    int report[2], go[2];

    if (pipe2(report, O_CLOEXEC) < 0)
        return okse_fail_errno(error, "open a pipe");
    trial->report = report[0];
    if (pipe2(go, O_CLOEXEC) < 0) {
        close(report[1]);
        return okse_fail_errno(error, "open a pipe");
    }
    trial->go = go[1];
    trial->box = fork();
    if (trial->box == 0) {
        close(report[0]);
        close(go[1]);
        okse_trial_box(&(OkseBoxRequest){.root = request->root,
                                         .command = request->command,
                                         .environment = request->environment,
                                         .directory = request->directory,
                                         .report = report[1],
                                         .go = go[0],
                                         .show = request->show});
    }
    close(report[1]);
    close(go[0]);
    return trial->box > 0 ? true : okse_fail_errno(error, "start a process");
}

static bool take_fd(pid_t process, int number, int *fd, GError **error)
{
    okse_autofd holder = (int)syscall(SYS_pidfd_open, process, 0);

    *fd = holder < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, holder, number, 0);
    return *fd >= 0 ? true : okse_fail_errno(error, "take over a descriptor of the trial");
}

static bool fail_report(const OkseTrialRequest *request, const OkseBoxReport *report, GError **error)
{
    g_autofree char *step = g_strndup(report->step, sizeof report->step);
    bool started = strcmp(step, "start the program") == 0;
    OkseError code = started ? OKSE_ERROR_INVALID : OKSE_ERROR_SYSTEM;

    return okse_fail(error, code, "%s: the trial cannot %s: %s", started ? request->command[0] : request->root, step,
                     g_strerror(report->value));
}

/* The next report; *more is false when the program has started. Errors: what the box could not do. */
static bool next_report(const OkseTrialRequest *request, const Trial *trial, OkseBoxReport *report, bool *more,
                        GError **error)
{
    ssize_t got;

    do
        got = read(trial->report, report, sizeof *report);
    while (got < 0 && errno == EINTR && !okse_interrupted());
    if (got < 0)
        return okse_fail_errno(error, "hear from the trial");
    *more = got == (ssize_t)sizeof *report;
    return *more && report->kind == OKSE_BOX_FAILED ? fail_report(request, report, error) : true;
}

static bool start(const OkseTrialRequest *request, Trial *trial, GError **error)
{
    pid_t program = 0;
    OkseBoxReport report;
    bool more = true;
    int listener = -1;

    if (!fork_box(request, trial, error))
        return false;
    while (program == 0 || listener < 0) { /* which of the two comes first is open */
        if (!next_report(request, trial, &report, &more, error))
            return false;
        if (!more)
            return okse_fail(error, OKSE_ERROR_SYSTEM, "%s: the trial ended before it began", request->root);
        if (report.kind == OKSE_BOX_RESOLVER && !take_fd(trial->box, report.value, &trial->resolver, error))
            return false;
        if (report.kind == OKSE_BOX_PROGRAM)
            program = report.value;
        if (report.kind == OKSE_BOX_LISTENER) {
            listener = report.value;
            trial->without_proc = report.without_proc;
        }
    }
    if (!take_fd(program, listener, &trial->listener, error))
        return false;
    trial->start = g_get_monotonic_time();
    if (write(trial->go, "", 1) != 1)
        return okse_fail_errno(error, "start the program");
    return next_report(request, trial, &report, &more, error);
}

static char *program_of(pid_t process)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/exe", process);

    return g_file_read_link(path, NULL);
}

/* Returns the errno that the call ends with, 0 to let it go on: then it stays in the namespace, where nobody is. */
static int judge_call(Trial *trial, const struct seccomp_notif *call)
{
    OkseTrialAddress addresses[DESTINATIONS_MOST];
    int count = okse_trial_destinations(call, addresses, DESTINATIONS_MOST), result = 0;
    int type = count > 0 ? okse_trial_socket_type(call) : -1;
    g_autofree char *process = count > 0 ? program_of((pid_t)call->pid) : NULL;

    if (seccomp_notify_id_valid(trial->listener, call->id) != 0)
        return 0; /* the caller is gone, and what was read may be another's */
    if (count < 0) {
        okse_trial_record_unreadable(trial->record);
        return EFAULT;
    }
    for (int i = 0; i < count; i++) {
        if (!addresses[i].local) {
            okse_trial_record_connect(trial->record, &addresses[i], type, process, elapsed_ms(trial));
            result = ENETUNREACH;
        } else if (addresses[i].port == NAME_SERVER_PORT) {
            g_free(trial->asking);
            trial->asking = g_strdup(process);
        }
    }
    return result;
}

static bool answer_call(Trial *trial, GError **error)
{
    struct seccomp_notif *call = NULL;
    struct seccomp_notif_resp *answer = NULL;
    int status = seccomp_notify_alloc(&call, &answer), result;

    if (status == 0)
        status = seccomp_notify_receive(trial->listener, call);
    if (status == 0) {
        result = judge_call(trial, call);
        answer->id = call->id;
        answer->error = -result;
        answer->flags = result == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
        seccomp_notify_respond(trial->listener, answer); /* fails when the caller was killed meanwhile: no matter */
    }
    seccomp_notify_free(call, answer);
    if (status == 0 || status == -ECANCELED) /* the caller was killed before it was heard */
        return true;
    errno = -status;
    return okse_fail_errno(error, "hear a stopped call");
}

static void answer_lookup(Trial *trial)
{
    g_autofree uint8_t *message = g_malloc(MESSAGE_LONGEST);
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t got = recvfrom(trial->resolver, message, MESSAGE_LONGEST, 0, (struct sockaddr *)&peer, &size);
    g_auto(OkseTrialQuestion) question = {NULL, 0, 0};
    g_autoptr(GBytes) answer = NULL;

    if (got < 0)
        return;
    if (!okse_trial_question_read(message, (size_t)got, &question, NULL)) {
        okse_trial_record_unreadable(trial->record);
        return;
    }
    okse_trial_record_lookup(trial->record, &question, trial->asking, elapsed_ms(trial));
    answer = okse_trial_answer(message, &question);
    /* An asker that does not listen any more is no trouble of ours. */
    (void)!sendto(trial->resolver, g_bytes_get_data(answer, NULL), g_bytes_get_size(answer), 0,
                  (const struct sockaddr *)&peer, size);
}

/* Until the box ends or the time is up. *status: as waitpid() gives it, meaningful unless *stopped. */
static bool supervise(Trial *trial, unsigned seconds, int *status, bool *stopped, GError **error)
{
    okse_autofd ended = (int)syscall(SYS_pidfd_open, trial->box, 0);
    struct pollfd watch[] = {{trial->listener, POLLIN, 0}, {trial->resolver, POLLIN, 0}, {ended, POLLIN, 0}};

    *stopped = false;
    if (ended < 0)
        return okse_fail_errno(error, "watch the trial");
    while (elapsed_ms(trial) < (uint64_t)seconds * 1000) {
        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (poll(watch, G_N_ELEMENTS(watch), GLANCE_MS) < 0 && errno != EINTR)
            return okse_fail_errno(error, "watch the trial");
        if ((watch[0].revents & POLLIN) != 0 && !answer_call(trial, error))
            return false;
        if ((watch[0].revents & (POLLHUP | POLLERR)) != 0)
            watch[0].fd = -1; /* nobody is left behind the filter */
        if ((watch[1].revents & POLLIN) != 0)
            answer_lookup(trial);
        else if ((watch[2].revents & POLLIN) != 0 && waitpid(trial->box, status, 0) == trial->box) {
            trial->box = 0;
            return true;
        }
    }
    *stopped = true;
    return true;
}

static json_t *ended_json(int status, bool stopped)
{
    if (stopped)
        return json_pack("{s:b}", "stopped", true);
    if (WIFSIGNALED(status))
        return json_pack("{s:i}", "signal", WTERMSIG(status));
    return json_pack("{s:i}", "exit", WEXITSTATUS(status));
}

static json_t *unseen_json(const Trial *trial)
{
    json_t *unseen = json_pack(
        "[s, s, s]", "what the program does later, with other input or with devices and services that were not there",
        "names asked of another server than the one in resolv.conf: the connection to that server is seen instead",
        "an address that another thread exchanges in the instant after it was looked at");

    if (trial->without_proc)
        json_array_append_new(unseen, json_string("what the program does where it has a /proc: none could be mounted"));
    return unseen;
}

static json_t *trial_json(const OkseTrialRequest *request, const Trial *trial, int status, bool stopped)
{
    json_t *command = json_array();

    for (char *const *word = request->command; *word != NULL; word++)
        json_array_append_new(command, json_string(*word));
    return json_pack("{s:s, s:O?, s:o, s:o, s:b, s:o, s:I, s:i, s:o}", "format", "okse.trial.v1", "subject",
                     request->subject, "command", command, "attempts", okse_trial_record_json(trial->record),
                     "complete", okse_trial_record_complete(trial->record), "ended", ended_json(status, stopped),
                     "duration_ms", (json_int_t)elapsed_ms(trial), "seconds", (int)request->seconds, "unseen",
                     unseen_json(trial));
}

json_t *okse_trial_run(const OkseTrialRequest *request, GError **error)
{
    g_auto(Trial) trial = {.report = -1, .go = -1, .resolver = -1, .listener = -1};
    okse_autofd root = okse_open_directory(request->root, error);
    int status = 0;
    bool stopped;

    if (root < 0)
        return NULL;
    for (char *const *word = request->command; *word != NULL; word++)
        if (!g_utf8_validate(*word, -1, NULL)) {
            okse_fail(error, OKSE_ERROR_INVALID, "a word of the command is not UTF-8");
            return NULL;
        }
    trial.record = okse_trial_record_new();
    if (!start(request, &trial, error) || !supervise(&trial, request->seconds, &status, &stopped, error))
        return NULL;
    return trial_json(request, &trial, status, stopped);
}

OkseTrialVerdict okse_trial_verdict(const json_t *trial)
{
    const json_t *ended = json_object_get(trial, "ended"), *exit = json_object_get(ended, "exit");

    if (json_array_size(json_object_get(trial, "attempts")) > 0)
        return OKSE_TRIAL_ATTEMPTS;
    if (!json_is_true(json_object_get(trial, "complete")))
        return OKSE_TRIAL_INCONCLUSIVE;
    if (json_is_true(json_object_get(ended, "stopped")) || (json_is_integer(exit) && json_integer_value(exit) == 0))
        return OKSE_TRIAL_CLEAN;
    return OKSE_TRIAL_INCONCLUSIVE;
}
