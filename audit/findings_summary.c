/* Counting and the verdicts of provisions, jurisdictions and the whole. Only mandatory provisions decide; where nothing
 * was decided there is nothing to be compliant with. */
#include "audit/findings_summary.h"

#include "audit/verdict.h"
#include "core/json.h"

#include <string.h>

static const char *const counted[] = {"pass", "fail", "inconclusive", "not-applicable", "waived", NULL};

typedef struct {
    json_int_t by_status[5]; /* in the order of `counted` */
    json_int_t total, not_checkable;
    bool mandatory_fails, mandatory_open;
    bool partial; /* not everything was asked: nothing of it is compliant */
} Count;

static void count_finding(Count *count, const json_t *finding)
{
    const char *status = okse_json_peek_text(finding, "status");
    bool mandatory = g_strcmp0(okse_json_peek_text(finding, "severity"), "mandatory") == 0;

    for (unsigned i = 0; counted[i] != NULL; i++)
        count->by_status[i] += strcmp(status, counted[i]) == 0;
    count->total++;
    count->mandatory_fails = count->mandatory_fails || (mandatory && strcmp(status, "fail") == 0);
    count->mandatory_open = count->mandatory_open || (mandatory && strcmp(status, "inconclusive") == 0);
}

static json_int_t evaluated(const Count *count)
{
    return count->by_status[0] + count->by_status[1] + count->by_status[2] + count->by_status[4];
}

/* A recommendation that could not be decided is no evidence of anything. */
static bool is_decided(const Count *count)
{
    return evaluated(count) > count->by_status[2];
}

static const char *verdict_of(const Count *count)
{
    if (count->mandatory_fails)
        return "non-compliant";
    return count->partial || count->mandatory_open || !is_decided(count) ? "inconclusive" : "compliant";
}

static json_t *count_to_json(const Count *count)
{
    json_t *summary = json_object();

    for (unsigned i = 0; counted[i] != NULL; i++)
        json_object_set_new(summary, counted[i], json_integer(count->by_status[i]));
    json_object_set_new(summary, "evaluated", json_integer(evaluated(count)));
    json_object_set_new(summary, "total", json_integer(count->total));
    json_object_set_new(summary, "not-checkable", json_integer(count->not_checkable));
    return summary;
}

static void count_add(Count *sum, const Count *part)
{
    for (unsigned i = 0; counted[i] != NULL; i++)
        sum->by_status[i] += part->by_status[i];
    sum->total += part->total;
    sum->not_checkable += part->not_checkable;
    sum->mandatory_fails = sum->mandatory_fails || part->mandatory_fails;
    sum->mandatory_open = sum->mandatory_open || part->mandatory_open;
}

static bool belongs(const json_t *finding, const char *iso, const char *provision)
{
    return g_strcmp0(okse_json_peek_text(finding, "jurisdiction"), iso) == 0 &&
           (provision == NULL || g_strcmp0(okse_json_peek_text(finding, "provision"), provision) == 0);
}

/* The worst of a provision's findings. *blind: nothing of it was in scope, and that is the only reason. */
static const char *provision_status(const json_t *findings, const char *iso, const char *provision, bool *blind)
{
    static const char *const worst[] = {"fail", "inconclusive", "pass", "waived", "not-applicable", NULL};
    const char *found = "not-applicable";
    const json_t *finding;
    int rank = 4;
    size_t i;

    *blind = false;
    json_array_foreach(findings, i, finding)
    {
        int at = 0;

        if (!belongs(finding, iso, provision))
            continue;
        while (worst[at] != NULL && strcmp(worst[at], okse_json_peek_text(finding, "status")) != 0)
            at++;
        *blind = *blind || json_is_true(json_object_get(finding, "out_of_scope"));
        if (at < rank) {
            rank = at;
            found = worst[at];
        }
    }
    *blind = *blind && rank == 4;
    return found;
}

static json_t *words_to_json(const GPtrArray *words)
{
    json_t *list = json_array();

    for (guint i = 0; i < words->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(words, i)));
    return list;
}

static json_t *provision_to_json(const OkseProvision *provision, const char *status, json_t *reason)
{
    json_t *shown =
        json_pack("{s:s, s:s, s:s, s:O, s:O, s:s, s:s, s:s, s:s, s:O?}", "id", provision->id, "instrument",
                  provision->instrument, "article", provision->article, "title", provision->title, "summary",
                  provision->summary, "severity", provision->severity, "confidence", provision->confidence, "effective",
                  provision->effective, "status", status, "reason", reason);
    json_t *applies =
        json_pack("{s:o, s:o}", "data", words_to_json(provision->data), "sectors", words_to_json(provision->sectors));

    if (provision->who != NULL)
        json_object_set(applies, "who", provision->who);
    json_object_set_new(shown, "applies_to", applies);
    if (provision->until != NULL)
        json_object_set_new(shown, "until", json_string(provision->until));
    if (provision->not_checkable != NULL)
        json_object_set(shown, "not_checkable", provision->not_checkable);
    return shown;
}

typedef struct {
    const json_t *findings;
    const OkseTarget *target;
    gint64 at;
    const json_t *only; /* the controls of a partial audit, or NULL */
} Context;

static bool is_listed(const json_t *list, const char *text)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry) if (strcmp(json_string_value(entry), text) == 0) return true;
    return false;
}

/* Does it apply, and were some of its checks left out? What is left then is no pass of the whole provision. */
static bool is_asked_in_part(const Context *context, const OkseProvision *provision, OkseApplies applies)
{
    if (context->only == NULL || applies == OKSE_APPLIES_NOT)
        return false;
    for (guint i = 0; i < provision->mappings->len; i++)
        if (!is_listed(context->only, ((const OkseMapping *)g_ptr_array_index(provision->mappings, i))->control))
            return true;
    return false;
}

static json_t *provisions_to_json(const OkseJurisdiction *jurisdiction, const Context *context, Count *count,
                                  json_t *out_of_scope)
{
    json_t *list = json_array();

    for (guint i = 0; i < jurisdiction->provisions->len; i++) {
        const OkseProvision *provision = g_ptr_array_index(jurisdiction->provisions, i);
        g_autoptr(json_t) reason = NULL;
        bool blind;
        const char *status = provision_status(context->findings, jurisdiction->iso, provision->id, &blind);
        OkseApplies applies = okse_applies(provision, context->target, context->at, &reason);

        if (is_asked_in_part(context, provision, applies) && strcmp(status, "fail") != 0) {
            status = "inconclusive";
            json_decref(reason);
            reason = okse_reason("not all of its checks were asked (--only)", "일부 점검만 수행하였습니다 (--only)");
        }
        count->not_checkable += provision->not_checkable != NULL;
        if (blind && reason == NULL)
            reason = okse_reason("not in scope of this audit", "이번 감사의 범위 밖입니다");
        if (blind)
            json_array_append_new(out_of_scope, json_string(provision->id));
        json_array_append_new(list, provision_to_json(provision, status, reason));
    }
    return list;
}

/* Instruments as reports show them; where the authors of the file read it stays in the file. */
static json_t *instruments_to_json(const OkseJurisdiction *jurisdiction)
{
    json_t *list = json_deep_copy(jurisdiction->instruments), *instrument;
    size_t i;

    json_array_foreach(list, i, instrument) json_object_del(instrument, "source");
    return list;
}

static json_t *jurisdiction_to_json(const OkseJurisdiction *jurisdiction, const Context *context, Count *count)
{
    json_t *out_of_scope = json_array(), *provisions, *shown;
    const json_t *finding;
    size_t i;

    json_array_foreach(context->findings, i, finding) if (belongs(finding, jurisdiction->iso, NULL))
        count_finding(count, finding);
    provisions = provisions_to_json(jurisdiction, context, count, out_of_scope);
    shown = json_pack("{s:s, s:O, s:O, s:s, s:s, s:s, s:O, s:o, s:o, s:o, s:o, s:O}", "iso", jurisdiction->iso, "name",
                      jurisdiction->name, "languages", jurisdiction->languages, "verdict", verdict_of(count), "as_of",
                      jurisdiction->as_of, "confidence", jurisdiction->confidence, "regime", jurisdiction->regime,
                      "instruments", instruments_to_json(jurisdiction), "provisions", provisions, "summary",
                      count_to_json(count), "out_of_scope", out_of_scope, "uncertain", jurisdiction->uncertain);
    if (jurisdiction->framework)
        json_object_set_new(shown, "framework", json_true());
    return shown;
}

void okse_findings_summarize(json_t *document, const OkseLaw *law, const OkseTarget *target, gint64 at)
{
    const json_t *partial = json_object_get(document, "partial");
    Context context = {json_object_get(document, "findings"), target, at, json_object_get(partial, "only")};
    json_t *jurisdictions = json_array();
    Count whole = {.partial = partial != NULL};
    bool open = law->jurisdictions->len == 0, fails = false;

    for (guint i = 0; i < law->jurisdictions->len; i++) {
        Count count = {.partial = partial != NULL};

        json_array_append_new(jurisdictions,
                              jurisdiction_to_json(g_ptr_array_index(law->jurisdictions, i), &context, &count));
        fails = fails || strcmp(verdict_of(&count), "non-compliant") == 0;
        open = open || strcmp(verdict_of(&count), "inconclusive") == 0;
        count_add(&whole, &count);
    }
    json_object_set_new(document, "jurisdictions", jurisdictions);
    json_object_set_new(document, "summary", count_to_json(&whole));
    json_object_set_new(document, "verdict",
                        json_string(fails  ? "non-compliant"
                                    : open ? "inconclusive"
                                           : "compliant"));
}
