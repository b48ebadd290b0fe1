/* What a reader must know in five seconds: yes or no, under which law, what to do first. */
#include "audit/report_html.h"

#include "core/json.h"

#include <string.h>

#define FIRST_MAX 3u  /* things to do first */
#define BROKEN_MAX 6u /* articles named per jurisdiction */

static void write_why(OkseHtml *html, const OkseCounts *counts)
{
    g_autofree char *fail = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_FAIL]);
    g_autofree char *open = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_INCONCLUSIVE]);
    g_autofree char *pass = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_PASS]);
    g_autofree char *waived = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_WAIVED]);
    const OkseFill fills[] = {{"fail", fail}, {"inconclusive", open}, {"pass", pass}, {"waived", waived}, {NULL, NULL}};

    okse_html_raw(html, "<p class=\"why\">");
    okse_html_fill(html, okse_report_view_why(html->view), fills);
    okse_html_raw(html, "</p>\n");
}

static void write_verdict(OkseHtml *html)
{
    const char *verdict = okse_json_peek_text(html->findings, "verdict");
    OkseCounts counts = okse_report_view_counts(html->view, NULL);
    g_autofree char *decided = g_strdup_printf("%u", counts.decided);
    g_autofree char *total = g_strdup_printf("%u", counts.total);
    g_autofree char *na = g_strdup_printf("%u", counts.all[OKSE_STATUS_NOT_APPLICABLE]);
    const OkseFill coverage[] = {{"decided", decided}, {"total", total}, {"na", na}, {NULL, NULL}};

    g_string_append_printf(html->out, "<div class=\"verdict %s\"><h2 id=\"verdict-title\"><span class=\"label\">",
                           okse_verdict_class(verdict));
    okse_html_say(html, "verdict");
    okse_html_raw(html, "</span> <strong>");
    okse_html_word(html, "verdict.", verdict);
    okse_html_raw(html, "</strong></h2>\n");
    write_why(html, &counts);
    okse_html_raw(html, "<ul class=\"counts\">");
    for (unsigned i = 0; i < OKSE_STATUSES; i++) {
        if (counts.all[i] == 0)
            continue;
        okse_html_raw(html, "<li>");
        okse_html_badge(html, (OkseStatus)i);
        okse_html_raw(html, " <b>");
        okse_html_number(html, counts.all[i]);
        okse_html_raw(html, "</b>");
    }
    okse_html_raw(html, "<li class=\"coverage\">");
    okse_html_fill(html, "coverage", coverage);
    okse_html_raw(html, "</ul>");
    okse_html_policed(html);
    okse_html_raw(html, "</div>\n");
}

/* The articles of one jurisdiction with a mandatory finding of this status, each once. */
static void write_articles(OkseHtml *html, const char *iso, OkseStatus status, const char *key)
{
    const GPtrArray *ranked = okse_report_view_ranked(html->view);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);

    for (guint i = 0; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);
        const json_t *provision = okse_report_view_provision(html->view, finding);

        if (okse_finding_status(finding) != status || !okse_finding_mandatory(finding) ||
            strcmp(okse_json_peek_text(finding, "jurisdiction"), iso) != 0 ||
            !g_hash_table_add(seen, (gpointer)(uintptr_t)provision) || g_hash_table_size(seen) > BROKEN_MAX)
            continue;
        if (g_hash_table_size(seen) == 1) {
            g_string_append_printf(html->out, "<div class=\"articles %s\"><span class=\"label\">",
                                   okse_status_words[status]);
            okse_html_say(html, key);
            okse_html_raw(html, "</span><ul>");
        }
        okse_html_raw(html, "<li>");
        okse_html_article_link(html, finding);
    }
    if (g_hash_table_size(seen) > BROKEN_MAX) {
        okse_html_raw(html, "<li><a href=\"#findings\">");
        okse_html_count(html, "first.more", g_hash_table_size(seen) - BROKEN_MAX);
        okse_html_raw(html, "</a>");
    }
    if (g_hash_table_size(seen) > 0)
        okse_html_raw(html, "</ul></div>");
}

static void write_laws(OkseHtml *html)
{
    const json_t *jurisdictions = json_object_get(html->findings, "jurisdictions");

    okse_html_raw(html, "<section aria-labelledby=\"law-title\"><h3 id=\"law-title\">");
    okse_html_say(html, "law");
    okse_html_raw(html, "</h3>\n");
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const char *iso = okse_json_peek_text(jurisdiction, "iso"), *date = okse_json_peek_text(jurisdiction, "as_of");
        const char *verdict = okse_json_peek_text(jurisdiction, "verdict");
        const OkseFill fills[] = {{"date", date}, {NULL, NULL}};

        okse_html_raw(html, "<div class=\"jurisdiction\"><p><b>");
        okse_html_nation(html, jurisdiction);
        g_string_append_printf(html->out, "</b> <span class=\"badge %s\">", okse_verdict_class(verdict));
        okse_html_word(html, "verdict.", verdict);
        okse_html_raw(html, "</span>");
        if (date != NULL) {
            okse_html_raw(html, " <span class=\"cite\">");
            okse_html_fill(html, "law.asof", fills);
            okse_html_raw(html, "</span>");
        }
        okse_html_raw(html, "</p>");
        write_articles(html, iso, OKSE_STATUS_FAIL, "law.broken");
        write_articles(html, iso, OKSE_STATUS_INCONCLUSIVE, "law.open");
        write_articles(html, iso, OKSE_STATUS_WAIVED, "status.waived");
        if (okse_report_view_met(html->view, jurisdiction)) {
            okse_html_raw(html, "<p>");
            okse_html_say(html, "law.met");
            okse_html_raw(html, "</p>");
        }
        okse_html_raw(html, "</div>\n");
    }
    okse_html_raw(html, "</section>\n");
}

static void write_action(OkseHtml *html, const json_t *finding)
{
    const json_t *control = okse_report_view_control(html->view, finding);
    const json_t *evidence = json_array_get(json_object_get(finding, "evidence"), 0);
    const json_t *remediation = json_object_get(control, "remediation");

    okse_html_raw(html, "<li><p>");
    okse_html_law(html, json_is_object(remediation) ? remediation : json_object_get(control, "title"));
    okse_html_raw(html, "</p><p class=\"cite\">");
    g_string_append_printf(html->out, "<a href=\"#%s\">", okse_json_peek_text(finding, "id"));
    if (evidence == NULL || !okse_html_place(html, evidence))
        okse_html_law(html, json_object_get(control, "title"));
    okse_html_raw(html, "</a> · ");
    okse_html_article_link(html, finding);
    okse_html_raw(html, "</p>\n");
    if (okse_finding_status(finding) == OKSE_STATUS_WAIVED) { /* by whom and until when */
        okse_html_raw(html, "<p class=\"cite\">");
        okse_html_law(html, json_object_get(finding, "reason"));
        okse_html_raw(html, "</p>\n");
    }
}

/* The worst findings of one status, one a control. Returns how many were written. */
static unsigned write_actions(OkseHtml *html, OkseStatus status)
{
    const GPtrArray *ranked = okse_report_view_ranked(html->view);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < ranked->len && g_hash_table_size(seen) < FIRST_MAX; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);

        if (okse_finding_status(finding) == status &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)okse_json_peek_text(finding, "control")))
            write_action(html, finding);
    }
    return g_hash_table_size(seen);
}

static unsigned write_blind(OkseHtml *html)
{
    const json_t *collectors = json_object_get(html->findings, "collectors");
    unsigned written = 0;

    for (size_t i = 0; i < json_array_size(collectors) && written < FIRST_MAX; i++) {
        const json_t *collector = json_array_get(collectors, i);
        const char *status = okse_json_peek_text(collector, "status"),
                   *reason = okse_json_peek_text(collector, "reason");

        if (strcmp(status, "partial") != 0 && strcmp(status, "unavailable") != 0)
            continue;
        okse_html_raw(html, "<li><p>");
        okse_html_say(html, "first.see");
        okse_html_raw(html, " <a href=\"#unseen\">");
        okse_html_code(html, okse_json_peek_text(collector, "collector"));
        okse_html_raw(html, "</a></p>");
        if (reason != NULL) {
            okse_html_raw(html, "<p class=\"cite\">");
            okse_html_data(html, reason);
            okse_html_raw(html, "</p>");
        }
        written++;
    }
    return written;
}

static void write_nothing_open(OkseHtml *html)
{
    okse_html_raw(html, "<p>");
    okse_html_say(html, okse_report_view_nothing_open(html->view));
    okse_html_raw(html, "</p>");
    if (!okse_report_view_by_waiver(html->view))
        return;
    okse_html_raw(html, "<ol class=\"first\">");
    write_actions(html, OKSE_STATUS_WAIVED);
    okse_html_raw(html, "</ol>");
}

static void write_first(OkseHtml *html)
{
    gsize before;

    okse_html_raw(html, "<section aria-labelledby=\"first-title\"><h3 id=\"first-title\">");
    okse_html_say(html, "first");
    okse_html_raw(html, "</h3>\n");
    before = html->out->len;
    okse_html_raw(html, "<ol class=\"first\">");
    if (write_actions(html, OKSE_STATUS_FAIL) > 0 || write_blind(html) > 0 ||
        write_actions(html, OKSE_STATUS_INCONCLUSIVE) > 0) {
        okse_html_raw(html, "</ol>");
    } else {
        g_string_truncate(html->out, before);
        write_nothing_open(html);
    }
    okse_html_raw(html, "</section>\n");
}

/* One of the report's particulars; value NULL: there is none and nothing is written. */
static void write_fact(OkseHtml *html, const char *key, const char *value, bool code)
{
    if (value == NULL)
        return;
    okse_html_raw(html, "<div><dt>");
    okse_html_say(html, key);
    okse_html_raw(html, "</dt><dd>");
    if (code)
        okse_html_code(html, value);
    else
        okse_html_data(html, value);
    okse_html_raw(html, "</dd></div>\n");
}

static void write_facts(OkseHtml *html)
{
    const json_t *target = json_object_get(html->findings, "target"), *install = json_object_get(target, "install");
    const json_t *tool = json_object_get(json_object_get(html->findings, "inputs"), "tool");
    const char *name = okse_json_peek_text(install, "name"), *version = okse_json_peek_text(install, "version");
    g_autofree char *stack = name != NULL ? g_strdup_printf("%s %s", name, version != NULL ? version : "") : NULL;
    g_autofree char *auditor =
        g_strdup_printf("%s %s", okse_json_peek_text(tool, "name"), okse_json_peek_text(tool, "version"));

    okse_html_raw(html, "<dl class=\"facts\">");
    write_fact(html, "facts.target", okse_json_peek_text(target, "hostname"), true);
    write_fact(html, "facts.site", okse_json_peek_text(target, "site"), false);
    write_fact(html, "facts.stack", stack, false);
    if (stack == NULL) {
        okse_html_raw(html, "<div><dt>");
        okse_html_say(html, "facts.stack");
        okse_html_raw(html, "</dt><dd>");
        okse_html_say(html, "facts.noinstall");
        okse_html_raw(html, "</dd></div>\n");
    }
    okse_html_raw(html, "<div><dt>");
    okse_html_say(html, "facts.time");
    okse_html_raw(html, "</dt><dd>");
    okse_html_date(html, okse_json_peek_text(html->findings, "audited_at"));
    okse_html_raw(html, "</dd></div>\n");
    write_fact(html, "facts.tool", auditor, false);
    write_fact(html, "facts.identity", okse_json_peek_text(install, "identity"), true);
    okse_html_raw(html, "</dl>\n");
}

static void write_warnings(OkseHtml *html)
{
    const json_t *warnings = json_object_get(html->findings, "warnings");

    for (size_t i = 0; i < json_array_size(warnings); i++) {
        okse_html_raw(html, "<p class=\"warning\" role=\"note\">");
        okse_html_law(html, json_object_get(json_array_get(warnings, i), "message"));
        okse_html_raw(html, "</p>\n");
    }
}

void okse_html_opening(OkseHtml *html)
{
    okse_html_raw(html, "<section id=\"verdict\" aria-labelledby=\"verdict-title\">\n");
    write_verdict(html);
    write_warnings(html);
    okse_html_raw(html, "<div class=\"opening\">");
    write_laws(html);
    write_first(html);
    okse_html_raw(html, "</div>\n");
    write_facts(html);
    okse_html_raw(html, "</section>\n");
}
