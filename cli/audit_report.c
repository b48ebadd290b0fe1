/* Reports of an audit, and the short verdict on the terminal. */
#include "cli/audit_parts.h"
#include "cli/options.h"
#include "core/fd.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

bool okse_audit_report(const json_t *findings, const char *request, const char *manifests, GError **error)
{
    const char *equals = strchr(request, '=');
    g_autoptr(GBytes) bytes = NULL;
    char *text;

    (void)manifests;
    if (equals == NULL || equals == request || equals[1] == '\0')
        return okse_fail(error, OKSE_ERROR_INVALID, "--report: '%s' is not FORMAT=FILE", request);
    if (!g_str_has_prefix(request, "json="))
        return okse_fail(error, OKSE_ERROR_INVALID, "--report: unknown format '%.*s'", (int)(equals - request),
                         request);
    text = okse_json_write_pretty(findings);
    bytes = g_bytes_new_take(text, strlen(text));
    return okse_write_path(equals + 1, bytes, error);
}

static void print_finding(const json_t *finding)
{
    const json_t *evidence;
    size_t i;

    okse_print("\n%s  %s  %s %s\n", okse_json_peek_text(finding, "status"), okse_json_peek_text(finding, "control"),
               okse_json_peek_text(finding, "provision"), okse_json_peek_text(finding, "severity"));
    if (okse_json_peek_text(json_object_get(finding, "reason"), "en") != NULL)
        okse_print("  %s\n", okse_json_peek_text(json_object_get(finding, "reason"), "en"));
    json_array_foreach(json_object_get(finding, "evidence"), i, evidence)
    {
        const char *file = okse_json_peek_text(evidence, "file");
        g_autofree char *line = okse_text_show(okse_json_peek_text(evidence, "message"), -1, false);
        g_autofree char *place = okse_text_show(file != NULL ? file : "-", -1, false);

        okse_print("  %s:%" JSON_INTEGER_FORMAT "  %s\n", place, json_integer_value(json_object_get(evidence, "line")),
                   line);
    }
}

bool okse_audit_print(const json_t *findings, const char *manifests, GError **error)
{
    const json_t *finding;
    size_t i;

    (void)manifests;
    (void)error;
    okse_print("%s\n", okse_json_peek_text(findings, "verdict"));
    json_array_foreach(json_object_get(findings, "findings"), i, finding)
    {
        const char *status = okse_json_peek_text(finding, "status");

        if (strcmp(status, "fail") == 0 || strcmp(status, "inconclusive") == 0)
            print_finding(finding);
    }
    return true;
}
