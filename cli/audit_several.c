/* okse audit with several pieces of evidence: a verdict names one target, so each is judged by itself. */
#include "audit/findings.h"
#include "audit/report.h"
#include "cli/audit_parts.h"
#include "cli/options.h"
#include "core/text.h"

#include <string.h>

#define PLACE "{}"

char *okse_audit_short_name(const char *path)
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
        g_autofree char *name = okse_audit_short_name(*one);

        if (!g_hash_table_add(seen, g_steal_pointer(&name)))
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "%s: another --evidence has the same name; their reports would too", *one);
    }
    return true;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is in a directory of evidence; approvals and signatures beside it are none. */
static bool add_directory(GPtrArray *list, const char *path, GError **error)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    if (directory == NULL)
        return false;
    while ((name = g_dir_read_name(directory)) != NULL)
        if (*name != '.' && !g_str_has_suffix(name, ".sigstore.json"))
            g_ptr_array_add(names, g_build_filename(path, name, NULL));
    if (names->len == 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: there is no evidence in this directory", path);
    g_ptr_array_sort(names, compare_names);
    while (names->len > 0)
        g_ptr_array_add(list, g_ptr_array_steal_index(names, 0));
    return true;
}

GStrv okse_audit_evidence_list(char **given, GError **error)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

    for (char **path = given; *path != NULL; path++) {
        if (!g_file_test(*path, G_FILE_TEST_IS_DIR)) {
            g_ptr_array_add(list, g_strdup(*path));
        } else if (!add_directory(list, *path, error)) {
            g_ptr_array_unref(list);
            return NULL;
        }
    }
    g_ptr_array_add(list, NULL);
    return (GStrv)g_ptr_array_free(list, FALSE);
}

bool okse_audit_several_check(char **evidence, char **reports, bool fleet, GError **error)
{
    if (evidence[1] == NULL && !fleet)
        return true;
    for (char **report = reports; report != NULL && *report != NULL; report++)
        if (strstr(*report, PLACE) == NULL)
            return okse_fail(error, OKSE_ERROR_INVALID,
                             "--report %s: with several --evidence its name must have " PLACE
                             ", as in html=report-" PLACE ".html",
                             *report);
    return (reports == NULL && !fleet) || names_differ(evidence, error);
}

bool okse_audit_several_reports(const OkseAuditSeveral *several, const char *path, const json_t *findings,
                                const OkseResources *resources, GError **error)
{
    g_autofree char *name = okse_audit_short_name(path);

    g_autoptr(GPtrArray) requests = g_ptr_array_new_with_free_func(g_free);

    for (char **report = several->reports; report != NULL && *report != NULL; report++) {
        g_auto(GStrv) parts = g_strsplit(*report, PLACE, -1);

        g_ptr_array_add(requests, g_strjoinv(name, parts));
    }
    g_ptr_array_add(requests, NULL);
    return okse_report_write_all(findings, (const char *const *)requests->pdata, resources, error);
}

int okse_audit_worse(int a, int b)
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
        if (findings == NULL || !okse_audit_several_reports(several, *path, findings, resources, error))
            return 3;
        status = okse_audit_worse(status, okse_findings_exit_status(findings));
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
