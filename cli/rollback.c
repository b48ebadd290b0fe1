/* okse rollback: put an installed generation back in service. */
#include "cli/commands.h"
#include "cli/edge.h"
#include "core/text.h"
#include "packager/install.h"

#include <string.h>

#define DEFAULT_ROOT "/srv/okse"

typedef struct {
    char *root, *to;
} RollbackOptions;

static const OkseOption rollback_options[] = {
    {OKSE_OPTION_PATH, "root", 0, "DIR", "the install (default: " DEFAULT_ROOT ")", offsetof(RollbackOptions, root)},
    {OKSE_OPTION_TEXT, "to", 0, "GENERATION", "this generation (default: the one in service before)",
     offsetof(RollbackOptions, to)},
    {0},
};

static int rollback_run(const OkseInvocation *invocation, GError **error)
{
    const RollbackOptions *options = invocation->options;
    OkseRollback rollback = {.root = options->root != NULL ? options->root : DEFAULT_ROOT, .to = options->to};
    g_autoptr(OkseProgress) progress = okse_progress_new("checking", 0);
    g_autofree char *from = NULL, *current = NULL;
    const char *clock;

    rollback.progress = progress;
    if (!okse_edge_verification_time(NULL, &rollback.now, &clock, error) ||
        !okse_rollback(&rollback, &from, &current, error))
        return 3;
    g_clear_pointer(&progress, okse_progress_free);
    if (invocation->json) {
        g_autoptr(json_t) document = json_pack("{s:s, s:s, s:s, s:b}", "schema", "okse.rollback.v1", "from", from,
                                               "generation", current, "already", strcmp(from, current) == 0);

        return okse_print_json(document, error) ? 0 : 3;
    }
    if (strcmp(from, current) == 0)
        okse_print("generation %s is in service already\n", current);
    else
        okse_print("generation %s is in service again (before: %s)\n", current, from);
    return 0;
}

const OkseCommand okse_command_rollback = {
    .name = "rollback",
    .summary = "Put an installed generation back in service.",
    .details =
        "The generation is compared with its records first; a damaged one is refused. The highest sequence that\n"
        "was installed stays remembered.",
    .options = rollback_options,
    .options_size = sizeof(RollbackOptions),
    .run = rollback_run,
};
