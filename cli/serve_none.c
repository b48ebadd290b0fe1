/* okse serve where it was built without libmicrohttpd. */
#include "cli/commands.h"

static int run(const OkseInvocation *invocation, GError **error)
{
    (void)invocation;
    okse_fail(error, OKSE_ERROR_SYSTEM, "this okse was built without libmicrohttpd and cannot serve");
    return 3;
}

const OkseCommand okse_command_serve = {
    .name = "serve",
    .arguments = "BUNDLE",
    .maximum = 1,
    .summary = "Be a read-only OCI registry that has what is in a bundle.",
    .details = "Built without libmicrohttpd: not available here.",
    .run = run,
};
