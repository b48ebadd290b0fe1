#include "audit/waiver.h"

#include "audit/verdict.h"
#include "core/json.h"
#include "core/text.h"
#include "core/yaml.h"

#include <string.h>

#define NO_TIME G_MININT64
#define DAYS_LIMIT 366
#define DAY (gint64)86400

typedef struct {
    json_t *shown;                          /* what of it is written into findings */
    const char *control, *provision, *file; /* of `shown` */
    bool in_force, permitted;
    unsigned used;
} Row;

struct OkseWaivers {
    OkseSha256 digest;
    OkseApproval approval;
    GArray *rows; /* Row */
};

typedef struct {
    const OkseWaiversRequest *request;
    const OkseLaw *law;
    OkseWaivers *waivers;
    OkseIssues *issues;
} Reading;

static void row_clear(gpointer memory)
{
    Row *row = memory;

    json_decref(row->shown);
}

void okse_waivers_free(OkseWaivers *waivers)
{
    if (waivers == NULL)
        return;
    okse_approval_clear(&waivers->approval);
    g_array_unref(waivers->rows);
    g_free(waivers);
}

static void take_text(json_t *shown, OkseMap *map, const char *key, OksePresence presence)
{
    const char *text = NULL;
    g_autofree char *safe = okse_map_take_text(map, key, presence, &text) ? okse_text_show(text, -1, false) : NULL;

    json_object_set_new(shown, key, safe != NULL ? json_string(safe) : json_null());
}

static gint64 take_time(const Reading *reading, json_t *shown, OkseMap *map, const char *key)
{
    const OkseNode *node = NULL;
    const char *text = NULL;
    gint64 time = NO_TIME;
    g_autofree char *written = NULL;
    OksePlace at;

    if (!okse_map_take_text(map, key, OKSE_REQUIRED, &text))
        return NO_TIME;
    okse_map_take_node(map, key, OKSE_OPTIONAL, &node);
    at = node != NULL ? okse_node_place(node) : (OksePlace){reading->request->origin, 0, 0};
    if (!okse_text_time_parse(text, &time)) {
        okse_issue(reading->issues, &at, "'%s' must be a day (2026-12-31) or an RFC 3339 time with an offset", key);
        return NO_TIME;
    }
    written = okse_text_time(time);
    json_object_set_new(shown, key, json_string(written));
    return time;
}

/* May findings of it be waived here? */
static bool check_control(const Reading *reading, const OksePlace *at, const char *id)
{
    const OkseControl *control = id == NULL ? NULL : okse_law_control(reading->law, id);

    if (reading->request->sealed || id == NULL)
        return control != NULL && control->waivable;
    if (control == NULL)
        okse_issue(reading->issues, at, "there is no control '%s' (okse policy list)", id);
    else if (!control->waivable)
        okse_issue(reading->issues, at, "a finding of %s cannot be waived: mend it", id);
    return control != NULL && control->waivable;
}

static void check_term(const Reading *reading, const OksePlace *at, gint64 from, gint64 until)
{
    if (from == NO_TIME || until == NO_TIME)
        return;
    if (until <= from)
        okse_issue(reading->issues, at, "the waiver ends before it begins");
    else if (until - from > DAYS_LIMIT * DAY)
        okse_issue(reading->issues, at, "a waiver is for %d days at most: decide again then", DAYS_LIMIT);
}

static void read_row(const Reading *reading, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "a waiver", reading->issues);
    OksePlace at = okse_node_place(node);
    json_t *shown = json_object();
    gint64 from, until;
    Row row = {.shown = shown};

    take_text(shown, map, "control", OKSE_REQUIRED);
    take_text(shown, map, "provision", OKSE_OPTIONAL);
    take_text(shown, map, "file", OKSE_OPTIONAL);
    take_text(shown, map, "approver", OKSE_REQUIRED);
    take_text(shown, map, "reason", OKSE_REQUIRED);
    take_text(shown, map, "risk", OKSE_REQUIRED);
    from = take_time(reading, shown, map, "from");
    until = take_time(reading, shown, map, "until");
    okse_map_end(map);
    row.control = okse_json_peek_text(shown, "control");
    row.provision = okse_json_peek_text(shown, "provision");
    row.file = okse_json_peek_text(shown, "file");
    json_object_set_new(shown, "line", json_integer((json_int_t)at.line));
    row.in_force = until != NO_TIME && until > reading->request->at;
    row.permitted = check_control(reading, &at, row.control);
    check_term(reading, &at, from, until);
    g_array_append_val(reading->waivers->rows, row);
}

static void check_subject(const Reading *reading, OkseMap *map, const char *key, const char *wanted)
{
    const OkseNode *node = NULL;
    const char *text = NULL;
    OksePlace at;

    if (!okse_map_take_text(map, key, OKSE_REQUIRED, &text) || wanted == NULL || strcmp(text, wanted) == 0)
        return;
    okse_map_take_node(map, key, OKSE_OPTIONAL, &node);
    at = node != NULL ? okse_node_place(node) : (OksePlace){reading->request->origin, 0, 0};
    okse_issue(reading->issues, &at, "these waivers are for the %s '%s', not for '%s'", key, text, wanted);
}

static void judge(const OkseWaiversRequest *request, OkseWaivers *waivers)
{
    OkseApproval *approval = &waivers->approval;

    if (request->signature == NULL || request->trust == NULL) {
        approval->status = request->signature == NULL ? "unsigned" : "unjudged";
        approval->reason =
            g_strdup(request->signature == NULL ? "no approval lies beside it (okse sign --document FILE --role waiver)"
                                                : "no trust policy was given (--trust)");
        return;
    }
    okse_approval_judge(&waivers->digest, request->signature, request->trust, request->at, approval);
    if (strcmp(approval->status, "valid") == 0 && strcmp(approval->role, "waiver") != 0) {
        approval->status = "rejected";
        approval->reason = g_strdup_printf("it is approved as %s, not as waiver", approval->role);
    }
}

OkseWaivers *okse_waivers_read(const OkseWaiversRequest *request, const OkseLaw *law, GError **error)
{
    g_autoptr(OkseYaml) yaml = okse_yaml_read(request->bytes, request->origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseWaivers) waivers = NULL;
    const OkseNode *rows = NULL;
    OkseMap *map;
    Reading reading;

    if (yaml == NULL)
        return NULL;
    waivers = g_new0(OkseWaivers, 1);
    waivers->digest = okse_sha256_of_bytes(request->bytes);
    waivers->rows = g_array_new(FALSE, FALSE, sizeof(Row));
    g_array_set_clear_func(waivers->rows, row_clear);
    reading = (Reading){request, law, waivers, issues};
    map = okse_map_open(okse_yaml_root(yaml), "waivers", issues);
    check_subject(&reading, map, "okse", "waivers/v1");
    check_subject(&reading, map, "stack", request->stack);
    check_subject(&reading, map, "country", request->country);
    if (okse_map_take_list(map, "waivers", OKSE_REQUIRED, &rows))
        for (unsigned i = 0; i < okse_node_count(rows); i++)
            read_row(&reading, okse_node_item(rows, i));
    okse_map_end(map);
    if (!okse_issues_none(issues, error))
        return NULL;
    judge(request, waivers);
    return g_steal_pointer(&waivers);
}

bool okse_waivers_hold(const OkseWaivers *waivers, const char **reason)
{
    *reason = waivers->approval.reason;
    return strcmp(waivers->approval.status, "valid") == 0;
}

static bool covers(const Row *row, const json_t *finding, const json_t *evidence)
{
    return row->in_force && row->permitted && g_strcmp0(row->control, okse_json_peek_text(finding, "control")) == 0 &&
           (row->provision == NULL || strcmp(row->provision, okse_json_peek_text(finding, "provision")) == 0) &&
           (row->file == NULL || g_strcmp0(row->file, okse_json_peek_text(evidence, "file")) == 0);
}

static Row *covering(const OkseWaivers *waivers, const json_t *finding, const json_t *evidence)
{
    for (guint i = 0; i < waivers->rows->len; i++) {
        Row *row = &g_array_index(waivers->rows, Row, i);

        if (covers(row, finding, evidence))
            return row;
    }
    return NULL;
}

/* The row that covers a finding's violations, the last one's when there are several; NULL when one is not covered. What
 * is not listed as evidence is covered by no row for a file. */
static Row *covering_all(const OkseWaivers *waivers, const json_t *finding)
{
    const json_t *evidence;
    json_int_t left = json_integer_value(json_object_get(finding, "violations"));
    Row *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(finding, "evidence"), i, evidence)
    {
        if (g_strcmp0(okse_json_peek_text(evidence, "verdict"), "violation") != 0)
            continue;
        found = covering(waivers, finding, evidence);
        if (found == NULL)
            return NULL;
        left--;
    }
    return left <= 0 ? found : covering(waivers, finding, NULL);
}

static void waive(const OkseWaivers *waivers, json_t *finding, Row *row)
{
    const char *until = okse_json_peek_text(row->shown, "until"), *by = okse_json_peek_text(row->shown, "approver");
    const char *why = okse_json_peek_text(row->shown, "reason"), *risk = okse_json_peek_text(row->shown, "risk");

    row->used++;
    json_object_set_new(finding, "status", json_string("waived"));
    json_object_set_new(finding, "waived_from", json_string("fail"));
    json_object_set_new(finding, "reason",
                        okse_reason("waived until %s by %s (signed by %s): %s; risk: %s",
                                    "%s까지 %s 승인 (서명: %s): %s; 위험: %s", until, by, waivers->approval.signer, why,
                                    risk));
}

void okse_waivers_apply(OkseWaivers *waivers, json_t *findings)
{
    const char *reason;
    json_t *finding;
    size_t i;

    if (!okse_waivers_hold(waivers, &reason))
        return;
    json_array_foreach(findings, i, finding)
    {
        Row *row =
            g_strcmp0(okse_json_peek_text(finding, "status"), "fail") == 0 ? covering_all(waivers, finding) : NULL;

        if (row != NULL)
            waive(waivers, finding, row);
    }
}

static const char *state_of(const OkseWaivers *waivers, const Row *row)
{
    const char *reason;

    if (!okse_waivers_hold(waivers, &reason) || !row->permitted)
        return "void";
    if (!row->in_force)
        return "expired";
    return row->used > 0 ? "applied" : "unused";
}

json_t *okse_waivers_json(const OkseWaivers *waivers)
{
    json_t *rows = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < waivers->rows->len; i++) {
        const Row *row = &g_array_index(waivers->rows, Row, i);
        json_t *shown = json_deep_copy(row->shown);

        json_object_set_new(shown, "state", json_string(state_of(waivers, row)));
        json_array_append_new(rows, shown);
    }
    return json_pack("{s:s,s:s,s:s?,s:s?,s:o}", "digest", okse_sha256_text(&waivers->digest, text), "status",
                     waivers->approval.status, "signer", waivers->approval.signer, "reason", waivers->approval.reason,
                     "rows", rows);
}
