/* The picture: the audited host, and the countries its data can reach. */
#include "audit/report_flows.h"
#include "audit/report_pdf_internal.h"
#include "core/json.h"

#include <string.h>

#define HOST_WIDTH 118.0
#define BOX_AT 200.0 /* from the start of the line */
#define ROW_HEIGHT 12.5
#define HEAD_HEIGHT 20.0
#define GAP 8.0
#define PALE 0xf6f7f9
#define INK 0x16324f

static double group_height(const OkseFlowGroup *group)
{
    unsigned rows = okse_flow_rows(group);

    return HEAD_HEIGHT + ROW_HEIGHT * (rows + (group->endpoints->len > rows)) + 5;
}

static void write_endpoint(OksePdf *pdf, const json_t *endpoint, double top, double start, double width)
{
    OkseFlow judged = okse_flow_judge(pdf->findings, pdf->view, endpoint);
    const char *role = okse_json_peek_text(endpoint, "role");
    g_autofree char *name = okse_flow_endpoint(endpoint);

    g_string_append_printf(pdf->text, "<span foreground=\"#%06x\">",
                           judged == OKSE_FLOW_ALLOWED ? 0x1a1c1fu : okse_pdf_ink(okse_flow_words[judged]));
    okse_pdf_code(pdf, name);
    okse_pdf_raw(pdf, "</span>");
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_START, start, top, width * 0.7);
    if (role != NULL)
        okse_pdf_word(pdf, "role.", role);
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_END, start + width * 0.7, top, width * 0.3);
}

static void write_group(OksePdf *pdf, const OkseFlowGroup *group, double top)
{
    const char *colours = okse_flow_words[group->worst];
    double start = pdf->start + BOX_AT, width = pdf->width - BOX_AT, height = group_height(group);
    double inner = start + 11, room = width - 18, y = top + HEAD_HEIGHT;
    unsigned rows = okse_flow_rows(group);

    okse_pdf_box(pdf, PALE, start, top, width, height);
    okse_pdf_box(pdf, okse_pdf_ink(colours), start, top, 3.5, height);
    if (group->country != NULL)
        okse_pdf_country(pdf, group->country);
    else
        okse_pdf_say(pdf, group->name_key);
    okse_pdf_put(pdf, OKSE_PDF_FINDING, OKSE_PDF_START, inner, top + 3, room * 0.48);
    okse_pdf_badge_open(pdf, colours);
    okse_pdf_say(pdf, okse_flow_keys[group->worst]);
    okse_pdf_badge_close(pdf);
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_END, inner + room * 0.48, top + 4, room * 0.52);
    for (guint i = 0; i < rows; i++, y += ROW_HEIGHT)
        write_endpoint(pdf, g_ptr_array_index(group->endpoints, i), y, inner, room);
    if (group->endpoints->len > rows) {
        okse_pdf_count(pdf, "map.more", group->endpoints->len - rows);
        okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_START, inner, y, room);
    }
}

static void draw_flow(OksePdf *pdf, const OkseFlowGroup *group, double from, double to)
{
    const OkseDraw *draw = pdf->draw;
    double begin = okse_pdf_x(pdf, pdf->start + HOST_WIDTH, 0), end = okse_pdf_x(pdf, pdf->start + BOX_AT, 0);
    double middle = (begin + end) / 2;

    if (pdf->cr == NULL)
        return;
    okse_pdf_colour(pdf, okse_pdf_ink(okse_flow_words[group->worst]));
    draw->cairo_set_line_width(pdf->cr, group->worst == OKSE_FLOW_VIOLATION ? 1.8 : 1);
    draw->cairo_move_to(pdf->cr, begin, from);
    draw->cairo_curve_to(pdf->cr, middle, from, middle, to, end, to);
    draw->cairo_stroke(pdf->cr);
}

static void write_host(OksePdf *pdf, double centre)
{
    const json_t *target = json_object_get(pdf->findings, "target");
    const json_t *first = json_array_get(json_object_get(pdf->findings, "jurisdictions"), 0);
    const char *country = okse_json_peek_text(json_object_get(target, "install"), "country");
    double top = centre - 26, inner = pdf->start + 9, room = HOST_WIDTH - 14;

    if (country == NULL)
        country = okse_json_peek_text(first, "iso");
    okse_pdf_box(pdf, 0xe6ecf2, pdf->start, top, HOST_WIDTH, 52);
    okse_pdf_box(pdf, INK, pdf->start, top, 3.5, 52);
    okse_pdf_data(pdf, okse_json_peek_text(target, "hostname"));
    okse_pdf_put(pdf, OKSE_PDF_LABEL, OKSE_PDF_START, inner, top + 5, room);
    okse_pdf_say(pdf, "map.host");
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_START, inner, top + 20, room);
    if (country != NULL)
        okse_pdf_country(pdf, country);
    okse_pdf_put(pdf, OKSE_PDF_SMALL, OKSE_PDF_START, inner, top + 33, room);
}

static double picture_height(const GPtrArray *groups)
{
    double height = 0;

    for (guint i = 0; i < groups->len; i++)
        height += group_height(g_ptr_array_index(groups, i)) + GAP;
    return MAX(height, 60);
}

static void write_picture(OksePdf *pdf, const GPtrArray *groups)
{
    double height = picture_height(groups), top, centre;

    okse_pdf_need(pdf, height + 30);
    top = pdf->y;
    centre = top + (height - GAP) / 2;
    okse_pdf_begin(pdf, "Figure", NULL);
    for (guint i = 0; i < groups->len; i++) {
        const OkseFlowGroup *group = g_ptr_array_index(groups, i);
        double spread = groups->len > 1 ? i * 36.0 / (groups->len - 1) - 18 : 0;

        draw_flow(pdf, group, centre + spread, top + group_height(group) / 2);
        write_group(pdf, group, top);
        top += group_height(group) + GAP;
    }
    write_host(pdf, centre);
    okse_pdf_finish_tag(pdf, "Figure");
    pdf->y += height + 4;
}

void okse_pdf_map(OksePdf *pdf)
{
    g_autoptr(GPtrArray) groups = okse_flows_collect(pdf->findings, pdf->view);

    okse_pdf_need(pdf, picture_height(groups) + 9 * pdf->line); /* with its title */
    okse_pdf_section_open(pdf, "map", "map.title");
    okse_pdf_say(pdf, groups->len > 0 ? "map.lead" : "map.none");
    okse_pdf_paragraph(pdf, OKSE_PDF_LEAD, NULL);
    if (groups->len > 0) {
        write_picture(pdf, groups);
        okse_pdf_say(pdf, "map.description");
        okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
    }
    okse_pdf_section_close(pdf);
}
