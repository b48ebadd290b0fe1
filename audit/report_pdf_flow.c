/* Paragraphs: line by line over as many pages as they take, headings together with what follows them. */
#include "audit/report_pdf_internal.h"

#include "core/json.h"

#include <string.h>

#define LABEL_WIDTH 110.0
#define KEEP_LINES 4 /* a paragraph of up to so many lines is not divided */
#define SHADE 0xf1f3f5

/* before, after: room around it; keep: how much of what follows must be on the same page. */
static const struct {
    const char *tag;
    double before, after, keep;
} blocks[OKSE_PDF_STYLES] = {
    [OKSE_PDF_TITLE] = {"H", 0, 4, 0},         [OKSE_PDF_VERDICT] = {"H2", 0, 2, 40},
    [OKSE_PDF_SECTION] = {"H1", 18, 5, 70},    [OKSE_PDF_LAW] = {"H2", 14, 4, 40},
    [OKSE_PDF_INSTRUMENT] = {"H3", 12, 1, 40}, [OKSE_PDF_PROVISION] = {"H4", 10, 1, 40},
    [OKSE_PDF_FINDING] = {"H5", 0, 2, 30},     [OKSE_PDF_BODY] = {"P", 0, 4, 0},
    [OKSE_PDF_LEAD] = {"P", 0, 6, 0},          [OKSE_PDF_SMALL] = {"P", 0, 3, 0},
    [OKSE_PDF_LABEL] = {"P", 3, 1, 24},        [OKSE_PDF_EXCERPT] = {"Code", 1, 4, 0},
    [OKSE_PDF_ITEM] = {"P", 0, 2.5, 0},        [OKSE_PDF_CELL] = {"P", 0, 0, 0},
    [OKSE_PDF_HEAD] = {"P", 0, 0, 0},          [OKSE_PDF_TINY] = {"P", 0, 0, 0},
};

/* Addresses from the law go into the document as they are: nothing in them may end the string there. */
static char *safe_url(const char *url)
{
    if (!g_str_has_prefix(url, "https://") && !g_str_has_prefix(url, "http://"))
        return NULL;
    return g_uri_escape_string(url, ":/?#[]@!$&*+,;=%", FALSE);
}

/* The attributes of the link, or NULL when there is none. */
static char *link_attributes(const OksePdf *pdf, const OksePdfMark *mark)
{
    if (mark != NULL && mark->link != NULL && g_hash_table_contains(pdf->places, mark->link))
        return g_strdup_printf("dest='%s'", mark->link);
    if (mark != NULL && mark->url != NULL) {
        g_autofree char *url = safe_url(mark->url);

        return url != NULL ? g_strdup_printf("uri='%s'", url) : NULL;
    }
    return NULL;
}

static void begin(OksePdf *pdf, OksePdfStyle style, const char *link)
{
    okse_pdf_begin(pdf, blocks[style].tag, NULL);
    if (link != NULL)
        okse_pdf_begin(pdf, CAIRO_TAG_LINK, link);
}

static void end(OksePdf *pdf, OksePdfStyle style, const char *link)
{
    if (link != NULL)
        okse_pdf_finish_tag(pdf, CAIRO_TAG_LINK);
    okse_pdf_finish_tag(pdf, blocks[style].tag);
}

static void bookmark(OksePdf *pdf, const OksePdfMark *mark)
{
    g_autofree char *target = NULL;

    if (mark == NULL || mark->title == NULL || mark->name == NULL || pdf->surface == NULL)
        return;
    g_assert(mark->level >= 1 && mark->level < OKSE_PDF_LEVELS);
    target = g_strdup_printf("dest='%s'", mark->name);
    pdf->bookmarks[mark->level] = pdf->draw->cairo_pdf_surface_add_outline(
        pdf->surface, pdf->bookmarks[mark->level - 1], mark->title, target,
        mark->level <= 1 ? CAIRO_PDF_OUTLINE_FLAG_OPEN : (cairo_pdf_outline_flags_t)0);
}

/* One line of a paragraph, on a page that has room for it. */
static void draw_line(OksePdf *pdf, PangoLayoutIter *iter, double start, double width)
{
    const OkseDraw *draw = pdf->draw;
    int first;
    PangoRectangle logical;

    if (pdf->cr == NULL)
        return;
    draw->pango_layout_iter_get_line_yrange(iter, &first, NULL);
    draw->pango_layout_iter_get_line_extents(iter, NULL, &logical);
    draw->cairo_move_to(pdf->cr, okse_pdf_x(pdf, start, width) + (double)logical.x / PANGO_SCALE,
                        pdf->y + (double)(draw->pango_layout_iter_get_baseline(iter) - first) / PANGO_SCALE);
    draw->pango_cairo_show_layout_line(pdf->cr, draw->pango_layout_iter_get_line_readonly(iter));
}

/* Lines from `top` on; a page ends between two of them, never before the last alone. */
static void flow(OksePdf *pdf, PangoLayout *layout, OksePdfStyle style, double start, double width, const char *link)
{
    const OkseDraw *draw = pdf->draw;
    PangoLayoutIter *iter = draw->pango_layout_get_iter(layout);
    int lines = draw->pango_layout_get_line_count(layout);

    begin(pdf, style, link);
    for (int i = 0; i < lines; i++) {
        int from, to;
        double height;

        draw->pango_layout_iter_get_line_yrange(iter, &from, &to);
        height = (double)(to - from) / PANGO_SCALE;
        if (pdf->y + height * (i == lines - 2 ? 2 : 1) > okse_pdf_bottom(pdf)) {
            end(pdf, style, link);
            okse_pdf_need(pdf, pdf->page_height);
            begin(pdf, style, link);
        }
        if (style == OKSE_PDF_EXCERPT)
            okse_pdf_box(pdf, SHADE, start - 4, pdf->y, width + 8, height + 0.2);
        okse_pdf_style_colour(pdf, style);
        draw_line(pdf, iter, start, width);
        pdf->y += height;
        draw->pango_layout_iter_next_line(iter);
    }
    end(pdf, style, link);
    draw->pango_layout_iter_free(iter);
}

/* Where it begins: on this page, or on the next when it would be torn. */
static void settle(OksePdf *pdf, PangoLayout *layout, OksePdfStyle style)
{
    double height = okse_pdf_height(pdf, layout);
    int lines = pdf->draw->pango_layout_get_line_count(layout);

    okse_pdf_gap(pdf, blocks[style].before);
    okse_pdf_need(pdf, blocks[style].keep + (lines <= KEEP_LINES ? height : height * 2 / lines));
}

void okse_pdf_paragraph(OksePdf *pdf, OksePdfStyle style, const OksePdfMark *mark)
{
    double inset = style == OKSE_PDF_EXCERPT ? 4 : 0;
    double start = pdf->start + inset, width = pdf->width - 2 * inset;
    g_autoptr(PangoLayout) layout = okse_pdf_layout(pdf, style, width);
    g_autofree char *link = link_attributes(pdf, mark);

    settle(pdf, layout, style);
    if (mark != NULL && mark->name != NULL)
        okse_pdf_destination(pdf, mark->name);
    bookmark(pdf, mark);
    flow(pdf, layout, style, start, width, link);
    pdf->y += blocks[style].after;
}

/* A short text beside the first line of another one, both on one line of writing. */
static void beside(OksePdf *pdf, PangoLayout *small, OksePdfStyle style, PangoLayout *text, double start, double width)
{
    double top = pdf->y + okse_pdf_baseline(pdf, text) - okse_pdf_baseline(pdf, small);

    okse_pdf_begin(pdf, "Lbl", NULL);
    okse_pdf_draw(pdf, small, style, start, top, width);
    okse_pdf_finish_tag(pdf, "Lbl");
}

void okse_pdf_item(OksePdf *pdf, OksePdfStyle style, const char *sign, const OksePdfMark *mark)
{
    const double indent = 14;
    g_autoptr(PangoLayout) layout = okse_pdf_layout(pdf, style, pdf->width - indent), point = NULL;
    g_autofree char *link = link_attributes(pdf, mark);

    settle(pdf, layout, style);
    if (mark != NULL && mark->name != NULL)
        okse_pdf_destination(pdf, mark->name);
    okse_pdf_text(pdf, sign);
    point = okse_pdf_layout(pdf, style, indent);
    beside(pdf, point, style, layout, pdf->start + 2, indent);
    flow(pdf, layout, style, pdf->start + indent, pdf->width - indent, link);
    pdf->y += blocks[style].after;
}

void okse_pdf_leader(OksePdf *pdf, OksePdfStyle style, const char *key, const OksePdfMark *mark)
{
    const double room = 40;
    g_autoptr(PangoLayout) second = okse_pdf_layout(pdf, style, room), first = NULL;
    g_autofree char *link = link_attributes(pdf, mark);

    pdf->draw->pango_layout_set_alignment(second, pdf->right_to_left ? PANGO_ALIGN_LEFT : PANGO_ALIGN_RIGHT);
    okse_pdf_say(pdf, key);
    first = okse_pdf_layout(pdf, style, pdf->width - room);
    settle(pdf, first, style);
    beside(pdf, second, style, first, pdf->start + pdf->width - room, room);
    flow(pdf, first, style, pdf->start, pdf->width - room, link);
    pdf->y += blocks[style].after;
}

void okse_pdf_label(OksePdf *pdf)
{
    g_assert(pdf->label == NULL);
    pdf->label = okse_pdf_layout(pdf, OKSE_PDF_LABEL, LABEL_WIDTH - 8);
}

void okse_pdf_value(OksePdf *pdf)
{
    double width = pdf->width - LABEL_WIDTH, bottom;
    g_autoptr(PangoLayout) label = g_steal_pointer(&pdf->label);
    g_autoptr(PangoLayout) value = okse_pdf_layout(pdf, OKSE_PDF_BODY, width);
    double lower = okse_pdf_baseline(pdf, label) - okse_pdf_baseline(pdf, value);
    unsigned page;

    okse_pdf_need(pdf, MAX(okse_pdf_height(pdf, label), 2 * pdf->line));
    page = pdf->page;
    bottom = pdf->y + MAX(-lower, 0) + okse_pdf_height(pdf, label);
    pdf->y += MAX(lower, 0);
    beside(pdf, label, OKSE_PDF_LABEL, value, pdf->start, LABEL_WIDTH - 8);
    flow(pdf, value, OKSE_PDF_BODY, pdf->start + LABEL_WIDTH, width, NULL);
    if (pdf->page == page)
        pdf->y = MAX(pdf->y, bottom);
    pdf->y += 2;
}

void okse_pdf_label_say(OksePdf *pdf, const char *key)
{
    okse_pdf_say(pdf, key);
    okse_pdf_label(pdf);
}

void okse_pdf_section_open(OksePdf *pdf, const char *id, const char *title_key)
{
    g_autofree char *title = okse_pdf_plain(okse_messages_get(pdf->messages, 0, title_key, NULL));
    const OksePdfMark mark = {.name = id, .title = title, .level = 1};

    okse_pdf_need_lines(pdf, 11); /* with what it is about, and the head of a table */
    okse_pdf_begin(pdf, "Sect", NULL);
    okse_pdf_say(pdf, title_key);
    okse_pdf_paragraph(pdf, OKSE_PDF_SECTION, &mark);
}

void okse_pdf_section_close(OksePdf *pdf)
{
    okse_pdf_finish_tag(pdf, "Sect");
}
