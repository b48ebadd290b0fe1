#include "audit/report_check_verdict.h"

#include "audit/report_view.h"
#include "core/json.h"

#include <string.h>

static bool is_verdict(const json_t *judged, const char *verdict)
{
    return strcmp(okse_json_peek_text(judged, "verdict"), verdict) == 0;
}

/* No binding finding may speak against a verdict. judged: what has it, of which the finding is one. */
static bool check_finding(const json_t *judged, const json_t *finding, const char *place, GError **error)
{
    OkseStatus status = okse_finding_status(finding);

    if (!okse_finding_mandatory(finding) || !((status == OKSE_STATUS_FAIL && !is_verdict(judged, "non-compliant")) ||
                                              (status == OKSE_STATUS_INCONCLUSIVE && is_verdict(judged, "compliant"))))
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: the verdict is '%s', but the mandatory finding %s is '%s'", place,
                     okse_json_peek_text(judged, "verdict"), okse_json_peek_text(finding, "id"),
                     okse_status_words[status]);
}

/* A part of what was asked, or nothing that was decided, is never compliant. */
static bool check_compliant(const json_t *judged, const json_t *findings, OkseCounts counts, const char *place,
                            GError **error)
{
    if (!is_verdict(judged, "compliant"))
        return true;
    if (json_is_object(json_object_get(findings, "partial")))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the verdict is 'compliant', but the audit is partial", place);
    return counts.decided > 0 ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: the verdict is 'compliant', but nothing was decided", place);
}

/* A provision is no better than any of its findings. */
static bool check_provision(const OkseReportView *view, const json_t *finding, const char *origin, GError **error)
{
    const json_t *provision = okse_report_view_provision(view, finding);
    const char *said = okse_json_peek_text(provision, "status");
    OkseStatus status = okse_finding_status(finding);

    if ((status != OKSE_STATUS_FAIL && status != OKSE_STATUS_INCONCLUSIVE) || said == NULL ||
        strcmp(said, "fail") == 0 || strcmp(said, okse_status_words[status]) == 0)
        return true;
    return okse_fail(error, OKSE_ERROR_INVALID, "%s: the provision %s is '%s', but its finding %s is '%s'", origin,
                     okse_json_peek_text(provision, "id"), said, okse_json_peek_text(finding, "id"),
                     okse_status_words[status]);
}

static bool check_jurisdiction(const OkseReportView *view, const json_t *findings, const json_t *jurisdiction,
                               const char *origin, GError **error)
{
    const char *iso = okse_json_peek_text(jurisdiction, "iso");
    g_autofree char *place = g_strdup_printf("%s: %s", origin, iso);

    if (is_verdict(findings, "compliant") && !is_verdict(jurisdiction, "compliant"))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the verdict is 'compliant', but that of %s is '%s'", origin,
                         iso, okse_json_peek_text(jurisdiction, "verdict"));
    return check_compliant(jurisdiction, findings, okse_report_view_counts(view, iso), place, error);
}

bool okse_findings_check_verdict(const json_t *findings, const char *origin, GError **error)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *list = json_object_get(findings, "findings"), *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const json_t *jurisdiction = okse_report_view_jurisdiction(view, item);
        g_autofree char *place = g_strdup_printf("%s: %s", origin, okse_json_peek_text(jurisdiction, "iso"));

        if (!check_finding(findings, item, origin, error) || !check_finding(jurisdiction, item, place, error) ||
            !check_provision(view, item, origin, error))
            return false;
    }
    if (!check_compliant(findings, findings, okse_report_view_counts(view, NULL), origin, error))
        return false;
    json_array_foreach(json_object_get(findings, "jurisdictions"), i,
                       item) if (!check_jurisdiction(view, findings, item, origin, error)) return false;
    return true;
}
