#include "audit/waiver_expired.h"

#include "audit/verdict.h"
#include "core/json.h"

#include <string.h>

#define CONTROL "waiver.expired"
#define DOCUMENT                                                                                                       \
    "waivers.yaml" /* however the file was called when it was given: findings know no paths of the auditor */

static bool same(const json_t *a, const json_t *b, const char *key)
{
    return g_strcmp0(okse_json_peek_text(a, key), okse_json_peek_text(b, key)) == 0;
}

static bool has_state(const json_t *row, const char *state)
{
    return strcmp(okse_json_peek_text(row, "state"), state) == 0;
}

/* Somebody decided again. */
static bool is_renewed(const json_t *rows, const json_t *row)
{
    const json_t *other;
    size_t i;

    json_array_foreach(rows, i, other) if ((has_state(other, "applied") || has_state(other, "unused")) &&
                                           same(row, other, "control") && same(row, other, "provision") &&
                                           same(row, other, "file")) return true;
    return false;
}

static json_t *evidence_of(const json_t *row)
{
    const char *file = okse_json_peek_text(row, "file");
    g_autofree char *message = g_strdup_printf("%s%s%s: %s, %s", okse_json_peek_text(row, "control"),
                                               file != NULL ? " " : "", file != NULL ? file : "",
                                               okse_json_peek_text(row, "approver"), okse_json_peek_text(row, "until"));

    return json_pack("{s:n, s:s, s:s, s:O, s:n, s:s, s:n, s:s, s:n}", "fact", "verdict", "violation", "file", DOCUMENT,
                     "line", json_object_get(row, "line"), "excerpt", "message", message, "component", "state",
                     "declared", "country");
}

/* The rows that ended and were for this finding, as evidence; an empty list when there are none. */
static json_t *expired_for(const json_t *rows, const json_t *finding)
{
    json_t *list = json_array();
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        bool whole = json_is_null(json_object_get(row, "provision"));

        if (has_state(row, "expired") && same(row, finding, "control") && (whole || same(row, finding, "provision")) &&
            !is_renewed(rows, row))
            json_array_append_new(list, evidence_of(row));
    }
    return list;
}

static char *id_of(const json_t *finding)
{
    g_autofree char *text =
        g_strdup_printf("%s\n%s\n" CONTROL "\n%s", okse_json_peek_text(finding, "jurisdiction"),
                        okse_json_peek_text(finding, "provision"), okse_json_peek_text(finding, "control"));
    OkseSha256 digest = okse_sha256_of(text, strlen(text));
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("fnd:%.16s", okse_sha256_hex(&digest, hex));
}

static json_t *finding_of(const json_t *about, json_t *evidence)
{
    g_autofree char *id = id_of(about);

    return json_pack("{s:s, s:s, s:O, s:O, s:O, s:s, s:O, s:s, s:{s:O}, s:n, s:n, s:b, s:I, s:i, s:o}", "id", id,
                     "control", CONTROL, "provision", json_object_get(about, "provision"), "instrument",
                     json_object_get(about, "instrument"), "jurisdiction", json_object_get(about, "jurisdiction"),
                     "severity", "recommended", "confidence", json_object_get(about, "confidence"), "status", "fail",
                     "parameters", "control", json_object_get(about, "control"), "reason", "warning", "out_of_scope", 0,
                     "violations", (json_int_t)json_array_size(evidence), "unknown", 0, "evidence", evidence);
}

static json_t *description(void)
{
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:[]}", "title", okse_reason("No waiver has ended", "기한이 지난 예외 승인 없음"),
        "description",
        okse_reason("A waiver lets a finding wait until a day. After that day somebody must have mended it "
                    "or decided again.",
                    "예외 승인은 정해진 날까지만 유효합니다. 그 뒤에는 시정하거나 다시 결정하여야 합니다."),
        "remediation",
        okse_reason("Mend what was waived and take the row out of the waivers, or decide again: a new end, "
                    "signed by who may waive (okse sign --document waivers.yaml --role waiver).",
                    "예외로 둔 사항을 시정하고 해당 항목을 삭제하거나, 새 기한으로 다시 승인하여 서명하십시오 "
                    "(okse sign --document waivers.yaml --role waiver)."),
        "family", "waiver", "needs");
}

static bool is_of_one_provision(const json_t *a, const json_t *b)
{
    return a != NULL && b != NULL && same(a, b, "jurisdiction") && same(a, b, "provision");
}

/* One for each control of a provision, behind those whose names come first: findings are sorted. */
static void append_pending(json_t *pending, json_t *sorted)
{
    json_array_extend(sorted, pending);
    json_array_clear(pending);
}

void okse_waivers_add_expired(const OkseWaivers *waivers, json_t *findings, json_t *controls)
{
    g_autoptr(json_t) told = okse_waivers_json(waivers), sorted = json_array(), pending = json_array();
    const json_t *rows = json_object_get(told, "rows");
    json_t *finding, *before = NULL;
    size_t i;

    json_array_foreach(findings, i, finding)
    {
        g_autoptr(json_t) evidence = expired_for(rows, finding);
        bool again = is_of_one_provision(before, finding) && same(before, finding, "control");

        if (!is_of_one_provision(before, finding) || strcmp(okse_json_peek_text(finding, "control"), CONTROL) > 0)
            append_pending(pending, sorted);
        json_array_append(sorted, finding);
        if (json_array_size(evidence) > 0 && !again)
            json_array_append_new(pending, finding_of(finding, json_incref(evidence)));
        before = finding;
    }
    append_pending(pending, sorted);
    if (json_array_size(sorted) > json_array_size(findings))
        json_object_set_new(controls, CONTROL, description());
    json_array_clear(findings);
    json_array_extend(findings, sorted);
}

static bool is_needed(const json_t *finding)
{
    return g_strcmp0(okse_json_peek_text(finding, "status"), "waived") == 0 &&
           g_strcmp0(okse_json_peek_text(finding, "severity"), "mandatory") == 0;
}

void okse_waivers_tell_without(json_t *document)
{
    json_t *warnings = json_object_get(document, "warnings");
    const json_t *finding;
    json_int_t needed = 0;
    size_t i;

    json_array_foreach(json_object_get(document, "findings"), i, finding) needed += is_needed(finding);
    json_object_set_new(json_object_get(document, "waivers"), "verdict_without",
                        json_string(needed > 0 ? "non-compliant" : okse_json_peek_text(document, "verdict")));
    if (needed == 0)
        return;
    if (warnings == NULL) {
        warnings = json_array();
        json_object_set_new(document, "warnings", warnings);
    }
    json_array_append_new(warnings, json_pack("{s:s, s:o}", "kind", "waivers", "message",
                                              okse_reason("mandatory findings that are waived: %" G_GINT64_FORMAT
                                                          "; without the waivers the verdict would be: non-compliant",
                                                          "예외로 둔 필수 사항: %" G_GINT64_FORMAT
                                                          "; 예외가 없다면 판정은 미준수(non-compliant)입니다",
                                                          (gint64)needed)));
}
