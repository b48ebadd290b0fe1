#include "cli/commands.h"

#include "audit/report.h"
#include "core/fd.h"
#include "core/limits.h"

#include <unistd.h>

static json_t *read_findings(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);

    return bytes == NULL ? NULL : okse_findings_read(bytes, path, error);
}

static int report_diff_run(const OkseInvocation *invocation, GError **error)
{
    g_autoptr(json_t) old = read_findings(invocation->arguments[0], error);
    g_autoptr(json_t) new = old != NULL ? read_findings(invocation->arguments[1], error) : NULL;
    g_autoptr(json_t) diff = new != NULL ? okse_report_diff(old, new) : NULL;

    if (diff == NULL)
        return 2;
    if (invocation->json) {
        if (!okse_print_json(diff, error))
            return 3;
    } else {
        g_autofree char *text = okse_report_diff_text(diff, isatty(STDOUT_FILENO) == 1 && g_getenv("NO_COLOR") == NULL);

        okse_print("%s", text);
    }
    return okse_report_diff_regressed(diff) ? 1 : okse_report_diff_lost_sight(diff) ? 4 : 0;
}

const OkseCommand okse_command_report_diff = {
    .name = "report diff",
    .arguments = "OLD NEW",
    .minimum = 2,
    .maximum = 2,
    .summary = "Compare two findings documents: new, worse, better, fixed, gone.",
    .details = "Findings are compared by their id. Exit status 1 when something is new or worse,\n"
               "so that a pipeline can stop at new faults only; else 4 when something that was\n"
               "open is not asked or cannot be decided any more. A check that is no longer made\n"
               "is \"gone\", not \"fixed\".",
    .run = report_diff_run,
};
