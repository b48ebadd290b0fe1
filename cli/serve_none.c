/* okse serve where it was built without libmicrohttpd. */
#include "cli/commands.h"
#include "cli/serve_options.h"

static int run(const OkseInvocation *invocation, GError **error)
{
    (void)invocation;
    okse_fail(error, OKSE_ERROR_SYSTEM,
              "this okse was built without libmicrohttpd and cannot serve (build it where libmicrohttpd-dev is)");
    return 3;
}

const OkseCommand okse_command_serve = {
    .name = "serve",
    .arguments = "BUNDLE",
    .minimum = 1,
    .maximum = 1,
    .summary = SERVE_SUMMARY,
    .details = "Built without libmicrohttpd: not available here.",
    .options = serve_options,
    .options_size = sizeof(ServeOptions),
    .run = run,
};
