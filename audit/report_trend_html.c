/* The page over time: like the report it asks for nothing, and like it everything is there without scripts. */
#include "audit/report_trend.h"

#include "audit/report_escape.h"
#include "audit/report_html.h"
#include "core/digest.h"
#include "core/json.h"

#include <string.h>

#define BARS_MAX 120u /* the last so many audits are drawn; the table has all */
#define BAR_WIDTH 14u
#define CHART_HEIGHT 140u
#define CHART_EDGE 30u

static const char *const drawn[] = {"fail", "inconclusive", "waived", "pass"};
static const OkseStatus drawn_as[] = {OKSE_STATUS_FAIL, OKSE_STATUS_INCONCLUSIVE, OKSE_STATUS_WAIVED, OKSE_STATUS_PASS};

static guint64 number_of(const json_t *object, const char *key)
{
    return (guint64)MAX(json_integer_value(json_object_get(object, key)), 0);
}

/* The day of a time. */
static void write_day(OkseHtml *html, const char *time)
{
    g_autofree char *day = g_strndup(time != NULL ? time : "", 10);

    okse_html_raw(html, "<time>");
    okse_html_text(html, day);
    okse_html_raw(html, "</time>");
}

static GBytes *style_sheet(const OkseResources *resources, GError **error)
{
    static const char *const sheets[] = {"templates/report/report.css", "templates/report/trend.css"};
    GString *sheet = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(sheets); i++) {
        g_autoptr(GBytes) bytes = okse_resources_read(resources, sheets[i], error);
        gsize length;
        const char *text;

        if (bytes == NULL) {
            g_string_free(sheet, TRUE);
            return NULL;
        }
        text = g_bytes_get_data(bytes, &length);
        g_string_append_len(sheet, text, (gssize)length);
    }
    return g_string_free_to_bytes(sheet);
}

static void write_head(OkseHtml *html, GBytes *style)
{
    OkseSha256 digest = okse_sha256_of_bytes(style);
    g_autofree char *base64 = g_base64_encode(digest.bytes, sizeof digest.bytes);
    gsize length;
    const char *sheet = g_bytes_get_data(style, &length);

    g_string_append_printf(html->out,
                           "<!DOCTYPE html>\n<html lang=\"%s\" dir=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                           "'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<meta name=\"color-scheme\" content=\"light dark\">\n"
                           "<meta name=\"referrer\" content=\"no-referrer\">\n"
                           "<link rel=\"icon\" href=\"data:,\">\n<title>",
                           okse_messages_language(html->messages, 0),
                           okse_messages_right_to_left(html->messages, 0) ? "rtl" : "ltr", base64);
    okse_html_text(html, okse_messages_get(html->messages, 0, "trend.title", NULL));
    okse_html_raw(html, "</title>\n<style>");
    g_string_append_len(html->out, sheet, (gssize)length);
    okse_html_raw(html, "</style>\n</head>\n<body>\n<header class=\"banner\"><p class=\"mark\">Okse</p><h1>");
    okse_html_say(html, "trend.title");
    okse_html_raw(html, "</h1></header>\n<main>\n<p class=\"lead\">");
    okse_html_say(html, "trend.lead");
    okse_html_raw(html, "</p>\n");
}

static guint64 highest(const json_t *audits, size_t from)
{
    guint64 most = 1;

    for (size_t i = from; i < json_array_size(audits); i++) {
        const json_t *counts = json_object_get(json_array_get(audits, i), "counts");
        guint64 sum = 0;

        for (size_t k = 0; k < G_N_ELEMENTS(drawn); k++)
            sum += number_of(counts, drawn[k]);
        most = MAX(most, sum);
    }
    return most;
}

static void write_bar(OkseHtml *html, const json_t *audit, guint64 x, guint64 most)
{
    const json_t *counts = json_object_get(audit, "counts");
    guint64 below = 0;

    g_string_append_printf(html->out, "<g%s><title>",
                           json_is_true(json_object_get(audit, "partial")) ? " class=\"partial\"" : "");
    okse_html_text(html, okse_json_peek_text(audit, "audited_at"));
    okse_html_raw(html, "</title>");
    for (size_t k = 0; k < G_N_ELEMENTS(drawn); k++) { /* edges are rounded once, so that parts meet */
        guint64 number = number_of(counts, drawn[k]);
        guint64 low = below * CHART_HEIGHT / most, high = (below + number) * CHART_HEIGHT / most;

        if (high > low)
            g_string_append_printf(html->out,
                                   "<rect class=\"%s\" x=\"%" G_GUINT64_FORMAT "\" y=\"%" G_GUINT64_FORMAT
                                   "\" width=\"%u\" height=\"%" G_GUINT64_FORMAT "\"/>",
                                   drawn[k], x, CHART_HEIGHT - high, BAR_WIDTH - 3, high - low);
        below += number;
    }
    okse_html_raw(html, "</g>\n");
}

static void write_chart(OkseHtml *html, const json_t *audits)
{
    size_t count = json_array_size(audits), from = count > BARS_MAX ? count - BARS_MAX : 0;
    guint64 most = highest(audits, from), width = MAX((count - from) * BAR_WIDTH, 160u);

    g_string_append_printf(html->out,
                           "<figure class=\"trend\"><svg viewBox=\"0 0 %" G_GUINT64_FORMAT
                           " %u\" width=\"%" G_GUINT64_FORMAT "\" height=\"%u\" role=\"img\" aria-label=\"",
                           width, CHART_HEIGHT + CHART_EDGE, width, CHART_HEIGHT + CHART_EDGE);
    okse_html_text(html, okse_messages_get(html->messages, 0, "trend.chart", NULL));
    okse_html_raw(html, "\">\n");
    for (size_t i = from; i < count; i++)
        write_bar(html, json_array_get(audits, i), (i - from) * BAR_WIDTH, most);
    g_string_append_printf(html->out, "<text x=\"0\" y=\"%u\">", CHART_HEIGHT + 18);
    g_string_append_printf(html->out, "%.10s", okse_json_peek_text(json_array_get(audits, from), "audited_at"));
    if (count > from + 1)
        g_string_append_printf(html->out, "</text><text x=\"%" G_GUINT64_FORMAT "\" y=\"%u\" text-anchor=\"end\">%.10s",
                               width, CHART_HEIGHT + 18,
                               okse_json_peek_text(json_array_get(audits, count - 1), "audited_at"));
    okse_html_raw(html, "</text>\n</svg></figure>\n<p class=\"legend\">");
    for (size_t k = 0; k < G_N_ELEMENTS(drawn_as); k++)
        okse_html_badge(html, drawn_as[k]);
    okse_html_raw(html, "</p>\n");
}

static void table_open(OkseHtml *html, const char *const *keys)
{
    okse_html_raw(html, "<div class=\"table\" tabindex=\"0\" role=\"group\"><table><thead><tr>");
    for (; *keys != NULL; keys++) {
        okse_html_raw(html, "<th scope=\"col\">");
        okse_html_say(html, *keys);
        okse_html_raw(html, "</th>");
    }
    okse_html_raw(html, "</tr></thead><tbody>\n");
}

static void table_close(OkseHtml *html)
{
    okse_html_raw(html, "</tbody></table></div>\n");
}

static void write_audits(OkseHtml *html, const json_t *audits)
{
    static const char *const keys[] = {"facts.time",    "verdict",     "status.fail",    "status.inconclusive",
                                       "status.waived", "status.pass", "inventory.path", NULL};
    const json_t *audit;
    size_t i;

    table_open(html, keys);
    json_array_foreach(audits, i, audit)
    {
        const json_t *counts = json_object_get(audit, "counts");

        okse_html_raw(html, "<tr><td>");
        okse_html_text(html, okse_json_peek_text(audit, "audited_at"));
        okse_html_raw(html, "</td><td>");
        okse_html_word(html, "verdict.", okse_json_peek_text(audit, "verdict"));
        if (json_is_true(json_object_get(audit, "partial")))
            okse_html_raw(html, " <code>--only</code>");
        okse_html_raw(html, "</td>");
        for (size_t k = 0; k < G_N_ELEMENTS(drawn); k++) {
            okse_html_raw(html, "<td class=\"number\">");
            okse_html_number(html, number_of(counts, drawn[k]));
            okse_html_raw(html, "</td>");
        }
        okse_html_raw(html, "<td>");
        okse_html_code(html, okse_json_peek_text(audit, "file"));
        okse_html_raw(html, "</td></tr>\n");
    }
    table_close(html);
}

static void write_row(OkseHtml *html, const json_t *row)
{
    const char *ended = okse_json_peek_text(row, "ended_at");

    okse_html_raw(html, "<tr><td>");
    if (ended == NULL) {
        okse_html_badge(html, okse_finding_status(row));
        okse_html_raw(html, " ");
    }
    okse_html_law(html, json_object_get(row, "title"));
    okse_html_raw(html, " <code>");
    okse_html_text(html, okse_json_peek_text(row, "id"));
    okse_html_raw(html, "</code></td><td>");
    okse_html_text(html, okse_json_peek_text(row, "jurisdiction"));
    okse_html_raw(html, " ");
    okse_html_text(html, okse_json_peek_text(row, "provision"));
    okse_html_raw(html, "</td><td>");
    write_day(html, okse_json_peek_text(row, "first_seen"));
    okse_html_raw(html, "</td>");
    if (ended != NULL) {
        okse_html_raw(html, "<td>");
        write_day(html, ended);
        okse_html_raw(html, "</td>");
    }
    okse_html_raw(html, "<td class=\"number\">");
    okse_html_number(html, number_of(row, "days"));
    okse_html_raw(html, "</td></tr>\n");
}

static void write_rows(OkseHtml *html, const json_t *rows, const char *title, bool ended)
{
    static const char *const open_keys[] = {"finding", "law", "trend.since", "trend.age", NULL};
    static const char *const ended_keys[] = {"finding", "law", "trend.since", "trend.ended", "trend.age", NULL};
    const json_t *row;
    size_t i;

    okse_html_raw(html, "<h3>");
    okse_html_say(html, title);
    g_string_append_printf(html->out, " (%zu)</h3>\n", json_array_size(rows));
    if (json_array_size(rows) == 0) {
        okse_html_raw(html, "<p class=\"note\">");
        okse_html_say(html, "trend.none");
        okse_html_raw(html, "</p>\n");
        return;
    }
    table_open(html, ended ? ended_keys : open_keys);
    json_array_foreach(rows, i, row) write_row(html, row);
    table_close(html);
}

static void write_target(OkseHtml *html, const json_t *target, size_t number)
{
    const char *install = okse_json_peek_text(target, "install");

    g_string_append_printf(html->out, "\n<section id=\"t%zu\" aria-labelledby=\"t%zu-title\"><h2 id=\"t%zu-title\">",
                           number, number, number);
    okse_html_data(html, okse_json_peek_text(target, "hostname"));
    if (install != NULL) {
        okse_html_raw(html, " – ");
        okse_html_data(html, install);
    }
    okse_html_raw(html, "</h2>\n");
    write_chart(html, json_object_get(target, "audits"));
    write_rows(html, json_object_get(target, "open"), "trend.open", false);
    write_rows(html, json_object_get(target, "fixed"), "trend.fixed", true);
    okse_html_raw(html, "<h3>");
    okse_html_say(html, "trend.audits");
    okse_html_raw(html, "</h3>\n");
    write_audits(html, json_object_get(target, "audits"));
    okse_html_raw(html, "</section>\n");
}

static void write_skipped(OkseHtml *html, const json_t *skipped)
{
    const json_t *row;
    size_t i;

    if (json_array_size(skipped) == 0)
        return;
    okse_html_section(html, "skipped", "trend.skipped");
    okse_html_raw(html, "<ul class=\"plain\">");
    json_array_foreach(skipped, i, row)
    {
        okse_html_raw(html, "<li>");
        okse_html_code(html, okse_json_peek_text(row, "file"));
        okse_html_raw(html, ": <span lang=\"en\">");
        okse_html_text(html, okse_json_peek_text(row, "why"));
        okse_html_raw(html, "</span></li>\n");
    }
    okse_html_raw(html, "</ul></section>\n");
}

GBytes *okse_trend_html(const json_t *document, const char *language, const OkseResources *resources, GError **error)
{
    const char *const languages[] = {language != NULL ? language : "en", NULL};
    g_autoptr(OkseMessages) messages = NULL;
    g_autoptr(GBytes) style = NULL;
    OkseHtml html = {.element = "span"};
    const json_t *target;
    size_t i;

    if (!okse_messages_known(resources, languages[0])) {
        okse_fail(error, OKSE_ERROR_INVALID, "there are no texts in the language '%s' (templates/report)",
                  languages[0]);
        return NULL;
    }
    messages = okse_messages_open(resources, languages, error);
    style = messages == NULL ? NULL : style_sheet(resources, error);
    if (style == NULL)
        return NULL;
    html.out = g_string_new(NULL);
    html.messages = messages;
    write_head(&html, style);
    json_array_foreach(json_object_get(document, "targets"), i, target) write_target(&html, target, i + 1);
    write_skipped(&html, json_object_get(document, "skipped"));
    okse_html_raw(&html, "</main>\n</body>\n</html>\n");
    return g_string_free_to_bytes(html.out);
}

static void text_rows(GString *out, const json_t *rows, const char *what)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        g_string_append_printf(out, "  %s  %s %s  ", what, okse_json_peek_text(row, "jurisdiction"),
                               okse_json_peek_text(row, "provision"));
        okse_escape_line(out, okse_texts_get(json_object_get(row, "title"), "en", NULL));
        g_string_append_printf(out, "  [%s]  since %.10s, %" G_GUINT64_FORMAT " days\n", okse_json_peek_text(row, "id"),
                               okse_json_peek_text(row, "first_seen"), number_of(row, "days"));
    }
}

char *okse_trend_text(const json_t *document)
{
    GString *out = g_string_new(NULL);
    const json_t *target, *audit;
    size_t i, k;

    json_array_foreach(json_object_get(document, "targets"), i, target)
    {
        const char *install = okse_json_peek_text(target, "install");

        okse_escape_line(out, okse_json_peek_text(target, "hostname"));
        g_string_append(out, install != NULL ? ", " : "");
        okse_escape_line(out, install != NULL ? install : "");
        g_string_append_c(out, '\n');
        json_array_foreach(json_object_get(target, "audits"), k, audit)
        {
            const json_t *counts = json_object_get(audit, "counts");

            g_string_append_printf(out,
                                   "  %s  %-13s%s  failed %" G_GUINT64_FORMAT ", not decided %" G_GUINT64_FORMAT
                                   ", waived %" G_GUINT64_FORMAT ", passed %" G_GUINT64_FORMAT "\n",
                                   okse_json_peek_text(audit, "audited_at"), okse_json_peek_text(audit, "verdict"),
                                   json_is_true(json_object_get(audit, "partial")) ? " (--only)" : "",
                                   number_of(counts, "fail"), number_of(counts, "inconclusive"),
                                   number_of(counts, "waived"), number_of(counts, "pass"));
        }
        text_rows(out, json_object_get(target, "open"), "open ");
        text_rows(out, json_object_get(target, "fixed"), "fixed");
    }
    return g_string_free(out, FALSE);
}
