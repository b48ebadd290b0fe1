/* Pages: texts and lines at places, the head and the foot of each page, tags and destinations. */
#include "audit/report_pdf_internal.h"

#include "audit/report_redaction.h"
#include "core/json.h"

#include <string.h>

#define TOP 58.0        /* where text begins */
#define FOOT 80.0       /* what the foot takes at the bottom */
#define CODE_MODULE 1.2 /* the side of one square of the QR code */
#define CODE_QUIET 4u   /* white squares around it. Source: ISO/IEC 18004 §6.3.8 */
#define MARGIN 51.0
#define RULE 0xc9cfd6

static const struct {
    double size;
    bool bold, code;
    guint32 ink;
} fonts[OKSE_PDF_STYLES] = {
    [OKSE_PDF_TITLE] = {20, true, false, 0x16324f},      [OKSE_PDF_VERDICT] = {22, true, false, 0x1a1c1f},
    [OKSE_PDF_SECTION] = {15, true, false, 0x16324f},    [OKSE_PDF_LAW] = {12.5, true, false, 0x16324f},
    [OKSE_PDF_INSTRUMENT] = {11, true, false, 0x1a1c1f}, [OKSE_PDF_PROVISION] = {10, true, false, 0x16324f},
    [OKSE_PDF_FINDING] = {9.5, true, false, 0x1a1c1f},   [OKSE_PDF_BODY] = {9.2, false, false, 0x1a1c1f},
    [OKSE_PDF_LEAD] = {9.2, false, false, 0x3d4650},     [OKSE_PDF_SMALL] = {8, false, false, 0x4f5863},
    [OKSE_PDF_LABEL] = {8.2, true, false, 0x4f5863},     [OKSE_PDF_EXCERPT] = {7.8, false, true, 0x1a1c1f},
    [OKSE_PDF_ITEM] = {9.2, false, false, 0x1a1c1f},     [OKSE_PDF_CELL] = {8.2, false, false, 0x1a1c1f},
    [OKSE_PDF_HEAD] = {7.8, true, false, 0x3d4650},      [OKSE_PDF_TINY] = {6.6, false, false, 0x4f5863},
};

double okse_pdf_x(const OksePdf *pdf, double start, double width)
{
    return pdf->right_to_left ? pdf->page_width - start - width : start;
}

double okse_pdf_bottom(const OksePdf *pdf)
{
    return pdf->page_height - FOOT;
}

void okse_pdf_colour(OksePdf *pdf, guint32 rgb)
{
    if (pdf->cr != NULL)
        pdf->draw->cairo_set_source_rgb(pdf->cr, (rgb >> 16) / 255.0, (rgb >> 8 & 0xff) / 255.0, (rgb & 0xff) / 255.0);
}

void okse_pdf_style_colour(OksePdf *pdf, OksePdfStyle style)
{
    okse_pdf_colour(pdf, fonts[style].ink);
}

void okse_pdf_box(OksePdf *pdf, guint32 rgb, double start, double top, double width, double height)
{
    if (pdf->cr == NULL)
        return;
    okse_pdf_colour(pdf, rgb);
    pdf->draw->cairo_rectangle(pdf->cr, okse_pdf_x(pdf, start, width), top, width, height);
    pdf->draw->cairo_fill(pdf->cr);
}

void okse_pdf_line(OksePdf *pdf, guint32 rgb, double start, double top, double width)
{
    okse_pdf_box(pdf, rgb, start, top, width, 0.6);
}

/* --- texts --- */

/* The characters of a layout that no font has. */
static void collect_missing(OksePdf *pdf, PangoLayout *layout)
{
    PangoLayoutIter *iter;

    if (pdf->cr != NULL || pdf->draw->pango_layout_get_unknown_glyphs_count(layout) == 0)
        return;
    iter = pdf->draw->pango_layout_get_iter(layout);
    do {
        const PangoGlyphItem *run = pdf->draw->pango_layout_iter_get_run_readonly(iter);

        for (int i = 0; run != NULL && i < run->glyphs->num_glyphs; i++) {
            PangoGlyph glyph = run->glyphs->glyphs[i].glyph;

            if (glyph != PANGO_GLYPH_EMPTY && (glyph & PANGO_GLYPH_UNKNOWN_FLAG) != 0)
                g_tree_insert(pdf->missing, GUINT_TO_POINTER(glyph & ~PANGO_GLYPH_UNKNOWN_FLAG), pdf->missing);
        }
    } while (pdf->draw->pango_layout_iter_next_run(iter));
    pdf->draw->pango_layout_iter_free(iter);
}

PangoLayout *okse_pdf_layout(OksePdf *pdf, OksePdfStyle style, double width)
{
    const OkseDraw *draw = pdf->draw;
    PangoFontDescription *font = draw->pango_font_description_new();
    PangoLayout *layout = draw->pango_layout_new(pdf->context);
    bool left = fonts[style].code || !pdf->right_to_left;

    draw->pango_font_description_set_family(font, fonts[style].code ? okse_pdf_fonts_code(pdf->fonts)
                                                                    : okse_pdf_fonts_text(pdf->fonts));
    draw->pango_font_description_set_absolute_size(font, fonts[style].size * PANGO_SCALE);
    if (fonts[style].bold)
        draw->pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
    draw->pango_layout_set_font_description(layout, font);
    draw->pango_font_description_free(font);
    draw->pango_layout_set_auto_dir(layout, FALSE);
    draw->pango_layout_set_alignment(layout, left ? PANGO_ALIGN_LEFT : PANGO_ALIGN_RIGHT);
    draw->pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    draw->pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    /* no letters that are one sign only for beauty: who reads the text out of the file gets letters */
    g_string_prepend(pdf->text, "<span insert_hyphens=\"false\" font_features=\"liga=0,clig=0\">");
    g_string_append(pdf->text, "</span>");
    draw->pango_layout_set_markup(layout, pdf->text->str, (int)MIN(pdf->text->len, G_MAXINT));
    g_string_truncate(pdf->text, 0);
    collect_missing(pdf, layout);
    return layout;
}

double okse_pdf_height(const OksePdf *pdf, PangoLayout *layout)
{
    PangoRectangle logical;

    pdf->draw->pango_layout_get_extents(layout, NULL, &logical);
    return (double)logical.height / PANGO_SCALE;
}

double okse_pdf_baseline(const OksePdf *pdf, PangoLayout *layout)
{
    return (double)pdf->draw->pango_layout_get_baseline(layout) / PANGO_SCALE;
}

void okse_pdf_draw(OksePdf *pdf, PangoLayout *layout, OksePdfStyle style, double start, double top, double width)
{
    const OkseDraw *draw = pdf->draw;
    double x = okse_pdf_x(pdf, start, width);
    PangoLayoutIter *iter;

    if (pdf->cr == NULL)
        return;
    iter = draw->pango_layout_get_iter(layout);
    okse_pdf_style_colour(pdf, style);
    do {
        PangoRectangle logical;

        draw->pango_layout_iter_get_line_extents(iter, NULL, &logical);
        draw->cairo_move_to(pdf->cr, x + (double)logical.x / PANGO_SCALE,
                            top + (double)draw->pango_layout_iter_get_baseline(iter) / PANGO_SCALE);
        draw->pango_cairo_show_layout_line(pdf->cr, draw->pango_layout_iter_get_line_readonly(iter));
    } while (draw->pango_layout_iter_next_line(iter));
    draw->pango_layout_iter_free(iter);
}

void okse_pdf_put(OksePdf *pdf, OksePdfStyle style, OksePdfAlign align, double start, double top, double width)
{
    static const PangoAlignment left_to_right[] = {PANGO_ALIGN_LEFT, PANGO_ALIGN_RIGHT, PANGO_ALIGN_CENTER};
    static const PangoAlignment right_to_left[] = {PANGO_ALIGN_RIGHT, PANGO_ALIGN_LEFT, PANGO_ALIGN_CENTER};
    g_autoptr(PangoLayout) layout = okse_pdf_layout(pdf, style, width);

    pdf->draw->pango_layout_set_alignment(layout, (pdf->right_to_left ? right_to_left : left_to_right)[align]);
    pdf->draw->pango_layout_set_height(layout, -1);
    pdf->draw->pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    okse_pdf_draw(pdf, layout, style, start, top, width);
}

/* --- structure --- */

void okse_pdf_begin(OksePdf *pdf, const char *tag, const char *attributes)
{
    if (pdf->cr != NULL)
        pdf->draw->cairo_tag_begin(pdf->cr, tag, attributes);
}

void okse_pdf_finish_tag(OksePdf *pdf, const char *tag)
{
    if (pdf->cr != NULL)
        pdf->draw->cairo_tag_end(pdf->cr, tag);
}

void okse_pdf_destination(OksePdf *pdf, const char *name)
{
    g_autofree char *attributes = NULL;

    if (pdf->cr == NULL) {
        g_hash_table_replace(pdf->places, g_strdup(name), GUINT_TO_POINTER(pdf->page));
        return;
    }
    attributes = g_strdup_printf("name='%s' x=0 y=%d", name, (int)MAX(pdf->y - 12, 0));
    okse_pdf_begin(pdf, CAIRO_TAG_DEST, attributes);
    okse_pdf_finish_tag(pdf, CAIRO_TAG_DEST);
}

/* --- the page --- */

static void draw_code(OksePdf *pdf, double start, double top)
{
    const QRcode *code = pdf->code;
    double side = (code->width + 2 * CODE_QUIET) * CODE_MODULE, x = okse_pdf_x(pdf, start, side);

    if (pdf->cr == NULL)
        return;
    okse_pdf_colour(pdf, 0);
    for (int row = 0; row < code->width; row++)
        for (int from = 0, to; from < code->width; from = to + 1) {
            const unsigned char *line = code->data + (size_t)row * (size_t)code->width;

            for (to = from; to < code->width && (line[to] & 1) != 0; to++)
                continue;
            if (to > from) /* neighbours as one, and all in one path: no seams */
                pdf->draw->cairo_rectangle(pdf->cr, x + (from + CODE_QUIET) * CODE_MODULE,
                                           top + (row + CODE_QUIET) * CODE_MODULE, (to - from) * CODE_MODULE,
                                           CODE_MODULE);
        }
    pdf->draw->cairo_fill(pdf->cr);
}

static void write_head(OksePdf *pdf)
{
    const char *host = okse_json_peek_text(json_object_get(pdf->findings, "target"), "hostname");
    double width = pdf->page_width - 2 * MARGIN;

    okse_pdf_say(pdf, "title");
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_START, MARGIN, 30, width / 2);
    okse_pdf_data(pdf, host);
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_END, MARGIN + width / 2, 30, width / 2);
    okse_pdf_line(pdf, RULE, MARGIN, 44, width);
}

/* As the HTML report marks its printed pages. */
static void write_redaction(OksePdf *pdf)
{
    const char *level = okse_findings_redaction(pdf->findings);

    if (level == NULL)
        return;
    okse_pdf_badge_open(pdf, "fail");
    g_string_append_printf(pdf->text, "Redacted: %s", level); /* one of two words: checked */
    okse_pdf_badge_close(pdf);
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_CENTRE, MARGIN, 16, pdf->page_width - 2 * MARGIN);
}

static void write_foot(OksePdf *pdf)
{
    double side = (pdf->code->width + 2 * CODE_QUIET) * CODE_MODULE, top = pdf->page_height - side - 15;
    double width = pdf->page_width - 2 * MARGIN, inner = MARGIN + side - 2;
    g_autofree char *number = g_strdup_printf("%u / %u", pdf->page, pdf->pages);

    okse_pdf_line(pdf, RULE, MARGIN, pdf->page_height - FOOT + 9, width);
    draw_code(pdf, MARGIN - CODE_QUIET * CODE_MODULE, top);
    okse_pdf_say(pdf, "method.document");
    okse_pdf_put(pdf, OKSE_PDF_TINY, OKSE_PDF_START, inner, top + 14, width - side - 60);
    okse_pdf_code(pdf, pdf->digest);
    okse_pdf_put(pdf, OKSE_PDF_TINY, OKSE_PDF_START, inner, top + 24, width - side - 60);
    okse_pdf_code(pdf, number);
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_END, MARGIN + width - 60, top + 22, 60);
}

void okse_pdf_page_open(OksePdf *pdf)
{
    g_autoptr(GString) text = pdf->text;

    pdf->text = g_string_new(NULL); /* a page may end while a text is being written */
    pdf->page++;
    pdf->y = pdf->page == 1 ? 42 : TOP;
    if (pdf->page == 1) {
        pdf->start = MARGIN;
        pdf->width = pdf->page_width - 2 * MARGIN;
    } else {
        write_head(pdf);
    }
    write_redaction(pdf);
    write_foot(pdf);
    g_string_free(pdf->text, TRUE);
    pdf->text = g_steal_pointer(&text);
}

void okse_pdf_page_close(OksePdf *pdf)
{
    if (pdf->cr != NULL)
        pdf->draw->cairo_show_page(pdf->cr);
}

void okse_pdf_need(OksePdf *pdf, double height)
{
    if (pdf->y + height <= okse_pdf_bottom(pdf) || pdf->y <= TOP)
        return;
    okse_pdf_page_close(pdf);
    okse_pdf_page_open(pdf);
}

void okse_pdf_need_lines(OksePdf *pdf, double lines)
{
    okse_pdf_need(pdf, lines * pdf->line);
}

void okse_pdf_gap(OksePdf *pdf, double height)
{
    if (pdf->y > TOP) /* no gap at the head of a page */
        pdf->y += height;
}
