/* okse try: a program is started without a network, and what it tries to reach is written down. */
#include "cli/commands.h"
#include "cli/try_image.h"
#include "core/fd.h"
#include "packager/trial.h"

#include <string.h>

#define SECONDS_USUAL 30u
#define SECONDS_MOST 86400u

typedef struct {
    char *seconds;
    char *output, *component;
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

static int tell(const OkseInvocation *invocation, const json_t *trial, GError **error)
{
    const TryOptions *options = invocation->options;

    if (!write_trial(trial, options->output, error))
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

/* A directory is a root file system; a file is a bundle. */
static bool prepare(const char *path, const TryOptions *options, OkseTryImage *image, OkseTrialRequest *request,
                    GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        request->root = path;
        return (options->component == NULL ||
                okse_fail(error, OKSE_ERROR_INVALID, "--component belongs to a bundle, not to a directory")) &&
               (request->command[0] != NULL ||
                okse_fail(error, OKSE_ERROR_INVALID, "what to start? DIRECTORY -- COMMAND"));
    }
    if (!okse_try_image_open(path, options->component, image, error))
        return false;
    request->root = image->root;
    request->environment = image->environment;
    request->directory = image->directory;
    request->subject = image->subject;
    if (request->command[0] == NULL)
        request->command = image->command;
    return request->command[0] != NULL ||
           okse_fail(error, OKSE_ERROR_INVALID, "the image names no command: BUNDLE -- COMMAND");
}

static int run(const OkseInvocation *invocation, GError **error)
{
    const TryOptions *options = invocation->options;
    char *const *command = invocation->arguments + 1;
    OkseTrialRequest request = {.show = options->show};
    g_auto(OkseTryImage) image = {0};
    g_autoptr(json_t) trial = NULL;

    if (command[0] != NULL &&
        strcmp(command[0], "--") == 0) /* GLib leaves it when an option of the program's own follows */
        command++;
    request.command = command;
    if (!read_seconds(options->seconds, &request.seconds, error) ||
        !prepare(invocation->arguments[0], options, &image, &request, error))
        return 2;
    trial = okse_trial_run(&request, error);
    return trial == NULL ? 3 : tell(invocation, trial, error);
}

static const OkseOption options[] = {
    {OKSE_OPTION_TEXT, "seconds", 0, "N", "end it after so many seconds; default 30", offsetof(TryOptions, seconds)},
    {OKSE_OPTION_TEXT, "component", 0, "NAME", "which image of the bundle", offsetof(TryOptions, component)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write the record (okse.trial.v1) here", offsetof(TryOptions, output)},
    {OKSE_OPTION_FLAG, "show", 0, NULL, "what the program prints goes to stderr", offsetof(TryOptions, show)},
    {0},
};

const OkseCommand okse_command_try = {
    .name = "try",
    .arguments = "BUNDLE|DIRECTORY [-- COMMAND [ARGUMENT…]]",
    .minimum = 1,
    .maximum = G_MAXUINT,
    .summary = "Start a program without a network and write down what it tries to reach.",
    .details = "An image of BUNDLE is unpacked and its own entry point is started; DIRECTORY is a root file system\n"
               "that stays as it is. Every name it looks up and every address it tries is seen; none is reached.\n"
               "Exit status: 0 it ran and tried nothing, 1 it tried, 4 it failed before that could be said.\n"
               "Put the record among the papers of the next build: docs/try.md.",
    .options = options,
    .options_size = sizeof(TryOptions),
    .run = run,
};
