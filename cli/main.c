/* Find the command, run it, turn what came back into an exit status. Every command is one file with one table. */
#include "cli/commands.h"
#include "core/text.h"
#include "core/worker.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

const OkseCommand *const okse_commands[] = {
    /* stack, sources, building */
    &okse_command_init,
    &okse_command_build,
    &okse_command_rebuild,
    &okse_command_fetch,
    /* weights */
    &okse_command_weights,
    /* reading */
    &okse_command_inspect,
    &okse_command_diff,
    &okse_command_passport,
    /* serving */
    &okse_command_serve,
    /* shipping */
    &okse_command_push,
    &okse_command_pull,
    /* transport */
    &okse_command_thin,
    /* parts for media */
    &okse_command_split,
    &okse_command_join,
    /* statements and trust */
    &okse_command_key_new,
    &okse_command_sign,
    &okse_command_trust_init,
    &okse_command_trust_show,
    &okse_command_verify,
    /* installing */
    &okse_command_install,
    &okse_command_rollback,
    &okse_command_status,
    /* sending back */
    &okse_command_return,
    /* trying */
    &okse_command_try,
    /* facts */
    &okse_command_collect,
    &okse_command_evidence_show,
    &okse_command_evidence_verify,
    /* law */
    &okse_command_audit,
    &okse_command_policy_list,
    &okse_command_policy_show,
    &okse_command_policy_lint,
    &okse_command_policy_test,
    &okse_command_policy_matrix,
    &okse_command_policy_calendar,
    &okse_command_policy_coverage,
    &okse_command_policy_explain,
    &okse_command_policy_export,
    &okse_command_policy_diff,
    &okse_command_policy_pack,
    /* reports */
    &okse_command_report,
    &okse_command_report_diff,
    &okse_command_report_trend,
    &okse_command_report_verify,
    &okse_command_report_repair,
    NULL,
};

static void on_interrupt(int number)
{
    (void)number;
    okse_interrupt();
}

static void print_overview(void)
{
    puts("Usage: okse COMMAND [OPTION…] [ARGUMENT…]\n\n"
         "Pack a sovereign AI stack into one signed bundle; verify, install and audit it where it runs.\n\nCommands:");
    for (const OkseCommand *const *command = okse_commands; *command != NULL; command++)
        printf("  %-16s %s\n", (*command)->name, (*command)->summary);
    puts("\nokse COMMAND --help tells more; okse --version prints the version.\n"
         "Exit status: 0 yes, done · 1 the answer is no · 2 bad input or usage · 3 the system failed · 4 inconclusive");
}

/* A command's name is one word or two ("report diff"); the longest that matches wins. */
static const OkseCommand *find_command(int count, char **words, int *used)
{
    const OkseCommand *found = NULL;

    for (const OkseCommand *const *command = okse_commands; *command != NULL; command++) {
        g_auto(GStrv) name = g_strsplit((*command)->name, " ", 2);
        int length = (int)g_strv_length(name);

        if (count < length || (found != NULL && length <= *used))
            continue;
        if (strcmp(words[0], name[0]) == 0 && (length == 1 || strcmp(words[1], name[1]) == 0)) {
            found = *command;
            *used = length;
        }
    }
    return found;
}

static bool is_under(const OkseCommand *command, const char *topic)
{
    size_t length = strlen(topic);

    return strncmp(command->name, topic, length) == 0 && command->name[length] == ' ';
}

static bool is_topic(const char *word)
{
    bool found = false;

    for (const OkseCommand *const *command = okse_commands; *command != NULL; command++)
        found = found || is_under(*command, word);
    return found;
}

/* "okse policy", and whatever else is none of its commands: --help shows them, anything else is refused. */
static int refuse_topic(const char *topic, const char *word, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *given = word == NULL ? g_strdup(topic) : g_strdup_printf("%s %s", topic, word);
    bool help = g_strcmp0(word, "--help") == 0 || g_strcmp0(word, "-h") == 0;
    const char *near;

    for (const OkseCommand *const *command = okse_commands; *command != NULL; command++) {
        if (!is_under(*command, topic))
            continue;
        g_ptr_array_add(names, (gpointer)(uintptr_t)(*command)->name);
        if (help)
            printf("  okse %-20s %s\n", (*command)->name, (*command)->summary);
    }
    g_ptr_array_add(names, NULL);
    if (help)
        return 0;
    near = word == NULL ? NULL : okse_text_nearest(given, (const char *const *)names->pdata);
    if (near != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "unknown command '%s' (did you mean '%s'?)", given, near);
    } else {
        g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);

        okse_fail(error, OKSE_ERROR_INVALID, "unknown command '%s': it is one of %s", given, all);
    }
    return 2;
}

static int refuse_word(const char *word, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);
    const char *near;

    for (const OkseCommand *const *command = okse_commands; *command != NULL; command++)
        g_ptr_array_add(known, g_strndup((*command)->name, strcspn((*command)->name, " ")));
    g_ptr_array_add(known, g_strdup("--help"));
    g_ptr_array_add(known, g_strdup("--version"));
    g_ptr_array_add(known, NULL);
    near = okse_text_nearest(word, (const char *const *)known->pdata);
    okse_fail(error, OKSE_ERROR_INVALID, "unknown command '%s'%s%s%s", word, near != NULL ? " (did you mean '" : "",
              near != NULL ? near : "", near != NULL ? "'?)" : " (see okse --help)");
    return 2;
}

static int dispatch(int count, char **words, GError **error)
{
    const OkseCommand *command;
    int used = 0;

    if (count < 1) {
        print_overview();
        okse_fail(error, OKSE_ERROR_INVALID, "no command given");
        return 2;
    }
    if (strcmp(words[0], "--version") == 0) {
        puts("okse " OKSE_VERSION);
        return 0;
    }
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0 || strcmp(words[0], "help") == 0) {
        print_overview();
        return 0;
    }
    command = find_command(count, words, &used);
    if (command != NULL)
        return okse_command_run(command, count - used, words + used, error);
    if (is_topic(words[0]))
        return refuse_topic(words[0], count > 1 ? words[1] : NULL, error);
    return refuse_word(words[0], error);
}

/* A closed descriptor would go to the next file that is opened, and what is said on it into that file. What takes its
 * place refuses to be read or written, as a closed one does. */
static bool standard_descriptors_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

static void process_setup(void)
{
    struct sigaction interrupt = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};
    struct rlimit files;

    setlocale(LC_CTYPE, "");                   /* not LC_ALL: a comma in LC_NUMERIC would break our JSON */
    g_log_writer_default_set_use_stderr(TRUE); /* by default GLib sends debug and info to stdout */
    g_log_set_always_fatal((GLogLevelFlags)(G_LOG_FATAL_MASK | (int)G_LOG_LEVEL_CRITICAL));
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &interrupt, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a component's source takes a descriptor */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    umask(022); /* what is written must not depend on who runs it */
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int status;

    if (!standard_descriptors_hold())
        return 3;
    process_setup();
    status = dispatch(argc - 1, argv + 1, &error);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fputs("okse: standard output could not be written\n", stderr);
        return 3;
    }
    if (error == NULL)
        return status;
    g_autofree char *shown = okse_text_show(error->message, -1, true);
    fprintf(stderr, "okse: %s\n", shown);
    return okse_exit_status(error);
}
