/* okse status: what is in service, and is it what was installed? */
#include "cli/commands.h"
#include "core/text.h"
#include "packager/install.h"

#include <string.h>

#define DEFAULT_ROOT "/srv/okse"
#define SHOWN 20u /* of a long list; --json has all */

typedef struct {
    char *root;
} StatusOptions;

static const OkseOption status_options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "the install (default: " DEFAULT_ROOT ")", offsetof(StatusOptions, root)},
    {0},
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = okse_json_peek_text(object, key);

    return text != NULL ? text : "(unknown)";
}

static void print_signatures(const json_t *signatures)
{
    for (size_t i = 0; i < json_array_size(signatures); i++) {
        const json_t *item = json_array_get(signatures, i);

        if (strcmp(text_of(item, "status"), "valid") == 0) {
            g_autofree char *signer = okse_text_show(text_of(item, "signer"), -1, false);

            okse_print("  signed:     %s (%s), as recorded at install\n", signer, text_of(item, "role"));
        }
    }
}

/* What the system said, which may hold names of any bytes. */
static void print_fault(const char *of, const char *fault)
{
    g_autofree char *shown = okse_text_show(fault, -1, false);

    okse_print("  %s    %s\n", of, shown);
}

static void print_drift(const json_t *installed)
{
    const json_t *drift = json_object_get(installed, "drift"), *unreadable = json_object_get(installed, "unreadable");
    const char *fault = okse_json_peek_text(installed, "fault");
    size_t count = json_array_size(drift), blind = json_array_size(unreadable);

    if (fault != NULL)
        print_fault("records:", fault);
    if (count == 0)
        okse_print("  drift:      %s\n", json_is_true(json_object_get(installed, "complete"))
                                             ? "none"
                                             : "none seen, but not everything could be read");
    else
        okse_print("  drift:      %zu\n", count);
    for (size_t i = 0; i < MIN(count, SHOWN); i++) {
        const json_t *item = json_array_get(drift, i);
        g_autofree char *path = okse_text_show(text_of(item, "path"), -1, false);
        const char *component = text_of(item, "component");

        okse_print("    %-8s %s%s%s\n", text_of(item, "status"), component, *component != '\0' ? "/" : "", path);
    }
    if (count > SHOWN)
        okse_print("    … and %zu more (--json has all)\n", count - SHOWN);
    for (size_t i = 0; i < MIN(blind, SHOWN); i++) {
        g_autofree char *path = okse_text_show(json_string_value(json_array_get(unreadable, i)), -1, false);

        okse_print("    unread   %s\n", path);
    }
}

static void print_generations(const json_t *generations)
{
    okse_print("generations:\n");
    for (size_t i = 0; i < json_array_size(generations); i++) {
        const json_t *item = json_array_get(generations, i);
        bool present = json_is_true(json_object_get(item, "present"));

        okse_print("  %s %s  %s %s  installed %s%s\n", json_is_true(json_object_get(item, "current")) ? "*" : " ",
                   text_of(item, "generation"), text_of(item, "name"), text_of(item, "version"),
                   text_of(item, "installed_at"), present ? "" : "  (its directory is gone)");
    }
}

static void print_status(const json_t *status)
{
    const json_t *installed = json_object_get(status, "installed");
    const json_t *config = json_object_get(status, "config"), *agrees = json_object_get(config, "agrees");
    g_autofree char *root = okse_text_show(text_of(status, "root"), -1, false);

    okse_print("%s: %s %s, generation %s\n", root, text_of(installed, "name"), text_of(installed, "version"),
               text_of(installed, "generation"));
    okse_print("  identity:   %s\n", text_of(installed, "identity"));
    okse_print("  installed:  %s\n", text_of(status, "installed_at"));
    print_signatures(json_object_get(status, "signatures"));
    if (!json_is_true(json_object_get(status, "known")))
        okse_print("  state.json: does not know this generation (install the bundle again)\n");
    print_drift(installed);
    if (!json_is_boolean(agrees))
        print_fault("config: ", text_of(config, "fault"));
    else
        okse_print("  config:     %s\n",
                   json_is_true(agrees) ? "follows this generation (changes: git -C ROOT/config diff)"
                                        : "does not follow this generation (okse install of the same bundle mends it)");
    print_generations(json_object_get(status, "generations"));
}

static int status_run(const OkseInvocation *invocation, GError **error)
{
    const StatusOptions *options = invocation->options;
    g_autoptr(OkseProgress) progress = okse_progress_new("comparing", 0);
    const OkseStatusTerms terms = {.progress = progress};
    g_autoptr(json_t) status = okse_status(options->root != NULL ? options->root : DEFAULT_ROOT, &terms, error);

    g_clear_pointer(&progress, okse_progress_free);
    if (status == NULL)
        return 3;
    if (invocation->json && !okse_print_json(status, error))
        return 3;
    if (!invocation->json)
        print_status(status);
    if (json_is_true(json_object_get(status, "clean")))
        return json_is_boolean(json_object_get(json_object_get(status, "config"), "agrees")) ? 0 : 4;
    /* Drift that was seen is an answer; without any, what could not be read leaves the question open. */
    return json_array_size(json_object_get(json_object_get(status, "installed"), "drift")) > 0 ? 1 : 4;
}

const OkseCommand okse_command_status = {
    .name = "status",
    .summary = "Show what is in service and whether it still is what was installed.",
    .details = "Exit status: 0 as installed, 1 drift, 4 no drift seen but not everything could be compared.",
    .options = status_options,
    .options_size = sizeof(StatusOptions),
    .run = status_run,
};
