/* The picture: the audited host, and the countries its data can reach, as inline SVG. Presentation is in the style
 * sheet, so that light, dark and print each have their colours. */
#include "audit/report_flows.h"
#include "audit/report_html.h"
#include "core/json.h"

#include <string.h>

/* Geometry in SVG units: the host on the left, one box a country on the right. */
#define WIDTH 960
#define HOST_WIDTH 210
#define BOX_X 400
#define ROW_HEIGHT 21
#define HEAD_HEIGHT 30
#define GAP 14

static unsigned group_height(const OkseFlowGroup *group)
{
    unsigned rows = okse_flow_rows(group);

    return HEAD_HEIGHT + ROW_HEIGHT * (rows + (group->endpoints->len > rows)) + 8;
}

static void write_endpoint(OkseHtml *html, const json_t *endpoint, unsigned y)
{
    const char *role = okse_json_peek_text(endpoint, "role");
    OkseFlow judged = okse_flow_judge(html->findings, html->view, endpoint);
    g_autofree char *name = okse_flow_endpoint(endpoint);

    g_string_append_printf(html->out, "<text class=\"endpoint %s\" x=\"%d\" y=\"%u\"><tspan class=\"host\">",
                           okse_flow_words[judged], BOX_X + 16, y);
    okse_html_text(html, name);
    g_string_append_printf(html->out, "</tspan></text><text class=\"role\" text-anchor=\"end\" x=\"%d\" y=\"%u\">",
                           WIDTH - 14, y);
    if (role != NULL)
        okse_html_word(html, "role.", role);
    okse_html_raw(html, "</text>\n");
}

static void write_group(OkseHtml *html, const OkseFlowGroup *group, unsigned top)
{
    unsigned height = group_height(group), y = top + HEAD_HEIGHT + 12, rows = okse_flow_rows(group);

    g_string_append_printf(html->out,
                           "<g class=\"group %s\"><rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\" rx=\"3\"/>"
                           "<rect class=\"edge\" x=\"%d\" y=\"%u\" width=\"5\" height=\"%u\"/>"
                           "<text class=\"country\" x=\"%d\" y=\"%u\">",
                           okse_flow_words[group->worst], BOX_X, top, WIDTH - BOX_X - 1, height, BOX_X, top, height,
                           BOX_X + 16, top + 21);
    if (group->country != NULL)
        okse_html_country(html, group->country);
    else
        okse_html_say(html, group->name_key);
    g_string_append_printf(html->out, "</text><text class=\"judged\" text-anchor=\"end\" x=\"%d\" y=\"%u\">",
                           WIDTH - 14, top + 21);
    okse_html_say(html, okse_flow_keys[group->worst]);
    okse_html_raw(html, "</text>\n");
    for (guint i = 0; i < rows; i++, y += ROW_HEIGHT)
        write_endpoint(html, g_ptr_array_index(group->endpoints, i), y);
    if (group->endpoints->len > rows) {
        g_string_append_printf(html->out, "<text class=\"role\" x=\"%d\" y=\"%u\">", BOX_X + 16, y);
        okse_html_count(html, "map.more", group->endpoints->len - rows);
        okse_html_raw(html, "</text>");
    }
    okse_html_raw(html, "</g>\n");
}

static void write_flow(OkseHtml *html, const OkseFlowGroup *group, int from_y, int to_y)
{
    int middle = (HOST_WIDTH + BOX_X) / 2;

    g_string_append_printf(html->out, "<path class=\"flow %s\" d=\"M%d %dC%d %d %d %d %d %d\"/>\n",
                           okse_flow_words[group->worst], HOST_WIDTH, from_y, middle, from_y, middle, to_y, BOX_X - 2,
                           to_y);
}

static void write_host(OkseHtml *html, int centre)
{
    const json_t *target = json_object_get(html->findings, "target"), *install = json_object_get(target, "install");
    const json_t *first = json_array_get(json_object_get(html->findings, "jurisdictions"), 0);
    const char *name = okse_json_peek_text(target, "hostname"), *country = okse_json_peek_text(install, "country");
    g_autofree char *cut = g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), 22));

    if (country == NULL)
        country = okse_json_peek_text(first, "iso");
    g_string_append_printf(html->out,
                           "<g class=\"home\"><rect x=\"1\" y=\"%d\" width=\"%d\" height=\"76\" rx=\"3\"/>"
                           "<text class=\"country\" x=\"16\" y=\"%d\">",
                           centre - 38, HOST_WIDTH - 1, centre - 14);
    okse_html_text(html, cut);
    okse_html_raw(html, strlen(cut) < strlen(name) ? "…" : "");
    g_string_append_printf(html->out, "</text><text class=\"role\" x=\"16\" y=\"%d\">", centre + 6);
    okse_html_say(html, "map.host");
    g_string_append_printf(html->out, "</text><text class=\"role\" x=\"16\" y=\"%d\">", centre + 25);
    if (country != NULL)
        okse_html_country(html, country);
    okse_html_raw(html, "</text></g>\n");
}

static void write_picture(OkseHtml *html, const GPtrArray *groups)
{
    unsigned height = GAP, top = GAP;
    int centre;

    for (guint i = 0; i < groups->len; i++)
        height += group_height(g_ptr_array_index(groups, i)) + GAP;
    height = MAX(height, 104u);
    centre = (int)height / 2;
    g_string_append_printf(html->out,
                           "<div class=\"picture\" tabindex=\"0\" role=\"group\" aria-labelledby=\"map-title\">"
                           "<svg role=\"img\" aria-describedby=\"map-text\" aria-labelledby=\"map-title\" "
                           "viewBox=\"0 0 %d %u\" width=\"%d\" height=\"%u\">\n",
                           WIDTH, height, WIDTH, height);
    html->element = "tspan";
    for (guint i = 0; i < groups->len; i++) {
        const OkseFlowGroup *group = g_ptr_array_index(groups, i);
        int spread = groups->len > 1 ? (int)(i * 48 / (groups->len - 1)) - 24 : 0;

        write_flow(html, group, centre + spread, (int)(top + group_height(group) / 2));
        write_group(html, group, top);
        top += group_height(group) + GAP;
    }
    write_host(html, centre);
    html->element = "span";
    okse_html_raw(html, "</svg></div>\n<p class=\"cite\" id=\"map-text\">");
    okse_html_say(html, "map.description");
    okse_html_raw(html, "</p>\n");
}

void okse_html_map(OkseHtml *html)
{
    g_autoptr(GPtrArray) groups = okse_flows_collect(html->findings, html->view);

    okse_html_section(html, "map", "map.title");
    okse_html_raw(html, "<p class=\"lead\">");
    okse_html_say(html, groups->len > 0 ? "map.lead" : "map.none");
    okse_html_raw(html, "</p>\n");
    if (groups->len > 0)
        write_picture(html, groups);
    okse_html_raw(html, "</section>\n");
}
