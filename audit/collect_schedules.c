/* What runs by the clock: cron, at, timers of systemd. Their commands are looked at for places that they reach. */
#include "audit/collect_host_files.h"
#include "audit/target.h"
#include "core/digest.h"

#include <string.h>

#define FILE_LIMIT (1u << 20)

typedef struct {
    OkseCollection *collection;
    OkseHostLook *look;
} Schedules;

typedef struct {
    const char *kind, *when, *user, *command, *path;
    unsigned line;
} Job;

static void on_endpoint(void *context, const OkseScanEndpoint *found)
{
    json_t *hosts = context, *one;
    size_t i;
    unsigned port = found->port > 0 ? found->port : okse_scheme_port(found->scheme);
    g_autofree char *text = port > 0 ? g_strdup_printf("%s:%u", found->host, port) : g_strdup(found->host);

    if (found->noise != NULL)
        return;
    json_array_foreach(hosts, i, one) if (strcmp(json_string_value(one), text) == 0) return;
    json_array_append_new(hosts, json_string(text));
}

static void on_setting(void *context, const OkseScanSetting *found)
{
    (void)context;
    (void)found;
}

static json_t *job_source(const Job *job, const char *masked)
{
    return okse_facts_source(&(OkseSourceFact){
        .collector = "schedules", .path = job->path, .line = job->line, .excerpt = masked, .via = "structured"});
}

/* "USER@HOST:PATH" and "rsync://…" behind a program that copies: where the copy goes. */
static void add_copies(const Schedules *schedules, const Job *job, const char *masked, json_t *hosts)
{
    static const char *const copiers[] = {"rsync", "scp",     "sftp",      "borg", "restic",
                                          "zfs",   "syncoid", "duplicity", "ssh",  "rclone"};
    g_auto(GStrv) words = g_strsplit_set(job->command, " \t\"'|;&()", -1);
    bool copies = false;

    for (char **word = words; *word != NULL; word++) {
        g_autofree char *name = g_path_get_basename(*word);
        g_auto(OkseDestination) found = {0};
        const char *at = strchr(*word, '@');

        for (unsigned i = 0; i < G_N_ELEMENTS(copiers); i++)
            copies = copies || strcmp(name, copiers[i]) == 0;
        if (!copies || at == NULL || at == *word || strchr(at, '/') == at + 1 || strstr(*word, "://") != NULL ||
            !okse_destination_read(*word, NULL, OKSE_WRITTEN_LOGIN, &found))
            continue;
        on_endpoint(hosts, &(OkseScanEndpoint){.host = found.host, .role = "backup", .direction = "out", .line = ""});
        okse_facts_endpoint(schedules->collection->facts, &(OkseEndpointFact){.host = found.host,
                                                                              .port = 22,
                                                                              .protocol = "ssh",
                                                                              .tls = 1,
                                                                              .direction = "out",
                                                                              .role = "backup",
                                                                              .state = "configured",
                                                                              .source = job_source(job, masked)});
    }
}

static void add_schedule(const Schedules *schedules, const Job *job, const char *key, const char *masked, json_t *hosts)
{
    okse_facts_add(schedules->collection->facts, "schedules", key,
                   json_pack("{s:s,s:s,s:s?,s:s,s:o,s:o,s:s}", "kind", job->kind, "when", job->when, "user", job->user,
                             "command", masked, "reaches", hosts, "source", job_source(job, masked), "state",
                             "configured"));
}

static void add_job(const Schedules *schedules, const Job *job)
{
    OkseCollection *collection = schedules->collection;
    g_autofree char *valid = g_utf8_make_valid(job->command, -1), *masked = okse_collect_mask(collection, valid);
    g_autofree char *key = g_strdup_printf("%s|%s|%u|%s", job->kind, job->path, job->line, job->when);
    json_t *hosts = json_array();
    OkseScanSink sink = {on_endpoint, on_setting, hosts};

    okse_scan_text(collection->scanner, job->path, valid, strlen(valid), &sink);
    add_copies(schedules, &(Job){job->kind, job->when, job->user, valid, job->path, job->line}, masked, hosts);
    add_schedule(schedules, job, key, masked, hosts);
}

/* A script as one job, with what each of its lines reaches. */
static void add_script(const Schedules *schedules, const Job *job, GBytes *bytes)
{
    OkseCollection *collection = schedules->collection;
    g_autofree char *raw = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_autofree char *text = g_utf8_make_valid(raw, -1), *masked = okse_collect_mask(collection, job->command);
    g_autofree char *key = g_strdup_printf("%s|%s|%s", job->kind, job->path, job->when);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    json_t *hosts = json_array();
    OkseScanSink sink = {on_endpoint, on_setting, hosts};

    okse_scan_text(collection->scanner, job->path, text, strlen(text), &sink);
    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_autofree char *safe = okse_collect_mask(collection, lines[i]);

        if (*g_strchug(lines[i]) != '#')
            add_copies(schedules, &(Job){job->kind, job->when, job->user, lines[i], job->path, i + 1}, safe, hosts);
    }
    add_schedule(schedules, job, key, masked, hosts);
}

static GBytes *read_file(const Schedules *schedules, const char *path)
{
    g_autoptr(GError) error = NULL;
    GBytes *bytes = okse_collect_read(schedules->collection, path, FILE_LIMIT, &error);

    schedules->look->found = schedules->look->found || bytes != NULL;
    if (bytes == NULL && !g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        schedules->look->readable = false;
    return bytes;
}

bool okse_crontab_line_read(const char *line, bool with_user, char **when, char **user, char **command)
{
    const char *at = line + strspn(line, " \t"), *start = at;
    unsigned fields = *at == '@' ? 1 : 5;

    *user = NULL;
    if (*at == '\0' || *at == '#' || (*at != '@' && *at != '*' && !g_ascii_isdigit(*at)))
        return false;
    for (unsigned i = 0; i < fields; i++) {
        at += strcspn(at, " \t");
        if (i + 1 < fields)
            at += strspn(at, " \t");
    }
    *when = g_strndup(start, (gsize)(at - start));
    at += strspn(at, " \t");
    if (with_user) {
        *user = g_strndup(at, strcspn(at, " \t"));
        at += strlen(*user);
        at += strspn(at, " \t");
    }
    *command = g_strdup(at);
    return true;
}

static void read_crontab(const Schedules *schedules, const char *path, bool with_user)
{
    g_autoptr(GBytes) bytes = read_file(schedules, path);
    g_autofree char *raw =
        bytes == NULL ? g_strdup("") : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_autofree char *text = g_utf8_make_valid(raw, -1), *shown = g_utf8_make_valid(path, -1);
    g_autofree char *owner = with_user ? NULL : g_path_get_basename(shown);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_autofree char *when = NULL, *user = NULL, *command = NULL;

        if (okse_crontab_line_read(lines[i], with_user, &when, &user, &command))
            add_job(schedules, &(Job){"cron", when, with_user ? user : owner, command, shown, i + 1});
    }
    if (bytes != NULL)
        okse_collect_scan(schedules->collection, &(OkseScanFile){"schedules", shown, shown, NULL, bytes, false, NULL});
}

static void read_script(const Schedules *schedules, const char *path, const char *kind, const char *when)
{
    g_autoptr(GBytes) bytes = read_file(schedules, path);
    g_autofree char *shown = g_utf8_make_valid(path, -1);

    if (bytes == NULL)
        return;
    add_script(schedules, &(Job){kind, when, "root", shown, shown, 1}, bytes);
    okse_collect_scan(schedules->collection, &(OkseScanFile){"schedules", shown, shown, NULL, bytes, false, NULL});
}

/* A unit's statements of interest, joined: "OnCalendar=daily OnBootSec=5min", or the commands. */
typedef struct {
    const char *const *names;
    GString *text;
    unsigned line; /* of the first */
} Picked;

static void on_statement(void *context, const OkseStatement *statement)
{
    Picked *picked = context;

    if (!g_strv_contains(picked->names, statement->name) || *statement->value == '\0')
        return;
    g_string_append_printf(picked->text, "%s%s", picked->text->len > 0 ? "; " : "", statement->value);
    picked->line = picked->line == 0 ? statement->line : picked->line;
}

static bool pick(const Schedules *schedules, const char *path, Picked *picked)
{
    g_autoptr(GBytes) bytes = read_file(schedules, path);
    const char *why = NULL;

    if (bytes != NULL && !okse_form_read(OKSE_FORM_INI, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                                         on_statement, picked, &why))
        schedules->look->readable = false;
    return bytes != NULL;
}

static void read_timer(const Schedules *schedules, const char *path)
{
    static const char *const whens[] = {
        "OnCalendar", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec", NULL};
    static const char *const unit[] = {"Unit", NULL};
    static const char *const commands[] = {"ExecStart", "ExecStartPre", "ExecStartPost", NULL}, *const users[] = {
                                                                                                    "User", NULL};
    static const char *const places[] = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                         "/usr/lib/systemd/system", "/lib/systemd/system"};
    g_autoptr(GString) when = g_string_new(NULL), named = g_string_new(NULL), command = g_string_new(NULL),
                       user = g_string_new(NULL);
    Picked of_when = {whens, when, 0}, of_unit = {unit, named, 0}, of_command = {commands, command, 0},
           of_user = {users, user, 0};
    g_autofree char *base = g_path_get_basename(path), *service = NULL, *where = NULL, *shown = NULL;

    if (!pick(schedules, path, &of_when) || !pick(schedules, path, &of_unit))
        return;
    service = named->len > 0 ? g_strdup(named->str)
                             : g_strdup_printf("%.*s.service", (int)(strlen(base) - strlen(".timer")), base);
    for (unsigned i = 0; i < G_N_ELEMENTS(places) && of_command.line == 0 && strchr(service, '/') == NULL; i++) {
        g_free(where);
        where = g_strconcat(places[i], "/", service, NULL);
        if (pick(schedules, where, &of_command))
            pick(schedules, where, &of_user);
    }
    shown = g_utf8_make_valid(of_command.line > 0 ? where : path, -1);
    if (of_command.line > 0 && !g_str_has_prefix(where, "/etc/systemd/system/")) { /* those are configuration's */
        g_autoptr(GBytes) bytes = read_file(schedules, where);

        if (bytes != NULL)
            okse_collect_scan(schedules->collection,
                              &(OkseScanFile){"schedules", shown, shown, NULL, bytes, false, NULL});
    }
    add_job(schedules, &(Job){"timer", when->str, user->len > 0 ? user->str : "root", command->str, shown,
                              of_command.line > 0 ? of_command.line : MAX(1, of_when.line)});
}

typedef enum { CRONTAB_SYSTEM, CRONTAB_USER, SCRIPT, AT_JOB, TIMER } Form;

static void read_path(const Schedules *schedules, Form form, const char *path, const char *when)
{
    if (form == CRONTAB_SYSTEM || form == CRONTAB_USER)
        read_crontab(schedules, path, form == CRONTAB_SYSTEM);
    else if (form == TIMER)
        read_timer(schedules, path);
    else
        read_script(schedules, path, form == AT_JOB ? "at" : "cron", when);
}

void okse_collect_schedules(OkseCollection *collection)
{
    static const struct {
        const char *pattern;
        Form form;
        const char *when;
    } places[] = {
        {"/etc/crontab", CRONTAB_SYSTEM, ""},
        {"/etc/cron.d/*", CRONTAB_SYSTEM, ""},
        {"/var/spool/cron/crontabs/*", CRONTAB_USER, ""},
        {"/var/spool/cron/*", CRONTAB_USER, ""},
        {"/etc/cron.hourly/*", SCRIPT, "hourly"},
        {"/etc/cron.daily/*", SCRIPT, "daily"},
        {"/etc/cron.weekly/*", SCRIPT, "weekly"},
        {"/etc/cron.monthly/*", SCRIPT, "monthly"},
        {"/var/spool/cron/atjobs/*", AT_JOB, "once"},
        {"/var/spool/at/*", AT_JOB, "once"},
        {"/etc/systemd/system/*.timer", TIMER, ""},
        {"/etc/systemd/system/timers.target.wants/*.timer", TIMER, ""},
    };
    OkseHostLook look = {.readable = true};
    Schedules schedules = {collection, &look};
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autoptr(GPtrArray) paths = okse_collect_matches(collection, places[i].pattern, &look.readable, NULL);

        for (guint k = 0; k < paths->len; k++) {
            const char *path = g_ptr_array_index(paths, k);
            g_autofree char *name = g_path_get_basename(path);
            /* a timer and the link that enables it are one */
            bool again = !g_hash_table_add(seen, g_strdup(places[i].form == TIMER ? name : path));

            if (!again && okse_collect_is_file(collection, path))
                read_path(&schedules, places[i].form, path, places[i].when);
        }
    }
    okse_collect_host_coverage(collection, "schedules", &look,
                               "what runs by the clock could not all be read (run as root)",
                               "nothing runs by the clock");
}
