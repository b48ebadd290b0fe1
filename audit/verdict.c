/* Three-valued and monotone: a violation is a fail however little else was seen, a pass needs everything to have been
 * looked at. A collector that is outside what the audit was asked to look at cannot hold a verdict back, but a control
 * with nothing else to look at has no verdict either. */
#include "audit/verdict.h"

#include "audit/fact_kinds.h"
#include "audit/facts_read.h"
#include "core/json.h"

#include <string.h>

const char *okse_status_name(OkseStatus status)
{
    switch (status) {
    case OKSE_STATUS_PASS:
        return "pass";
    case OKSE_STATUS_FAIL:
        return "fail";
    case OKSE_STATUS_INCONCLUSIVE:
        return "inconclusive";
    case OKSE_STATUS_NOT_APPLICABLE:
        return "not-applicable";
    case OKSE_STATUS_WAIVED:
        return "waived";
    }
    return "inconclusive";
}

void okse_verdict_clear(OkseVerdict *verdict)
{
    json_decref(verdict->reason);
    verdict->reason = NULL;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* both formats are literals of our own callers */
json_t *okse_reason(const char *english, const char *korean, ...)
{
    g_autofree char *first = NULL, *second = NULL;
    va_list arguments, again;

    va_start(arguments, korean);
    va_copy(again, arguments);
    first = g_strdup_vprintf(english, arguments);
    second = g_strdup_vprintf(korean, again);
    va_end(again);
    va_end(arguments);
    return json_pack("{s:s, s:s}", "en", first, "ko", second);
}
#pragma GCC diagnostic pop

/* Which scope a collector belongs to; NULL: every one. */
static const char *scope_of(const char *collector)
{
    const OkseCollectorKind *kind = okse_collector_kind(collector);

    if (kind != NULL && kind->scope == OKSE_SCOPE_ANY)
        return NULL;
    return kind != NULL && kind->scope == OKSE_SCOPE_INSTALL ? "install" : "host";
}

/* A collector that looked although its scope was not asked for is as good as any. */
static bool is_out_of_scope(const json_t *facts, const char *collector)
{
    const char *reason, *status = okse_collector_status(facts, collector, &reason);
    const char *scope = scope_of(collector);
    const json_t *entry;
    size_t i;

    if (scope == NULL || (status != NULL && strcmp(status, "unavailable") != 0))
        return false;
    json_array_foreach(json_object_get(facts, "scope"), i,
                       entry) if (g_strcmp0(json_string_value(entry), scope) == 0) return false;
    return true;
}

/* The first needed collector that cannot vouch for emptiness, as a reason; NULL when all can. *looked counts those in
 * scope, *skipped names one that is not. */
static json_t *blind_collector(const OkseControl *control, const json_t *facts, unsigned *looked, const char **skipped)
{
    json_t *blind = NULL;

    for (guint i = 0; i < control->needs->len; i++) {
        const char *collector = g_ptr_array_index(control->needs, i);
        const char *reason, *status = okse_collector_status(facts, collector, &reason);

        if (is_out_of_scope(facts, collector)) {
            *skipped = collector;
            continue;
        }
        ++*looked;
        if (blind != NULL || (status != NULL && (strcmp(status, "complete") == 0 || strcmp(status, "absent") == 0)))
            continue;
        if (status == NULL)
            blind = okse_reason("the collector '%s' did not report", "수집기 '%s'의 보고가 없습니다", collector);
        else
            blind = okse_reason("the collector '%s' is %s: %s", "수집기 '%s' 상태 %s: %s", collector, status,
                                reason != NULL ? reason : "-");
    }
    return blind;
}

static OkseVerdict judge(const OkseControl *control, const json_t *result, json_t *blind, const char *skipped)
{
    size_t unknown = json_array_size(json_object_get(result, "unknown"));
    const char *failed = okse_json_peek_text(result, "error");

    if (failed != NULL)
        return (OkseVerdict){
            OKSE_STATUS_INCONCLUSIVE,
            okse_reason("the control could not be evaluated: %s", "통제를 평가할 수 없습니다: %s", failed), false};
    if (!json_is_true(json_object_get(result, "applies")))
        return (OkseVerdict){OKSE_STATUS_NOT_APPLICABLE, json_incref(control->applies_reason), false};
    if (json_array_size(json_object_get(result, "violations")) > 0)
        return (OkseVerdict){OKSE_STATUS_FAIL, NULL, false};
    if (blind != NULL)
        return (OkseVerdict){OKSE_STATUS_INCONCLUSIVE, json_incref(blind), false};
    if (unknown > 0)
        return (OkseVerdict){OKSE_STATUS_INCONCLUSIVE,
                             okse_reason("%zu facts cannot be judged", "판단할 수 없는 사실 %zu건", unknown), false};
    if (skipped != NULL)
        return (OkseVerdict){
            OKSE_STATUS_PASS,
            okse_reason("the collector '%s' was not in scope", "수집기 '%s'는 감사 범위 밖입니다", skipped), false};
    return (OkseVerdict){OKSE_STATUS_PASS, NULL, false};
}

OkseVerdict okse_verdict_of(const OkseControl *control, const json_t *facts, const json_t *result)
{
    unsigned looked = 0;
    const char *skipped = NULL;
    g_autoptr(json_t) blind = blind_collector(control, facts, &looked, &skipped);

    if (looked == 0 && skipped != NULL)
        return (OkseVerdict){OKSE_STATUS_NOT_APPLICABLE,
                             strcmp(scope_of(skipped), "host") == 0
                                 ? okse_reason("host not in scope", "호스트는 감사 범위 밖입니다")
                                 : okse_reason("install not in scope", "설치본은 감사 범위 밖입니다"),
                             true};
    return judge(control, result, blind, skipped);
}

bool okse_verdict_soften(OkseVerdict *verdict, const OkseProvision *provision, OkseApplies applies, json_t *reason)
{
    if (verdict->status == OKSE_STATUS_NOT_APPLICABLE)
        return false;
    if (applies == OKSE_APPLIES_UNDECLARED) {
        okse_verdict_clear(verdict);
        verdict->status = OKSE_STATUS_INCONCLUSIVE;
        verdict->reason = json_incref(reason);
    } else if (okse_provision_is_doubtful(provision) && verdict->status == OKSE_STATUS_FAIL) {
        verdict->status = OKSE_STATUS_INCONCLUSIVE;
        verdict->reason = okse_reason("what the law says is uncertain here: a lawyer must check",
                                      "이 조항의 내용은 확실하지 않습니다: 변호사의 확인이 필요합니다");
    }
    return okse_provision_is_doubtful(provision) && verdict->status == OKSE_STATUS_INCONCLUSIVE;
}
