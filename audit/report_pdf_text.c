/* Writing texts as pango's markup. What comes from outside goes through okse_pdf_text() or okse_pdf_plain(). */
#include "audit/report_pdf_internal.h"

#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define TEXT_MAX 4000 /* characters of one text that are shown */
#define PLAIN_MAX 160 /* of a bookmark */

/* Keep a text apart from what surrounds it: first strong isolate, left-to-right isolate, end. */
#define FSI "\xe2\x81\xa8"
#define LRI "\xe2\x81\xa6"
#define PDI "\xe2\x81\xa9"

static const struct {
    const char *name;
    guint32 ink, paper;
} colours_table[] = {
    {"fail", 0xa4161a, 0xfbe3e4},    {"inconclusive", 0x7a4a00, 0xfdefcf},   {"waived", 0x4b3f8f, 0xe9e6f8},
    {"pass", 0x17633a, 0xdff1e6},    {"not-applicable", 0x4f5863, 0xe8ebee}, {"violation", 0xa4161a, 0xfbe3e4},
    {"unknown", 0x7a4a00, 0xfdefcf}, {"unpoliced", 0x4f5863, 0xe8ebee},      {"allowed", 0x17633a, 0xdff1e6},
    {"lawyer", 0x4b3f8f, 0xe9e6f8},
};

guint32 okse_pdf_ink(const char *colours)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(colours_table); i++)
        if (strcmp(colours_table[i].name, colours) == 0)
            return colours_table[i].ink;
    return 0x4f5863;
}

guint32 okse_pdf_paper(const char *colours)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(colours_table); i++)
        if (strcmp(colours_table[i].name, colours) == 0)
            return colours_table[i].paper;
    return 0xe8ebee;
}

void okse_pdf_raw(OksePdf *pdf, const char *markup)
{
    g_string_append(pdf->text, markup);
}

/* Characters that no font will ever have become \u{…}: unassigned, private, and half of a pair. */
static void append_shown(GString *out, const char *text, glong most)
{
    g_autofree char *shown = okse_text_show(text, -1, true);
    glong count = 0;

    for (const char *c = shown; *c != '\0'; c += g_utf8_skip[(guchar)*c]) {
        gunichar one = g_utf8_get_char(c);
        GUnicodeType type = g_unichar_type(one);

        if (count++ == most) {
            g_string_append(out, "…");
            break;
        }
        if (type == G_UNICODE_UNASSIGNED || type == G_UNICODE_PRIVATE_USE || type == G_UNICODE_SURROGATE)
            g_string_append_printf(out, "\\u{%x}", one);
        else if (one == '\n' || one == '\t' || type == G_UNICODE_LINE_SEPARATOR ||
                 type == G_UNICODE_PARAGRAPH_SEPARATOR)
            g_string_append_c(out, ' ');
        else
            g_string_append_unichar(out, one);
    }
}

char *okse_pdf_plain(const char *text)
{
    GString *plain = g_string_new(NULL);

    append_shown(plain, text, PLAIN_MAX);
    return g_string_free(plain, FALSE);
}

void okse_pdf_text(OksePdf *pdf, const char *text)
{
    g_autoptr(GString) shown = g_string_new(NULL);
    g_autofree char *escaped = NULL;

    append_shown(shown, text, TEXT_MAX);
    escaped = g_markup_escape_text(shown->str, (gssize)shown->len);
    okse_pdf_raw(pdf, escaped);
}

void okse_pdf_data(OksePdf *pdf, const char *text)
{
    bool isolate = pdf->right_to_left || !g_str_is_ascii(text);

    okse_pdf_raw(pdf, isolate ? FSI : "");
    okse_pdf_text(pdf, text);
    okse_pdf_raw(pdf, isolate ? PDI : "");
}

void okse_pdf_code(OksePdf *pdf, const char *text)
{
    bool isolate = pdf->right_to_left || !g_str_is_ascii(text);

    g_string_append_printf(pdf->text, "<span face=\"%s\" size=\"92%%\">%s", okse_pdf_fonts_code(pdf->fonts),
                           isolate ? LRI : "");
    okse_pdf_text(pdf, text);
    okse_pdf_raw(pdf, isolate ? PDI "</span>" : "</span>");
}

void okse_pdf_lines(OksePdf *pdf, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        okse_pdf_raw(pdf, line == lines ? LRI : "\n" LRI);
        okse_pdf_text(pdf, *line);
        okse_pdf_raw(pdf, PDI);
    }
}

static void write_filled(OksePdf *pdf, const char *text, const OkseFill *fills)
{
    const char *open;

    while (fills != NULL && (open = strchr(text, '{')) != NULL) {
        const char *close = strchr(open, '}');
        const OkseFill *fill = fills;
        g_autofree char *before = g_strndup(text, (gsize)(open - text));

        while (fill->name != NULL &&
               (strncmp(open + 1, fill->name, strlen(fill->name)) != 0 || open + 1 + strlen(fill->name) != close))
            fill++;
        okse_pdf_text(pdf, before);
        if (fill->name != NULL) {
            g_autofree char *value = okse_messages_value(pdf->messages, 0, fill->name, fill->value);

            okse_pdf_data(pdf, value);
        } else {
            okse_pdf_text(pdf, "{");
        }
        text = fill->name != NULL ? close + 1 : open + 1;
    }
    okse_pdf_text(pdf, text);
}

/* A text that is English because the report's language lacks it says so. */
static void write_reading(OksePdf *pdf, const char *text, bool own, const OkseFill *fills)
{
    bool marked = !own && strcmp(pdf->language, "en") != 0;

    okse_pdf_raw(pdf, marked ? FSI : "");
    write_filled(pdf, text, fills);
    okse_pdf_raw(pdf, marked ? PDI " <span size=\"smaller\" foreground=\"#4f5863\">[en]</span>" : "");
}

void okse_pdf_fill(OksePdf *pdf, const char *key, const OkseFill *fills)
{
    bool own;
    const char *text = okse_messages_get(pdf->messages, 0, key, &own);

    write_reading(pdf, text, own, fills);
}

void okse_pdf_say(OksePdf *pdf, const char *key)
{
    okse_pdf_fill(pdf, key, NULL);
}

void okse_pdf_count(OksePdf *pdf, const char *key, guint64 n)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, n);
    const OkseFill fills[] = {{"n", number}, {NULL, NULL}};

    okse_pdf_fill(pdf, key, fills);
}

void okse_pdf_word(OksePdf *pdf, const char *prefix, const char *word)
{
    g_autofree char *key = g_strconcat(prefix, word, NULL);

    if (okse_messages_find(pdf->messages, 0, key, NULL) != NULL)
        okse_pdf_say(pdf, key);
    else
        okse_pdf_data(pdf, word);
}

void okse_pdf_law(OksePdf *pdf, const json_t *texts)
{
    bool own;
    const char *text = okse_texts_get(texts, pdf->language, &own);

    if (text != NULL)
        write_reading(pdf, text, own, NULL);
}

void okse_pdf_country(OksePdf *pdf, const char *iso)
{
    bool own;
    const char *name = okse_messages_country(pdf->messages, 0, iso, &own);

    if (name != NULL)
        write_reading(pdf, name, own, NULL);
    else
        okse_pdf_data(pdf, iso);
}

const char *okse_pdf_nation_name(const OksePdf *pdf, const json_t *jurisdiction, bool *translated)
{
    const char *iso = okse_json_peek_text(jurisdiction, "iso");
    const char *name = okse_texts_get(json_object_get(jurisdiction, "name"), pdf->language, translated);
    bool known = false;
    const char *country = okse_messages_country(pdf->messages, 0, iso, &known);

    if (!*translated && known) {
        *translated = true;
        return country;
    }
    return name != NULL ? name : iso;
}

void okse_pdf_nation(OksePdf *pdf, const json_t *jurisdiction)
{
    bool own = false;
    const char *name = okse_pdf_nation_name(pdf, jurisdiction, &own);

    write_reading(pdf, name, own, NULL);
}

void okse_pdf_badge_open(OksePdf *pdf, const char *colours)
{
    g_string_append_printf(pdf->text,
                           "<span weight=\"bold\" size=\"88%%\" foreground=\"#%06x\" background=\"#%06x\">"
                           "\xc2\xa0",
                           okse_pdf_ink(colours), okse_pdf_paper(colours));
}

void okse_pdf_badge_close(OksePdf *pdf)
{
    okse_pdf_raw(pdf, "\xc2\xa0</span>");
}

void okse_pdf_badge(OksePdf *pdf, OkseStatus status)
{
    okse_pdf_badge_open(pdf, okse_status_words[status]);
    okse_pdf_word(pdf, "status.", okse_status_words[status]);
    okse_pdf_badge_close(pdf);
}

void okse_pdf_article(OksePdf *pdf, const json_t *finding)
{
    const json_t *provision = okse_report_view_provision(pdf->view, finding);
    const char *article = okse_json_peek_text(provision, "article");
    const char *citation = okse_json_peek_text(okse_report_view_instrument(pdf->view, finding), "citation");

    okse_pdf_data(pdf, article != NULL ? article : okse_json_peek_text(finding, "provision"));
    if (citation == NULL)
        return;
    okse_pdf_raw(pdf, " · ");
    okse_pdf_data(pdf, citation);
}

bool okse_pdf_place(OksePdf *pdf, const json_t *evidence)
{
    const char *file = okse_json_peek_text(evidence, "file"), *fact = okse_json_peek_text(evidence, "fact");
    json_int_t line = json_integer_value(json_object_get(evidence, "line"));
    g_autofree char *place = NULL;

    if (file == NULL && fact == NULL)
        return false;
    place = file != NULL && line > 0 ? g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, file, line)
                                     : g_strdup(file != NULL ? file : fact);
    okse_pdf_code(pdf, place);
    return true;
}
