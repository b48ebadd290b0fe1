/* What is kept of each target is a row; what is kept of each finding is which rows it failed on. Rows are sorted at the
 * end, worst first, so that the document does not depend on which audit was ready first. */
#include "audit/fleet.h"

#include "audit/report_view.h"
#include "core/digest.h"
#include "core/json.h"

#include <string.h>

static const char *const verdicts[] = {"non-compliant", "inconclusive", "compliant", NULL}; /* worst first */

struct OkseFleet {
    GPtrArray *targets;   /* json_t *, owned */
    GHashTable *names;    /* of targets; borrowed from them */
    GHashTable *findings; /* id → json_t *, owned: what is the same of it on every target */
    GPtrArray *order;     /* the same in the order in which they were first seen; borrowed */
    json_t *first;        /* what all findings share, from those that came first; owned */
    json_t *laws;         /* iso → how many targets have which verdict */
    json_t *controls;
};

static void value_free(gpointer memory)
{
    json_decref(memory);
}

OkseFleet *okse_fleet_new(void)
{
    OkseFleet *fleet = g_new0(OkseFleet, 1);

    fleet->targets = g_ptr_array_new_with_free_func(value_free);
    fleet->names = g_hash_table_new(g_str_hash, g_str_equal);
    fleet->findings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, value_free);
    fleet->order = g_ptr_array_new();
    fleet->laws = json_object();
    fleet->controls = json_object();
    return fleet;
}

void okse_fleet_free(OkseFleet *fleet)
{
    if (fleet == NULL)
        return;
    g_hash_table_unref(fleet->names);
    g_ptr_array_unref(fleet->targets);
    g_ptr_array_unref(fleet->order);
    g_hash_table_unref(fleet->findings);
    json_decref(fleet->first);
    json_decref(fleet->laws);
    json_decref(fleet->controls);
    g_free(fleet);
}

static unsigned rank_of(const char *verdict)
{
    unsigned rank = 0;

    while (verdicts[rank + 1] != NULL && g_strcmp0(verdicts[rank], verdict) != 0)
        rank++;
    return rank;
}

static bool take_name(OkseFleet *fleet, json_t *target, GError **error)
{
    const char *name = okse_json_peek_text(target, "name");

    if (fleet->targets->len >= OKSE_FLEET_TARGETS || g_hash_table_contains(fleet->names, name)) {
        okse_fail(error, OKSE_ERROR_INVALID,
                  fleet->targets->len >= OKSE_FLEET_TARGETS ? "%s: more than %u targets; make several documents"
                                                            : "%s: another target has the same name",
                  name, OKSE_FLEET_TARGETS);
        json_decref(target);
        return false;
    }
    g_ptr_array_add(fleet->targets, target);
    g_hash_table_add(fleet->names, (gpointer)(uintptr_t)name);
    return true;
}

/* Those that are of the audit, not of the target. */
static json_t *warnings_of(const json_t *findings)
{
    const json_t *warnings = json_object_get(findings, "warnings");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(warnings); i++)
        if (g_strcmp0(okse_json_peek_text(json_array_get(warnings, i), "kind"), "waivers") != 0)
            json_array_append(list, json_array_get(warnings, i));
    return list;
}

/* What all of them must have in common, or one table would compare what cannot be compared. */
static json_t *shared_by(const json_t *findings)
{
    const json_t *inputs = json_object_get(findings, "inputs"), *list = json_object_get(findings, "jurisdictions");
    g_autoptr(json_t) warnings = warnings_of(findings);
    json_t *laws = json_array(), *shared;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);

        json_array_append_new(laws,
                              json_pack("{s:O, s:O, s:O?, s:O?}", "iso", json_object_get(one, "iso"), "name",
                                        json_object_get(one, "name"), "languages", json_object_get(one, "languages"),
                                        "as_of", json_object_get(one, "as_of")));
    }
    shared = json_pack("{s:O, s:O, s:O, s:O, s:o}", "audited_at", json_object_get(findings, "audited_at"), "languages",
                       json_object_get(findings, "languages"), "manifests", json_object_get(inputs, "manifests"),
                       "tool", json_object_get(inputs, "tool"), "jurisdictions", laws);
    if (json_is_object(json_object_get(inputs, "policy")))
        json_object_set(shared, "policy", json_object_get(inputs, "policy"));
    if (json_is_array(json_object_get(inputs, "profiles")))
        json_object_set(shared, "profiles", json_object_get(inputs, "profiles"));
    if (json_is_object(json_object_get(findings, "partial")))
        json_object_set_new(shared, "partial",
                            json_pack("{s:O}", "only", json_object_get(json_object_get(findings, "partial"), "only")));
    if (json_array_size(warnings) > 0)
        json_object_set(shared, "warnings", warnings);
    if (json_is_object(json_object_get(findings, "redaction")))
        json_object_set_new(shared, "redaction",
                            json_string(okse_json_peek_text(json_object_get(findings, "redaction"), "level")));
    return shared;
}

static bool goes_with(OkseFleet *fleet, const char *name, const json_t *findings, GError **error)
{
    g_autoptr(json_t) shared = shared_by(findings);
    const char *key;
    json_t *value;

    if (fleet->first == NULL)
        fleet->first = json_incref(shared);
    json_object_foreach(
        fleet->first, key,
        value) if (!json_equal(value,
                               json_object_get(shared,
                                               key))) return okse_fail(error, OKSE_ERROR_INVALID,
                                                                       "%s: '%s' is not that of the findings before "
                                                                       "it, so they cannot stand in one table",
                                                                       name, key);
    return json_object_size(shared) == json_object_size(fleet->first) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: it was audited in another way than those before it", name);
}

static void count(json_t *counts, const char *key)
{
    json_object_set_new(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + 1));
}

static void count_law(OkseFleet *fleet, const json_t *findings)
{
    const json_t *list = json_object_get(findings, "jurisdictions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *iso = okse_json_peek_text(one, "iso");

        if (json_object_get(fleet->laws, iso) == NULL)
            json_object_set_new(fleet->laws, iso, json_object());
        count(json_object_get(fleet->laws, iso), okse_json_peek_text(one, "verdict"));
    }
}

static json_t *row_of(OkseFleet *fleet, const OkseReportView *view, const json_t *finding)
{
    const char *id = okse_json_peek_text(finding, "id");
    json_t *row = g_hash_table_lookup(fleet->findings, id);
    const json_t *provision = okse_report_view_provision(view, finding);
    const char *control = okse_json_peek_text(finding, "control");

    if (row != NULL)
        return row;
    row = json_pack("{s:s, s:O, s:O, s:O, s:O, s:O, s:O, s:O?, s:O, s:{}, s:{}}", "id", id, "jurisdiction",
                    json_object_get(finding, "jurisdiction"), "instrument", json_object_get(finding, "instrument"),
                    "provision", json_object_get(finding, "provision"), "control", json_object_get(finding, "control"),
                    "severity", json_object_get(finding, "severity"), "confidence",
                    json_object_get(finding, "confidence"), "article", json_object_get(provision, "article"), "title",
                    json_object_get(provision, "title"), "counts", "targets");
    g_hash_table_insert(fleet->findings, (gpointer)(uintptr_t)okse_json_peek_text(row, "id"), row);
    g_ptr_array_add(fleet->order, row);
    if (json_object_get(fleet->controls, control) == NULL) {
        const json_t *described = okse_report_view_control(view, finding);

        json_object_set_new(fleet->controls, control,
                            json_pack("{s:O, s:O?}", "title", json_object_get(described, "title"), "remediation",
                                      json_object_get(described, "remediation")));
    }
    return row;
}

/* Which findings are open on a target: the row of the target names them, and theirs name it. */
static json_t *add_findings(OkseFleet *fleet, const char *name, const json_t *findings)
{
    g_autoptr(OkseReportView) view = okse_report_view_new(findings);
    const json_t *list = json_object_get(findings, "findings");
    json_t *open = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);
        OkseStatus status = okse_finding_status(finding);
        const char *word = okse_status_words[status];
        json_t *row = row_of(fleet, view, finding), *targets = json_object_get(row, "targets");

        count(json_object_get(row, "counts"), word);
        if (status == OKSE_STATUS_PASS || status == OKSE_STATUS_NOT_APPLICABLE)
            continue;
        if (json_object_get(targets, word) == NULL)
            json_object_set_new(targets, word, json_array());
        json_array_append_new(json_object_get(targets, word), json_string(name));
        json_array_append_new(open, json_pack("{s:O, s:s}", "id", json_object_get(finding, "id"), "status", word));
    }
    return open;
}

static json_t *unseen_on(const json_t *findings)
{
    const json_t *list = json_object_get(findings, "collectors");
    json_t *unseen = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *status = okse_json_peek_text(one, "status");

        if (strcmp(status, "partial") == 0 || strcmp(status, "unavailable") == 0)
            json_array_append(unseen, json_object_get(one, "collector"));
    }
    return unseen;
}

bool okse_fleet_add(OkseFleet *fleet, const char *name, const json_t *findings, GError **error)
{
    const json_t *target = json_object_get(findings, "target"), *install = json_object_get(target, "install");
    const json_t *country = json_object_get(target, "country");
    g_autoptr(GBytes) canonical = okse_json_write(findings);
    OkseSha256 digest = okse_sha256_of_bytes(canonical);
    char text[OKSE_SHA256_TEXT];
    json_t *row;

    if (!goes_with(fleet, name, findings, error))
        return false;
    row = json_pack("{s:s, s:O, s:O?, s:O?, s:O?, s:O, s:O, s:O, s:s, s:o}", "name", name, "hostname",
                    json_object_get(target, "hostname"), "site", json_object_get(target, "site"), "country",
                    json_is_string(country) ? country : json_object_get(install, "country"), "identity",
                    json_object_get(install, "identity"), "verdict", json_object_get(findings, "verdict"), "summary",
                    json_object_get(findings, "summary"), "facts",
                    json_object_get(json_object_get(findings, "inputs"), "facts"), "findings",
                    okse_sha256_text(&digest, text), "unseen", unseen_on(findings));
    if (!take_name(fleet, row, error))
        return false;
    json_object_set_new(row, "open", add_findings(fleet, name, findings));
    count_law(fleet, findings);
    return true;
}

bool okse_fleet_add_unread(OkseFleet *fleet, const char *name, const char *why, GError **error)
{
    return take_name(fleet, json_pack("{s:s, s:s, s:s}", "name", name, "verdict", "inconclusive", "error", why), error);
}

static json_int_t member_count(const json_t *object, const char *list, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(object, list), key));
}

/* Worst first: verdict, failures, what could not be decided, name. Targets that could not be read come before others
 * that are inconclusive. */
static int compare_targets(gconstpointer a, gconstpointer b)
{
    const json_t *one = *(json_t *const *)a, *other = *(json_t *const *)b;
    int order = (int)rank_of(okse_json_peek_text(one, "verdict")) - (int)rank_of(okse_json_peek_text(other, "verdict"));
    static const char *const keys[] = {"fail", "inconclusive"};

    if (order == 0)
        order = (json_object_get(other, "error") != NULL) - (json_object_get(one, "error") != NULL);
    for (unsigned i = 0; order == 0 && i < G_N_ELEMENTS(keys); i++) {
        json_int_t first = member_count(one, "summary", keys[i]), second = member_count(other, "summary", keys[i]);

        order = (first < second) - (first > second);
    }
    return order != 0 ? order : strcmp(okse_json_peek_text(one, "name"), okse_json_peek_text(other, "name"));
}

/* Mandatory before recommended, then on how many targets it fails, then on how many it is open, then its id. */
static int compare_findings(gconstpointer a, gconstpointer b)
{
    const json_t *one = *(json_t *const *)a, *other = *(json_t *const *)b;
    int order = strcmp(okse_json_peek_text(one, "severity"), okse_json_peek_text(other, "severity"));
    static const char *const keys[] = {"fail", "inconclusive"};

    for (unsigned i = 0; order == 0 && i < G_N_ELEMENTS(keys); i++) {
        json_int_t first = member_count(one, "counts", keys[i]), second = member_count(other, "counts", keys[i]);

        order = (first < second) - (first > second);
    }
    return order != 0 ? order : strcmp(okse_json_peek_text(one, "id"), okse_json_peek_text(other, "id"));
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *sorted(GPtrArray *items, GCompareFunc compare)
{
    json_t *list = json_array();

    g_ptr_array_sort(items, compare);
    for (guint i = 0; i < items->len; i++)
        json_array_append(list, g_ptr_array_index(items, i));
    return list;
}

static void sort_names(json_t *targets)
{
    const char *word;
    json_t *names;

    json_object_foreach(targets, word, names)
    {
        g_autoptr(GPtrArray) items = g_ptr_array_new();
        json_t *name;
        size_t i;

        json_array_foreach(names, i, name) g_ptr_array_add(items, name);
        json_object_set_new(targets, word, sorted(items, compare_texts));
    }
}

static const char *worst(const json_t *counts)
{
    for (unsigned i = 0; verdicts[i + 1] != NULL; i++)
        if (json_object_get(counts, verdicts[i]) != NULL)
            return verdicts[i];
    return json_object_get(counts, "compliant") != NULL ? "compliant" : "inconclusive";
}

/* Targets by one of their members: how many with which verdict, worst first. */
static json_t *grouped(const OkseFleet *fleet, const char *key)
{
    g_autoptr(json_t) groups = json_object();
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    const char *name;
    json_t *counts, *list;

    for (guint i = 0; i < fleet->targets->len; i++) {
        const json_t *target = g_ptr_array_index(fleet->targets, i);
        const char *group = okse_json_peek_text(target, key);

        group = group != NULL ? group : "";
        if (json_object_get(groups, group) == NULL)
            json_object_set_new(groups, group, json_object());
        count(json_object_get(groups, group), okse_json_peek_text(target, "verdict"));
        count(json_object_get(groups, group), "targets");
    }
    json_object_foreach(groups, name, counts)
        g_ptr_array_add(rows, json_pack("{s:s, s:s?, s:s, s:O}", "name", name, key, *name != '\0' ? name : NULL,
                                        "verdict", worst(counts), "summary", counts));
    list = sorted(rows, compare_targets);
    for (guint i = 0; i < rows->len; i++) {
        json_object_del(g_ptr_array_index(rows, i), "name");
        json_decref(g_ptr_array_index(rows, i));
    }
    return list;
}

/* What could not be judged may break any of the laws. */
static json_t *laws_of(const OkseFleet *fleet, json_int_t unread)
{
    json_t *list = json_deep_copy(json_object_get(fleet->first, "jurisdictions")), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        json_t *counts = json_object_get(fleet->laws, okse_json_peek_text(one, "iso"));
        json_int_t open = json_integer_value(json_object_get(counts, "inconclusive"));

        if (unread > 0) {
            json_object_set_new(counts, "inconclusive", json_integer(open + unread));
            json_object_set_new(counts, "unread", json_integer(unread));
        }
        json_object_set(one, "targets", counts);
        json_object_set_new(one, "verdict", json_string(worst(counts)));
    }
    return list;
}

json_t *okse_fleet_document(OkseFleet *fleet, GError **error)
{
    g_autoptr(json_t) summary = json_object();
    json_t *document;

    if (fleet->first == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "no evidence could be judged");
        return NULL;
    }
    json_object_set_new(summary, "targets", json_integer((json_int_t)fleet->targets->len));
    for (guint i = 0; i < fleet->targets->len; i++) {
        const json_t *target = g_ptr_array_index(fleet->targets, i);

        count(summary, okse_json_peek_text(target, "verdict"));
        if (json_object_get(target, "error") != NULL)
            count(summary, "unread");
    }
    for (guint i = 0; i < fleet->order->len; i++)
        sort_names(json_object_get(g_ptr_array_index(fleet->order, i), "targets"));
    document = json_pack("{s:s, s:s, s:O, s:o, s:o, s:o, s:o, s:O, s:o}", "schema", "okse.fleet.v1", "verdict",
                         worst(summary), "summary", summary, "jurisdictions",
                         laws_of(fleet, json_integer_value(json_object_get(summary, "unread"))), "countries",
                         grouped(fleet, "country"), "sites", grouped(fleet, "site"), "targets",
                         sorted(fleet->targets, compare_targets), "controls", fleet->controls, "findings",
                         sorted(fleet->order, compare_findings));
    json_object_update_missing(document, fleet->first); /* its own list of laws has the counts, too */
    return document;
}
