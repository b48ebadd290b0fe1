/* The passport as a page: one style sheet, no scripts, nothing from elsewhere. Every word that is not ours goes through
 * the escaper; every blank is "unknown" in the reader's language. */
#include "audit/passport.h"

#include "audit/report_html.h"
#include "core/digest.h"

#include <string.h>

#define ROWS_LIMIT 14u /* of scores: the page is one; the rest is in the package */

static void unknown(OkseHtml *html)
{
    okse_html_raw(html, "<span class=\"unknown\">");
    okse_html_say(html, "passport.unknown");
    okse_html_raw(html, "</span>");
}

static void write_number(OkseHtml *html, const json_t *value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    okse_html_raw(html, "<bdi>");
    okse_html_decimal(html, g_ascii_formatd(text, sizeof text, "%.6g", json_number_value(value)));
    okse_html_raw(html, "</bdi>");
}

static void write_date(OkseHtml *html, const json_t *value)
{
    if (json_is_string(value) && *json_string_value(value) != '\0')
        okse_html_date(html, json_string_value(value));
    else
        unknown(html);
}

/* A text, a number, or a list of such. */
static void write_value(OkseHtml *html, const json_t *value)
{
    if (json_is_string(value) && *json_string_value(value) != '\0')
        okse_html_data(html, json_string_value(value));
    else if (json_is_number(value))
        write_number(html, value);
    else if (json_array_size(value) > 0)
        for (size_t i = 0; i < json_array_size(value); i++) {
            okse_html_raw(html, i > 0 ? ", " : "");
            write_value(html, json_array_get(value, i));
        }
    else
        unknown(html);
}

static void row_open(OkseHtml *html, const char *key)
{
    okse_html_raw(html, "<tr><th scope=\"row\">");
    okse_html_say(html, key);
    okse_html_raw(html, "</th><td>");
}

static void row(OkseHtml *html, const char *key, const json_t *value)
{
    row_open(html, key);
    write_value(html, value);
    okse_html_raw(html, "</td></tr>\n");
}

static void section_open(OkseHtml *html, const char *id, const char *key)
{
    okse_html_section(html, id, key);
}

static void table_head(OkseHtml *html, const char *const *keys)
{
    okse_html_raw(html, "<table class=\"list\"><thead><tr>");
    for (; *keys != NULL; keys++) {
        okse_html_raw(html, "<th scope=\"col\">");
        okse_html_say(html, *keys);
        okse_html_raw(html, "</th>");
    }
    okse_html_raw(html, "</tr></thead><tbody>\n");
}

static void cell(OkseHtml *html, const json_t *value)
{
    okse_html_raw(html, "<td>");
    write_value(html, value);
    okse_html_raw(html, "</td>");
}

/* The machines that drivers are for; nothing where there is no driver. */
static void write_machines(OkseHtml *html, const json_t *passport)
{
    static const char *const keys[] = {"devices", "kernel", "systems", "architectures"};
    const json_t *components = json_object_get(passport, "components"), *component;
    size_t i;

    json_array_foreach(components, i, component)
    {
        const json_t *supports = json_object_get(component, "supports");

        if (g_strcmp0(okse_json_peek_text(component, "kind"), "driver") != 0)
            continue;
        row_open(html, "passport.machines");
        for (size_t k = 0; k < G_N_ELEMENTS(keys); k++)
            if (k == 0 || json_object_get(supports, keys[k]) != NULL) {
                okse_html_raw(html, k == 0 ? "" : "; ");
                okse_html_data(html, k == 1 ? "Linux " : "");
                write_value(html, json_object_get(supports, keys[k]));
            }
        okse_html_raw(html, " (");
        write_value(html, json_object_get(component, "name"));
        okse_html_raw(html, ")</td></tr>\n");
    }
}

static void write_identity(OkseHtml *html, const json_t *passport)
{
    const json_t *vendor = json_object_get(passport, "vendor");
    const char *country = okse_json_peek_text(passport, "country"), *home = okse_json_peek_text(vendor, "country");

    section_open(html, "what", "passport.what");
    okse_html_raw(html, "<table>\n");
    row(html, "passport.version", json_object_get(passport, "version"));
    row_open(html, "passport.destination");
    okse_html_country(html, country != NULL ? country : "?");
    okse_html_raw(html, "</td></tr>\n");
    row_open(html, "passport.maker");
    write_value(html, json_object_get(vendor, "name"));
    okse_html_raw(html, ", ");
    if (home != NULL)
        okse_html_country(html, home);
    else
        unknown(html);
    okse_html_raw(html, "</td></tr>\n");
    row(html, "passport.contact", json_object_get(vendor, "contact"));
    write_machines(html, passport);
    row_open(html, "passport.identity");
    okse_html_code(html, okse_json_peek_text(passport, "identity"));
    okse_html_raw(html, "</td></tr>\n</table></section>\n");
}

static void write_model(OkseHtml *html, const json_t *model)
{
    const json_t *licenses = json_object_get(model, "licenses"), *license;
    size_t i;

    okse_html_raw(html, "<h3>");
    write_value(html, json_object_get(model, "component"));
    okse_html_raw(html, "</h3><table>\n");
    row(html, "passport.architecture", json_object_get(model, "architecture"));
    row(html, "passport.parameters", json_object_get(model, "paramSize"));
    row(html, "passport.precision", json_object_get(model, "precision"));
    if (json_array_size(licenses) == 0)
        row(html, "passport.license", NULL);
    json_array_foreach(licenses, i, license)
    {
        row_open(html, "passport.license");
        write_value(html, json_object_get(license, "id"));
        okse_html_raw(html, " – ");
        okse_html_say(html, "passport.permits");
        okse_html_raw(html, " ");
        write_value(html, json_object_get(license, "uses"));
        okse_html_raw(html, "; ");
        okse_html_say(html, "passport.distribution");
        okse_html_raw(html, " ");
        write_value(html, json_object_get(license, "distribution"));
        okse_html_raw(html, "</td></tr>\n");
        if (json_array_size(json_object_get(license, "base_models")) > 0)
            row(html, "passport.base", json_object_get(license, "base_models"));
    }
    okse_html_raw(html, "</table>\n");
}

static void write_models(OkseHtml *html, const json_t *passport)
{
    const json_t *models = json_object_get(passport, "models"), *model;
    size_t i;

    section_open(html, "models", "passport.models");
    if (json_array_size(models) == 0)
        okse_html_say(html, "passport.no_models");
    json_array_foreach(models, i, model) write_model(html, model);
    okse_html_raw(html, "</section>\n");
}

static void write_score(OkseHtml *html, const json_t *score)
{
    okse_html_raw(html, "<tr>");
    cell(html, json_object_get(score, "name"));
    cell(html, json_object_get(score, "metric"));
    okse_html_raw(html, "<td>");
    write_value(html, json_object_get(score, "value"));
    okse_html_raw(html, g_strcmp0(okse_json_peek_text(score, "unit"), "percent") == 0 ? " %" : "");
    okse_html_raw(html, "</td>");
    cell(html, json_object_get(score, "runs"));
    okse_html_raw(html, "<td>");
    okse_html_code(html, okse_json_peek_text(score, "path"));
    okse_html_raw(html, "</td></tr>\n");
}

static void write_scores(OkseHtml *html, const json_t *scores)
{
    static const char *const keys[] = {"passport.dataset", "passport.metric", "passport.value",
                                       "passport.runs",    "passport.file",   NULL};
    size_t shown = MIN(json_array_size(scores), ROWS_LIMIT);

    if (shown == 0)
        return;
    table_head(html, keys);
    for (size_t i = 0; i < shown; i++)
        write_score(html, json_array_get(scores, i));
    okse_html_raw(html, "</tbody></table>\n");
    if (shown < json_array_size(scores))
        okse_html_count(html, "passport.more", json_array_size(scores) - shown);
}

static void write_indices(OkseHtml *html, const json_t *indices)
{
    const json_t *index;
    size_t i;

    json_array_foreach(indices, i, index)
    {
        bool recomputed = json_is_number(json_object_get(index, "lowest"));

        okse_html_raw(html, "<p>");
        write_value(html, json_object_get(index, "name"));
        okse_html_raw(html, " ");
        write_value(html, json_object_get(index, "version"));
        okse_html_raw(html, ": <strong>");
        write_value(html, json_object_get(index, "value"));
        okse_html_raw(html, "</strong> (");
        okse_html_say(html, recomputed ? "passport.recomputed" : "passport.not_recomputed");
        if (recomputed) {
            okse_html_raw(html, " ");
            write_number(html, json_object_get(index, "lowest"));
            okse_html_raw(html, " … ");
            write_number(html, json_object_get(index, "highest"));
        }
        okse_html_raw(html, ")</p>\n");
    }
}

static void write_judges(OkseHtml *html, const json_t *judges)
{
    const json_t *judge;
    size_t i;

    json_array_foreach(judges, i, judge)
    {
        const char *place = okse_json_peek_text(judge, "location");

        okse_html_raw(html, "<p>");
        okse_html_say(html, "passport.judge");
        okse_html_raw(html, " ");
        write_value(html, json_object_get(judge, "name"));
        okse_html_raw(html, " ");
        write_value(html, json_object_get(judge, "version"));
        okse_html_raw(html, ", ");
        if (place != NULL)
            okse_html_country(html, place);
        else
            unknown(html);
        okse_html_raw(html, "</p>\n");
    }
}

static void write_evaluation(OkseHtml *html, const json_t *passport)
{
    const json_t *evaluation = json_object_get(passport, "evaluation");
    const json_t *scores = json_object_get(evaluation, "scores"), *indices = json_object_get(evaluation, "indices");

    section_open(html, "scores", "passport.scores");
    if (json_array_size(scores) + json_array_size(indices) == 0)
        okse_html_say(html, "passport.no_scores");
    write_indices(html, indices);
    write_scores(html, scores);
    write_judges(html, json_object_get(evaluation, "judges"));
    okse_html_raw(html, "</section>\n");
}

static void write_use(OkseHtml *html, const json_t *passport)
{
    const json_t *use = json_object_get(passport, "use");
    static const char *const rows[][2] = {
        {"passport.purpose", "purpose"},          {"passport.use", "use"},
        {"passport.data", "data_classes"},        {"passport.sector", "sector"},
        {"passport.risk", "risk_class"},          {"passport.agreement", "agreement_parties"},
        {"passport.agreement_until", NULL},       {"passport.export", "export"},
        {"passport.incident", "incident_contact"}};

    section_open(html, "use", "passport.may");
    okse_html_raw(html, "<table>\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i][1] != NULL) {
            row(html, rows[i][0], json_object_get(use, rows[i][1]));
            continue;
        }
        row_open(html, rows[i][0]);
        write_date(html, json_object_get(use, "agreement_until"));
        okse_html_raw(html, "</td></tr>\n");
    }
    okse_html_raw(html, "</table></section>\n");
}

static void write_checks(OkseHtml *html, const json_t *passport)
{
    const json_t *checks = json_object_get(passport, "checks");
    static const char *const counts[][2] = {{"status.fail", "fail"},
                                            {"status.inconclusive", "inconclusive"},
                                            {"status.waived", "waived"},
                                            {"status.pass", "pass"}};

    section_open(html, "checks", "passport.checks");
    if (!json_is_object(checks)) {
        okse_html_say(html, "passport.not_asked");
    } else {
        okse_html_raw(html, "<p><strong>");
        okse_html_word(html, "verdict.", okse_json_peek_text(checks, "verdict"));
        okse_html_raw(html, "</strong> (");
        write_date(html, json_object_get(checks, "at"));
        okse_html_raw(html, ")");
        for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
            okse_html_raw(html, "; ");
            okse_html_say(html, counts[i][0]);
            okse_html_raw(html, ": ");
            okse_html_number(html, (guint64)json_integer_value(json_object_get(checks, counts[i][1])));
        }
        okse_html_raw(html, "</p>");
    }
    okse_html_raw(html, "</section>\n");
}

static void write_signature(OkseHtml *html, const json_t *signature)
{
    static const char *const members[] = {"role", "signer", "algorithm"};

    okse_html_raw(html, "<tr>");
    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++)
        cell(html, json_object_get(signature, members[i]));
    okse_html_raw(html, "<td>");
    write_date(html, json_object_get(signature, "signed_at"));
    okse_html_raw(html, "</td>");
    cell(html, json_object_get(signature, "status"));
    okse_html_raw(html, "</tr>\n");
}

static void write_signers(OkseHtml *html, const json_t *passport)
{
    static const char *const keys[] = {"passport.role",   "passport.signer", "passport.algorithm",
                                       "passport.signed", "passport.status", NULL};
    const json_t *verified = json_object_get(passport, "verified"), *signatures, *one;
    bool good = g_strcmp0(okse_json_peek_text(verified, "verdict"), "verified") == 0;
    size_t i;

    section_open(html, "signed", "passport.signers");
    if (!json_is_object(verified)) {
        okse_html_raw(html, "<p class=\"no\">");
        okse_html_count(html, "passport.unverified",
                        (guint64)json_integer_value(json_object_get(passport, "statements")));
        okse_html_raw(html, "</p></section>\n");
        return;
    }
    okse_html_raw(html, good ? "<p class=\"yes\">" : "<p class=\"no\">");
    okse_html_say(html, good ? "passport.accepted" : "passport.refused");
    okse_html_raw(html, "</p>\n");
    signatures = json_object_get(verified, "signatures");
    table_head(html, keys);
    json_array_foreach(signatures, i, one) write_signature(html, one);
    okse_html_raw(html, "</tbody></table>\n");
    json_array_foreach(json_object_get(verified, "reasons"), i, one)
    {
        okse_html_raw(html, "<p class=\"no\">");
        write_value(html, one);
        okse_html_raw(html, "</p>\n");
    }
    okse_html_raw(html, "</section>\n");
}

static void write_head(OkseHtml *html, const json_t *passport, GBytes *style)
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
                           "<meta name=\"referrer\" content=\"no-referrer\">\n"
                           "<link rel=\"icon\" href=\"data:,\">\n<title>",
                           okse_messages_language(html->messages, 0),
                           okse_messages_right_to_left(html->messages, 0) ? "rtl" : "ltr", base64);
    okse_html_text(html, okse_messages_get(html->messages, 0, "passport.title", NULL));
    okse_html_raw(html, " – ");
    okse_html_text(html, okse_json_peek_text(passport, "name"));
    okse_html_raw(html, "</title>\n<style>");
    g_string_append_len(html->out, sheet, (gssize)length);
    okse_html_raw(html, "</style>\n</head>\n<body>\n<header><p>");
    okse_html_say(html, "passport.title");
    okse_html_raw(html, "</p><h1>");
    okse_html_data(html, okse_json_peek_text(passport, "name"));
    okse_html_raw(html, "</h1></header>\n<main>\n");
}

GBytes *okse_passport_html(const json_t *passport, const char *language, const OkseResources *resources, GError **error)
{
    const char *const languages[] = {language != NULL ? language : "en", NULL};
    g_autoptr(OkseMessages) messages = NULL;
    g_autoptr(GBytes) style = NULL;
    OkseHtml html = {.element = "span"};

    if (!okse_messages_known(resources, languages[0])) {
        okse_fail(error, OKSE_ERROR_INVALID, "there are no texts in the language '%s' (templates/report)",
                  languages[0]);
        return NULL;
    }
    messages = okse_messages_open(resources, languages, error);
    style = messages == NULL ? NULL : okse_resources_read(resources, "templates/passport/passport.css", error);
    if (style == NULL)
        return NULL;
    html.out = g_string_new(NULL);
    html.messages = messages;
    write_head(&html, passport, style);
    write_identity(&html, passport);
    write_models(&html, passport);
    write_evaluation(&html, passport);
    write_use(&html, passport);
    write_checks(&html, passport);
    write_signers(&html, passport);
    okse_html_raw(&html, "</main>\n<footer><p>");
    okse_html_say(&html, "passport.note");
    okse_html_raw(&html, "</p></footer>\n</body>\n</html>\n");
    return g_string_free_to_bytes(html.out);
}
