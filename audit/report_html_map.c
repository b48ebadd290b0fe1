/* The picture: the audited host, and the countries its data can reach, as inline SVG. Presentation is in the style
 * sheet, so that light, dark and print each have their colours. */
#include "audit/report_html.h"

#include "core/json.h"

#include <string.h>

#define GROUPS_MAX 9u
#define ROWS_MAX 6u /* endpoints named in one group */
#define NAME_MAX_SHOWN 44

/* Geometry in SVG units: the host on the left, one box a country on the right. */
#define WIDTH 960
#define HOST_WIDTH 210
#define BOX_X 400
#define ROW_HEIGHT 21
#define HEAD_HEIGHT 30
#define GAP 14

typedef enum { JUDGED_VIOLATION, JUDGED_UNKNOWN, JUDGED_UNPOLICED, JUDGED_ALLOWED } Judged;
static const char *const judged_classes[] = {"violation", "unknown", "unpoliced", "allowed"};
static const char *const judged_keys[] = {"map.violation", "map.judged.unknown", "declared.unpoliced", "map.allowed"};

typedef struct {
    const char *key;      /* country code, "?" for unknown, "-" for private networks, "…" for the rest */
    GPtrArray *endpoints; /* borrowed json_t, worst first */
    Judged worst;
} Group;

static void group_free(gpointer data)
{
    Group *group = data;

    g_ptr_array_unref(group->endpoints);
    g_free(group);
}

static Judged judge(const OkseHtml *html, const json_t *endpoint)
{
    const char *id = okse_json_peek_text(endpoint, "id"), *verdict = okse_report_view_judged(html->view, id);

    if (verdict == NULL)
        return okse_html_unpoliced(html, id) ? JUDGED_UNPOLICED : JUDGED_ALLOWED;
    return strcmp(verdict, "violation") == 0 ? JUDGED_VIOLATION : JUDGED_UNKNOWN;
}

/* NULL: it stays on the host and is not in the picture. */
static const char *group_key(const json_t *endpoint)
{
    const char *scope = okse_json_peek_text(endpoint, "scope"), *country = okse_json_peek_text(endpoint, "country");

    if (g_strcmp0(scope, "loopback") == 0)
        return NULL;
    if (country != NULL)
        return country;
    return g_strcmp0(scope, "private") == 0 || g_strcmp0(scope, "link-local") == 0 || g_strcmp0(scope, "cgnat") == 0 ||
                   g_strcmp0(scope, "multicast") == 0
               ? "-"
               : "?";
}

static Group *group_for(GPtrArray *groups, const char *key)
{
    Group *group;

    for (guint i = 0; i < groups->len; i++) {
        group = g_ptr_array_index(groups, i);
        if (strcmp(group->key, key) == 0)
            return group;
    }
    group = g_new0(Group, 1);
    group->key = key;
    group->endpoints = g_ptr_array_new();
    group->worst = JUDGED_ALLOWED;
    g_ptr_array_add(groups, group);
    return group;
}

static int compare_groups(gconstpointer a, gconstpointer b)
{
    const Group *first = *(const Group *const *)a, *second = *(const Group *const *)b;

    if (first->worst != second->worst)
        return first->worst < second->worst ? -1 : 1;
    return strcmp(first->key, second->key);
}

static GPtrArray *collect(const OkseHtml *html)
{
    const json_t *endpoints = json_object_get(json_object_get(html->findings, "inventory"), "endpoints");
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

    for (Judged judged = JUDGED_VIOLATION; judged <= JUDGED_ALLOWED; judged++)
        for (size_t i = 0; i < json_array_size(endpoints); i++) {
            const json_t *endpoint = json_array_get(endpoints, i);
            const char *key = group_key(endpoint);
            Group *group;

            if (key == NULL || judge(html, endpoint) != judged)
                continue;
            group = group_for(groups, key);
            group->worst = MIN(group->worst, judged);
            g_ptr_array_add(group->endpoints, (gpointer)(uintptr_t)endpoint);
        }
    g_ptr_array_sort(groups, compare_groups);
    while (groups->len > GROUPS_MAX) { /* the mildest become one */
        Group *last = g_ptr_array_index(groups, groups->len - 1), *keep = g_ptr_array_index(groups, groups->len - 2);

        keep->key = "…";
        g_ptr_array_extend(keep->endpoints, last->endpoints, NULL, NULL);
        g_ptr_array_remove_index(groups, groups->len - 1);
    }
    return groups;
}

static unsigned group_height(const Group *group)
{
    return HEAD_HEIGHT + ROW_HEIGHT * (MIN(group->endpoints->len, ROWS_MAX) + (group->endpoints->len > ROWS_MAX)) + 8;
}

static void write_group_name(OkseHtml *html, const char *key)
{
    if (strcmp(key, "?") == 0)
        okse_html_say(html, "map.unknown");
    else if (strcmp(key, "-") == 0)
        okse_html_say(html, "map.private");
    else if (strcmp(key, "…") == 0)
        okse_html_say(html, "map.others");
    else
        okse_html_country(html, key);
}

static void write_endpoint(OkseHtml *html, const json_t *endpoint, Judged judged, unsigned y)
{
    const char *host = okse_json_peek_text(endpoint, "host"), *role = okse_json_peek_text(endpoint, "role");
    json_int_t port = json_integer_value(json_object_get(endpoint, "port"));
    bool in = g_strcmp0(okse_json_peek_text(endpoint, "direction"), "in") == 0;
    g_autofree char *name = port > 0 ? g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, host != NULL ? host : "?", port)
                                     : g_strdup(host != NULL ? host : "?");
    g_autofree char *cut = g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), NAME_MAX_SHOWN));

    g_string_append_printf(html->out, "<text class=\"endpoint %s\" x=\"%d\" y=\"%u\"><tspan class=\"host\">",
                           judged_classes[judged], BOX_X + 16, y);
    okse_html_raw(html, in ? "← " : "→ ");
    okse_html_text(html, cut);
    okse_html_raw(html, strlen(cut) < strlen(name) ? "…</tspan>" : "</tspan>");
    g_string_append_printf(html->out, "</text><text class=\"role\" text-anchor=\"end\" x=\"%d\" y=\"%u\">", WIDTH - 14,
                           y);
    if (role != NULL)
        okse_html_word(html, "role.", role);
    okse_html_raw(html, "</text>\n");
}

static void write_group(OkseHtml *html, const Group *group, unsigned top)
{
    unsigned height = group_height(group), y = top + HEAD_HEIGHT + 12;

    g_string_append_printf(html->out,
                           "<g class=\"group %s\"><rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\" rx=\"3\"/>"
                           "<rect class=\"edge\" x=\"%d\" y=\"%u\" width=\"5\" height=\"%u\"/>"
                           "<text class=\"country\" x=\"%d\" y=\"%u\">",
                           judged_classes[group->worst], BOX_X, top, WIDTH - BOX_X - 1, height, BOX_X, top, height,
                           BOX_X + 16, top + 21);
    write_group_name(html, group->key);
    g_string_append_printf(html->out, "</text><text class=\"judged\" text-anchor=\"end\" x=\"%d\" y=\"%u\">",
                           WIDTH - 14, top + 21);
    okse_html_say(html, judged_keys[group->worst]);
    okse_html_raw(html, "</text>\n");
    for (guint i = 0; i < MIN(group->endpoints->len, ROWS_MAX); i++, y += ROW_HEIGHT) {
        const json_t *endpoint = g_ptr_array_index(group->endpoints, i);

        write_endpoint(html, endpoint, judge(html, endpoint), y);
    }
    if (group->endpoints->len > ROWS_MAX) {
        g_string_append_printf(html->out, "<text class=\"role\" x=\"%d\" y=\"%u\">", BOX_X + 16, y);
        okse_html_count(html, "map.more", group->endpoints->len - ROWS_MAX);
        okse_html_raw(html, "</text>");
    }
    okse_html_raw(html, "</g>\n");
}

static void write_flow(OkseHtml *html, const Group *group, int from_y, int to_y)
{
    int middle = (HOST_WIDTH + BOX_X) / 2;

    g_string_append_printf(html->out, "<path class=\"flow %s\" d=\"M%d %dC%d %d %d %d %d %d\"/>\n",
                           judged_classes[group->worst], HOST_WIDTH, from_y, middle, from_y, middle, to_y, BOX_X - 2,
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
        const Group *group = g_ptr_array_index(groups, i);
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
    g_autoptr(GPtrArray) groups = collect(html);

    okse_html_section(html, "map", "map.title");
    okse_html_raw(html, "<p class=\"lead\">");
    okse_html_say(html, groups->len > 0 ? "map.lead" : "map.none");
    okse_html_raw(html, "</p>\n");
    if (groups->len > 0)
        write_picture(html, groups);
    okse_html_raw(html, "</section>\n");
}
