/* okse audit --fleet: many pieces of evidence, one document. Each is judged in a process of its own making a share of
 * them, so that memory stays flat, every processor works, and evidence that breaks an auditor breaks no fleet. */
#include "audit/findings.h"
#include "audit/fleet.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "cli/options.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MOST 64u

typedef struct {
    pid_t pid;
    int fd; /* owned: where its answers arrive, in order */
} Judge;

typedef struct {
    const OkseAuditSeveral *several;
    const OkseAuditSource *source;
    const OkseResources *resources;
    Judge judges[PROCESSES_MOST];
    unsigned judges_count;
} Work;

/* Every answer is 9 bytes, 'f' (findings) or 'e' (why not) and its length, and then its bytes. */
static bool write_answer(int fd, char kind, const void *data, uint64_t length)
{
    uint8_t head[9] = {(uint8_t)kind};

    for (unsigned i = 0; i < 8; i++)
        head[1 + i] = (uint8_t)(length >> (8 * i));
    return okse_write_all(fd, head, sizeof head, "pipe", NULL) && okse_write_all(fd, data, length, "pipe", NULL);
}

static bool judge_one(const Work *work, const char *path, int fd)
{
    g_autoptr(GError) error = NULL;
    OkseAuditSource one = *work->source;
    g_autoptr(json_t) findings = NULL;
    g_autoptr(GBytes) bytes = NULL;

    one.evidence = path;
    findings = okse_audit_findings(&one, work->several->law, work->several->at, work->resources, &error);
    if (findings == NULL || !okse_audit_several_reports(work->several, path, findings, work->resources, &error))
        return write_answer(fd, 'e', error->message, strlen(error->message));
    bytes = okse_json_write(findings);
    return write_answer(fd, 'f', g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* The share of process `index`: what is left of every judges_count-th, from `from` on. */
_Noreturn static void judge_share(const Work *work, unsigned from, int fd)
{
    guint count = g_strv_length(work->several->evidence);

    signal(SIGPIPE, SIG_DFL);         /* nobody listens any more */
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* another judge holds the reading end, so that the pipe alone would not tell */
    for (guint i = from; i < count; i += work->judges_count)
        if (!judge_one(work, work->several->evidence[i], fd))
            _exit(1);
    _exit(0);
}

static bool judge_start(Work *work, unsigned index, unsigned from, GError **error)
{
    Judge *judge = &work->judges[index];
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return okse_fail_errno(error, "make a pipe for the audit");
    judge->pid = fork();
    if (judge->pid == 0) {
        close(ends[0]);
        judge_share(work, from, ends[1]);
    }
    close(ends[1]);
    judge->fd = ends[0];
    return judge->pid > 0 || okse_fail_errno(error, "make a process for the audit");
}

static void judge_end(Judge *judge)
{
    okse_fd_clear(&judge->fd);
    if (judge->pid <= 0)
        return;
    kill(judge->pid, SIGKILL); /* already ended, or has to */
    while (waitpid(judge->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    judge->pid = 0;
}

static bool read_exactly(int fd, void *data, size_t length)
{
    char *at = data;

    while (length > 0) {
        ssize_t got = read(fd, at, length);

        if (got < 0 && errno == EINTR && !okse_interrupted())
            continue;
        if (got <= 0)
            return false;
        at += got;
        length -= (size_t)got;
    }
    return true;
}

/* The next answer of a process, NUL behind it; NULL when it ended without one. */
static char *read_answer(int fd, char *kind, size_t *length)
{
    g_autofree char *data = NULL;
    uint8_t head[9];

    *length = 0;
    if (!read_exactly(fd, head, sizeof head))
        return NULL;
    for (unsigned i = 0; i < 8; i++)
        *length |= (size_t)head[1 + i] << (8 * i);
    if (*length > OKSE_LIMIT_EVIDENCE)
        return NULL;
    *kind = (char)head[0];
    data = g_malloc(*length + 1);
    data[*length] = '\0';
    return read_exactly(fd, data, *length) ? g_steal_pointer(&data) : NULL;
}

static bool take_findings(OkseFleet *fleet, const char *name, char *data, size_t length, int *status, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new_take(data, length);
    g_autoptr(json_t) findings = okse_json_read(bytes, OKSE_LIMIT_EVIDENCE, name, error);

    if (findings == NULL)
        return false;
    *status = okse_audit_worse(*status, okse_findings_exit_status(findings));
    return okse_fleet_add(fleet, name, findings, error);
}

static bool take_error(OkseFleet *fleet, const char *name, const char *why, int *status, GError **error)
{
    g_autofree char *shown = okse_text_show(why, -1, false);

    g_printerr("okse: %s: not judged: %s\n", name, shown);
    *status = okse_audit_worse(*status, 4);
    return okse_fleet_add_unread(fleet, name, shown, error);
}

/* What became of the evidence number i, whose turn it is in its process. */
static bool take(Work *work, OkseFleet *fleet, unsigned i, int *status, GError **error)
{
    const char *path = work->several->evidence[i];
    g_autofree char *name = okse_audit_short_name(path);
    Judge *judge = &work->judges[i % work->judges_count];
    char kind = 'e';
    size_t length;
    char *data = read_answer(judge->fd, &kind, &length);

    if (data != NULL && kind == 'f')
        return take_findings(fleet, name, data, length, status, error);
    if (data != NULL) {
        g_autofree char *why = data;

        return take_error(fleet, name, why, status, error);
    }
    judge_end(judge);
    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    return take_error(fleet, name, "the process that judged it ended", status, error) &&
           judge_start(work, i % work->judges_count, i + work->judges_count, error);
}

static json_t *judge_all(Work *work, int *status, GError **error)
{
    g_autoptr(OkseFleet) fleet = okse_fleet_new();
    guint count = g_strv_length(work->several->evidence);
    bool fine = true;

    work->judges_count = MIN(MIN(okse_processors(), count), PROCESSES_MOST);
    for (unsigned i = 0; i < work->judges_count; i++)
        work->judges[i] = (Judge){.fd = -1};
    for (unsigned i = 0; fine && i < work->judges_count; i++)
        fine = judge_start(work, i, i, error);
    for (guint i = 0; fine && i < count; i++)
        fine = take(work, fleet, i, status, error);
    for (unsigned i = 0; i < work->judges_count; i++)
        judge_end(&work->judges[i]);
    return fine ? okse_fleet_document(fleet, error) : NULL;
}

static bool print_fleet(const json_t *fleet, const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) text = okse_fleet_render(fleet, "text", NULL, resources, error);

    if (text == NULL)
        return false;
    okse_print("%.*s", (int)g_bytes_get_size(text), (const char *)g_bytes_get_data(text, NULL));
    return true;
}

int okse_audit_fleet(const OkseAuditSeveral *several, const OkseAuditSource *source, const OkseResources *resources,
                     const char *output, GError **error)
{
    Work work = {.several = several, .source = source, .resources = resources};
    int status = 0;
    g_autoptr(json_t) fleet = judge_all(&work, &status, error);
    g_autoptr(GBytes) bytes = NULL;
    char *text;

    if (fleet == NULL)
        return 3;
    text = okse_json_write_pretty(fleet);
    bytes = g_bytes_new_take(text, strlen(text));
    if (!okse_write_path(output, bytes, error) ||
        !(several->json ? okse_print_json(fleet, error) : print_fleet(fleet, resources, error)))
        return 3;
    return status;
}
