#include "audit/report_trend.h"

#include "audit/findings_history.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define DAY 86400

struct OkseTrend {
    GPtrArray *audits; /* json_t: what is kept of a document */
    json_t *skipped;
};

static void release(gpointer data)
{
    json_decref(data);
}

OkseTrend *okse_trend_new(void)
{
    OkseTrend *trend = g_new0(OkseTrend, 1);

    trend->audits = g_ptr_array_new_with_free_func(release);
    trend->skipped = json_array();
    return trend;
}

void okse_trend_free(OkseTrend *trend)
{
    if (trend == NULL)
        return;
    g_ptr_array_unref(trend->audits);
    json_decref(trend->skipped);
    g_free(trend);
}

void okse_trend_skip(OkseTrend *trend, const char *name, const char *why)
{
    g_autofree char *shown = okse_text_show(name, -1, false), *reason = okse_text_show(why, -1, false);

    json_array_append_new(trend->skipped, json_pack("{s:s, s:s}", "file", shown, "why", reason));
}

static json_t *finding_kept(const json_t *document, const json_t *finding)
{
    static const char *const members[] = {"id", "control", "jurisdiction", "provision", "severity", "status"};
    const json_t *control =
        json_object_get(json_object_get(document, "controls"), okse_json_peek_text(finding, "control"));
    const char *since = okse_finding_first_seen(finding, document);
    json_t *kept = json_object();
    g_autofree char *first = NULL;
    gint64 time = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        json_object_set(kept, members[i], json_object_get(finding, members[i]));
    json_object_set(kept, "title", json_object_get(control, "title"));
    if (since != NULL && okse_text_time_parse(since, &time))
        first = okse_text_time(time); /* in UTC, so that texts sort by time */
    json_object_set_new(kept, "first_seen", first != NULL ? json_string(first) : json_null());
    return kept;
}

static json_t *counts_of(const json_t *findings)
{
    static const char *const words[] = {"fail", "inconclusive", "waived", "pass", "not-applicable"};
    json_t *counts = json_object();
    const json_t *finding;
    size_t i;

    for (size_t k = 0; k < G_N_ELEMENTS(words); k++)
        json_object_set_new(counts, words[k], json_integer(0));
    json_array_foreach(findings, i, finding)
    {
        const char *status = okse_json_peek_text(finding, "status");

        json_object_set_new(counts, status, json_integer(json_integer_value(json_object_get(counts, status)) + 1));
    }
    return counts;
}

static bool is_known(const OkseTrend *trend, const char *digest)
{
    for (guint i = 0; i < trend->audits->len; i++)
        if (strcmp(okse_json_peek_text(g_ptr_array_index(trend->audits, i), "digest"), digest) == 0)
            return true;
    return false;
}

void okse_trend_add(OkseTrend *trend, const char *name, const json_t *findings)
{
    g_autoptr(GBytes) bytes = okse_json_write(findings);
    const json_t *target = json_object_get(findings, "target"), *list = json_object_get(findings, "findings"), *finding;
    g_autofree char *shown = okse_text_show(name, -1, false), *at = NULL;
    const char *install = okse_json_peek_text(json_object_get(target, "install"), "name");
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];
    json_t *kept = json_array();
    gint64 time = 0;
    size_t i;

    okse_sha256_text(&digest, text);
    if (is_known(trend, text)) {
        json_decref(kept);
        okse_trend_skip(trend, name, "the same document as another one");
        return;
    }
    okse_text_time_parse(okse_json_peek_text(findings, "audited_at"), &time);
    at = okse_text_time(time); /* in UTC, so that texts sort by time */
    json_array_foreach(list, i, finding) json_array_append_new(kept, finding_kept(findings, finding));
    g_ptr_array_add(trend->audits,
                    json_pack("{s:s, s:s, s:s, s:O, s:b, s:O, s:s?, s:O, s:o, s:o}", "file", shown, "digest", text,
                              "audited_at", at, "verdict", json_object_get(findings, "verdict"), "partial",
                              (int)(json_object_get(findings, "partial") != NULL), "hostname",
                              json_object_get(target, "hostname"), "install", install, "manifests",
                              json_object_get(json_object_get(findings, "inputs"), "manifests"), "counts",
                              counts_of(list), "findings", kept));
}

static int compare(const json_t *a, const json_t *b, const char *key)
{
    return g_strcmp0(okse_json_peek_text(a, key), okse_json_peek_text(b, key));
}

static int compare_audits(gconstpointer a, gconstpointer b)
{
    static const char *const keys[] = {"hostname", "install", "audited_at", "digest"};
    const json_t *first = *(json_t *const *)a, *second = *(json_t *const *)b;
    int order = 0;

    for (size_t i = 0; order == 0 && i < G_N_ELEMENTS(keys); i++)
        order = compare(first, second, keys[i]);
    return order;
}

static json_t *aged(const json_t *finding, const char *until, const char *ended)
{
    json_t *row = json_copy((json_t *)(uintptr_t)finding);
    gint64 from = 0, to = 0;

    okse_text_time_parse(okse_json_peek_text(finding, "first_seen"), &from);
    okse_text_time_parse(until, &to);
    json_object_set_new(row, "days", json_integer(MAX(to - from, 0) / DAY));
    if (ended != NULL)
        json_object_set_new(row, "ended_at", json_string(ended));
    return row;
}

/* The findings of one target as they go from audit to audit: id → the last word on it. */
typedef struct {
    json_t *open, *fixed, *gone;
} Course;

/* Since when: the earliest that any document of this stretch says. */
static void stay_open(Course *course, const char *id, const json_t *finding)
{
    const json_t *before = json_object_get(course->open, id);
    json_t *now = json_copy((json_t *)(uintptr_t)finding);

    if (before != NULL && compare(before, finding, "first_seen") < 0)
        json_object_set(now, "first_seen", json_object_get(before, "first_seen"));
    json_object_set_new(course->open, id, now);
    json_object_del(course->fixed, id);
    json_object_del(course->gone, id);
}

static void end(Course *course, const char *id, const char *status, const char *at)
{
    json_t *ended = aged(json_object_get(course->open, id), at, at);

    json_object_set_new(g_strcmp0(status, "pass") == 0 ? course->fixed : course->gone, id, ended);
    json_object_del(course->open, id);
}

static void follow(Course *course, const json_t *audit)
{
    const char *at = okse_json_peek_text(audit, "audited_at"), *id;
    g_autoptr(json_t) status = json_object(), open = NULL;
    const json_t *finding;
    json_t *value;
    size_t i;

    json_array_foreach(json_object_get(audit, "findings"), i, finding)
    {
        id = okse_json_peek_text(finding, "id");
        json_object_set(status, id, json_object_get(finding, "status"));
        if (okse_finding_is_open(finding))
            stay_open(course, id, finding);
    }
    open = json_copy(course->open);
    json_object_foreach(open, id, value)
    {
        g_autoptr(json_t) now = json_pack("{s:O?}", "status", json_object_get(status, id));

        if (!okse_finding_is_open(now))
            end(course, id, okse_json_peek_text(now, "status"), at);
    }
}

static int compare_rows(gconstpointer a, gconstpointer b)
{
    const json_t *first = *(json_t *const *)a, *second = *(json_t *const *)b;
    int order = compare(first, second, "first_seen");

    return order != 0 ? order : compare(first, second, "id");
}

/* Oldest first; until: up to when open ones are counted, or NULL where each has its own end. */
static json_t *rows_of(const json_t *table, const char *until)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(release);
    json_t *list = json_array(), *row;
    const char *id;

    json_object_foreach((json_t *)(uintptr_t)table, id, row)
        g_ptr_array_add(rows, until != NULL ? aged(row, until, NULL) : json_incref(row));
    g_ptr_array_sort(rows, compare_rows);
    for (guint i = 0; i < rows->len; i++)
        json_array_append(list, g_ptr_array_index(rows, i));
    return list;
}

static json_t *target_json(GPtrArray *audits, guint from, guint to)
{
    Course course = {json_object(), json_object(), json_object()};
    const json_t *first = g_ptr_array_index(audits, from);
    json_t *list = json_array(), *target;
    const char *last = NULL;

    for (guint i = from; i < to; i++) {
        const json_t *audit = g_ptr_array_index(audits, i);
        json_t *row = json_copy((json_t *)(uintptr_t)audit);

        if (!json_is_true(json_object_get(audit, "partial"))) { /* a part says nothing of what it did not ask */
            follow(&course, audit);
            last = okse_json_peek_text(audit, "audited_at");
        }
        json_object_del(row, "findings");
        json_object_del(row, "hostname");
        json_object_del(row, "install");
        json_array_append_new(list, row);
    }
    target = json_pack("{s:O, s:O, s:o, s:o, s:o, s:o}", "hostname", json_object_get(first, "hostname"), "install",
                       json_object_get(first, "install"), "audits", list, "open", rows_of(course.open, last), "fixed",
                       rows_of(course.fixed, NULL), "gone", rows_of(course.gone, NULL));
    json_decref(course.open);
    json_decref(course.fixed);
    json_decref(course.gone);
    return target;
}

json_t *okse_trend_json(const OkseTrend *trend)
{
    g_autoptr(GPtrArray) audits = g_ptr_array_copy(trend->audits, (GCopyFunc)(void (*)(void))json_incref, NULL);
    json_t *targets = json_array();

    g_ptr_array_sort(audits, compare_audits);
    for (guint from = 0, to = 0; from < audits->len; from = to) {
        const json_t *first = g_ptr_array_index(audits, from);

        for (to = from; to < audits->len && compare(first, g_ptr_array_index(audits, to), "hostname") == 0 &&
                        compare(first, g_ptr_array_index(audits, to), "install") == 0;)
            to++;
        json_array_append_new(targets, target_json(audits, from, to));
    }
    return json_pack("{s:s, s:o, s:O}", "schema", "okse.trend.v1", "targets", targets, "skipped", trend->skipped);
}
