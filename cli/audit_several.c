/* okse audit with several pieces of evidence: a verdict names one target, so each is judged by itself. */
#include "audit/findings.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "cli/options.h"
#include "core/text.h"

#include <string.h>

#define PLACE "{}"

/* What stands for the evidence in the names of reports: its own name without directory and ending. */
static char *short_name(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    char *dot = strrchr(base, '.');

    if (dot != NULL && dot != base)
        *dot = '\0';
    return g_steal_pointer(&base);
}

static bool names_differ(char **evidence, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (char **one = evidence; *one != NULL; one++) {
        g_autofree char *name = short_name(*one);

        if (!g_hash_table_add(seen, g_steal_pointer(&name)))
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: another --evidence has the same name; their reports would too", *one);
    }
    return true;
}

bool okse_audit_several_check(char **evidence, char **reports, GError **error)
{
    if (evidence[1] == NULL)
        return true;
    for (char **report = reports; report != NULL && *report != NULL; report++)
        if (strstr(*report, PLACE) == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "--report %s: with several --evidence its name must have " PLACE
                             ", as in html=report-" PLACE ".html",
                             *report);
    return reports == NULL || names_differ(evidence, error);
}

static bool write_reports(const OkseAuditSeveral *several, const char *path, const json_t *findings,
                          const OkseResources *resources, GError **error)
{
    g_autofree char *name = short_name(path);

    for (char **report = several->reports; report != NULL && *report != NULL; report++) {
        g_auto(GStrv) parts = g_strsplit(*report, PLACE, -1);
        g_autofree char *request = g_strjoinv(name, parts);

        if (!okse_report_write(findings, request, NULL, resources, error))
            return false;
    }
    return true;
}

/* 1 is worse than 4, which is worse than 0. */
static int worse(int a, int b)
{
    return a == 1 || b == 1 ? 1 : MAX(a, b);
}

static const char *worse_verdict(const char *a, const char *b)
{
    static const char *const worst[] = {"non-compliant", "inconclusive", "compliant"};

    for (unsigned i = 0; i < G_N_ELEMENTS(worst); i++)
        if (strcmp(a, worst[i]) == 0 || strcmp(b, worst[i]) == 0)
            return worst[i];
    return "inconclusive";
}

int okse_audit_several(const OkseAuditSeveral *several, const OkseAuditSource *source, const OkseResources *resources,
                       GError **error)
{
    g_autoptr(json_t) list = json_array(), document = NULL;
    OkseAuditSource one = *source;
    const char *verdict = "compliant";
    int status = 0;

    for (char **path = several->evidence; *path != NULL; path++) {
        g_autoptr(json_t) findings = NULL;
        g_autofree char *shown = okse_text_show(*path, -1, false);

        one.evidence = *path;
        findings = okse_audit_findings(&one, several->law, several->at, resources, error);
        if (findings == NULL || !write_reports(several, *path, findings, resources, error))
            return 3;
        status = worse(status, okse_findings_exit_status(findings));
        verdict = worse_verdict(verdict, json_string_value(json_object_get(findings, "verdict")));
        if (!several->json) {
            okse_print("%s%s\n\n", path != several->evidence ? "\n" : "", shown);
            if (!okse_audit_print(findings, resources, error))
                return 3;
        }
        json_array_append_new(list, json_pack("{s:s,s:O}", "evidence", shown, "findings", findings));
    }
    document = json_pack("{s:s,s:s,s:O}", "schema", "okse.audits.v1", "verdict", verdict, "audits", list);
    if (several->json && !okse_print_json(document, error))
        return 3;
    return status;
}
