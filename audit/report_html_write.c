/* Writing texts in several languages at once. Element classes: "t" a text in one language, "lN" the language whose text
 * it is, "mN" a language that lacks it and shows English instead. */
#include "audit/report_html.h"

#include "audit/report_escape.h"
#include "audit/report_flows.h"
#include "core/json.h"

#include <string.h>

#define LANGUAGES_MAX 8u

void okse_html_raw(OkseHtml *html, const char *markup)
{
    g_string_append(html->out, markup);
}

void okse_html_text(OkseHtml *html, const char *text)
{
    okse_escape_markup(html->out, text);
}

void okse_html_data(OkseHtml *html, const char *text)
{
    bool isolate = strcmp(html->element, "span") == 0; /* there is no <bdi> in SVG */

    okse_html_raw(html, isolate ? "<bdi>" : "");
    okse_html_text(html, text);
    okse_html_raw(html, isolate ? "</bdi>" : "");
}

void okse_html_code(OkseHtml *html, const char *text)
{
    okse_html_raw(html, "<code>");
    okse_html_text(html, text);
    okse_html_raw(html, "</code>");
}

/* How one text reads in each language: texts[i], and whether that is the language's own. */
typedef struct {
    const char *texts[LANGUAGES_MAX];
    bool own[LANGUAGES_MAX];
    unsigned count;
} Reading;

static bool is_english(const OkseHtml *html, unsigned index)
{
    return strcmp(okse_messages_language(html->messages, index), "en") == 0;
}

static void element_open(OkseHtml *html, unsigned index, const char *more)
{
    g_string_append_printf(html->out, "<%s class=\"t l%u%s\" lang=\"%s\"%s>", html->element, index + 1, more,
                           okse_messages_language(html->messages, index),
                           okse_messages_right_to_left(html->messages, index) ? " dir=\"rtl\"" : "");
}

static void element_close(OkseHtml *html)
{
    g_string_append_printf(html->out, "</%s>", html->element);
}

/* "23 November 2026 (2026-11-23)": ISO 8601 always stands beside, left to right. */
static void write_date(OkseHtml *html, unsigned index, const char *iso)
{
    bool isolate = strcmp(html->element, "span") == 0;
    g_autofree char *written = okse_messages_date(html->messages, index, iso);

    if (written != NULL) {
        okse_html_raw(html, isolate ? "<bdi>" : "");
        okse_html_text(html, written);
        okse_html_raw(html, " (");
    }
    okse_html_raw(html, isolate ? "<bdi dir=\"ltr\">" : "");
    okse_html_text(html, iso);
    okse_html_raw(html, isolate ? "</bdi>" : "");
    if (written != NULL)
        okse_html_raw(html, isolate ? ")</bdi>" : ")");
}

/* Numbers are left to right also inside Arabic. */
static void write_fill(OkseHtml *html, unsigned index, const OkseFill *fill)
{
    g_autofree char *written = NULL;
    bool isolate = strcmp(html->element, "span") == 0;

    if (fill->name == NULL) {
        okse_html_text(html, "{");
        return;
    }
    if (strcmp(fill->name, "date") == 0) {
        write_date(html, index, fill->value);
        return;
    }
    written = okse_messages_value(html->messages, index, fill->name, fill->value);
    okse_html_raw(html, !isolate ? "" : g_ascii_isdigit(*fill->value) ? "<bdi dir=\"ltr\">" : "<bdi>");
    okse_html_text(html, written);
    okse_html_raw(html, isolate ? "</bdi>" : "");
}

static void write_filled(OkseHtml *html, unsigned index, const char *text, const OkseFill *fills)
{
    const char *open;

    while (fills != NULL && (open = strchr(text, '{')) != NULL) {
        const char *close = strchr(open, '}');
        const OkseFill *fill = fills;
        g_autofree char *before = g_strndup(text, (gsize)(open - text));

        while (fill->name != NULL &&
               (strncmp(open + 1, fill->name, strlen(fill->name)) != 0 || open + 1 + strlen(fill->name) != close))
            fill++;
        okse_html_text(html, before);
        write_fill(html, index, fill);
        text = fill->name != NULL ? close + 1 : open + 1;
    }
    okse_html_text(html, text);
}

/* A page in one language that lacks a text: nobody can switch to English, so it stands there with its mark. */
static void write_stand_in(OkseHtml *html, const char *text, const OkseFill *fills)
{
    g_string_append_printf(html->out, "<%s lang=\"en\" dir=\"ltr\">", html->element);
    write_filled(html, 0, text, fills);
    okse_html_raw(html, " [en]");
    element_close(html);
}

static void write_reading(OkseHtml *html, const Reading *reading, const OkseFill *fills)
{
    if (reading->count == 1) {
        if (reading->own[0])
            write_filled(html, 0, reading->texts[0], fills);
        else
            write_stand_in(html, reading->texts[0], fills);
        return;
    }
    for (unsigned i = 0; i < reading->count; i++) {
        g_autoptr(GString) stands_for = g_string_new(NULL);
        bool english = is_english(html, i);

        if (!reading->own[i] && !english)
            continue; /* shown by the English element */
        for (unsigned other = 0; english && other < reading->count; other++)
            if (!reading->own[other] && other != i)
                g_string_append_printf(stands_for, " m%u", other + 1);
        element_open(html, i, stands_for->str);
        write_filled(html, i, reading->texts[i], fills);
        element_close(html);
    }
}

typedef void (*WriteIn)(OkseHtml *html, unsigned index, const char *plain);

/* What has no text of its own, a number or a date: once where all languages write it alike. */
static void write_each(OkseHtml *html, WriteIn write, const char *plain)
{
    GString *out = html->out;
    g_autoptr(GPtrArray) written = g_ptr_array_new_with_free_func(g_free);
    bool same = true;

    for (unsigned i = 0; i < MIN(okse_messages_languages(html->messages), LANGUAGES_MAX); i++) {
        html->out = g_string_new(NULL);
        write(html, i, plain);
        g_ptr_array_add(written, g_string_free(html->out, FALSE));
        same = same && strcmp(written->pdata[i], written->pdata[0]) == 0;
    }
    html->out = out;
    for (guint i = 0; i < (same ? 1 : written->len); i++) {
        if (!same)
            element_open(html, i, "");
        okse_html_raw(html, written->pdata[i]);
        if (!same)
            element_close(html);
    }
}

static void write_bare_number(OkseHtml *html, unsigned index, const char *plain)
{
    g_autofree char *written = okse_messages_number(html->messages, index, plain);

    okse_html_text(html, written);
}

void okse_html_number(OkseHtml *html, guint64 number)
{
    g_autofree char *plain = g_strdup_printf("%" G_GUINT64_FORMAT, number);

    write_each(html, write_bare_number, plain);
}

void okse_html_decimal(OkseHtml *html, const char *plain)
{
    write_each(html, write_bare_number, plain);
}

void okse_html_date(OkseHtml *html, const char *iso)
{
    write_each(html, write_date, iso);
}

void okse_html_fill(OkseHtml *html, const char *key, const OkseFill *fills)
{
    Reading reading = {.count = MIN(okse_messages_languages(html->messages), LANGUAGES_MAX)};

    for (unsigned i = 0; i < reading.count; i++)
        reading.texts[i] = okse_messages_get(html->messages, i, key, &reading.own[i]);
    write_reading(html, &reading, fills);
}

void okse_html_say(OkseHtml *html, const char *key)
{
    okse_html_fill(html, key, NULL);
}

void okse_html_count(OkseHtml *html, const char *key, guint64 n)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, n);
    const OkseFill fills[] = {{"n", number}, {NULL, NULL}};

    okse_html_fill(html, key, fills);
}

void okse_html_word(OkseHtml *html, const char *prefix, const char *word)
{
    g_autofree char *key = g_strconcat(prefix, word, NULL);

    if (okse_messages_find(html->messages, 0, key, NULL) != NULL)
        okse_html_say(html, key);
    else
        okse_html_text(html, word);
}

void okse_html_law(OkseHtml *html, const json_t *texts)
{
    Reading reading = {.count = MIN(okse_messages_languages(html->messages), LANGUAGES_MAX)};

    for (unsigned i = 0; i < reading.count; i++) {
        reading.texts[i] = okse_texts_get(texts, okse_messages_language(html->messages, i), &reading.own[i]);
        if (reading.texts[i] == NULL)
            return;
    }
    write_reading(html, &reading, NULL);
}

void okse_html_country(OkseHtml *html, const char *iso)
{
    Reading reading = {.count = MIN(okse_messages_languages(html->messages), LANGUAGES_MAX)};

    for (unsigned i = 0; i < reading.count; i++) {
        reading.texts[i] = okse_messages_country(html->messages, i, iso, &reading.own[i]);
        if (reading.texts[i] == NULL) {
            okse_html_text(html, iso);
            return;
        }
    }
    write_reading(html, &reading, NULL);
}

void okse_html_nation(OkseHtml *html, const json_t *jurisdiction)
{
    Reading reading = {.count = MIN(okse_messages_languages(html->messages), LANGUAGES_MAX)};
    const json_t *names = json_object_get(jurisdiction, "name");
    const char *iso = okse_json_peek_text(jurisdiction, "iso");

    for (unsigned i = 0; i < reading.count; i++) {
        bool known = false;
        const char *country = okse_messages_country(html->messages, i, iso, &known);

        reading.texts[i] = okse_texts_get(names, okse_messages_language(html->messages, i), &reading.own[i]);
        if (!reading.own[i] && known) {
            reading.texts[i] = country;
            reading.own[i] = true;
        }
    }
    write_reading(html, &reading, NULL);
}

bool okse_html_unpoliced(const OkseHtml *html, const char *fact)
{
    return okse_flow_unpoliced(html->findings, fact);
}

void okse_html_badge(OkseHtml *html, OkseStatus status)
{
    g_string_append_printf(html->out, "<span class=\"badge %s\">", okse_status_words[status]);
    okse_html_word(html, "status.", okse_status_words[status]);
    okse_html_raw(html, "</span>");
}

void okse_html_section(OkseHtml *html, const char *id, const char *title_key)
{
    g_string_append_printf(html->out, "\n<section id=\"%s\" aria-labelledby=\"%s-title\"><h2 id=\"%s-title\">", id, id,
                           id);
    okse_html_say(html, title_key);
    okse_html_raw(html, "</h2>\n");
}

void okse_html_article_link(OkseHtml *html, const json_t *finding)
{
    const json_t *provision = okse_report_view_provision(html->view, finding);
    const json_t *instrument = okse_report_view_instrument(html->view, finding);
    const char *article = okse_json_peek_text(provision, "article");
    const char *citation = okse_json_peek_text(instrument, "citation");

    g_string_append_printf(html->out, "<a href=\"#p-%s-%s\">", okse_json_peek_text(finding, "jurisdiction"),
                           okse_json_peek_text(finding, "provision"));
    okse_html_data(html, article != NULL ? article : okse_json_peek_text(finding, "provision"));
    okse_html_raw(html, "</a>");
    if (citation == NULL)
        return;
    okse_html_raw(html, " <span class=\"cite\">");
    okse_html_data(html, citation);
    okse_html_raw(html, "</span>");
}

bool okse_html_place(OkseHtml *html, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *fact = okse_json_peek_text(evidence, "fact");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));

    if (file == NULL && fact == NULL)
        return false;
    okse_html_raw(html, "<code class=\"place\">");
    okse_html_text(html, file != NULL ? file : fact);
    if (file != NULL && line > 0)
        g_string_append_printf(html->out, ":%" JSON_INTEGER_FORMAT, line);
    okse_html_raw(html, "</code>");
    return true;
}
