/* The page of a fleet: how many are compliant, where the others are, and what is open on which of them. It has no
 * script; a browser's own search finds a host. */
#include "audit/fleet.h"
#include "audit/report_fleet.h"
#include "audit/report_html.h"

#include "core/digest.h"
#include "core/json.h"

#include <string.h>

#define NAMES_MOST 200u /* of targets behind a finding; the document has all */
#define FIRST_MAX 3u    /* things to do first */

static void write_badge(OkseHtml *html, const char *verdict)
{
    g_string_append_printf(html->out, "<span class=\"badge %s\">", okse_verdict_class(verdict));
    okse_html_word(html, "verdict.", verdict);
    okse_html_raw(html, "</span>");
}

static void write_number(OkseHtml *html, const json_t *object, const char *member)
{
    json_int_t number = json_integer_value(json_object_get(object, member));

    okse_html_number(html, number > 0 ? (guint64)number : 0);
}

static void write_counts(OkseHtml *html, const json_t *counts)
{
    static const char *const words[] = {"non-compliant", "inconclusive", "compliant"};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        okse_html_raw(html, "<li>");
        write_badge(html, words[i]);
        okse_html_raw(html, " <b>");
        write_number(html, counts, words[i]);
        okse_html_raw(html, "</b>");
    }
    if (json_integer_value(json_object_get(counts, "unread")) > 0) {
        okse_html_raw(html, "<li>");
        okse_html_say(html, "fleet.unread");
        okse_html_raw(html, " <b>");
        write_number(html, counts, "unread");
        okse_html_raw(html, "</b>");
    }
}

static const json_t *control_of(const OkseHtml *html, const json_t *row)
{
    return json_object_get(json_object_get(html->findings, "controls"), okse_json_peek_text(row, "control"));
}

/* The worst rows, which come first, one a check; each leads to the hosts it is open on. */
static unsigned write_actions(OkseHtml *html)
{
    const json_t *rows = json_object_get(html->findings, "findings"), *row;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const json_t *targets = json_object_get(row, "targets"), *control = control_of(html, row);
        const json_t *remediation = json_object_get(control, "remediation");
        const char *fail = okse_status_words[OKSE_STATUS_FAIL], *open = okse_status_words[OKSE_STATUS_INCONCLUSIVE];
        const json_t *names = json_object_get(targets, fail);
        bool failed = json_array_size(names) > 0;

        names = failed ? names : json_object_get(targets, open);
        if (json_array_size(names) == 0 || g_hash_table_size(seen) >= FIRST_MAX ||
            !g_hash_table_add(seen, (gpointer)(uintptr_t)okse_json_peek_text(row, "control")))
            continue;
        okse_html_raw(html, "<li><p>");
        okse_html_law(html, json_is_object(remediation) ? remediation : json_object_get(control, "title"));
        okse_html_raw(html, "</p><p class=\"cite\"><a href=\"#");
        okse_html_text(html, okse_json_peek_text(row, "id"));
        okse_html_raw(html, "\">");
        okse_html_law(html, json_object_get(control, "title"));
        okse_html_raw(html, "</a> ");
        okse_html_badge(html, failed ? OKSE_STATUS_FAIL : OKSE_STATUS_INCONCLUSIVE);
        okse_html_raw(html, " ");
        okse_html_number(html, json_array_size(names));
        okse_html_raw(html, "</p>\n");
    }
    return g_hash_table_size(seen);
}

static void write_first(OkseHtml *html)
{
    gsize before;

    okse_html_raw(html, "<section aria-labelledby=\"first-title\"><h3 id=\"first-title\">");
    okse_html_say(html, "first");
    okse_html_raw(html, "</h3>\n");
    before = html->out->len;
    okse_html_raw(html, "<ol class=\"first\">");
    if (write_actions(html) > 0) {
        okse_html_raw(html, "</ol>");
    } else {
        bool compliant = strcmp(okse_json_peek_text(html->findings, "verdict"), "compliant") == 0;

        g_string_truncate(html->out, before);
        okse_html_raw(html, "<p>");
        okse_html_say(html, compliant ? "first.none" : "first.unknown");
        okse_html_raw(html, "</p>");
    }
    okse_html_raw(html, "</section>\n");
}

static void write_opening(OkseHtml *html)
{
    const json_t *fleet = html->findings, *summary = json_object_get(fleet, "summary");
    const json_t *laws = json_object_get(fleet, "jurisdictions"), *law;
    const char *verdict = okse_json_peek_text(fleet, "verdict");
    const json_t *warnings = json_object_get(fleet, "warnings"), *warning;
    size_t i;

    g_string_append_printf(html->out,
                           "<section id=\"verdict\" aria-labelledby=\"verdict-title\">\n<div class=\"verdict %s\">"
                           "<h2 id=\"verdict-title\"><span class=\"label\">",
                           okse_verdict_class(verdict));
    okse_html_say(html, "verdict");
    okse_html_raw(html, "</span> <strong>");
    okse_html_word(html, "verdict.", verdict);
    okse_html_raw(html, "</strong></h2>\n<p class=\"why\">");
    okse_html_say(html, "fleet.targets");
    okse_html_raw(html, ": ");
    write_number(html, summary, "targets");
    okse_html_raw(html, " · ");
    okse_html_date(html, okse_json_peek_text(fleet, "audited_at"));
    okse_html_raw(html, "</p>\n<ul class=\"counts\">");
    write_counts(html, summary);
    okse_html_raw(html, "</ul></div>\n");
    json_array_foreach(warnings, i, warning)
    {
        okse_html_raw(html, "<p class=\"warning\" role=\"note\">");
        okse_html_law(html, json_object_get(warning, "message"));
        okse_html_raw(html, "</p>\n");
    }
    okse_html_raw(html, "<div class=\"opening\"><section aria-labelledby=\"law-title\">"
                        "<h3 id=\"law-title\">");
    okse_html_say(html, "law");
    okse_html_raw(html, "</h3>\n");
    json_array_foreach(laws, i, law)
    {
        okse_html_raw(html, "<div class=\"jurisdiction\"><p><b>");
        okse_html_nation(html, law);
        okse_html_raw(html, "</b></p><ul class=\"counts\">");
        write_counts(html, json_object_get(law, "targets"));
        okse_html_raw(html, "</ul></div>\n");
    }
    okse_html_raw(html, "</section>\n");
    write_first(html);
    okse_html_raw(html, "</div></section>\n");
}

static void write_cell_count(OkseHtml *html, const json_t *object, const char *member)
{
    okse_html_raw(html, "<td class=\"number\">");
    write_number(html, object, member);
}

static void write_groups(OkseHtml *html, const char *list, const char *key, const char *title_key, const char *head_key)
{
    const char *const heads[] = {
        head_key, "fleet.targets", "verdict", "verdict.non-compliant", "verdict.inconclusive", "verdict.compliant",
        NULL};
    const json_t *rows = json_object_get(html->findings, list), *row;
    size_t i;

    okse_html_section(html, list, title_key);
    okse_html_table(html, title_key, heads);
    json_array_foreach(rows, i, row)
    {
        const json_t *summary = json_object_get(row, "summary");
        const char *name = okse_json_peek_text(row, key);

        okse_html_raw(html, "<tr><th scope=\"row\">");
        if (name == NULL)
            okse_html_say(html, "fleet.nowhere");
        else if (strcmp(key, "country") == 0)
            okse_html_country(html, name);
        else
            okse_html_data(html, name);
        write_cell_count(html, summary, "targets");
        okse_html_raw(html, "<td>");
        write_badge(html, okse_json_peek_text(row, "verdict"));
        write_cell_count(html, summary, "non-compliant");
        write_cell_count(html, summary, "inconclusive");
        write_cell_count(html, summary, "compliant");
    }
    okse_html_table_end(html);
    okse_html_raw(html, "</section>\n");
}

static void write_targets(OkseHtml *html)
{
    static const char *const heads[] = {"fleet.target", "facts.target", "facts.site",          "fleet.country",
                                        "verdict",      "status.fail",  "status.inconclusive", NULL};
    const json_t *rows = json_object_get(html->findings, "targets"), *row;
    size_t i;

    okse_html_section(html, "targets", "fleet.targets.title");
    okse_html_table(html, "fleet.targets.title", heads);
    json_array_foreach(rows, i, row)
    {
        const char *error = okse_json_peek_text(row, "error");

        g_string_append_printf(html->out, "<tr id=\"t%zu\"><th scope=\"row\">", i);
        okse_html_data(html, okse_json_peek_text(row, "name"));
        okse_html_cell_text(html, row, "hostname");
        okse_html_cell_text(html, row, "site");
        okse_html_raw(html, "<td>");
        if (okse_json_peek_text(row, "country") != NULL)
            okse_html_country(html, okse_json_peek_text(row, "country"));
        else
            okse_html_raw(html, "–");
        okse_html_raw(html, "<td>");
        write_badge(html, okse_json_peek_text(row, "verdict"));
        if (error != NULL) {
            okse_html_raw(html, "<td colspan=\"2\">");
            okse_html_say(html, "fleet.unread");
            okse_html_raw(html, ": ");
            okse_html_data(html, error);
            continue;
        }
        okse_html_cell_number(html, json_object_get(row, "summary"), "fail");
        okse_html_cell_number(html, json_object_get(row, "summary"), "inconclusive");
    }
    okse_html_table_end(html);
    okse_html_raw(html, "</section>\n");
}

static void write_names(OkseHtml *html, const json_t *row, OkseStatus status)
{
    const json_t *names = json_object_get(json_object_get(row, "targets"), okse_status_words[status]);
    size_t count = json_array_size(names);

    if (count == 0)
        return;
    okse_html_raw(html, "<details><summary>");
    okse_html_badge(html, status);
    okse_html_raw(html, " <b>");
    okse_html_number(html, count);
    okse_html_raw(html, "</b></summary><p>");
    for (size_t i = 0; i < MIN(count, NAMES_MOST); i++) {
        okse_html_raw(html, i > 0 ? ", " : "");
        okse_html_data(html, json_string_value(json_array_get(names, i)));
    }
    if (count > NAMES_MOST) {
        okse_html_raw(html, ", ");
        okse_html_count(html, "first.more", count - NAMES_MOST);
    }
    okse_html_raw(html, "</p></details>\n");
}

static void write_findings(OkseHtml *html)
{
    const json_t *rows = json_object_get(html->findings, "findings"), *row;
    size_t i;

    okse_html_section(html, "findings", "fleet.findings.title");
    okse_html_raw(html, "<ol class=\"first\">");
    json_array_foreach(rows, i, row)
    {
        const json_t *control = control_of(html, row);
        const char *article = okse_json_peek_text(row, "article");

        if (json_object_size(json_object_get(row, "targets")) == 0)
            continue;
        okse_html_raw(html, "<li id=\"");
        okse_html_text(html, okse_json_peek_text(row, "id"));
        okse_html_raw(html, "\"><p><b>");
        okse_html_law(html, json_object_get(control, "title"));
        okse_html_raw(html, "</b> <span class=\"cite\">");
        okse_html_data(html, okse_json_peek_text(row, "jurisdiction"));
        okse_html_raw(html, " ");
        okse_html_data(html, article != NULL ? article : okse_json_peek_text(row, "provision"));
        okse_html_raw(html, ": ");
        okse_html_law(html, json_object_get(row, "title"));
        okse_html_raw(html, " </span>");
        okse_html_code(html, okse_json_peek_text(row, "id"));
        okse_html_raw(html, "</p>\n<p>");
        okse_html_law(html, json_object_get(control, "remediation"));
        okse_html_raw(html, "</p>\n");
        write_names(html, row, OKSE_STATUS_FAIL);
        write_names(html, row, OKSE_STATUS_INCONCLUSIVE);
        write_names(html, row, OKSE_STATUS_WAIVED);
    }
    okse_html_raw(html, "</ol></section>\n");
}

static void write_digest(OkseHtml *html)
{
    g_autoptr(GBytes) canonical = okse_json_write(html->findings);
    OkseSha256 digest = okse_sha256_of_bytes(canonical);
    char text[OKSE_SHA256_TEXT];

    okse_html_section(html, "method", "method.title");
    okse_html_raw(html, "<dl class=\"facts digests\"><div><dt>");
    okse_html_say(html, "fleet.document");
    okse_html_raw(html, "</dt><dd>");
    okse_html_code(html, okse_sha256_text(&digest, text));
    okse_html_raw(html, "</dd></div><div><dt>");
    okse_html_say(html, "method.manifests");
    okse_html_raw(html, "</dt><dd>");
    okse_html_code(html, okse_json_peek_text(html->findings, "manifests"));
    okse_html_raw(html, "</dd></div></dl></section>\n");
}

GBytes *okse_fleet_html(const json_t *fleet, const char *language, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) languages = okse_html_languages(fleet, language);
    g_autoptr(OkseMessages) messages = okse_messages_open(resources, (const char *const *)languages, error);
    g_autoptr(GBytes) style = messages != NULL ? okse_html_style(fleet, resources, error) : NULL;
    OkseHtml html = {.findings = fleet, .messages = messages, .element = "span"};

    if (style == NULL)
        return NULL;
    html.out = g_string_new(NULL);
    okse_html_head(&html, "fleet.title", okse_json_peek_text(fleet, "audited_at"), style, NULL);
    okse_html_banner(&html, "fleet.title");
    okse_html_raw(&html, "<main>\n");
    write_opening(&html);
    write_groups(&html, "countries", "country", "fleet.countries", "fleet.country");
    write_groups(&html, "sites", "site", "fleet.sites", "facts.site");
    write_targets(&html);
    write_findings(&html);
    write_digest(&html);
    okse_html_raw(&html, "</main>\n</body>\n</html>\n");
    return g_string_free_to_bytes(html.out);
}

/* --- the table of formats --- */

typedef GBytes *(*Render)(const json_t *fleet, const char *language, const OkseResources *resources, GError **error);

static GBytes *render_json(const json_t *fleet, const char *language, const OkseResources *resources, GError **error)
{
    char *text = okse_json_write_pretty(fleet);

    (void)language, (void)resources, (void)error;
    return g_bytes_new_take(text, strlen(text));
}

const char *const *okse_fleet_formats(void)
{
    static const char *const names[] = {"text", "json", "html", "csv", "markdown", NULL};

    return names;
}

GBytes *okse_fleet_render(const json_t *fleet, const char *format, const char *language, const OkseResources *resources,
                          GError **error)
{
    static const Render renderers[] = {okse_fleet_text, render_json, okse_fleet_html, okse_fleet_csv,
                                       okse_fleet_markdown};
    const char *const *names = okse_fleet_formats();
    const char *first = json_string_value(json_array_get(json_object_get(fleet, "languages"), 0));

    if (language != NULL && !okse_messages_known(resources, language)) {
        okse_fail(error, OKSE_ERROR_INVALID, "language '%s': the reports do not speak it", language);
        return NULL;
    }
    if (language == NULL)
        language = strcmp(format, "html") == 0 && first != NULL ? first : "en";
    for (unsigned i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], format) == 0)
            return renderers[i](fleet, language, resources, error);
    okse_fail(error, OKSE_ERROR_INVALID, "a fleet is rendered as text, json, html, csv or markdown, not as '%s'",
              format);
    return NULL;
}
