/* What a person must decide, what each check looks at, from what the verdict was computed, and who signs. */
#include "audit/report_pdf_internal.h"

#include "core/json.h"

#include <string.h>

#define MARKED_MAX 200u

static void say(OksePdf *pdf, OksePdfStyle style, const char *key)
{
    okse_pdf_say(pdf, key);
    okse_pdf_paragraph(pdf, style, NULL);
}

/* Findings that carry the mark, by article; then the articles that contradict each other. */
void okse_pdf_lawyer(OksePdf *pdf)
{
    const GPtrArray *ranked = okse_report_view_ranked(pdf->view);
    const json_t *conflicts = json_object_get(pdf->findings, "conflicts");
    unsigned written = 0;

    okse_pdf_section_open(pdf, "lawyer", "lawyer.title");
    say(pdf, OKSE_PDF_LEAD, "lawyer.lead");
    for (guint i = 0; i < ranked->len; i++) {
        const json_t *finding = g_ptr_array_index(ranked, i);
        const OksePdfMark mark = {.link = okse_json_peek_text(finding, "id")};

        if (!json_is_string(json_object_get(finding, "warning")) || written >= MARKED_MAX)
            continue;
        written++;
        okse_pdf_article(pdf, finding);
        okse_pdf_raw(pdf, " — ");
        okse_pdf_law(pdf, json_object_get(okse_report_view_control(pdf->view, finding), "title"));
        if (g_strcmp0(okse_json_peek_text(finding, "confidence"), "low") == 0) {
            okse_pdf_raw(pdf, ". ");
            okse_pdf_say(pdf, "lawyer.low");
        }
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "•", &mark);
    }
    for (size_t i = 0; i < json_array_size(conflicts); i++) {
        written++;
        okse_pdf_raw(pdf, "<b>");
        okse_pdf_say(pdf, "lawyer.conflict");
        okse_pdf_raw(pdf, "</b>: ");
        okse_pdf_law(pdf, json_object_get(json_array_get(conflicts, i), "message"));
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "•", NULL);
    }
    if (written == 0)
        say(pdf, OKSE_PDF_BODY, "lawyer.none");
    okse_pdf_section_close(pdf);
}

void okse_pdf_controls(OksePdf *pdf)
{
    const json_t *controls = json_object_get(pdf->findings, "controls");
    g_autoptr(GPtrArray) ids = okse_json_sorted_keys(controls);

    okse_pdf_section_open(pdf, "controls", "controls.title");
    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        const json_t *control = json_object_get(controls, id), *needs = json_object_get(control, "needs");

        okse_pdf_need(pdf, 40);
        okse_pdf_raw(pdf, "<b>");
        okse_pdf_law(pdf, json_object_get(control, "title"));
        okse_pdf_raw(pdf, "</b>  ");
        okse_pdf_code(pdf, id);
        if (json_is_object(json_object_get(control, "description"))) {
            okse_pdf_raw(pdf, "\n");
            okse_pdf_law(pdf, json_object_get(control, "description"));
        }
        for (size_t j = 0; j < json_array_size(needs); j++) {
            const char *need = json_string_value(json_array_get(needs, j));

            if (j == 0) {
                okse_pdf_raw(pdf, "\n<span foreground=\"#4f5863\">");
                okse_pdf_say(pdf, "controls.needs");
            }
            okse_pdf_raw(pdf, " ");
            okse_pdf_code(pdf, need != NULL ? need : "?");
        }
        okse_pdf_raw(pdf, json_array_size(needs) > 0 ? "</span>" : "");
        okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    }
    okse_pdf_section_close(pdf);
}

static void row(OksePdf *pdf, const char *key, const char *value)
{
    okse_pdf_label_say(pdf, key);
    if (value != NULL)
        okse_pdf_code(pdf, value);
    else
        okse_pdf_say(pdf, "method.nosite");
    okse_pdf_value(pdf);
}

/* Which law, by the name and the date that it gives itself. */
static void write_policy(OksePdf *pdf, const json_t *policy)
{
    const char *identity = okse_json_peek_text(policy, "identity");
    g_autofree char *text =
        g_strdup_printf("%s %s%s%s", okse_json_peek_text(policy, "name"), okse_json_peek_text(policy, "date"),
                        identity != NULL ? " " : "", identity != NULL ? identity : "");

    if (json_is_object(policy))
        row(pdf, "method.policy", text);
}

static void write_profiles(OksePdf *pdf, const json_t *profiles)
{
    for (size_t i = 0; i < json_array_size(profiles); i++) {
        const json_t *one = json_array_get(profiles, i);
        g_autofree char *text = g_strdup_printf("%s %s %s", okse_json_peek_text(one, "name"),
                                                okse_json_peek_text(one, "as_of"), okse_json_peek_text(one, "digest"));

        row(pdf, "method.profile", text);
    }
}

static void write_inputs(OksePdf *pdf)
{
    const json_t *inputs = json_object_get(pdf->findings, "inputs"), *geo = json_object_get(inputs, "geo");
    const json_t *tool = json_object_get(inputs, "tool");
    const char *described = okse_json_peek_text(geo, "description"), *digest = okse_json_peek_text(geo, "digest");
    g_autofree char *version =
        g_strdup_printf("%s %s", okse_json_peek_text(tool, "name"), okse_json_peek_text(tool, "version"));
    g_autofree char *base =
        g_strdup_printf("%s%s%s", described != NULL ? described : "", described != NULL && digest != NULL ? " " : "",
                        digest != NULL ? digest : "");

    row(pdf, "method.document", pdf->digest);
    row(pdf, "method.facts", okse_json_peek_text(inputs, "facts"));
    row(pdf, "method.manifests", okse_json_peek_text(inputs, "manifests"));
    write_policy(pdf, json_object_get(inputs, "policy"));
    write_profiles(pdf, json_object_get(inputs, "profiles"));
    row(pdf, "method.site", okse_json_peek_text(inputs, "site"));
    row(pdf, "method.geo", *base != '\0' ? base : NULL);
    row(pdf, "method.tool", version);
}

static void write_signatures(OksePdf *pdf)
{
    static const char *const signers[] = {"sign.auditor", "sign.operator", "sign.authority"};
    const double gap = 14, width = (pdf->width - 2 * gap) / 3;

    okse_pdf_need(pdf, 150);
    okse_pdf_section_open(pdf, "signatures", "sign.title");
    okse_pdf_gap(pdf, 4);
    for (unsigned i = 0; i < G_N_ELEMENTS(signers); i++) {
        double start = pdf->start + i * (width + gap);

        okse_pdf_begin(pdf, "P", NULL);
        okse_pdf_say(pdf, signers[i]);
        okse_pdf_put(pdf, OKSE_PDF_LABEL, OKSE_PDF_START, start, pdf->y, width);
        okse_pdf_line(pdf, 0x4f5863, start, pdf->y + 66, width);
        okse_pdf_say(pdf, "sign.line");
        okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_START, start, pdf->y + 70, width);
        okse_pdf_finish_tag(pdf, "P");
    }
    pdf->y += 90;
    okse_pdf_section_close(pdf);
}

void okse_pdf_method(OksePdf *pdf)
{
    static const char *const rules[] = {"method.rule.pass", "method.rule.fail", "method.rule.inconclusive",
                                        "method.rule.na"};

    okse_pdf_section_open(pdf, "method", "method.title");
    say(pdf, OKSE_PDF_LEAD, "method.lead");
    write_inputs(pdf);
    okse_pdf_gap(pdf, 4);
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        okse_pdf_say(pdf, rules[i]);
        okse_pdf_item(pdf, OKSE_PDF_ITEM, "•", NULL);
    }
    okse_pdf_raw(pdf, "<b>");
    okse_pdf_say(pdf, "method.advice");
    okse_pdf_raw(pdf, "</b>");
    okse_pdf_paragraph(pdf, OKSE_PDF_BODY, NULL);
    okse_pdf_section_close(pdf);
    write_signatures(pdf);
}
