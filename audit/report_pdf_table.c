/* Tables: columns by shares of the width, a row never divided, the head again on each page. */
#include "audit/report_pdf_internal.h"

#define PAD 3.0
#define CELL_LINES 12 /* of one cell that are shown */
#define RULE 0xc9cfd6
#define SHADE 0xe8ebee

static double column_width(const OksePdf *pdf, unsigned column)
{
    return pdf->columns[column].share * pdf->width - 2 * PAD;
}

/* Scripts differ in height: the first lines of a row stand on one line of writing. */
static double cell_drop(const OksePdf *pdf, unsigned column)
{
    double lowest = 0;

    for (unsigned i = 0; i < pdf->cell_count; i++)
        lowest = MAX(lowest, okse_pdf_baseline(pdf, pdf->cells[i]));
    return lowest - okse_pdf_baseline(pdf, pdf->cells[column]);
}

static double row_height(const OksePdf *pdf)
{
    double height = 0;

    for (unsigned i = 0; i < pdf->cell_count; i++)
        height = MAX(height, cell_drop(pdf, i) + okse_pdf_height(pdf, pdf->cells[i]));
    return height + 2 * PAD;
}

/* Put the cells at the present height and forget them. */
static void draw_row(OksePdf *pdf, OksePdfStyle style, const char *tag)
{
    double start = pdf->start, height = row_height(pdf), drops[OKSE_PDF_COLUMNS] = {0};

    for (unsigned i = 0; i < pdf->cell_count; i++)
        drops[i] = cell_drop(pdf, i);
    okse_pdf_begin(pdf, "TR", NULL);
    for (unsigned i = 0; i < pdf->cell_count; i++) {
        okse_pdf_begin(pdf, i == 0 && style == OKSE_PDF_CELL ? "TH" : tag, NULL);
        okse_pdf_draw(pdf, pdf->cells[i], style, start + PAD, pdf->y + PAD + drops[i], column_width(pdf, i));
        okse_pdf_finish_tag(pdf, i == 0 && style == OKSE_PDF_CELL ? "TH" : tag);
        start += pdf->columns[i].share * pdf->width;
        g_clear_object(&pdf->cells[i]);
    }
    okse_pdf_finish_tag(pdf, "TR");
    pdf->cell_count = 0;
    pdf->y += height;
    okse_pdf_line(pdf, RULE, pdf->start, pdf->y, pdf->width);
}

static PangoLayout *make_cell(OksePdf *pdf, OksePdfStyle style, unsigned column)
{
    PangoLayout *layout = okse_pdf_layout(pdf, style, column_width(pdf, column));

    pdf->draw->pango_layout_set_height(layout, -CELL_LINES);
    pdf->draw->pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    if (pdf->columns[column].number)
        pdf->draw->pango_layout_set_alignment(layout, pdf->right_to_left ? PANGO_ALIGN_LEFT : PANGO_ALIGN_RIGHT);
    return layout;
}

static void draw_head(OksePdf *pdf)
{
    for (unsigned i = 0; i < pdf->column_count; i++) {
        okse_pdf_say(pdf, pdf->columns[i].key);
        pdf->cells[pdf->cell_count++] = make_cell(pdf, OKSE_PDF_HEAD, i);
    }
    okse_pdf_box(pdf, SHADE, pdf->start, pdf->y, pdf->width, row_height(pdf));
    draw_row(pdf, OKSE_PDF_HEAD, "TH");
}

void okse_pdf_table_open(OksePdf *pdf, const OksePdfColumn *columns, unsigned count)
{
    g_assert(count <= OKSE_PDF_COLUMNS);
    pdf->columns = columns;
    pdf->column_count = count;
    pdf->cell_count = 0;
    okse_pdf_need(pdf, 60);
    okse_pdf_begin(pdf, "Table", NULL);
    draw_head(pdf);
}

void okse_pdf_cell(OksePdf *pdf)
{
    PangoLayout *row[OKSE_PDF_COLUMNS] = {NULL};
    unsigned page = pdf->page;

    pdf->cells[pdf->cell_count] = make_cell(pdf, OKSE_PDF_CELL, pdf->cell_count);
    if (++pdf->cell_count < pdf->column_count)
        return;
    okse_pdf_need(pdf, row_height(pdf));
    if (pdf->page != page) { /* the head first; the row waits */
        for (unsigned i = 0; i < pdf->column_count; i++)
            row[i] = g_steal_pointer(&pdf->cells[i]);
        pdf->cell_count = 0;
        draw_head(pdf);
        for (unsigned i = 0; i < pdf->column_count; i++)
            pdf->cells[i] = row[i];
        pdf->cell_count = pdf->column_count;
    }
    draw_row(pdf, OKSE_PDF_CELL, "TD");
}

void okse_pdf_table_close(OksePdf *pdf)
{
    okse_pdf_finish_tag(pdf, "Table");
    okse_pdf_gap(pdf, 8);
}
