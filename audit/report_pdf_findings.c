/* Findings in the order of the law: jurisdiction, instrument, article, check, evidence. */
#include "audit/report_pdf_internal.h"

#include "core/json.h"

#include <string.h>

#define EXCERPT_MAX 300 /* characters of an excerpt that are shown */

/* As in the HTML report: details get this many bytes of text, worst findings first, and one finding at most a part of
 * them; the others are a line each, and the findings document has everything. */
#define DETAILS_ROOM 350000u
#define DETAILS_EACH (DETAILS_ROOM / 16)
#define FINDING_COST 200u /* what a finding and an evidence take without any text */
#define EVIDENCE_COST 100u

static void write_excerpt(OksePdf *pdf, const char *excerpt)
{
    g_autofree char *cut = g_utf8_substring(excerpt, 0, MIN(g_utf8_strlen(excerpt, -1), EXCERPT_MAX));

    okse_pdf_lines(pdf, cut);
    okse_pdf_raw(pdf, strlen(cut) < strlen(excerpt) ? " …" : "");
    okse_pdf_paragraph(pdf, OKSE_PDF_EXCERPT, NULL);
}

static void write_evidence(OksePdf *pdf, const json_t *evidence)
{
    const char *verdict = okse_json_peek_text(evidence, "verdict"), *excerpt = okse_json_peek_text(evidence, "excerpt");
    const char *message = okse_json_peek_text(evidence, "message"), *state = okse_json_peek_text(evidence, "state");

    g_string_append_printf(pdf->text, "<b><span foreground=\"#%06x\">", okse_pdf_ink(verdict));
    okse_pdf_word(pdf, "evidence.", verdict);
    okse_pdf_raw(pdf, "</span></b>  ");
    okse_pdf_place(pdf, evidence);
    if (message != NULL) {
        okse_pdf_raw(pdf, "\n");
        okse_pdf_data(pdf, message);
    }
    if (state != NULL) {
        okse_pdf_raw(pdf, " <span foreground=\"#4f5863\">(");
        okse_pdf_word(pdf, "state.", state);
        okse_pdf_raw(pdf, ")</span>");
    }
    okse_pdf_item(pdf, OKSE_PDF_ITEM, "–", NULL);
    if (excerpt != NULL && *excerpt != '\0') {
        pdf->start += 14;
        pdf->width -= 14;
        write_excerpt(pdf, excerpt);
        pdf->start -= 14;
        pdf->width += 14;
    }
}

static void write_evidences(OksePdf *pdf, const json_t *finding, size_t allowed)
{
    const json_t *list = json_object_get(finding, "evidence");
    guint64 violations = (guint64)json_integer_value(json_object_get(finding, "violations"));
    guint64 unknown = (guint64)json_integer_value(json_object_get(finding, "unknown"));
    size_t shown = MIN(json_array_size(list), allowed);
    g_autofree char *violation_count = g_strdup_printf("%" G_GUINT64_FORMAT, violations);
    g_autofree char *unknown_count = g_strdup_printf("%" G_GUINT64_FORMAT, unknown);
    const OkseFill fills[] = {{"violations", violation_count}, {"unknown", unknown_count}, {NULL, NULL}};

    if (violations == 0 && unknown == 0 && json_array_size(list) == 0)
        return;
    okse_pdf_say(pdf, "evidence");
    okse_pdf_raw(pdf, " · ");
    okse_pdf_fill(pdf, "evidence.counts", fills);
    okse_pdf_paragraph(pdf, OKSE_PDF_LABEL, NULL);
    for (size_t i = 0; i < shown; i++)
        write_evidence(pdf, json_array_get(list, i));
    if (violations + unknown > shown) { /* each is below 2^63 */
        okse_pdf_count(pdf, "evidence.more", violations + unknown - shown);
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "–", NULL);
    }
}

static void write_parameters(OksePdf *pdf, const json_t *parameters)
{
    g_autoptr(GPtrArray) keys = json_is_object(parameters) ? okse_json_sorted_keys(parameters) : g_ptr_array_new();

    if (keys->len == 0)
        return;
    okse_pdf_label_say(pdf, "parameters");
    for (guint i = 0; i < keys->len; i++) {
        const char *key = g_ptr_array_index(keys, i);
        g_autoptr(GBytes) bytes = okse_json_write(json_object_get(parameters, key));
        gsize length;
        const char *data = g_bytes_get_data(bytes, &length);
        g_autofree char *value = g_strndup(data, length), *both = g_strconcat(key, " = ", value, NULL);

        okse_pdf_raw(pdf, i == 0 ? "" : " · ");
        okse_pdf_code(pdf, both);
    }
    okse_pdf_value(pdf);
}

static void write_reason(OksePdf *pdf, const json_t *finding)
{
    const char *waived_from = okse_json_peek_text(finding, "waived_from");
    g_autofree char *profiles = okse_report_view_profiles(finding);

    if (profiles != NULL) {
        okse_pdf_label_say(pdf, "finding.profiles");
        okse_pdf_data(pdf, profiles);
        okse_pdf_value(pdf);
    }
    if (json_is_object(json_object_get(finding, "reason"))) {
        okse_pdf_label_say(pdf, "reason");
        okse_pdf_law(pdf, json_object_get(finding, "reason"));
        okse_pdf_value(pdf);
    }
    if (waived_from != NULL) {
        const OkseFill fills[] = {{"status", waived_from}, {NULL, NULL}};

        okse_pdf_label_say(pdf, "status.waived");
        okse_pdf_fill(pdf, "waived.from", fills);
        okse_pdf_value(pdf);
    }
}

static void write_finding(OksePdf *pdf, const json_t *finding, size_t evidences)
{
    const json_t *control = okse_report_view_control(pdf->view, finding);
    const char *id = okse_json_peek_text(finding, "id");
    const OksePdfMark mark = {.name = id};
    OkseStatus status = okse_finding_status(finding);
    bool serious = status == OKSE_STATUS_FAIL || status == OKSE_STATUS_INCONCLUSIVE;

    okse_pdf_need_lines(pdf, 5);
    okse_pdf_gap(pdf, 4);
    okse_pdf_line(pdf, 0xdde1e6, pdf->start, pdf->y, pdf->width);
    pdf->y += 4;
    okse_pdf_badge(pdf, status);
    okse_pdf_raw(pdf, "  ");
    okse_pdf_law(pdf, json_object_get(control, "title"));
    if (json_is_string(json_object_get(finding, "warning"))) {
        okse_pdf_raw(pdf, "  ");
        okse_pdf_badge_open(pdf, "lawyer");
        okse_pdf_say(pdf, "lawyer");
        okse_pdf_badge_close(pdf);
    }
    okse_pdf_paragraph(pdf, OKSE_PDF_FINDING, &mark);
    okse_pdf_code(pdf, id);
    okse_pdf_raw(pdf, "  ·  ");
    okse_pdf_code(pdf, okse_json_peek_text(finding, "control"));
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
    write_evidences(pdf, finding, evidences);
    write_reason(pdf, finding);
    if (serious && json_is_object(json_object_get(control, "remediation"))) {
        okse_pdf_label_say(pdf, "remediation");
        okse_pdf_law(pdf, json_object_get(control, "remediation"));
        okse_pdf_value(pdf);
    }
    write_parameters(pdf, json_object_get(finding, "parameters"));
}

/* --- sharing the room --- */

static size_t text_cost(const json_t *value)
{
    size_t cost = json_string_length(value); /* 0 for what is no text */

    for (size_t i = 0; i < json_array_size(value); i++)
        cost += text_cost(json_array_get(value, i));
    if (json_is_object(value)) {
        const char *key;
        json_t *member;

        json_object_foreach((json_t *)(uintptr_t)value, key, member) /* only read */
            cost += strlen(key) + text_cost(member);
    }
    return cost;
}

static size_t finding_cost(OksePdf *pdf, const json_t *finding, size_t evidences)
{
    const json_t *control = okse_report_view_control(pdf->view, finding), *list = json_object_get(finding, "evidence");
    const char *remediation = okse_texts_get(json_object_get(control, "remediation"), pdf->language, NULL);
    size_t cost = FINDING_COST + (remediation != NULL ? strlen(remediation) : 0) +
                  text_cost(json_object_get(finding, "parameters")) + text_cost(json_object_get(finding, "reason"));

    for (size_t i = 0; i < MIN(evidences, json_array_size(list)); i++) {
        const json_t *evidence = json_array_get(list, i);

        cost += EVIDENCE_COST + text_cost(json_object_get(evidence, "file")) +
                text_cost(json_object_get(evidence, "message")) +
                MIN(text_cost(json_object_get(evidence, "excerpt")), EXCERPT_MAX);
    }
    return cost;
}

void okse_pdf_share_room(OksePdf *pdf)
{
    static const size_t evidences[] = {100, 20, 3, 0};
    const GPtrArray *ranked = okse_report_view_ranked(pdf->view);
    size_t left = DETAILS_ROOM;

    for (guint i = 0; i < ranked->len; i++) {
        gpointer finding = g_ptr_array_index(ranked, i);
        size_t room = MIN(left, DETAILS_EACH), cost = 0;
        unsigned fits = 0;

        while (fits < G_N_ELEMENTS(evidences) && (cost = finding_cost(pdf, finding, evidences[fits])) > room)
            fits++;
        if (fits == G_N_ELEMENTS(evidences))
            return; /* what is milder stays brief too: the order is the reader's promise */
        left -= cost;
        pdf->details++;
        g_hash_table_insert(pdf->detailed, finding, GUINT_TO_POINTER(evidences[fits] + 1));
    }
}

/* --- the law --- */

/* The rest of a long report: one line each, by status. */
static void write_brief(OksePdf *pdf, const GPtrArray *list)
{
    for (unsigned status = 0; status < OKSE_STATUSES; status++) {
        bool open = false;

        for (guint i = 0; i < list->len; i++) {
            const json_t *finding = g_ptr_array_index(list, i);
            const char *id = okse_json_peek_text(finding, "id");
            const OksePdfMark mark = {.name = id};

            if (okse_finding_status(finding) != (OkseStatus)status || g_hash_table_contains(pdf->detailed, finding))
                continue;
            if (!open) {
                okse_pdf_badge(pdf, (OkseStatus)status);
                okse_pdf_paragraph(pdf, OKSE_PDF_LABEL, NULL);
            }
            open = true;
            okse_pdf_code(pdf, id);
            okse_pdf_raw(pdf, "  ");
            okse_pdf_code(pdf, okse_json_peek_text(finding, "control"));
            okse_pdf_paragraph(pdf, OKSE_PDF_TINY, &mark);
        }
    }
}

static void write_provision_title(OksePdf *pdf, const char *iso, const json_t *provision, const GPtrArray *list)
{
    const char *id = okse_json_peek_text(provision, "id"), *article = okse_json_peek_text(provision, "article");
    const char *text = okse_texts_get(json_object_get(provision, "title"), pdf->language, NULL);
    g_autofree char *name = g_strdup_printf("p-%s-%s", iso, id);
    g_autofree char *both =
        g_strdup_printf("%s%s%s", article != NULL ? article : id, text != NULL ? " " : "", text != NULL ? text : "");
    g_autofree char *title = okse_pdf_plain(both);
    const OksePdfMark mark = {.name = name, .title = title, .level = 4};
    OkseStatus status;

    if (article != NULL) {
        okse_pdf_data(pdf, article);
        okse_pdf_raw(pdf, "  ");
    }
    okse_pdf_law(pdf, json_object_get(provision, "title"));
    if (okse_provision_status(provision, list, &status)) {
        okse_pdf_raw(pdf, "  ");
        okse_pdf_badge(pdf, status);
    }
    okse_pdf_need_lines(pdf, 9);
    okse_pdf_paragraph(pdf, OKSE_PDF_PROVISION, &mark);
}

static void write_provision_head(OksePdf *pdf, const char *iso, const json_t *provision, const GPtrArray *list)
{
    const char *since = okse_json_peek_text(provision, "effective");
    const char *confidence = okse_json_peek_text(provision, "confidence");
    const OkseFill fills[] = {{"date", since}, {NULL, NULL}};

    write_provision_title(pdf, iso, provision, list);
    okse_pdf_word(pdf, "severity.", okse_json_peek_text(provision, "severity"));
    if (confidence != NULL) {
        okse_pdf_raw(pdf, " · ");
        okse_pdf_word(pdf, "confidence.", confidence);
    }
    if (since != NULL && g_ascii_isdigit(*since)) {
        okse_pdf_raw(pdf, " · ");
        okse_pdf_fill(pdf, "provision.effective", fills);
    }
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
    if (json_is_object(json_object_get(provision, "summary"))) {
        okse_pdf_law(pdf, json_object_get(provision, "summary"));
        okse_pdf_paragraph(pdf, OKSE_PDF_LEAD, NULL);
    }
}

static void write_provision(OksePdf *pdf, const char *iso, const json_t *provision)
{
    const GPtrArray *list = okse_report_view_of_provision(pdf->view, iso, okse_json_peek_text(provision, "id"));
    const json_t *unchecked = json_object_get(provision, "not_checkable");

    write_provision_head(pdf, iso, provision, list);
    if (json_is_object(unchecked)) {
        okse_pdf_raw(pdf, "<b>");
        okse_pdf_say(pdf, "provision.unchecked");
        okse_pdf_raw(pdf, "</b> ");
        okse_pdf_law(pdf, unchecked);
        okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    } else if (list == NULL) {
        okse_pdf_say(pdf, "provision.empty");
        okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    }
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const json_t *finding = g_ptr_array_index(list, i);
        unsigned shown = GPOINTER_TO_UINT(g_hash_table_lookup(pdf->detailed, finding));

        if (shown > 0)
            write_finding(pdf, finding, shown - 1);
    }
    if (list != NULL)
        write_brief(pdf, list);
}

static void write_instrument_head(OksePdf *pdf, const char *iso, const json_t *instrument)
{
    static const char *const members[] = {"citation", "authority"};
    const char *url = okse_json_peek_text(instrument, "url"), *since = okse_json_peek_text(instrument, "in_force");
    const char *text = okse_texts_get(json_object_get(instrument, "title"), pdf->language, NULL);
    const char *id = okse_json_peek_text(instrument, "id");
    const OkseFill fills[] = {{"date", since}, {NULL, NULL}};
    g_autofree char *name = g_strdup_printf("i-%s-%s", iso, id), *title = okse_pdf_plain(text != NULL ? text : id);
    const OksePdfMark mark = {.name = name, .title = title, .level = 3}, away = {.url = url};

    okse_pdf_law(pdf, json_object_get(instrument, "title"));
    okse_pdf_need_lines(pdf, 14);
    okse_pdf_paragraph(pdf, OKSE_PDF_INSTRUMENT, &mark);
    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *one = okse_json_peek_text(instrument, members[i]);

        if (one == NULL)
            continue;
        okse_pdf_raw(pdf, pdf->text->len > 0 ? " · " : "");
        okse_pdf_data(pdf, one);
    }
    if (since != NULL && g_ascii_isdigit(*since)) {
        okse_pdf_raw(pdf, pdf->text->len > 0 ? " · " : "");
        okse_pdf_fill(pdf, "instrument.force", fills);
    }
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
    if (url != NULL && (g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://"))) {
        okse_pdf_say(pdf, "instrument.text");
        okse_pdf_raw(pdf, ": <span foreground=\"#1b4f8f\">");
        okse_pdf_code(pdf, url); /* on paper too */
        okse_pdf_raw(pdf, "</span>");
        okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, &away);
    }
}

static void write_instrument(OksePdf *pdf, const json_t *jurisdiction, const json_t *instrument)
{
    const json_t *provisions = json_object_get(jurisdiction, "provisions");
    const char *iso = okse_json_peek_text(jurisdiction, "iso"), *id = okse_json_peek_text(instrument, "id");
    bool open = false;

    for (size_t i = 0; i < json_array_size(provisions); i++) {
        const json_t *provision = json_array_get(provisions, i);

        if (strcmp(okse_json_peek_text(provision, "instrument"), id) != 0)
            continue;
        if (!open)
            write_instrument_head(pdf, iso, instrument);
        open = true;
        write_provision(pdf, iso, provision);
    }
}

void okse_pdf_findings(OksePdf *pdf)
{
    const json_t *jurisdictions = json_object_get(pdf->findings, "jurisdictions");
    guint total = okse_report_view_ranked(pdf->view)->len;

    okse_pdf_need_lines(pdf, 22);
    okse_pdf_section_open(pdf, "findings", "findings.title");
    if (total == 0) {
        okse_pdf_say(pdf, "findings.none");
        okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    }
    if (pdf->details < total) {
        okse_pdf_count(pdf, "findings.brief", pdf->details);
        okse_pdf_paragraph(pdf, OKSE_PDF_LEAD, NULL);
    }
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *instruments = json_object_get(jurisdiction, "instruments");
        bool own = false;
        g_autofree char *name = g_strdup_printf("j-%s", okse_json_peek_text(jurisdiction, "iso"));
        g_autofree char *title = okse_pdf_plain(okse_pdf_nation_name(pdf, jurisdiction, &own));
        const OksePdfMark mark = {.name = name, .title = title, .level = 2};

        okse_pdf_nation(pdf, jurisdiction);
        okse_pdf_need_lines(pdf, 17);
        okse_pdf_paragraph(pdf, OKSE_PDF_LAW, &mark);
        for (size_t j = 0; j < json_array_size(instruments); j++)
            write_instrument(pdf, jurisdiction, json_array_get(instruments, j));
    }
    okse_pdf_section_close(pdf);
}
