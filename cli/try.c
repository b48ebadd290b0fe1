/* okse try: a program is started without a network, and what it tries to reach is written down. */
#include "cli/commands.h"
#include "core/fd.h"
#include "packager/trial.h"

#include <string.h>

#define SECONDS_USUAL 30u
#define SECONDS_MOST 86400u

typedef struct {
    char *seconds;
    char *output;
    gboolean show;
} TryOptions;

static void print_trial(const json_t *trial)
{
    const json_t *attempts = json_object_get(trial, "attempts"), *ended = json_object_get(trial, "ended");
    static const char *const verdicts[] = {[OKSE_TRIAL_CLEAN] = "it tried to reach nothing",
                                           [OKSE_TRIAL_ATTEMPTS] = "it tries to reach what is not there",
                                           [OKSE_TRIAL_INCONCLUSIVE] =
                                               "inconclusive: it was not seen to the end (--show shows what it says)"};

    for (size_t i = 0; i < json_array_size(attempts); i++) {
        const json_t *attempt = json_array_get(attempts, i);
        const char *process = okse_json_peek_text(attempt, "process"), *name = okse_json_peek_text(attempt, "name");

        if (name != NULL)
            okse_print("lookup   %s %s", name, okse_json_peek_text(attempt, "type"));
        else
            okse_print("connect  %s port %" JSON_INTEGER_FORMAT " %s", okse_json_peek_text(attempt, "address"),
                       json_integer_value(json_object_get(attempt, "port")), okse_json_peek_text(attempt, "protocol"));
        okse_print("  %" JSON_INTEGER_FORMAT "x  %s\n", json_integer_value(json_object_get(attempt, "count")),
                   process != NULL ? process : "(unknown program)");
    }
    if (json_object_get(ended, "exit") != NULL)
        okse_print("ended with status %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(ended, "exit")));
    else if (json_object_get(ended, "signal") != NULL)
        okse_print("ended by signal %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(ended, "signal")));
    else
        okse_print("stopped");
    okse_print(" after %.1f s: %s\n", (double)json_integer_value(json_object_get(trial, "duration_ms")) / 1000,
               verdicts[okse_trial_verdict(trial)]);
}

static bool read_seconds(const char *text, unsigned *seconds, GError **error)
{
    guint64 value = SECONDS_USUAL;

    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 1, SECONDS_MOST, &value, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "--seconds: '%s' is no whole number from 1 to %u", text,
                         SECONDS_MOST);
    *seconds = (unsigned)value;
    return true;
}

static bool write_trial(const json_t *trial, const char *path, GError **error)
{
    g_autofree char *text = path == NULL ? NULL : okse_json_write_pretty(trial);
    g_autoptr(GBytes) bytes = text == NULL ? NULL : g_bytes_new(text, strlen(text));

    return bytes == NULL || okse_write_path(path, bytes, error);
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const TryOptions *options = invocation->options;
    char *const *command = invocation->arguments + 1;
    OkseTrialRequest request = {.root = invocation->arguments[0], .show = options->show};
    g_autoptr(json_t) trial = NULL;

    if (strcmp(command[0], "--") == 0) /* GLib leaves it when an option of the program's own follows */
        command++;
    if (command[0] == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "no command behind '--'");
        return 2;
    }
    request.command = command;
    if (!read_seconds(options->seconds, &request.seconds, error))
        return 2;
    trial = okse_trial_run(&request, error);
    if (trial == NULL || !write_trial(trial, options->output, error))
        return 3;
    if (invocation->json) {
        if (!okse_print_json(trial, error))
            return 3;
    } else {
        print_trial(trial);
    }
    switch (okse_trial_verdict(trial)) {
    case OKSE_TRIAL_CLEAN:
        return 0;
    case OKSE_TRIAL_ATTEMPTS:
        return 1;
    case OKSE_TRIAL_INCONCLUSIVE:
        break;
    }
    return 4;
}

static const OkseOption options[] = {
    {OKSE_OPTION_TEXT, "seconds", 0, "N", "end it after so many seconds; default 30", offsetof(TryOptions, seconds)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write the record (okse.trial.v1) here", offsetof(TryOptions, output)},
    {OKSE_OPTION_FLAG, "show", 0, NULL, "what the program prints goes to stderr", offsetof(TryOptions, show)},
    {0},
};

const OkseCommand okse_command_try = {
    .name = "try",
    .arguments = "DIRECTORY -- COMMAND [ARGUMENT…]",
    .minimum = 2,
    .maximum = G_MAXUINT,
    .summary = "Start a program without a network and write down what it tries to reach.",
    .details = "DIRECTORY is the root file system that the program runs in, for example an unpacked\n"
               "image; nothing in it is changed. Every name it looks up and every address it tries\n"
               "is seen; none is reached. Exit status: 0 it ran and tried nothing, 1 it tried, 4 it\n"
               "failed before that could be said. The record: docs/try.md.",
    .options = options,
    .options_size = sizeof(TryOptions),
    .run = run,
};
