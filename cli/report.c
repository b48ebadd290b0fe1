#include "cli/commands.h"

#include "audit/fleet.h"
#include "audit/report.h"
#include "audit/report_pdf.h"
#include "audit/report_pdf_sign.h"
#include "audit/report_redaction.h"
#include "cli/edge.h"
#include "cli/signing_key.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/limits.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *format;
    char *output;
    char *language;
    char *redact, *redact_key;
    char *baseline;
    char *paper, *key, *certificate, *passphrase_fd;
} ReportOptions;

/* A terminal gets colours, unless the user said no. Source: no-color.org. */
static bool wants_colour(const ReportOptions *options)
{
    const char *refused = g_getenv("NO_COLOR");

    return options->output == NULL && isatty(STDOUT_FILENO) == 1 && (refused == NULL || *refused == '\0');
}

/* --paper, and a signature inside the file by --key. */
static GBytes *render_pdf(const json_t *findings, const ReportOptions *options, const OkseResources *resources,
                          GError **error)
{
    OksePdfOptions wanted = {.language = options->language};
    g_auto(OkseSigningKey) signer = {NULL, NULL};
    g_autoptr(GBytes) report = NULL;
    gint64 signed_at;

    if (options->paper != NULL && !okse_paper_parse(options->paper, &wanted.paper, error))
        return NULL;
    if (options->key == NULL)
        return okse_report_pdf_make(findings, &wanted, resources, error);
    if (!okse_edge_signing_time(&signed_at, error) ||
        !okse_signing_key_open(options->key, options->certificate, options->passphrase_fd, &signer, error))
        return NULL;
    wanted.signed_at = &signed_at;
    report = okse_report_pdf_make(findings, &wanted, resources, error);
    return report != NULL ? okse_pdf_sign(report, signer.key, signer.chain, error) : NULL;
}

static bool print_bytes(GBytes *bytes, GError **error)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    if (fwrite(data, 1, length, stdout) != length || fflush(stdout) != 0)
        return okse_fail_errno(error, "write to standard output");
    return true;
}

/* The findings as they may be shown: replaced when --redact asks for it. */
static bool redact(const ReportOptions *options, json_t **findings, const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) key = NULL;
    json_t *redacted;

    if (options->redact == NULL || strcmp(options->redact, "full") == 0)
        return true;
    key = okse_read_path(options->redact_key, OKSE_REDACTION_KEY_MOST, error);
    redacted = key != NULL ? okse_findings_redacted(*findings, options->redact, key, resources, error) : NULL;
    if (redacted == NULL)
        return false;
    json_decref(*findings);
    *findings = redacted;
    return true;
}

static const char *hostname_of(const json_t *findings)
{
    return okse_json_peek_text(json_object_get(findings, "target"), "hostname");
}

/* What is hidden now is hidden of what was then. */
static GBytes *render_since(const json_t *findings, const ReportOptions *options, const char *format,
                            const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_read_path(options->baseline, OKSE_LIMIT_EVIDENCE, error);
    g_autoptr(json_t) older = bytes != NULL ? okse_findings_read(bytes, options->baseline, error) : NULL;

    if (older == NULL || !redact(options, &older, resources, error))
        return NULL;
    if (g_strcmp0(hostname_of(findings), hostname_of(older)) != 0)
        okse_note("%s: the baseline is of another target: what is \"unchanged\" may be new here", options->baseline);
    return okse_report_render_since(findings, older, format, error);
}

static GBytes *render(const json_t *findings, const ReportOptions *options, const char *format,
                      const OkseResources *resources, GError **error)
{
    if (options->baseline != NULL)
        return render_since(findings, options, format, resources, error);
    if (g_strcmp0(format, "text") == 0 && wants_colour(options))
        return okse_report_terminal(findings, options->language, resources, error);
    if (g_strcmp0(format, "pdf") == 0)
        return render_pdf(findings, options, resources, error);
    return okse_report_render(findings, format, options->language, resources, error);
}

static bool options_check(const ReportOptions *options, GError **error)
{
    bool hides = options->redact != NULL && strcmp(options->redact, "full") != 0;

    if (hides == (options->redact_key != NULL))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID,
                     hides ? "--redact needs --redact-key FILE, under which names are hashed: make one by "
                             "'openssl rand -out redaction.key 32' and keep it"
                           : "--redact-key belongs to --redact regulator or --redact public");
}

/* What says of itself that it is a fleet is read as one, strictly. */
static bool is_fleet(GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    g_autoptr(json_t) document = json_loadb(data, length, 0, NULL);

    return document != NULL && okse_fleet_is(document);
}

static int render_fleet(const OkseInvocation *invocation, GBytes *bytes, const char *format,
                        const OkseResources *resources, GError **error)
{
    const ReportOptions *options = invocation->options;
    g_autoptr(json_t) fleet = okse_fleet_read(bytes, invocation->arguments[0], error);
    g_autoptr(GBytes) report = NULL;

    if (fleet != NULL && options->redact_key != NULL)
        okse_fail(error, OKSE_ERROR_INVALID,
                  "a fleet is not redacted: it names its hosts; redact the findings of each (okse audit --report "
                  "json=DIR/{}.json)");
    else if (fleet != NULL && options->baseline != NULL)
        okse_fail(error, OKSE_ERROR_INVALID, "--baseline compares the findings of one target, not fleets");
    else if (fleet != NULL)
        report = okse_fleet_render(fleet, format, options->language, resources, error);
    if (report == NULL)
        return 2;
    if (options->output == NULL)
        return print_bytes(report, error) ? 0 : 3;
    return okse_write_path(options->output, report, error) ? 0 : 3;
}

/* What only a PDF has. */
static bool pdf_options_check(const ReportOptions *options, const char *format, GError **error)
{
    bool pdf = strcmp(format, "pdf") == 0;

    if (!pdf && (options->paper != NULL || options->key != NULL || options->certificate != NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s belongs to --format pdf (okse sign --cms signs any file)",
                         options->paper != NULL ? "--paper"
                         : options->key != NULL ? "--key"
                                                : "--cert");
    if ((options->key == NULL) != (options->certificate == NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "a signature inside a PDF needs both --key URI and --cert PEM");
    if (options->passphrase_fd != NULL && options->key == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "--passphrase-fd belongs to --key");
    if (pdf && options->output == NULL && isatty(STDOUT_FILENO) == 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "a PDF is no text for a terminal: give it a file with -o");
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
    if (!options_check(options, error) || !pdf_options_check(options, format, error))
        return 2;
    bytes = okse_read_path(path, OKSE_LIMIT_EVIDENCE, error);
    if (bytes != NULL && is_fleet(bytes))
        return render_fleet(invocation, bytes, format, resources, error);
    findings = bytes != NULL ? okse_findings_read(bytes, path, error) : NULL;
    if (findings == NULL || !redact(options, &findings, resources, error))
        return 2;
    report = render(findings, options, format, resources, error);
    if (report == NULL)
        return okse_exit_status(*error);
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
    {OKSE_OPTION_TEXT, "redact", 0, "LEVEL", "what may leave the country: full, regulator or public (default: full)",
     offsetof(ReportOptions, redact)},
    {OKSE_OPTION_PATH, "redact-key", 0, "FILE", "with --redact: the secret under which names are hashed",
     offsetof(ReportOptions, redact_key)},
    {OKSE_OPTION_PATH, "baseline", 0, "FILE", "older findings: say in SARIF what is new, unchanged or updated",
     offsetof(ReportOptions, baseline)},
    {OKSE_OPTION_TEXT, "paper", 0, "SIZE", "of a PDF: a4 (default) or letter", offsetof(ReportOptions, paper)},
    {OKSE_OPTION_PATH, "key", 'k', "URI", "sign inside the PDF: a PEM or PKCS#12 file, or a pkcs11: URI",
     offsetof(ReportOptions, key)},
    {OKSE_OPTION_PATH, "cert", 0, "PEM", "certificate chain of the key, its own first",
     offsetof(ReportOptions, certificate)},
    {OKSE_OPTION_TEXT, "passphrase-fd", 0, "N", "read the key's passphrase or PIN there",
     offsetof(ReportOptions, passphrase_fd)},
    {0},
};

const OkseCommand okse_command_report = {
    .name = "report",
    .arguments = "FINDINGS",
    .minimum = 1,
    .maximum = 1,
    .summary = "Render a findings document for people or machines.",
    .details = "Formats: text (default), json, html, pdf, markdown, csv, junit, xccdf, sarif,\n"
               "sarif-full, oscal, poam, in-toto, prometheus, checklist.\n\n"
               "FINDINGS is what `okse audit --json` or --report json=FILE wrote. A report is a\n"
               "function of that document alone: the same findings give the same bytes. The\n"
               "exit status says whether the report was made, not what its verdict is.",
    .options = report_options,
    .options_size = sizeof(ReportOptions),
    .run = report_run,
};
