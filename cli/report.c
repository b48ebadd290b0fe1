#include "cli/commands.h"

#include "audit/report.h"
#include "core/fd.h"
#include "core/limits.h"

#include <stdio.h>
#include <unistd.h>

typedef struct {
    char *format;
    char *output;
    char *language;
} ReportOptions;

/* A terminal gets colours, unless the user said no. Source: no-color.org. */
static bool wants_colour(const ReportOptions *options)
{
    const char *refused = g_getenv("NO_COLOR");

    return options->output == NULL && isatty(STDOUT_FILENO) == 1 && (refused == NULL || *refused == '\0');
}

static GBytes *render(const json_t *findings, const ReportOptions *options, const char *format,
                      const OkseResources *resources, GError **error)
{
    if (g_strcmp0(format, "text") == 0 && wants_colour(options))
        return okse_report_terminal(findings, options->language, resources, error);
    return okse_report_render(findings, format, options->language, resources, error);
}

static bool print_bytes(GBytes *bytes, GError **error)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    if (fwrite(data, 1, length, stdout) != length || fflush(stdout) != 0)
        return okse_fail_errno(error, "write to standard output");
    return true;
}

static int report_run(const OkseInvocation *invocation, GError **error)
{
    const ReportOptions *options = invocation->options;
    const char *path = invocation->arguments[0];
    const char *format = options->format != NULL ? options->format : invocation->json ? "json" : "text";
    g_autoptr(OkseResources) resources = okse_resources_open(invocation->manifests, error);
    g_autoptr(GBytes) bytes = NULL, report = NULL;
    g_autoptr(json_t) findings = NULL;

    if (resources == NULL)
        return 3;
    if (invocation->json && g_strcmp0(format, "json") != 0 && options->output == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "--json prints one JSON document; give --format %s a file with -o",
                  format);
        return 2;
    }
    bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);
    findings = bytes != NULL ? okse_findings_read(bytes, path, error) : NULL;
    report = findings != NULL ? render(findings, options, format, resources, error) : NULL;
    if (report == NULL)
        return 2;
    if (options->output == NULL)
        return print_bytes(report, error) ? 0 : 3;
    if (!okse_write_path(options->output, report, error))
        return 3;
    if (invocation->json)
        return okse_print_json(findings, error) ? 0 : 3;
    return 0;
}

static const OkseOption report_options[] = {
    {OKSE_OPTION_TEXT, "format", 'f', "FORMAT", "one of the formats below", offsetof(ReportOptions, format)},
    {OKSE_OPTION_PATH, "output", 'o', "FILE", "write here, not to standard output", offsetof(ReportOptions, output)},
    {OKSE_OPTION_TEXT, "language", 'l', "LANG", "language that comes first (en, vi, …)",
     offsetof(ReportOptions, language)},
    {0},
};

const OkseCommand okse_command_report = {
    .name = "report",
    .arguments = "FINDINGS",
    .minimum = 1,
    .maximum = 1,
    .summary = "Render a findings document for people or machines.",
    .details = "Formats: text (default), json, html, markdown, csv, junit, xccdf, sarif,\n"
               "sarif-full, oscal, prometheus, checklist.\n\n"
               "FINDINGS is what `okse audit --json` or --report json=FILE wrote. A report is a\n"
               "function of that document alone: the same findings give the same bytes. The\n"
               "exit status says whether the report was made, not what its verdict is.",
    .options = report_options,
    .options_size = sizeof(ReportOptions),
    .run = report_run,
};
