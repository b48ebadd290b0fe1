/* The first page: yes or no, under which law, what to do first; then the table of contents. */
#include "audit/report_pdf_internal.h"

#include "core/json.h"

#include <string.h>

#define FIRST_MAX 3u  /* things to do first */
#define BROKEN_MAX 6u /* articles named per jurisdiction */
#define BOX_PAD 10.0

static void write_why(OksePdf *pdf, const OkseCounts *counts)
{
    g_autofree char *fail = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_FAIL]);
    g_autofree char *open = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_INCONCLUSIVE]);
    g_autofree char *pass = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_PASS]);
    g_autofree char *waived = g_strdup_printf("%u", counts->mandatory[OKSE_STATUS_WAIVED]);
    const OkseFill fills[] = {{"fail", fail}, {"inconclusive", open}, {"pass", pass}, {"waived", waived}, {NULL, NULL}};

    okse_pdf_fill(pdf, okse_report_view_why(pdf->view), fills);
    okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
}

static void write_counts(OksePdf *pdf, const OkseCounts *counts)
{
    g_autofree char *decided = g_strdup_printf("%u", counts->decided), *total = g_strdup_printf("%u", counts->total);
    g_autofree char *na = g_strdup_printf("%u", counts->all[OKSE_STATUS_NOT_APPLICABLE]);
    const OkseFill fills[] = {{"decided", decided}, {"total", total}, {"na", na}, {NULL, NULL}};

    for (unsigned i = 0; i < OKSE_STATUSES; i++) {
        if (counts->all[i] == 0)
            continue;
        okse_pdf_badge(pdf, (OkseStatus)i);
        g_string_append_printf(pdf->text, " <b>%u</b>    ", counts->all[i]);
    }
    okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    okse_pdf_fill(pdf, "coverage", fills);
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
}

/* Its box is drawn first, as high as the texts were when they were measured. */
static void write_verdict(OksePdf *pdf)
{
    const char *verdict = okse_json_peek_text(pdf->findings, "verdict");
    OkseCounts counts = okse_report_view_counts(pdf->view, NULL);
    double top = pdf->y, start = pdf->start, width = pdf->width;

    okse_pdf_box(pdf, okse_pdf_paper(okse_verdict_class(verdict)), start, top, width, pdf->verdict_height);
    okse_pdf_box(pdf, okse_pdf_ink(okse_verdict_class(verdict)), start, top, 5, pdf->verdict_height);
    pdf->start += BOX_PAD + 6;
    pdf->width -= 2 * BOX_PAD + 6;
    pdf->y += BOX_PAD - 2;
    okse_pdf_say(pdf, "verdict");
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
    g_string_append_printf(pdf->text, "<span foreground=\"#%06x\">", okse_pdf_ink(okse_verdict_class(verdict)));
    okse_pdf_word(pdf, "verdict.", verdict);
    okse_pdf_raw(pdf, "</span>");
    okse_pdf_paragraph(pdf, OKSE_PDF_VERDICT, NULL);
    write_why(pdf, &counts);
    write_counts(pdf, &counts);
    okse_pdf_policed(pdf);
    pdf->y += BOX_PAD - 5;
    pdf->verdict_height = pdf->y - top;
    pdf->start = start;
    pdf->width = width;
    pdf->y += 8;
}

static void write_warnings(OksePdf *pdf)
{
    const json_t *warnings = json_object_get(pdf->findings, "warnings");

    for (size_t i = 0; i < json_array_size(warnings); i++) {
        okse_pdf_raw(pdf, "<b>");
        okse_pdf_law(pdf, json_object_get(json_array_get(warnings, i), "message"));
        okse_pdf_raw(pdf, "</b>");
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "!", NULL);
    }
}

static char *provision_name(const json_t *finding)
{
    return g_strdup_printf("p-%s-%s", okse_json_peek_text(finding, "jurisdiction"),
                           okse_json_peek_text(finding, "provision"));
}

/* The articles of one jurisdiction with a mandatory finding of this status, each once. */
static void write_articles(OksePdf *pdf, const char *iso, OkseStatus status, const char *key)
{
    const GPtrArray *ranked = okse_report_view_ranked(pdf->view);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);

    for (guint i = 0; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);
        const json_t *provision = okse_report_view_provision(pdf->view, finding);
        g_autofree char *name = provision_name(finding);
        const OksePdfMark mark = {.link = name};

        if (okse_finding_status(finding) != status || !okse_finding_mandatory(finding) ||
            strcmp(okse_json_peek_text(finding, "jurisdiction"), iso) != 0 ||
            !g_hash_table_add(seen, (gpointer)(uintptr_t)provision) || g_hash_table_size(seen) > BROKEN_MAX)
            continue;
        if (g_hash_table_size(seen) == 1) {
            okse_pdf_say(pdf, key);
            okse_pdf_paragraph(pdf, OKSE_PDF_LABEL, NULL);
        }
        okse_pdf_article(pdf, finding);
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "•", &mark);
    }
    if (g_hash_table_size(seen) > BROKEN_MAX) {
        const OksePdfMark mark = {.link = "findings"};

        okse_pdf_count(pdf, "first.more", g_hash_table_size(seen) - BROKEN_MAX);
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "•", &mark);
    }
}

static void write_laws(OksePdf *pdf)
{
    const json_t *jurisdictions = json_object_get(pdf->findings, "jurisdictions");

    okse_pdf_say(pdf, "law");
    okse_pdf_paragraph(pdf, OKSE_PDF_LAW, NULL);
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const char *iso = okse_json_peek_text(jurisdiction, "iso"), *date = okse_json_peek_text(jurisdiction, "as_of");
        const char *verdict = okse_json_peek_text(jurisdiction, "verdict");
        const OkseFill fills[] = {{"date", date}, {NULL, NULL}};

        okse_pdf_gap(pdf, i > 0 ? 5 : 0);
        okse_pdf_raw(pdf, "<b>");
        okse_pdf_nation(pdf, jurisdiction);
        okse_pdf_raw(pdf, "</b>  ");
        okse_pdf_badge_open(pdf, okse_verdict_class(verdict));
        okse_pdf_word(pdf, "verdict.", verdict);
        okse_pdf_badge_close(pdf);
        if (date != NULL) {
            okse_pdf_raw(pdf, "  ");
            okse_pdf_fill(pdf, "law.asof", fills);
        }
        okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
        write_articles(pdf, iso, OKSE_STATUS_FAIL, "law.broken");
        write_articles(pdf, iso, OKSE_STATUS_INCONCLUSIVE, "law.open");
        write_articles(pdf, iso, OKSE_STATUS_WAIVED, "status.waived");
        if (okse_report_view_met(pdf->view, jurisdiction)) {
            okse_pdf_say(pdf, "law.met");
            okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
        }
    }
}

static void write_action(OksePdf *pdf, const json_t *finding, unsigned number)
{
    const json_t *control = okse_report_view_control(pdf->view, finding);
    const json_t *evidence = json_array_get(json_object_get(finding, "evidence"), 0);
    const json_t *remediation = json_object_get(control, "remediation");
    const OksePdfMark mark = {.link = okse_json_peek_text(finding, "id")};
    char sign[16];

    g_snprintf(sign, sizeof sign, "%u.", number);
    okse_pdf_law(pdf, json_is_object(remediation) ? remediation : json_object_get(control, "title"));
    okse_pdf_raw(pdf, "\n<span size=\"86%\" foreground=\"#4f5863\">");
    if (evidence == NULL || !okse_pdf_place(pdf, evidence))
        okse_pdf_law(pdf, json_object_get(control, "title"));
    okse_pdf_raw(pdf, " · ");
    okse_pdf_article(pdf, finding);
    okse_pdf_raw(pdf, "</span>");
    okse_pdf_item(pdf, OKSE_PDF_ITEM, sign, &mark);
}

/* The worst findings of one status, one a control. Returns how many were written. */
static unsigned write_actions(OksePdf *pdf, OkseStatus status)
{
    const GPtrArray *ranked = okse_report_view_ranked(pdf->view);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < ranked->len && g_hash_table_size(seen) < FIRST_MAX; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);

        if (okse_finding_status(finding) == status &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)okse_json_peek_text(finding, "control")))
            write_action(pdf, finding, g_hash_table_size(seen));
    }
    return g_hash_table_size(seen);
}

static unsigned write_blind(OksePdf *pdf)
{
    const json_t *collectors = json_object_get(pdf->findings, "collectors");
    const OksePdfMark mark = {.link = "unseen"};
    unsigned written = 0;

    for (size_t i = 0; i < json_array_size(collectors) && written < FIRST_MAX; i++) {
        const json_t *collector = json_array_get(collectors, i);
        const char *status = okse_json_peek_text(collector, "status"),
                   *reason = okse_json_peek_text(collector, "reason");
        char sign[16];

        if (strcmp(status, "partial") != 0 && strcmp(status, "unavailable") != 0)
            continue;
        g_snprintf(sign, sizeof sign, "%u.", ++written);
        okse_pdf_say(pdf, "first.see");
        okse_pdf_raw(pdf, " ");
        okse_pdf_code(pdf, okse_json_peek_text(collector, "collector"));
        if (reason != NULL) {
            okse_pdf_raw(pdf, "\n<span size=\"86%\" foreground=\"#4f5863\">");
            okse_pdf_data(pdf, reason);
            okse_pdf_raw(pdf, "</span>");
        }
        okse_pdf_item(pdf, OKSE_PDF_ITEM, sign, &mark);
    }
    return written;
}

static void write_first(OksePdf *pdf)
{
    okse_pdf_say(pdf, "first");
    okse_pdf_paragraph(pdf, OKSE_PDF_LAW, NULL);
    if (write_actions(pdf, OKSE_STATUS_FAIL) > 0 || write_blind(pdf) > 0 ||
        write_actions(pdf, OKSE_STATUS_INCONCLUSIVE) > 0)
        return;
    okse_pdf_say(pdf, okse_report_view_nothing_open(pdf->view));
    okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    if (okse_report_view_by_waiver(pdf->view))
        write_actions(pdf, OKSE_STATUS_WAIVED);
}

/* One of the report's particulars; value NULL: there is none and nothing is written. */
static void write_fact(OksePdf *pdf, const char *key, const char *value, bool code)
{
    if (value == NULL)
        return;
    okse_pdf_label_say(pdf, key);
    if (code)
        okse_pdf_code(pdf, value);
    else
        okse_pdf_data(pdf, value);
    okse_pdf_value(pdf);
}

static void write_facts(OksePdf *pdf)
{
    const json_t *target = json_object_get(pdf->findings, "target"), *install = json_object_get(target, "install");
    const json_t *tool = json_object_get(json_object_get(pdf->findings, "inputs"), "tool");
    const char *name = okse_json_peek_text(install, "name"), *version = okse_json_peek_text(install, "version");
    g_autofree char *stack = name != NULL ? g_strdup_printf("%s %s", name, version != NULL ? version : "") : NULL;
    g_autofree char *auditor =
        g_strdup_printf("%s %s", okse_json_peek_text(tool, "name"), okse_json_peek_text(tool, "version"));

    okse_pdf_gap(pdf, 10);
    okse_pdf_line(pdf, 0xc9cfd6, pdf->start, pdf->y, pdf->width);
    pdf->y += 7;
    write_fact(pdf, "facts.target", okse_json_peek_text(target, "hostname"), true);
    write_fact(pdf, "facts.site", okse_json_peek_text(target, "site"), false);
    write_fact(pdf, "facts.stack", stack, false);
    if (stack == NULL) {
        okse_pdf_label_say(pdf, "facts.stack");
        okse_pdf_say(pdf, "facts.noinstall");
        okse_pdf_value(pdf);
    }
    write_fact(pdf, "facts.time", okse_json_peek_text(pdf->findings, "audited_at"), false);
    write_fact(pdf, "facts.tool", auditor, false);
    write_fact(pdf, "facts.identity", okse_json_peek_text(install, "identity"), true);
}

void okse_pdf_opening(OksePdf *pdf)
{
    okse_pdf_raw(pdf, "<span size=\"80%\">Okse</span>");
    okse_pdf_paragraph(pdf, OKSE_PDF_LABEL, NULL);
    okse_pdf_say(pdf, "title");
    okse_pdf_paragraph(pdf, OKSE_PDF_TITLE, NULL);
    pdf->y += 4;
    write_verdict(pdf);
    write_warnings(pdf);
    write_laws(pdf);
    write_first(pdf);
    write_facts(pdf);
}

void okse_pdf_contents(OksePdf *pdf)
{
    static const char *const ids[] = {"map",       "findings", "declared", "unseen",    "lawyer",
                                      "inventory", "controls", "method",   "signatures"};
    static const char *const keys[] = {"map.title",      "findings.title", "declared.title",
                                       "unseen.title",   "lawyer.title",   "inventory.title",
                                       "controls.title", "method.title",   "sign.title"};

    okse_pdf_need_lines(pdf, 16);
    okse_pdf_say(pdf, "contents");
    okse_pdf_paragraph(pdf, OKSE_PDF_LAW, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        const OksePdfMark mark = {.link = ids[i]};
        g_autofree char *page = g_strdup_printf("%u", GPOINTER_TO_UINT(g_hash_table_lookup(pdf->places, ids[i])));

        okse_pdf_data(pdf, page);
        okse_pdf_leader(pdf, OKSE_PDF_ITEM, keys[i], &mark);
    }
}
