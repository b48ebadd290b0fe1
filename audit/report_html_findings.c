/* Findings in the order of the law: jurisdiction, instrument, article, check, evidence. */
#include "audit/report_html.h"

#include "core/json.h"

#include <string.h>

#define EXCERPT_MAX 300 /* characters of an excerpt that are shown */

/* Ten thousand findings stay below 2 MB: details get this many bytes, worst findings first, and one finding at most a
 * part of them; the others are a line each, and the findings document has everything. */
#define DETAILS_ROOM 650000u
#define DETAILS_EACH (DETAILS_ROOM / 16)

static void write_evidence(OkseHtml *html, const json_t *evidence)
{
    const char *verdict = okse_json_peek_text(evidence, "verdict"), *excerpt = okse_json_peek_text(evidence, "excerpt");
    const char *message = okse_json_peek_text(evidence, "message"), *state = okse_json_peek_text(evidence, "state");

    g_string_append_printf(html->out, "<li class=\"%s\"><p>", verdict);
    okse_html_raw(html, "<b>");
    okse_html_word(html, "evidence.", verdict);
    okse_html_raw(html, "</b> ");
    okse_html_place(html, evidence);
    if (message != NULL) {
        okse_html_raw(html, " <span class=\"said\">");
        okse_html_data(html, message);
        okse_html_raw(html, "</span>");
    }
    if (state != NULL) {
        okse_html_raw(html, " <span class=\"cite\">");
        okse_html_word(html, "state.", state);
        okse_html_raw(html, "</span>");
    }
    okse_html_raw(html, "</p>");
    if (excerpt != NULL && *excerpt != '\0') {
        g_autofree char *cut = g_utf8_substring(excerpt, 0, MIN(g_utf8_strlen(excerpt, -1), EXCERPT_MAX));

        okse_html_raw(html, "<pre><code>");
        okse_html_text(html, cut);
        okse_html_raw(html, strlen(cut) < strlen(excerpt) ? " …</code></pre>" : "</code></pre>");
    }
    okse_html_raw(html, "\n");
}

static void write_evidences(OkseHtml *html, const json_t *finding, size_t allowed)
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
    okse_html_raw(html, "<p class=\"label\">");
    okse_html_say(html, "evidence");
    okse_html_raw(html, " · ");
    okse_html_fill(html, "evidence.counts", fills);
    okse_html_raw(html, "</p><ul class=\"evidence\">");
    for (size_t i = 0; i < shown; i++)
        write_evidence(html, json_array_get(list, i));
    if (violations + unknown > shown) { /* each is below 2^63 */
        okse_html_raw(html, "<li>");
        okse_html_count(html, "evidence.more", violations + unknown - shown);
    }
    okse_html_raw(html, "</ul>");
}

static void write_parameters(OkseHtml *html, const json_t *parameters)
{
    g_autoptr(GPtrArray) keys = json_is_object(parameters) ? okse_json_sorted_keys(parameters) : g_ptr_array_new();

    for (guint i = 0; i < keys->len; i++) {
        const char *key = g_ptr_array_index(keys, i);
        g_autoptr(GBytes) bytes = okse_json_write(json_object_get(parameters, key));
        gsize length;
        const char *data = g_bytes_get_data(bytes, &length);
        g_autofree char *value = g_strndup(data, length);

        okse_html_raw(html, i == 0 ? "<bdi dir=\"ltr\">" : " · <bdi dir=\"ltr\">");
        okse_html_code(html, key);
        okse_html_raw(html, " = ");
        okse_html_code(html, value);
        okse_html_raw(html, "</bdi>");
    }
}

static void row_open(OkseHtml *html, const char *key)
{
    okse_html_raw(html, "<dt>");
    okse_html_say(html, key);
    okse_html_raw(html, "</dt><dd>");
}

static void write_profiles(OkseHtml *html, const json_t *finding)
{
    g_autofree char *names = okse_report_view_profiles(finding);

    if (names == NULL)
        return;
    row_open(html, "finding.profiles");
    okse_html_data(html, names);
}

static void write_reason(OkseHtml *html, const json_t *finding)
{
    const char *waived_from = okse_json_peek_text(finding, "waived_from");
    const char *since = okse_json_peek_text(finding, "first_seen");

    if (since != NULL) {
        row_open(html, "trend.since");
        okse_html_data(html, since);
    }
    if (json_is_object(json_object_get(finding, "reason"))) {
        row_open(html, "reason");
        okse_html_law(html, json_object_get(finding, "reason"));
    }
    if (waived_from != NULL) {
        const OkseFill fills[] = {{"status", waived_from}, {NULL, NULL}};

        row_open(html, "status.waived");
        okse_html_fill(html, "waived.from", fills);
    }
}

static void write_detailed(OkseHtml *html, const json_t *finding, size_t evidences)
{
    const json_t *control = okse_report_view_control(html->view, finding);
    const char *id = okse_json_peek_text(finding, "id"), *name = okse_json_peek_text(finding, "control");
    OkseStatus status = okse_finding_status(finding);
    bool serious = status == OKSE_STATUS_FAIL || status == OKSE_STATUS_INCONCLUSIVE;

    g_string_append_printf(html->out, "<details class=\"finding %s\" id=\"%s\" data-finding=\"%s\"%s><summary>",
                           okse_status_words[status], id, okse_status_words[status], serious ? " open" : "");
    okse_html_badge(html, status);
    okse_html_raw(html, " <span class=\"name\">");
    okse_html_law(html, json_object_get(control, "title"));
    okse_html_raw(html, "</span>");
    if (json_is_string(json_object_get(finding, "warning"))) {
        okse_html_raw(html, " <span class=\"badge lawyer\">");
        okse_html_say(html, "lawyer");
        okse_html_raw(html, "</span>");
    }
    okse_html_raw(html, "</summary>\n<div class=\"body\">");
    write_evidences(html, finding, evidences);
    okse_html_raw(html, "<dl>");
    write_profiles(html, finding);
    write_reason(html, finding);
    if (serious && json_is_object(json_object_get(control, "remediation"))) {
        row_open(html, "remediation");
        okse_html_law(html, json_object_get(control, "remediation"));
    }
    if (json_object_size(json_object_get(finding, "parameters")) > 0) {
        row_open(html, "parameters");
        write_parameters(html, json_object_get(finding, "parameters"));
    }
    g_string_append_printf(html->out,
                           "</dl><p class=\"ids\"><a href=\"#%s\"><code>%s</code></a> <a "
                           "href=\"#c-%s\"><code>%s</code></a></p></div></details>\n",
                           id, id, name, name);
}

/* The markup of one finding with as many evidences as fit into `room`; NULL when it does not fit at all. */
static char *fit_detailed(OkseHtml *html, const json_t *finding, size_t room)
{
    static const size_t evidences[] = {100, 20, 3, 0};
    GString *out = html->out;

    for (unsigned i = 0; i < G_N_ELEMENTS(evidences); i++) {
        g_autoptr(GString) markup = html->out = g_string_new(NULL);

        write_detailed(html, finding, evidences[i]);
        html->out = out;
        if (markup->len <= room)
            return g_string_free(g_steal_pointer(&markup), FALSE);
    }
    return NULL;
}

void okse_html_share_room(OkseHtml *html)
{
    const GPtrArray *ranked = okse_report_view_ranked(html->view);
    size_t left = DETAILS_ROOM;

    for (guint i = 0; i < ranked->len; i++) {
        char *markup = fit_detailed(html, g_ptr_array_index(ranked, i), MIN(left, DETAILS_EACH));

        if (markup == NULL)
            return; /* what is milder stays brief too: the order is the reader's promise */
        left -= strlen(markup);
        html->details++;
        g_hash_table_insert(html->detailed, g_ptr_array_index(ranked, i), markup);
    }
}

/* The rest of a long report: one line per status. */
static void write_brief(OkseHtml *html, const GPtrArray *list)
{
    for (unsigned status = 0; status < OKSE_STATUSES; status++) {
        bool open = false;

        for (guint i = 0; i < list->len; i++) {
            const json_t *finding = g_ptr_array_index(list, i);
            const char *control = okse_json_peek_text(finding, "control");

            if (okse_finding_status(finding) != (OkseStatus)status || g_hash_table_contains(html->detailed, finding))
                continue;
            if (!open) {
                okse_html_raw(html, "<div class=\"brief\">");
                okse_html_badge(html, (OkseStatus)status);
                okse_html_raw(html, "<ul>");
            }
            open = true;
            g_string_append_printf(html->out, "<li id=%s data-finding=%s>%s", okse_json_peek_text(finding, "id"),
                                   okse_status_words[status], control);
        }
        if (open)
            okse_html_raw(html, "</ul></div>\n");
    }
}

static void write_provision_head(OkseHtml *html, const char *iso, const json_t *provision, const GPtrArray *list)
{
    const char *article = okse_json_peek_text(provision, "article"),
               *since = okse_json_peek_text(provision, "effective");
    const char *confidence = okse_json_peek_text(provision, "confidence");
    const OkseFill fills[] = {{"date", since}, {NULL, NULL}};
    OkseStatus status;

    g_string_append_printf(html->out, "<section class=\"provision\" id=\"p-%s-%s\"><h5>", iso,
                           okse_json_peek_text(provision, "id"));
    if (article != NULL) {
        okse_html_raw(html, "<span class=\"article\">");
        okse_html_data(html, article);
        okse_html_raw(html, "</span> ");
    }
    okse_html_law(html, json_object_get(provision, "title"));
    okse_html_raw(html, " ");
    if (okse_provision_status(provision, list, &status))
        okse_html_badge(html, status);
    okse_html_raw(html, "</h5>\n<p class=\"cite\">");
    okse_html_word(html, "severity.", okse_json_peek_text(provision, "severity"));
    if (confidence != NULL) {
        okse_html_raw(html, " · ");
        okse_html_word(html, "confidence.", confidence);
    }
    if (since != NULL && g_ascii_isdigit(*since)) {
        okse_html_raw(html, " · ");
        okse_html_fill(html, "provision.effective", fills);
    }
    okse_html_raw(html, "</p>\n");
    if (json_is_object(json_object_get(provision, "summary"))) {
        okse_html_raw(html, "<p class=\"summary\">");
        okse_html_law(html, json_object_get(provision, "summary"));
        okse_html_raw(html, "</p>\n");
    }
}

static void write_provision(OkseHtml *html, const char *iso, const json_t *provision)
{
    const GPtrArray *list = okse_report_view_of_provision(html->view, iso, okse_json_peek_text(provision, "id"));
    const json_t *unchecked = json_object_get(provision, "not_checkable");

    write_provision_head(html, iso, provision, list);
    if (json_is_object(unchecked)) {
        okse_html_raw(html, "<p class=\"note\"><b>");
        okse_html_say(html, "provision.unchecked");
        okse_html_raw(html, "</b> ");
        okse_html_law(html, unchecked);
        okse_html_raw(html, "</p>\n");
    } else if (list == NULL) {
        okse_html_raw(html, "<p class=\"note\">");
        okse_html_say(html, "provision.empty");
        okse_html_raw(html, "</p>\n");
    }
    for (guint i = 0; list != NULL && i < list->len; i++) {
        const char *markup = g_hash_table_lookup(html->detailed, g_ptr_array_index(list, i));

        okse_html_raw(html, markup != NULL ? markup : "");
    }
    if (list != NULL)
        write_brief(html, list);
    okse_html_raw(html, "</section>\n");
}

static void write_instrument_head(OkseHtml *html, const json_t *instrument)
{
    static const char *const members[] = {"citation", "authority"};
    const char *url = okse_json_peek_text(instrument, "url"), *since = okse_json_peek_text(instrument, "in_force");
    const OkseFill fills[] = {{"date", since}, {NULL, NULL}};

    okse_html_raw(html, "<section class=\"instrument\"><h4>");
    okse_html_law(html, json_object_get(instrument, "title"));
    okse_html_raw(html, "</h4>\n<p class=\"cite\">");
    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *text = okse_json_peek_text(instrument, members[i]);

        if (text == NULL)
            continue;
        okse_html_data(html, text);
        okse_html_raw(html, " · ");
    }
    if (since != NULL && g_ascii_isdigit(*since)) {
        okse_html_fill(html, "instrument.force", fills);
        okse_html_raw(html, " · ");
    }
    if (url != NULL && (g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://"))) {
        okse_html_raw(html, "<a class=\"text\" rel=\"noopener noreferrer\" href=\"");
        okse_html_text(html, url);
        okse_html_raw(html, "\">");
        okse_html_say(html, "instrument.text");
        okse_html_raw(html, "</a>");
    }
    okse_html_raw(html, "</p>\n");
}

static void write_instrument(OkseHtml *html, const json_t *jurisdiction, const json_t *instrument)
{
    const json_t *provisions = json_object_get(jurisdiction, "provisions");
    const char *id = okse_json_peek_text(instrument, "id");
    bool open = false;

    for (size_t i = 0; i < json_array_size(provisions); i++) {
        const json_t *provision = json_array_get(provisions, i);

        if (strcmp(okse_json_peek_text(provision, "instrument"), id) != 0)
            continue;
        if (!open)
            write_instrument_head(html, instrument);
        open = true;
        write_provision(html, okse_json_peek_text(jurisdiction, "iso"), provision);
    }
    if (open)
        okse_html_raw(html, "</section>\n");
}

static void write_filter(OkseHtml *html)
{
    okse_html_raw(html, "<form class=\"filter\" role=\"search\" id=\"filter\" hidden><fieldset><legend>");
    okse_html_say(html, "filter.title");
    okse_html_raw(html, "</legend>");
    for (unsigned i = 0; i < OKSE_STATUSES; i++) {
        g_string_append_printf(html->out, "<label><input type=\"checkbox\" name=\"status\" value=\"%s\" checked> ",
                               okse_status_words[i]);
        okse_html_badge(html, (OkseStatus)i);
        okse_html_raw(html, "</label> ");
    }
    okse_html_raw(html, "</fieldset><label class=\"search\"><span>");
    okse_html_say(html, "filter.search");
    okse_html_raw(html,
                  "</span> <input type=\"search\" id=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label>"
                  "<p role=\"status\">");
    okse_html_say(html, "filter.shown");
    okse_html_raw(html, " <b id=\"shown\"></b></p></form>\n");
}

void okse_html_findings(OkseHtml *html)
{
    const json_t *jurisdictions = json_object_get(html->findings, "jurisdictions");
    guint total = okse_report_view_ranked(html->view)->len;

    okse_html_section(html, "findings", "findings.title");
    if (total == 0) {
        okse_html_raw(html, "<p>");
        okse_html_say(html, "findings.none");
        okse_html_raw(html, "</p>\n");
    }
    if (html->details < total) {
        okse_html_raw(html, "<p class=\"note\">");
        okse_html_count(html, "findings.brief", html->details);
        okse_html_raw(html, "</p>\n");
    }
    write_filter(html);
    for (size_t i = 0; i < json_array_size(jurisdictions); i++) {
        const json_t *jurisdiction = json_array_get(jurisdictions, i);
        const json_t *instruments = json_object_get(jurisdiction, "instruments");

        g_string_append_printf(html->out, "<section class=\"law\" id=\"j-%s\"><h3>",
                               okse_json_peek_text(jurisdiction, "iso"));
        okse_html_nation(html, jurisdiction);
        okse_html_raw(html, "</h3>\n");
        for (size_t j = 0; j < json_array_size(instruments); j++)
            write_instrument(html, jurisdiction, json_array_get(instruments, j));
        okse_html_raw(html, "</section>\n");
    }
    okse_html_raw(html, "</section>\n");
}
