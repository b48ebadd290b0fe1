/* From the table to GOption and back. GLib keeps the last of a repeated option silently, so single values are parsed
 * as arrays and a second one is refused; a text is taken as bytes and checked here, because GLib refuses non-ASCII
 * texts in the C locale. */
#include "cli/options.h"

#include "core/json_append.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    char **values; /* TEXT, PATH, LIST */
    int flags;     /* FLAG */
} Parsed;

static unsigned options_count(const OkseCommand *command)
{
    unsigned count = 0;

    while (command->options != NULL && command->options[count].kind != OKSE_OPTION_END)
        count++;
    return count;
}

static GOptionEntry entry_for(const OkseOption *option, Parsed *parsed)
{
    GOptionEntry entry = {.long_name = option->name,
                          .short_name = option->letter,
                          .description = option->help,
                          .arg_description = option->value};

    if (option->kind == OKSE_OPTION_FLAG) {
        entry.arg = G_OPTION_ARG_NONE;
        entry.arg_data = &parsed->flags;
    } else {
        entry.arg = G_OPTION_ARG_FILENAME_ARRAY;
        entry.arg_data = &parsed->values;
    }
    return entry;
}

static bool store(const OkseOption *option, Parsed *parsed, void *options, GError **error)
{
    void *field = (char *)options + option->offset;

    if (option->kind == OKSE_OPTION_FLAG) {
        *(gboolean *)field = parsed->flags;
        return true;
    }
    if (option->kind == OKSE_OPTION_LIST) {
        *(char ***)field = g_steal_pointer(&parsed->values);
        return true;
    }
    if (parsed->values == NULL)
        return true;
    if (parsed->values[1] != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "option --%s is given twice", option->name);
    if (option->kind == OKSE_OPTION_TEXT && !g_utf8_validate(parsed->values[0], -1, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "option --%s: the value is not UTF-8", option->name);
    *(char **)field = g_strdup(parsed->values[0]);
    return true;
}

static void options_clear(const OkseCommand *command, void *options)
{
    for (unsigned i = 0; i < options_count(command); i++) {
        void *field = (char *)options + command->options[i].offset;

        if (command->options[i].kind == OKSE_OPTION_LIST)
            g_strfreev(*(char ***)field);
        else if (command->options[i].kind != OKSE_OPTION_FLAG)
            g_free(*(char **)field);
    }
}

static GOptionContext *context_for(const OkseCommand *command, const GOptionEntry *entries)
{
    g_autofree char *usage = g_strdup_printf("%s%s%s", command->name, command->arguments != NULL ? " " : "",
                                             command->arguments != NULL ? command->arguments : "");
    GOptionContext *context = g_option_context_new(usage);

    g_option_context_set_summary(context, command->summary);
    if (command->details != NULL)
        g_option_context_set_description(context, command->details);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    return context;
}

/* GOption's usage line repeats the program's name and puts the options in the wrong place; ours is the command's. */
static void print_help(const OkseCommand *command, GOptionContext *context)
{
    g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
    const char *body = strstr(help, "\n\n");

    printf("Usage: okse %s [OPTION…]%s%s%s", command->name, command->arguments != NULL ? " " : "",
           command->arguments != NULL ? command->arguments : "", body != NULL ? body : "\n");
}

static bool arguments_check(const OkseCommand *command, unsigned count, GError **error)
{
    if (count >= command->minimum && count <= command->maximum)
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "usage: okse %s [OPTION…] %s (see okse %s --help)", command->name,
                     command->arguments != NULL ? command->arguments : "", command->name);
}

static bool parse(const OkseCommand *command, GOptionContext *context, int *count, char ***words, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (g_option_context_parse(context, count, words, &cause))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "%s (see okse %s --help)", cause->message, command->name);
}

static int run_parsed(const OkseCommand *command, OkseInvocation *invocation, Parsed *parsed, GError **error)
{
    for (unsigned i = 0; i < options_count(command); i++)
        if (!store(&command->options[i], &parsed[i], invocation->options, error))
            return 2;
    if (!arguments_check(command, invocation->count, error))
        return 2;
    if (invocation->policy != NULL && invocation->manifests != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  "--policy and --manifests exclude each other: the law comes from one place, not from two");
        return 2;
    }
    return command->run(invocation, error);
}

int okse_command_run(const OkseCommand *command, int count, char **words, GError **error)
{
    unsigned options = options_count(command);
    g_autofree Parsed *parsed = g_new0(Parsed, options + 1);
    g_autofree GOptionEntry *entries = g_new0(GOptionEntry, options + 5);
    g_autofree char **copy = g_new0(char *, (gsize)count + 2);
    g_autofree void *values = g_malloc0(command->options_size + 1);
    g_autoptr(GOptionContext) context = NULL;
    gboolean help = FALSE, json = FALSE;
    g_autofree char *manifests = NULL, *policy = NULL;
    char **left = copy;
    OkseInvocation invocation = {.options = values};
    int status = 2;

    copy[0] = (char *)(uintptr_t) "okse"; /* GOption does not write to it */
    for (int i = 0; i < count; i++)
        copy[i + 1] = words[i];
    count++;
    for (unsigned i = 0; i < options; i++)
        entries[i] = entry_for(&command->options[i], &parsed[i]);
    entries[options] =
        (GOptionEntry){"json", 0, 0, G_OPTION_ARG_NONE, &json, "print one JSON document on stdout", NULL};
    entries[options + 1] = (GOptionEntry){
        "manifests", 0, 0, G_OPTION_ARG_FILENAME, &manifests, "use this directory instead of the built-in data", "DIR"};
    if (command->takes_policy)
        entries[options + 2] = (GOptionEntry){
            "policy", 0, 0, G_OPTION_ARG_FILENAME, &policy, "use the law of the policy pack that is installed there",
            "ROOT"};
    entries[options + 2 + command->takes_policy] =
        (GOptionEntry){"help", 'h', 0, G_OPTION_ARG_NONE, &help, "show this help", NULL};
    context = context_for(command, entries);
    if (parse(command, context, &count, &left, error)) {
        invocation.arguments = left + 1;
        invocation.count = (unsigned)count - 1;
        if (invocation.count > 0 && strcmp(left[1], "--") == 0) {
            invocation.arguments++;
            invocation.count--;
        }
        invocation.json = json;
        invocation.manifests = manifests;
        invocation.policy = policy;
        if (help) {
            print_help(command, context);
            status = 0;
        } else {
            status = run_parsed(command, &invocation, parsed, error);
        }
    }
    options_clear(command, values);
    for (unsigned i = 0; i < options; i++)
        g_strfreev(parsed[i].values);
    return status;
}

bool okse_print_json(const json_t *value, GError **error)
{
    /* not as one text: what was collected of a cluster has a hundred megabytes */
    bool written = okse_json_print(stdout, value) && putchar('\n') != EOF && fflush(stdout) == 0;

    return written ? true : okse_fail_errno(error, "write to standard output");
}

void okse_print(const char *format, ...)
{
    g_autofree char *text = NULL, *shown = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    shown = okse_text_show(text, -1, true); /* names and texts in it may be a stranger's */
    fputs(shown, stdout);
}

void okse_note(const char *format, ...)
{
    g_autofree char *text = NULL, *shown = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    shown = okse_text_show(text, -1, true);
    fprintf(stderr, "%s\n", shown);
}
