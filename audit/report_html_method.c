/* What a person must decide, what each check looks at, and from what the verdict was computed. */
#include "audit/report_html.h"

#include "core/digest.h"
#include "core/json.h"

#include <string.h>

/* Findings that carry the mark, by article; then the articles that contradict each other. */
void okse_html_lawyer(OkseHtml *html)
{
    const GPtrArray *ranked = okse_report_view_ranked(html->view);
    const json_t *conflicts = json_object_get(html->findings, "conflicts");
    unsigned written = 0;

    okse_html_section(html, "lawyer", "lawyer.title");
    okse_html_raw(html, "<p class=\"lead\">");
    okse_html_say(html, "lawyer.lead");
    okse_html_raw(html, "</p>\n<ul class=\"plain\">");
    for (guint i = 0; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);

        if (!json_is_string(json_object_get(finding, "warning")) || written >= 200)
            continue;
        written++;
        okse_html_raw(html, "<li>");
        okse_html_article_link(html, finding);
        g_string_append_printf(html->out, " — <a href=\"#%s\">", okse_json_peek_text(finding, "id"));
        okse_html_law(html, json_object_get(okse_report_view_control(html->view, finding), "title"));
        okse_html_raw(html, "</a>. ");
        if (g_strcmp0(okse_json_peek_text(finding, "confidence"), "low") == 0)
            okse_html_say(html, "lawyer.low");
        okse_html_raw(html, "\n");
    }
    for (size_t i = 0; i < json_array_size(conflicts); i++) {
        written++;
        okse_html_raw(html, "<li><b>");
        okse_html_say(html, "lawyer.conflict");
        okse_html_raw(html, "</b>: ");
        okse_html_law(html, json_object_get(json_array_get(conflicts, i), "message"));
        okse_html_raw(html, "\n");
    }
    if (written == 0) {
        okse_html_raw(html, "<li>");
        okse_html_say(html, "lawyer.none");
    }
    okse_html_raw(html, "</ul></section>\n");
}

void okse_html_controls(OkseHtml *html)
{
    const json_t *controls = json_object_get(html->findings, "controls");
    g_autoptr(GPtrArray) ids = okse_json_sorted_keys(controls);

    okse_html_section(html, "controls", "controls.title");
    okse_html_raw(html, "<dl class=\"controls\">\n");
    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        const json_t *control = json_object_get(controls, id), *needs = json_object_get(control, "needs");

        g_string_append_printf(html->out, "<dt id=\"c-%s\">", id);
        okse_html_law(html, json_object_get(control, "title"));
        okse_html_raw(html, " ");
        okse_html_code(html, id);
        okse_html_raw(html, "</dt><dd>");
        okse_html_law(html, json_object_get(control, "description"));
        for (size_t j = 0; j < json_array_size(needs); j++) {
            const char *need = json_string_value(json_array_get(needs, j));

            if (j == 0) {
                okse_html_raw(html, " <span class=\"cite\">");
                okse_html_say(html, "controls.needs");
            }
            okse_html_raw(html, " ");
            okse_html_code(html, need != NULL ? need : "?");
        }
        okse_html_raw(html, json_array_size(needs) > 0 ? "</span></dd>\n" : "</dd>\n");
    }
    okse_html_raw(html, "</dl></section>\n");
}

static void row(OkseHtml *html, const char *key, const char *value)
{
    okse_html_raw(html, "<div><dt>");
    okse_html_say(html, key);
    okse_html_raw(html, "</dt><dd>");
    if (value != NULL)
        okse_html_code(html, value);
    else
        okse_html_say(html, "method.nosite");
    okse_html_raw(html, "</dd></div>\n");
}

/* Which law, by the name and the date that it gives itself. */
static void write_policy(OkseHtml *html, const json_t *policy)
{
    const char *identity = okse_json_peek_text(policy, "identity");
    g_autofree char *text =
        g_strdup_printf("%s %s%s%s", okse_json_peek_text(policy, "name"), okse_json_peek_text(policy, "date"),
                        identity != NULL ? " " : "", identity != NULL ? identity : "");

    if (json_is_object(policy))
        row(html, "method.policy", text);
}

static void write_inputs_profiles(OkseHtml *html, const json_t *profiles)
{
    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const json_t *one = json_array_get(profiles, i);
        g_autofree char *text = g_strdup_printf("%s %s %s", okse_json_peek_text(one, "name"),
                                                okse_json_peek_text(one, "as_of"), okse_json_peek_text(one, "digest"));

        row(html, "method.profile", text);
    }
}

static void write_inputs(OkseHtml *html)
{
    const json_t *inputs = json_object_get(html->findings, "inputs"), *geo = json_object_get(inputs, "geo");
    const json_t *tool = json_object_get(inputs, "tool");
    const char *described = okse_json_peek_text(geo, "description"), *digest = okse_json_peek_text(geo, "digest");
    g_autoptr(GBytes) canonical = okse_json_write(html->findings);
    OkseSha256 document = okse_sha256_of_bytes(canonical);
    char text[OKSE_SHA256_TEXT];
    g_autofree char *version =
        g_strdup_printf("%s %s", okse_json_peek_text(tool, "name"), okse_json_peek_text(tool, "version"));
    g_autofree char *base =
        g_strdup_printf("%s%s%s", described != NULL ? described : "", described != NULL && digest != NULL ? " " : "",
                        digest != NULL ? digest : "");

    okse_html_raw(html, "<dl class=\"facts digests\">\n");
    row(html, "method.document", okse_sha256_text(&document, text));
    row(html, "method.facts", okse_json_peek_text(inputs, "facts"));
    row(html, "method.manifests", okse_json_peek_text(inputs, "manifests"));
    write_policy(html, json_object_get(inputs, "policy"));
    write_inputs_profiles(html, json_object_get(inputs, "profiles"));
    row(html, "method.site", okse_json_peek_text(inputs, "site"));
    row(html, "method.geo", *base != '\0' ? base : NULL);
    row(html, "method.tool", version);
    okse_html_raw(html, "</dl>\n");
}

void okse_html_method(OkseHtml *html)
{
    static const char *const rules[] = {"method.rule.pass", "method.rule.fail", "method.rule.inconclusive",
                                        "method.rule.na"};
    static const char *const signers[] = {"sign.auditor", "sign.operator", "sign.authority"};

    okse_html_section(html, "method", "method.title");
    okse_html_raw(html, "<p class=\"lead\">");
    okse_html_say(html, "method.lead");
    okse_html_raw(html, "</p>\n");
    write_inputs(html);
    okse_html_raw(html, "<ul class=\"plain\">");
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        okse_html_raw(html, "<li>");
        okse_html_say(html, rules[i]);
    }
    okse_html_raw(html, "</ul><p><b>");
    okse_html_say(html, "method.advice");
    okse_html_raw(html, "</b></p></section>\n");
    okse_html_section(html, "signatures", "sign.title");
    okse_html_raw(html, "<div class=\"signatures\">");
    for (unsigned i = 0; i < G_N_ELEMENTS(signers); i++) {
        okse_html_raw(html, "<div><p><b>");
        okse_html_say(html, signers[i]);
        okse_html_raw(html, "</b></p><p class=\"line\">");
        okse_html_say(html, "sign.line");
        okse_html_raw(html, "</p></div>");
    }
    okse_html_raw(html, "</div></section>\n");
}
