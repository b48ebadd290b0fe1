/* What changed between two audits, by finding id. A finding that is no longer asked is "gone", never "fixed": nobody
 * looked. */
#include "audit/report.h"

#include "audit/findings_history.h"
#include "audit/report_escape.h"
#include "audit/report_view.h"

#include <string.h>

typedef enum { NEW, WORSE, CHANGED, BETTER, FIXED, GONE, SAME, CHANGES } Change;
static const char *const change_words[] = {"new", "worse", "changed", "better", "fixed", "gone", "same"};
static const char *const change_colours[] = {"31", "31", "33", "32", "32", "33", "2"};

static bool is_problem(const json_t *finding)
{
    OkseStatus status = okse_finding_status(finding);

    return status == OKSE_STATUS_FAIL || status == OKSE_STATUS_INCONCLUSIVE;
}

static json_int_t count_of(const json_t *finding, const char *member)
{
    return json_integer_value(json_object_get(finding, member));
}

/* An evidence that NEW has and OLD had not; lines may move without anything being worse. */
static bool has_new_evidence(const json_t *old, const json_t *new)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *list = json_object_get(old, "evidence");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (okse_json_peek_text(json_array_get(list, i), "fact") != NULL)
            g_hash_table_add(known, (gpointer)(uintptr_t)okse_json_peek_text(json_array_get(list, i), "fact"));
    list = json_object_get(new, "evidence");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *fact = okse_json_peek_text(json_array_get(list, i), "fact");

        if (fact != NULL && !g_hash_table_contains(known, fact))
            return true;
    }
    return false;
}

static Change compare(const json_t *old, const json_t *new)
{
    OkseStatus before, after;

    if (old == NULL)
        return is_problem(new) ? NEW : CHANGED;
    if (new == NULL)
        return GONE;
    before = okse_finding_status(old);
    after = okse_finding_status(new);
    if (after < before) /* worst first */
        return is_problem(new) ? WORSE : CHANGED;
    if (after > before && is_problem(new))
        return CHANGED; /* nobody can say any more whether it fails */
    if (after > before && after == OKSE_STATUS_WAIVED)
        return BETTER;
    if (after > before) /* not applicable any more is no repair */
        return after == OKSE_STATUS_PASS && is_problem(old) ? FIXED : CHANGED;
    if (!is_problem(new))
        return SAME;
    if (count_of(new, "violations") > count_of(old, "violations") ||
        count_of(new, "unknown") > count_of(old, "unknown") || has_new_evidence(old, new))
        return WORSE;
    return count_of(new, "violations") < count_of(old, "violations") ||
                   count_of(new, "unknown") < count_of(old, "unknown")
               ? BETTER
               : SAME;
}

/* Since when it is, or was, open: what NEW says, else OLD where it was open there too. NULL: it never was. */
static const char *first_seen(const json_t *old, const json_t *new, const json_t *from, const json_t *to)
{
    const char *since = old != NULL ? okse_finding_first_seen(old, from) : NULL;

    if (new != NULL && okse_finding_is_open(new) && (since == NULL || okse_json_peek_text(new, "first_seen") != NULL))
        return okse_finding_first_seen(new, to);
    return since;
}

static json_t *entry(const json_t *old, const json_t *new, const json_t *from, const json_t *to, Change change)
{
    static const char *const members[] = {"id", "jurisdiction", "provision", "control", "severity"};
    const json_t *finding = new != NULL ? new : old, *document = new != NULL ? to : from;
    const json_t *controls = json_object_get(document, "controls");
    const char *since = first_seen(old, new, from, to);
    const json_t *control = json_object_get(controls, okse_json_peek_text(finding, "control"));
    json_t *out = json_object();

    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
        json_object_set(out, members[i], json_object_get(finding, members[i]));
    json_object_set_new(out, "change", json_string(change_words[change]));
    json_object_set_new(out, "old", old != NULL ? json_string(okse_json_peek_text(old, "status")) : json_null());
    json_object_set_new(out, "new", new != NULL ? json_string(okse_json_peek_text(new, "status")) : json_null());
    json_object_set_new(out, "first_seen", since != NULL ? json_string(since) : json_null());
    json_object_set(out, "title", json_object_get(control, "title"));
    json_object_set(out, "evidence", json_object_get(finding, "evidence"));
    return out;
}

/* In the order of NEW; what is gone comes last, in the order of OLD. */
static json_t *entries(const json_t *old, const json_t *new, unsigned counts[CHANGES])
{
    g_autoptr(GHashTable) before = okse_findings_by_id(old), after = okse_findings_by_id(new);
    const json_t *list = json_object_get(new, "findings");
    json_t *out = json_array();

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);
        const json_t *earlier = g_hash_table_lookup(before, okse_json_peek_text(finding, "id"));
        Change change = compare(earlier, finding);

        counts[change]++;
        json_array_append_new(out, entry(earlier, finding, old, new, change));
    }
    list = json_object_get(old, "findings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *finding = json_array_get(list, i);

        if (g_hash_table_contains(after, okse_json_peek_text(finding, "id")))
            continue;
        counts[GONE]++;
        json_array_append_new(out, entry(finding, NULL, old, new, GONE));
    }
    return out;
}

static bool is_other(const json_t *one, const json_t *other, const char *key)
{
    return g_strcmp0(okse_json_peek_text(one, key), okse_json_peek_text(other, key)) != 0;
}

/* What stands on another host, or is another stack, was not mended. */
static bool is_other_target(const json_t *old, const json_t *new)
{
    const json_t *before = json_object_get(old, "target"), *after = json_object_get(new, "target");

    return is_other(before, after, "hostname") ||
           is_other(json_object_get(before, "install"), json_object_get(after, "install"), "name");
}

/* Which of the inputs is another: with another law, "new" may mean that the law changed. */
static json_t *changed_inputs(const json_t *old, const json_t *new)
{
    static const char *const members[] = {"facts", "manifests", "policy", "profiles", "site", "geo", "tool"};
    const json_t *before = json_object_get(old, "inputs"), *after = json_object_get(new, "inputs");
    json_t *out = json_array();

    if (is_other_target(old, new))
        json_array_append_new(out, json_string("target"));
    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
        if (!json_equal(json_object_get(before, members[i]), json_object_get(after, members[i])) &&
            (json_object_get(before, members[i]) != NULL || json_object_get(after, members[i]) != NULL))
            json_array_append_new(out, json_string(members[i]));
    before = json_object_get(json_object_get(old, "waivers"), "digest");
    after = json_object_get(json_object_get(new, "waivers"), "digest");
    if (before != after && !json_equal(before, after))
        json_array_append_new(out, json_string("waivers"));
    return out;
}

json_t *okse_report_diff(const json_t *old, const json_t *new)
{
    unsigned counts[CHANGES] = {0};
    json_t *list = entries(old, new, counts), *numbers = json_object(), *diff;

    for (unsigned i = 0; i < CHANGES; i++)
        json_object_set_new(numbers, change_words[i], json_integer(counts[i]));
    diff =
        json_pack("{s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:o, s:o, s:o}", "schema", "okse.report-diff.v1", "verdict", "old",
                  okse_json_peek_text(old, "verdict"), "new", okse_json_peek_text(new, "verdict"), "audited_at", "old",
                  okse_json_peek_text(old, "audited_at"), "new", okse_json_peek_text(new, "audited_at"),
                  "changed_inputs", changed_inputs(old, new), "counts", numbers, "findings", list);
    if (json_object_get(old, "partial") != NULL || json_object_get(new, "partial") != NULL)
        json_object_set_new(diff, "partial", json_true());
    return diff;
}

bool okse_report_diff_regressed(const json_t *diff)
{
    const json_t *counts = json_object_get(diff, "counts");

    return count_of(counts, change_words[NEW]) > 0 || count_of(counts, change_words[WORSE]) > 0;
}

bool okse_report_diff_lost_sight(const json_t *diff)
{
    const json_t *list = json_object_get(diff, "findings");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *old = okse_json_peek_text(json_array_get(list, i), "old");
        const char *new = okse_json_peek_text(json_array_get(list, i), "new");
        bool failed = g_strcmp0(old, "fail") == 0, open = failed || g_strcmp0(old, "inconclusive") == 0;

        if ((open && new == NULL) || (failed && g_strcmp0(new, "inconclusive") == 0))
            return true;
    }
    return false;
}

static void write_entry(GString *out, const json_t *finding, Change change, bool colour)
{
    const char *old = okse_json_peek_text(finding, "old"), *new = okse_json_peek_text(finding, "new");
    const json_t *evidence = json_array_get(json_object_get(finding, "evidence"), 0);
    const char *file = okse_json_peek_text(evidence, "file"), *since = okse_json_peek_text(finding, "first_seen");
    json_int_t line = count_of(evidence, "line");

    if (colour)
        g_string_append_printf(out, "\x1b[%sm", change_colours[change]);
    g_string_append_printf(out, "%-8s", change_words[change]);
    if (colour)
        g_string_append(out, "\x1b[0m");
    g_string_append_printf(out, "%s -> %s  %s %s  ", old != NULL ? old : "(not asked)",
                           new != NULL ? new : "(not asked)", okse_json_peek_text(finding, "jurisdiction"),
                           okse_json_peek_text(finding, "provision"));
    okse_escape_line(out, okse_texts_get(json_object_get(finding, "title"), "en", NULL));
    g_string_append_printf(out, "  [%s]", okse_json_peek_text(finding, "id"));
    if (since != NULL)
        g_string_append_printf(out, "  first seen %s", since);
    g_string_append_c(out, '\n');
    if (file != NULL && (change == NEW || change == WORSE || change == BETTER)) {
        g_string_append(out, "        ");
        okse_escape_line(out, file);
        if (line > 0)
            g_string_append_printf(out, ":%" JSON_INTEGER_FORMAT, line);
        g_string_append_c(out, '\n');
    }
}

char *okse_report_diff_text(const json_t *diff, bool colour)
{
    const json_t *verdict = json_object_get(diff, "verdict"), *list = json_object_get(diff, "findings");
    const json_t *counts = json_object_get(diff, "counts"), *inputs = json_object_get(diff, "changed_inputs");
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%s -> %s:", okse_json_peek_text(verdict, "old"), okse_json_peek_text(verdict, "new"));
    for (unsigned i = 0; i < CHANGES; i++)
        g_string_append_printf(out, "%s %" JSON_INTEGER_FORMAT " %s", i == 0 ? "" : ",",
                               count_of(counts, change_words[i]), change_words[i]);
    g_string_append_c(out, '\n');
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const char *input = json_string_value(json_array_get(inputs, i));

        if (strcmp(input, "target") == 0)
            g_string_append(out,
                            "the two audits are of different targets: what is fixed may stand on the other still\n");
        else if (strcmp(input, "facts") != 0)
            g_string_append_printf(out, "the two audits used different %s\n", input);
    }
    if (json_object_get(diff, "partial") != NULL)
        g_string_append(out, "a partial audit (--only): what it did not ask is gone, not fixed\n");
    if (okse_report_diff_lost_sight(diff))
        g_string_append(out, "what was open is not asked or cannot be decided any more: that is no repair\n");
    for (unsigned change = 0; change < SAME; change++)
        for (size_t i = 0; i < json_array_size(list); i++)
            if (strcmp(okse_json_peek_text(json_array_get(list, i), "change"), change_words[change]) == 0)
                write_entry(out, json_array_get(list, i), (Change)change, colour);
    return g_string_free(out, FALSE);
}
