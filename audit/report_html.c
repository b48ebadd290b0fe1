/* The HTML report: one file that asks for nothing. Style and script are inline and named by their SHA-256 in the
 * content security policy, which forbids everything else. */
#include "audit/report_html.h"
#include "audit/report_redaction.h"

#include "core/digest.h"
#include "core/json.h"

#include <string.h>

#define LANGUAGES_MAX 6u

/* First the asked one, then those of the findings, then English; none twice. */
char **okse_html_languages(const json_t *findings, const char *first)
{
    const json_t *list = json_object_get(findings, "languages");
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();

    if (first != NULL)
        g_ptr_array_add(chosen, (gpointer)(uintptr_t)first);
    for (size_t i = 0; i <= json_array_size(list); i++) {
        const char *language = i < json_array_size(list) ? json_string_value(json_array_get(list, i)) : "en";
        bool last = i == json_array_size(list);

        if (!g_ptr_array_find_with_equal_func(chosen, language, g_str_equal, NULL) &&
            (last || chosen->len + 1 < LANGUAGES_MAX))
            g_ptr_array_add(chosen, (gpointer)(uintptr_t)language);
    }
    g_ptr_array_add(chosen, NULL);
    return g_strdupv((char **)chosen->pdata);
}

static char *policy_hash(GBytes *bytes)
{
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    g_autofree char *base64 = g_base64_encode(digest.bytes, sizeof digest.bytes);

    return g_strconcat("'sha256-", base64, "'", NULL);
}

static void append_bytes(GString *out, GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);

    g_string_append_len(out, data, (gssize)length);
}

/* The style sheet, and for print the digest of the findings on every page. */
GBytes *okse_html_style(const json_t *findings, const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) fixed = okse_resources_read(resources, "templates/report/report.css", error);
    g_autoptr(GBytes) canonical = okse_json_write(findings);
    OkseSha256 digest = okse_sha256_of_bytes(canonical);
    GString *sheet;
    char text[OKSE_SHA256_TEXT];

    if (fixed == NULL)
        return NULL;
    sheet = g_string_new(NULL);
    append_bytes(sheet, fixed);
    if (okse_findings_redaction(findings) != NULL) /* one of two words: checked */
        g_string_append_printf(sheet, "@page{@top-center{content:\"Redacted: %s\"}}\n",
                               okse_findings_redaction(findings));
    g_string_append_printf(sheet, "@page{@bottom-left{content:\"%s\"}}\n", okse_sha256_text(&digest, text));
    return g_string_free_to_bytes(sheet);
}

void okse_html_head(OkseHtml *html, const char *title_key, const char *subject, GBytes *style, GBytes *script)
{
    g_autofree char *style_hash = policy_hash(style);
    g_autofree char *script_hash = script != NULL ? policy_hash(script) : g_strdup("'none'");

    g_string_append_printf(html->out,
                           "<!DOCTYPE html>\n<html lang=\"%s\" dir=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src %s; "
                           "script-src %s; img-src data:; base-uri 'none'; form-action 'none'\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<meta name=\"color-scheme\" content=\"light dark\">\n"
                           "<meta name=\"referrer\" content=\"no-referrer\">\n"
                           "<meta name=\"generator\" content=\"okse " OKSE_VERSION "\">\n"
                           "<link rel=\"icon\" href=\"data:,\">\n<title>",
                           okse_messages_language(html->messages, 0),
                           okse_messages_right_to_left(html->messages, 0) ? "rtl" : "ltr", style_hash, script_hash);
    okse_html_text(html, okse_messages_get(html->messages, 0, title_key, NULL));
    okse_html_raw(html, " – ");
    okse_html_text(html, subject);
    okse_html_raw(html, "</title>\n<style>");
    append_bytes(html->out, style);
    okse_html_raw(html, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#findings\">");
    okse_html_say(html, "skip");
    okse_html_raw(html, "</a>\n");
}

void okse_html_banner(OkseHtml *html, const char *title_key)
{
    unsigned languages = okse_messages_languages(html->messages);

    okse_html_raw(html, "<header class=\"banner\"><p class=\"mark\">Okse</p><h1>");
    okse_html_say(html, title_key);
    okse_html_raw(html, "</h1>\n");
    if (languages > 1) {
        okse_html_raw(html, "<fieldset class=\"languages\"><legend>");
        okse_html_say(html, "language");
        okse_html_raw(html, "</legend>");
        for (unsigned i = 0; i < languages; i++) {
            const char *code = okse_messages_language(html->messages, i);

            g_string_append_printf(
                html->out,
                "<label><input type=\"radio\" name=\"language\" id=\"l%u\" value=\"%s\"%s%s> <span lang=\"%s\">", i + 1,
                code, okse_messages_right_to_left(html->messages, i) ? " class=\"rtl\"" : "", i == 0 ? " checked" : "",
                code);
            okse_html_text(html, okse_messages_language_name(html->messages, i));
            okse_html_raw(html, "</span></label>");
        }
        okse_html_raw(html, "</fieldset>");
    }
    okse_html_raw(html, "</header>\n");
}

static void write_contents(OkseHtml *html)
{
    static const char *const ids[] = {"map",    "findings",  "declared", "unseen",
                                      "lawyer", "inventory", "controls", "method"};

    okse_html_raw(html, "<nav aria-labelledby=\"contents-title\"><h2 id=\"contents-title\">");
    okse_html_say(html, "contents");
    okse_html_raw(html, "</h2><ol>");
    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *key = g_strconcat(ids[i], ".title", NULL);

        g_string_append_printf(html->out, "<li><a href=\"#%s\">", ids[i]);
        okse_html_say(html, key);
        okse_html_raw(html, "</a>");
    }
    okse_html_raw(html, "</ol></nav>\n");
}

static void write_document(OkseHtml *html, GBytes *style, GBytes *script)
{
    okse_html_head(html, "title", okse_json_peek_text(json_object_get(html->findings, "target"), "hostname"), style,
                   script);
    okse_html_banner(html, "title");
    okse_html_raw(html, "<main>\n");
    okse_html_opening(html);
    write_contents(html);
    okse_html_map(html);
    okse_html_findings(html);
    okse_html_declared(html);
    okse_html_unseen(html);
    okse_html_lawyer(html);
    okse_html_inventory(html);
    okse_html_controls(html);
    okse_html_method(html);
    okse_html_raw(html, "</main>\n<script>");
    append_bytes(html->out, script);
    okse_html_raw(html, "</script>\n</body>\n</html>\n");
}

GBytes *okse_report_html(const json_t *findings, const char *language, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) languages = okse_html_languages(findings, language);
    g_autoptr(OkseMessages) messages = okse_messages_open(resources, (const char *const *)languages, error);
    g_autoptr(GBytes) style = messages != NULL ? okse_html_style(findings, resources, error) : NULL;
    g_autoptr(GBytes) script =
        style != NULL ? okse_resources_read(resources, "templates/report/report.js", error) : NULL;
    g_autoptr(OkseReportView) view = NULL;
    g_autoptr(GHashTable) detailed = NULL;
    OkseHtml html;

    if (script == NULL)
        return NULL;
    view = okse_report_view_new(findings);
    detailed = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    html = (OkseHtml){.out = g_string_new(NULL),
                      .findings = findings,
                      .view = view,
                      .messages = messages,
                      .element = "span",
                      .detailed = detailed};
    okse_html_share_room(&html);
    write_document(&html, style, script);
    return g_string_free_to_bytes(html.out);
}
