/* The short report of an audit on the terminal. */
#include "audit/report.h"
#include "cli/audit_parts.h"

#include <stdio.h>
#include <unistd.h>

/* Source: no-color.org. */
static bool wants_colour(void)
{
    const char *refused = g_getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) == 1 && (refused == NULL || *refused == '\0');
}

bool okse_audit_print(const json_t *findings, const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) text = wants_colour() ? okse_report_terminal(findings, NULL, resources, error)
                                            : okse_report_render(findings, "text", NULL, resources, error);
    gsize length;
    const char *data;

    if (text == NULL)
        return false;
    data = g_bytes_get_data(text, &length);
    if (fwrite(data, 1, length, stdout) != length || fflush(stdout) != 0)
        return okse_fail_errno(error, "write to standard output");
    return true;
}
