/* Declared against observed, the inventory, and what could not be seen. */
#include "audit/report_html.h"

#include "core/json.h"

#include <string.h>

#define ROWS_MAX 300u /* endpoints in the table; the findings document has all */

void okse_html_table(OkseHtml *html, const char *caption_key, const char *const *keys)
{
    okse_html_raw(html, "<div class=\"table\" tabindex=\"0\" role=\"group\"><table>");
    okse_html_raw(html, g_str_has_suffix(caption_key, ".title") || g_str_has_prefix(caption_key, "fleet.")
                            ? "<caption class=\"quiet\">"
                            : "<caption>");
    okse_html_say(html, caption_key);
    okse_html_raw(html, "</caption><thead><tr>");
    for (; *keys != NULL; keys++) {
        okse_html_raw(html, "<th scope=\"col\">");
        okse_html_say(html, *keys);
    }
    okse_html_raw(html, "</thead><tbody>\n");
}

void okse_html_table_end(OkseHtml *html)
{
    okse_html_raw(html, "</tbody></table></div>\n");
}

void okse_html_cell_text(OkseHtml *html, const json_t *object, const char *member)
{
    const char *text = okse_json_peek_text(object, member);

    okse_html_raw(html, "<td>");
    okse_html_data(html, text != NULL ? text : "–");
}

void okse_html_cell_number(OkseHtml *html, const json_t *object, const char *member)
{
    const json_t *number = json_object_get(object, member);

    okse_html_raw(html, "<td class=\"number\">");
    if (json_integer_value(number) >= 0 && json_is_integer(number))
        okse_html_number(html, (guint64)json_integer_value(number));
    else
        okse_html_raw(html, "–");
}

static void paragraph(OkseHtml *html, const char *class, const char *key)
{
    g_string_append_printf(html->out, "<p class=\"%s\">", class);
    okse_html_say(html, key);
    okse_html_raw(html, "</p>\n");
}

static void cell_judgement(OkseHtml *html, const json_t *endpoint)
{
    const char *id = okse_json_peek_text(endpoint, "id"), *judged = okse_report_view_judged(html->view, id);

    okse_html_raw(html, "<td>");
    if (judged != NULL && strcmp(judged, "violation") == 0) {
        okse_html_raw(html, "<span class=\"badge fail\">");
        okse_html_say(html, "map.violation");
        okse_html_raw(html, "</span>");
    } else if (judged != NULL) {
        okse_html_raw(html, "<span class=\"badge inconclusive\">");
        okse_html_say(html, "map.judged.unknown");
        okse_html_raw(html, "</span>");
    } else {
        okse_html_say(html, okse_html_unpoliced(html, id) ? "declared.unpoliced" : "map.allowed");
    }
}

static void write_endpoint(OkseHtml *html, const json_t *endpoint)
{
    const char *host = okse_json_peek_text(endpoint, "host"), *role = okse_json_peek_text(endpoint, "role");
    const char *country = okse_json_peek_text(endpoint, "country"), *state = okse_json_peek_text(endpoint, "state");
    const char *direction = okse_json_peek_text(endpoint, "direction");
    json_int_t port = json_integer_value(json_object_get(endpoint, "port"));

    okse_html_raw(html, "<tr><th scope=\"row\"><code>");
    okse_html_text(html, host != NULL ? host : "?");
    if (port > 0)
        g_string_append_printf(html->out, ":%" JSON_INTEGER_FORMAT, port);
    okse_html_raw(html, "</code> <span class=\"cite\">");
    if (direction != NULL)
        okse_html_word(html, "declared.", direction);
    okse_html_raw(html, "</span><td>");
    okse_html_word(html, "role.", role != NULL ? role : "unknown");
    if (country != NULL) {
        okse_html_raw(html, "<td>");
        okse_html_country(html, country);
    } else {
        okse_html_cell_text(html, endpoint, "scope");
    }
    okse_html_raw(html, "<td>");
    okse_html_say(html, json_is_true(json_object_get(endpoint, "declared")) ? "yes" : "no");
    okse_html_raw(html, "<td>");
    okse_html_say(html, json_is_true(json_object_get(endpoint, "observed")) ? "yes" : "no");
    okse_html_raw(html, "<td>");
    okse_html_word(html, "state.", state != NULL ? state : "–");
    cell_judgement(html, endpoint);
    okse_html_raw(html, "\n");
}

void okse_html_declared(OkseHtml *html)
{
    static const char *const keys[] = {"declared.place",    "declared.role",  "declared.country", "declared.declared",
                                       "declared.observed", "declared.state", "declared.judged",  NULL};
    const json_t *endpoints = json_object_get(json_object_get(html->findings, "inventory"), "endpoints");
    size_t count = json_array_size(endpoints);

    okse_html_section(html, "declared", "declared.title");
    paragraph(html, "lead", count > 0 ? "declared.lead" : "declared.none");
    if (count > 0) {
        okse_html_table(html, "declared.title", keys);
        for (size_t i = 0; i < MIN(count, ROWS_MAX); i++)
            write_endpoint(html, json_array_get(endpoints, i));
        okse_html_table_end(html);
    }
    if (count > ROWS_MAX) {
        okse_html_raw(html, "<p class=\"note\">");
        okse_html_count(html, "declared.more", count - ROWS_MAX);
        okse_html_raw(html, "</p>\n");
    }
    okse_html_raw(html, "</section>\n");
}

void okse_html_policed(OkseHtml *html)
{
    static const char *const keys[][2] = {
        {"looked", "looked_at"}, {"facts", "facts"}, {"read", "read"}, {"unpoliced", "unpoliced"}};
    const json_t *coverage = json_object_get(json_object_get(html->findings, "inventory"), "coverage");
    char numbers[G_N_ELEMENTS(keys)][24];
    OkseFill fills[G_N_ELEMENTS(keys) + 1] = {{NULL, NULL}};

    if (!json_is_object(coverage))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_snprintf(numbers[i], sizeof numbers[i], "%" JSON_INTEGER_FORMAT,
                   json_integer_value(json_object_get(coverage, keys[i][1])));
        fills[i] = (OkseFill){keys[i][0], numbers[i]};
    }
    okse_html_raw(html, "<p class=\"note\">");
    okse_html_fill(html, "policed", fills);
    okse_html_raw(html, "</p>\n");
}

/* The facts that no check looked at, of each kind the first. */
static void write_unpoliced(OkseHtml *html)
{
    static const char *const keys[] = {"policed.kind", "policed.title", NULL};
    const json_t *list = json_object_get(json_object_get(html->findings, "inventory"), "unpoliced_facts");
    size_t count = json_array_size(list);

    if (count == 0)
        return;
    okse_html_table(html, "policed.title", keys);
    for (size_t i = 0; i < MIN(count, ROWS_MAX); i++) {
        const json_t *fact = json_array_get(list, i);

        okse_html_raw(html, "<tr><th scope=\"row\">");
        okse_html_code(html, okse_json_peek_text(fact, "list"));
        okse_html_raw(html, "<td>");
        okse_html_data(html, okse_json_peek_text(fact, "message"));
        okse_html_raw(html, "\n");
    }
    okse_html_table_end(html);
    if (count > ROWS_MAX) {
        okse_html_raw(html, "<p class=\"note\">");
        okse_html_count(html, "declared.more", count - ROWS_MAX);
        okse_html_raw(html, "</p>\n");
    }
}

void okse_html_unseen(OkseHtml *html)
{
    static const char *const keys[] = {"unseen.collector", "unseen.status", "unseen.reason", "unseen.items", NULL};
    const json_t *collectors = json_object_get(html->findings, "collectors");
    bool complete = true;

    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const char *status = okse_json_peek_text(json_array_get(collectors, i), "status");

        complete = complete && (strcmp(status, "complete") == 0 || strcmp(status, "absent") == 0);
    }
    okse_html_section(html, "unseen", "unseen.title");
    paragraph(html, "lead", complete && json_array_size(collectors) > 0 ? "unseen.all" : "unseen.lead");
    okse_html_table(html, "unseen.title", keys);
    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const json_t *collector = json_array_get(collectors, i);
        const char *status = okse_json_peek_text(collector, "status");
        bool blind = strcmp(status, "partial") == 0 || strcmp(status, "unavailable") == 0;

        okse_html_raw(html, "<tr><th scope=\"row\">");
        okse_html_code(html, okse_json_peek_text(collector, "collector"));
        okse_html_raw(html, blind ? "<td><span class=\"badge inconclusive\">" : "<td><span>");
        okse_html_word(html, "collector.", status);
        okse_html_raw(html, "</span>");
        okse_html_cell_text(html, collector, "reason");
        okse_html_cell_number(html, collector, "items");
        okse_html_raw(html, "\n");
    }
    okse_html_table_end(html);
    write_unpoliced(html);
    okse_html_raw(html, "</section>\n");
}

static void write_components(OkseHtml *html, const json_t *list)
{
    static const char *const keys[] = {"inventory.name", "inventory.kind", "inventory.files", "inventory.size", NULL};

    if (json_array_size(list) == 0)
        return;
    okse_html_table(html, "inventory.components", keys);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *component = json_array_get(list, i);
        g_autofree char *kind = okse_report_view_kind(component);

        okse_html_raw(html, "<tr><th scope=\"row\">");
        okse_html_data(html, okse_json_peek_text(component, "name"));
        okse_html_raw(html, "<td>");
        okse_html_data(html, kind);
        okse_html_cell_number(html, component, "files");
        okse_html_cell_number(html, component, "size");
        okse_html_raw(html, "\n");
    }
    okse_html_table_end(html);
}

static void write_documents(OkseHtml *html, const json_t *list)
{
    static const char *const keys[] = {"inventory.path", "inventory.type", "inventory.doctitle", NULL};

    if (json_array_size(list) == 0)
        return;
    okse_html_table(html, "inventory.documents", keys);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *document = json_array_get(list, i);

        okse_html_raw(html, "<tr><th scope=\"row\">");
        okse_html_code(html, okse_json_peek_text(document, "path"));
        okse_html_cell_text(html, document, "type");
        okse_html_cell_text(html, document, "title");
        okse_html_raw(html, "\n");
    }
    okse_html_table_end(html);
}

static void write_signatures(OkseHtml *html, const json_t *list)
{
    static const char *const keys[] = {"inventory.signer", "declared.role", "inventory.components", "inventory.signed",
                                       NULL};

    if (json_array_size(list) == 0)
        return;
    okse_html_table(html, "inventory.signatures", keys);
    for (size_t i = 0; i < MIN(json_array_size(list), ROWS_MAX); i++) {
        const json_t *signature = json_array_get(list, i);

        okse_html_raw(html, "<tr>");
        okse_html_cell_text(html, signature, "signer");
        okse_html_cell_text(html, signature, "role");
        okse_html_cell_text(html, signature, "component");
        okse_html_cell_text(html, signature, "signed_at");
        okse_html_raw(html, "\n");
    }
    okse_html_table_end(html);
}

void okse_html_inventory(OkseHtml *html)
{
    const json_t *inventory = json_object_get(html->findings, "inventory");
    const json_t *components = json_object_get(inventory, "components");
    const json_t *documents = json_object_get(inventory, "documents");

    okse_html_section(html, "inventory", "inventory.title");
    if (json_array_size(components) == 0 && json_array_size(documents) == 0)
        paragraph(html, "lead", "inventory.none");
    write_components(html, components);
    write_signatures(html, json_object_get(inventory, "signatures"));
    write_documents(html, documents);
    okse_html_raw(html, "</section>\n");
}
