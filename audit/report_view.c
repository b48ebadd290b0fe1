/* Indexes over a findings document, so that a renderer walks the law and finds what belongs to each article. */
#include "audit/report_view.h"

#include "core/json.h"

#include <string.h>

const char *const okse_status_words[] = {"fail", "inconclusive", "waived", "pass", "not-applicable", NULL};

struct OkseReportView {
    const json_t *findings;
    GHashTable *jurisdictions; /* "VN" → json_t */
    GHashTable *instruments;   /* "VN vn-d356" → json_t */
    GHashTable *provisions;    /* "VN vn-p01" → json_t */
    GHashTable *by_provision;  /* "VN vn-p01" → GPtrArray of json_t */
    GHashTable *judged;        /* fact id → "violation" | "unknown", borrowed from the findings */
    GPtrArray *ranked;
};

static gpointer unconst(const void *pointer)
{
    return (gpointer)(uintptr_t)pointer; /* GLib's containers take no const; we only read through them */
}

static char *scoped(const char *iso, const char *id)
{
    return g_strconcat(iso, " ", id, NULL);
}

OkseStatus okse_finding_status(const json_t *finding)
{
    const char *word = okse_json_peek_text(finding, "status");

    for (unsigned i = 0; i < OKSE_STATUSES; i++)
        if (word != NULL && strcmp(word, okse_status_words[i]) == 0)
            return (OkseStatus)i;
    return OKSE_STATUS_INCONCLUSIVE; /* what is not understood is never a pass */
}

bool okse_finding_mandatory(const json_t *finding)
{
    return g_strcmp0(okse_json_peek_text(finding, "severity"), "mandatory") == 0;
}

static void index_law(OkseReportView *view, const json_t *jurisdiction)
{
    static const char *const lists[] = {"instruments", "provisions"};
    GHashTable *const tables[] = {view->instruments, view->provisions};
    const char *iso = okse_json_peek_text(jurisdiction, "iso");

    g_hash_table_insert(view->jurisdictions, unconst(iso), unconst(jurisdiction));
    for (unsigned kind = 0; kind < G_N_ELEMENTS(lists); kind++) {
        const json_t *list = json_object_get(jurisdiction, lists[kind]);

        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *item = json_array_get(list, i);

            g_hash_table_insert(tables[kind], scoped(iso, okse_json_peek_text(item, "id")), unconst(item));
        }
    }
}

static void index_finding(OkseReportView *view, const json_t *finding)
{
    const json_t *evidence = json_object_get(finding, "evidence");
    g_autofree char *key =
        scoped(okse_json_peek_text(finding, "jurisdiction"), okse_json_peek_text(finding, "provision"));
    GPtrArray *list = g_hash_table_lookup(view->by_provision, key);

    if (list == NULL) {
        list = g_ptr_array_new();
        g_hash_table_insert(view->by_provision, g_steal_pointer(&key), list);
    }
    g_ptr_array_add(list, unconst(finding));
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *item = json_array_get(evidence, i);
        const char *fact = okse_json_peek_text(item, "fact"), *verdict = okse_json_peek_text(item, "verdict");

        if (fact == NULL || verdict == NULL)
            continue;
        if (strcmp(verdict, "violation") == 0 || !g_hash_table_contains(view->judged, fact))
            g_hash_table_insert(view->judged, unconst(fact), unconst(verdict));
    }
}

/* Mandatory fail, recommended fail, mandatory inconclusive, …: by status first, within it by severity. */
static void rank(OkseReportView *view, const json_t *list)
{
    for (unsigned place = 0; place < 2 * OKSE_STATUSES; place++)
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *finding = json_array_get(list, i);

            if (2 * okse_finding_status(finding) + (okse_finding_mandatory(finding) ? 0 : 1) == place)
                g_ptr_array_add(view->ranked, unconst(finding));
        }
}

OkseReportView *okse_report_view_new(const json_t *findings)
{
    const json_t *jurisdictions = json_object_get(findings, "jurisdictions");
    const json_t *list = json_object_get(findings, "findings");
    OkseReportView *view = g_new0(OkseReportView, 1);

    view->findings = findings;
    view->jurisdictions = g_hash_table_new(g_str_hash, g_str_equal);
    view->instruments = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    view->provisions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    view->by_provision = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    view->judged = g_hash_table_new(g_str_hash, g_str_equal);
    view->ranked = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(jurisdictions); i++)
        index_law(view, json_array_get(jurisdictions, i));
    for (size_t i = 0; i < json_array_size(list); i++)
        index_finding(view, json_array_get(list, i));
    rank(view, list);
    return view;
}

void okse_report_view_free(OkseReportView *view)
{
    if (view == NULL)
        return;
    g_hash_table_unref(view->jurisdictions);
    g_hash_table_unref(view->instruments);
    g_hash_table_unref(view->provisions);
    g_hash_table_unref(view->by_provision);
    g_hash_table_unref(view->judged);
    g_ptr_array_unref(view->ranked);
    g_free(view);
}

static const json_t *look_up(GHashTable *table, const json_t *finding, const char *member)
{
    g_autofree char *key = scoped(okse_json_peek_text(finding, "jurisdiction"), okse_json_peek_text(finding, member));

    return g_hash_table_lookup(table, key);
}

const json_t *okse_report_view_provision(const OkseReportView *view, const json_t *finding)
{
    return look_up(view->provisions, finding, "provision");
}

const json_t *okse_report_view_instrument(const OkseReportView *view, const json_t *finding)
{
    return look_up(view->instruments, finding, "instrument");
}

const json_t *okse_report_view_jurisdiction(const OkseReportView *view, const json_t *finding)
{
    return g_hash_table_lookup(view->jurisdictions, okse_json_peek_text(finding, "jurisdiction"));
}

const json_t *okse_report_view_control(const OkseReportView *view, const json_t *finding)
{
    return json_object_get(json_object_get(view->findings, "controls"), okse_json_peek_text(finding, "control"));
}

const GPtrArray *okse_report_view_of_provision(const OkseReportView *view, const char *iso, const char *provision)
{
    g_autofree char *key = scoped(iso, provision);

    return g_hash_table_lookup(view->by_provision, key);
}

const GPtrArray *okse_report_view_ranked(const OkseReportView *view)
{
    return view->ranked;
}

OkseCounts okse_report_view_counts(const OkseReportView *view, const char *iso)
{
    OkseCounts counts = {0};

    for (guint i = 0; i < view->ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(view->ranked, i);
        OkseStatus status = okse_finding_status(finding);

        if (iso != NULL && strcmp(okse_json_peek_text(finding, "jurisdiction"), iso) != 0)
            continue;
        counts.all[status]++;
        counts.mandatory[status] += okse_finding_mandatory(finding);
        counts.total++;
        counts.decided += status == OKSE_STATUS_PASS || status == OKSE_STATUS_FAIL || status == OKSE_STATUS_WAIVED;
    }
    return counts;
}

const char *okse_report_view_judged(const OkseReportView *view, const char *fact)
{
    return g_hash_table_lookup(view->judged, fact);
}

/* RFC 4647 §3.4: a tag loses its last part until there is a text. */
const char *okse_texts_get(const json_t *texts, const char *language, bool *translated)
{
    const char *text = okse_json_peek_text(texts, language), *dash = strrchr(language, '-');

    if (text == NULL && dash != NULL) {
        g_autofree char *shorter = g_strndup(language, (gsize)(dash - language));

        return okse_texts_get(texts, shorter, translated);
    }
    if (translated != NULL)
        *translated = text != NULL;
    return text != NULL ? text : okse_json_peek_text(texts, "en");
}

static int compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *okse_json_sorted_keys(const json_t *object)
{
    GPtrArray *keys = g_ptr_array_new();
    json_t *walked = unconst(object);

    for (void *i = json_object_iter(walked); i != NULL; i = json_object_iter_next(walked, i))
        g_ptr_array_add(keys, unconst(json_object_iter_key(i)));
    g_ptr_array_sort(keys, compare_keys);
    return keys;
}

char *okse_report_view_profiles(const json_t *finding)
{
    const json_t *profiles = json_object_get(finding, "profiles");
    g_autoptr(GString) names = g_string_new(NULL);

    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const char *name = json_string_value(json_array_get(profiles, i));

        if (name != NULL)
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
    }
    return names->len > 0 ? g_string_free(g_steal_pointer(&names), FALSE) : NULL;
}

static bool is_compliant(const json_t *judged)
{
    return strcmp(okse_json_peek_text(judged, "verdict"), "compliant") == 0;
}

bool okse_report_view_by_waiver(const OkseReportView *view)
{
    return is_compliant(view->findings) && okse_report_view_counts(view, NULL).all[OKSE_STATUS_WAIVED] > 0;
}

const char *okse_report_view_why(const OkseReportView *view)
{
    OkseCounts counts = okse_report_view_counts(view, NULL);

    if (counts.decided + counts.all[OKSE_STATUS_INCONCLUSIVE] == 0)
        return "why.empty";
    if (is_compliant(view->findings))
        return counts.mandatory[OKSE_STATUS_WAIVED] > 0 ? "why.waived" : "why.compliant";
    return strcmp(okse_json_peek_text(view->findings, "verdict"), "non-compliant") == 0 ? "why.non-compliant"
                                                                                        : "why.inconclusive";
}

const char *okse_report_view_nothing_open(const OkseReportView *view)
{
    if (!is_compliant(view->findings))
        return "first.unknown";
    return okse_report_view_by_waiver(view) ? "first.waived" : "first.none";
}

bool okse_report_view_met(const OkseReportView *view, const json_t *jurisdiction)
{
    OkseCounts counts = okse_report_view_counts(view, okse_json_peek_text(jurisdiction, "iso"));

    return is_compliant(jurisdiction) && counts.mandatory[OKSE_STATUS_FAIL] + counts.mandatory[OKSE_STATUS_WAIVED] == 0;
}

char *okse_report_view_kind(const json_t *component)
{
    static const char *const keys[] = {"architecture", "paramSize", "precision", "quantization"};
    const char *kind = okse_json_peek_text(component, "kind");
    const json_t *model = json_object_get(component, "model");
    GString *text = g_string_new(kind != NULL ? kind : "–");
    const char *mark = ": ";

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *said = okse_json_peek_text(model, keys[i]);

        if (said == NULL)
            continue;
        g_string_append_printf(text, "%s%s", mark, said);
        mark = ", ";
    }
    return g_string_free(text, FALSE);
}

const char *okse_verdict_class(const char *verdict)
{
    return strcmp(verdict, "compliant") == 0 ? "pass" : strcmp(verdict, "non-compliant") == 0 ? "fail" : "inconclusive";
}

bool okse_provision_status(const json_t *provision, const GPtrArray *findings, OkseStatus *status)
{
    const char *word = okse_json_peek_text(provision, "status");
    unsigned worst = OKSE_STATUSES;

    for (guint i = 0; findings != NULL && i < findings->len; i++)
        worst = MIN(worst, (unsigned)okse_finding_status(g_ptr_array_index(findings, i)));
    for (unsigned i = 0; word != NULL && findings != NULL && i < worst; i++)
        if (strcmp(word, okse_status_words[i]) == 0)
            worst = i;
    if (worst == OKSE_STATUSES)
        return false;
    *status = (OkseStatus)worst;
    return true;
}

GHashTable *okse_findings_by_id(const json_t *document)
{
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *list = json_object_get(document, "findings");

    for (size_t i = 0; i < json_array_size(list); i++)
        g_hash_table_insert(table, (gpointer)(uintptr_t)okse_json_peek_text(json_array_get(list, i), "id"),
                            json_array_get(list, i));
    return table;
}
