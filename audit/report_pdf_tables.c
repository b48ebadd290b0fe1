/* Declared against observed, the inventory, and what could not be seen. */
#include "audit/report_flows.h"
#include "audit/report_pdf_internal.h"
#include "core/json.h"

#include <string.h>

#define ROWS_MAX 300u /* endpoints in the table; the findings document has all */

static void cell_text(OksePdf *pdf, const json_t *object, const char *member)
{
    const char *text = okse_json_peek_text(object, member);

    okse_pdf_data(pdf, text != NULL ? text : "–");
    okse_pdf_cell(pdf);
}

static void cell_code(OksePdf *pdf, const json_t *object, const char *member)
{
    const char *text = okse_json_peek_text(object, member);

    okse_pdf_code(pdf, text != NULL ? text : "–");
    okse_pdf_cell(pdf);
}

static void cell_say(OksePdf *pdf, const char *key)
{
    okse_pdf_say(pdf, key);
    okse_pdf_cell(pdf);
}

static void cell_number(OksePdf *pdf, const json_t *object, const char *member)
{
    const json_t *number = json_object_get(object, member);

    if (json_is_integer(number))
        g_string_append_printf(pdf->text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    else
        okse_pdf_raw(pdf, "–");
    okse_pdf_cell(pdf);
}

static void say(OksePdf *pdf, OksePdfStyle style, const char *key)
{
    okse_pdf_say(pdf, key);
    okse_pdf_paragraph(pdf, style, NULL);
}

static void more(OksePdf *pdf, size_t count)
{
    if (count <= ROWS_MAX)
        return;
    okse_pdf_count(pdf, "declared.more", count - ROWS_MAX);
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
}

static void cell_judgement(OksePdf *pdf, const json_t *endpoint)
{
    OkseFlow judged = okse_flow_judge(pdf->findings, pdf->view, endpoint);

    if (judged == OKSE_FLOW_VIOLATION || judged == OKSE_FLOW_UNKNOWN) {
        okse_pdf_badge_open(pdf, okse_flow_words[judged]);
        okse_pdf_say(pdf, okse_flow_keys[judged]);
        okse_pdf_badge_close(pdf);
    } else {
        okse_pdf_say(pdf, okse_flow_keys[judged]);
    }
    okse_pdf_cell(pdf);
}

static void write_endpoint(OksePdf *pdf, const json_t *endpoint)
{
    const char *host = okse_json_peek_text(endpoint, "host"), *role = okse_json_peek_text(endpoint, "role");
    const char *country = okse_json_peek_text(endpoint, "country"), *state = okse_json_peek_text(endpoint, "state");
    const char *direction = okse_json_peek_text(endpoint, "direction");
    json_int_t port = json_integer_value(json_object_get(endpoint, "port"));
    g_autofree char *name = port > 0 ? g_strdup_printf("%s:%" JSON_INTEGER_FORMAT, host != NULL ? host : "?", port)
                                     : g_strdup(host != NULL ? host : "?");

    okse_pdf_code(pdf, name);
    if (direction != NULL) {
        okse_pdf_raw(pdf, " <span foreground=\"#4f5863\">");
        okse_pdf_word(pdf, "declared.", direction);
        okse_pdf_raw(pdf, "</span>");
    }
    okse_pdf_cell(pdf);
    okse_pdf_word(pdf, "role.", role != NULL ? role : "unknown");
    okse_pdf_cell(pdf);
    if (country != NULL) {
        okse_pdf_country(pdf, country);
        okse_pdf_cell(pdf);
    } else {
        cell_text(pdf, endpoint, "scope");
    }
    cell_say(pdf, json_is_true(json_object_get(endpoint, "declared")) ? "yes" : "no");
    cell_say(pdf, json_is_true(json_object_get(endpoint, "observed")) ? "yes" : "no");
    okse_pdf_word(pdf, "state.", state != NULL ? state : "–");
    okse_pdf_cell(pdf);
    cell_judgement(pdf, endpoint);
}

void okse_pdf_declared(OksePdf *pdf)
{
    static const OksePdfColumn columns[] = {{"declared.place", 0.27, false},   {"declared.role", 0.13, false},
                                            {"declared.country", 0.13, false}, {"declared.declared", 0.1, false},
                                            {"declared.observed", 0.1, false}, {"declared.state", 0.12, false},
                                            {"declared.judged", 0.15, false}};
    const json_t *endpoints = json_object_get(json_object_get(pdf->findings, "inventory"), "endpoints");
    size_t count = json_array_size(endpoints);

    okse_pdf_section_open(pdf, "declared", "declared.title");
    say(pdf, OKSE_PDF_LEAD, count > 0 ? "declared.lead" : "declared.none");
    if (count > 0) {
        okse_pdf_table_open(pdf, columns, G_N_ELEMENTS(columns));
        for (size_t i = 0; i < MIN(count, ROWS_MAX); i++)
            write_endpoint(pdf, json_array_get(endpoints, i));
        okse_pdf_table_close(pdf);
    }
    more(pdf, count);
    okse_pdf_section_close(pdf);
}

void okse_pdf_policed(OksePdf *pdf)
{
    static const char *const keys[][2] = {
        {"looked", "looked_at"}, {"facts", "facts"}, {"read", "read"}, {"unpoliced", "unpoliced"}};
    const json_t *coverage = json_object_get(json_object_get(pdf->findings, "inventory"), "coverage");
    char numbers[G_N_ELEMENTS(keys)][24];
    OkseFill fills[G_N_ELEMENTS(keys) + 1] = {{NULL, NULL}};

    if (!json_is_object(coverage))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_snprintf(numbers[i], sizeof numbers[i], "%" JSON_INTEGER_FORMAT,
                   json_integer_value(json_object_get(coverage, keys[i][1])));
        fills[i] = (OkseFill){keys[i][0], numbers[i]};
    }
    okse_pdf_fill(pdf, "policed", fills);
    okse_pdf_paragraph(pdf, OKSE_PDF_SMALL, NULL);
}

/* The facts that no check looked at, of each kind the first. */
static void write_unpoliced(OksePdf *pdf)
{
    static const OksePdfColumn columns[] = {{"policed.kind", 0.25, false}, {"policed.title", 0.75, false}};
    const json_t *list = json_object_get(json_object_get(pdf->findings, "inventory"), "unpoliced_facts");
    size_t count = json_array_size(list);

    if (count == 0)
        return;
    okse_pdf_table_open(pdf, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < MIN(count, ROWS_MAX); i++) {
        cell_code(pdf, json_array_get(list, i), "list");
        cell_text(pdf, json_array_get(list, i), "message");
    }
    okse_pdf_table_close(pdf);
    more(pdf, count);
}

static void write_collector(OksePdf *pdf, const json_t *collector)
{
    const char *status = okse_json_peek_text(collector, "status");
    bool blind = strcmp(status, "partial") == 0 || strcmp(status, "unavailable") == 0;

    cell_code(pdf, collector, "collector");
    if (blind)
        okse_pdf_badge_open(pdf, "inconclusive");
    okse_pdf_word(pdf, "collector.", status);
    if (blind)
        okse_pdf_badge_close(pdf);
    okse_pdf_cell(pdf);
    cell_text(pdf, collector, "reason");
    cell_number(pdf, collector, "items");
}

void okse_pdf_unseen(OksePdf *pdf)
{
    static const OksePdfColumn columns[] = {{"unseen.collector", 0.22, false},
                                            {"unseen.status", 0.18, false},
                                            {"unseen.reason", 0.48, false},
                                            {"unseen.items", 0.12, true}};
    const json_t *collectors = json_object_get(pdf->findings, "collectors");
    bool complete = true;

    for (size_t i = 0; i < json_array_size(collectors); i++) {
        const char *status = okse_json_peek_text(json_array_get(collectors, i), "status");

        complete = complete && (strcmp(status, "complete") == 0 || strcmp(status, "absent") == 0);
    }
    okse_pdf_section_open(pdf, "unseen", "unseen.title");
    say(pdf, OKSE_PDF_LEAD, complete && json_array_size(collectors) > 0 ? "unseen.all" : "unseen.lead");
    if (json_array_size(collectors) > 0) {
        okse_pdf_table_open(pdf, columns, G_N_ELEMENTS(columns));
        for (size_t i = 0; i < json_array_size(collectors); i++)
            write_collector(pdf, json_array_get(collectors, i));
        okse_pdf_table_close(pdf);
    }
    write_unpoliced(pdf);
    okse_pdf_section_close(pdf);
}

static void write_components(OksePdf *pdf, const json_t *list)
{
    static const OksePdfColumn columns[] = {{"inventory.name", 0.3, false},
                                            {"inventory.kind", 0.4, false},
                                            {"inventory.files", 0.12, true},
                                            {"inventory.size", 0.18, true}};

    if (json_array_size(list) == 0)
        return;
    okse_pdf_need_lines(pdf, 7);
    say(pdf, OKSE_PDF_LABEL, "inventory.components");
    okse_pdf_table_open(pdf, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < json_array_size(list); i++) {
        g_autofree char *kind = okse_report_view_kind(json_array_get(list, i));

        cell_text(pdf, json_array_get(list, i), "name");
        okse_pdf_data(pdf, kind);
        okse_pdf_cell(pdf);
        cell_number(pdf, json_array_get(list, i), "files");
        cell_number(pdf, json_array_get(list, i), "size");
    }
    okse_pdf_table_close(pdf);
}

static void write_signatures(OksePdf *pdf, const json_t *list)
{
    static const OksePdfColumn columns[] = {{"inventory.signer", 0.36, false},
                                            {"declared.role", 0.16, false},
                                            {"inventory.components", 0.22, false},
                                            {"inventory.signed", 0.26, false}};

    if (json_array_size(list) == 0)
        return;
    okse_pdf_need_lines(pdf, 7);
    say(pdf, OKSE_PDF_LABEL, "inventory.signatures");
    okse_pdf_table_open(pdf, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < MIN(json_array_size(list), ROWS_MAX); i++) {
        cell_text(pdf, json_array_get(list, i), "signer");
        cell_text(pdf, json_array_get(list, i), "role");
        cell_text(pdf, json_array_get(list, i), "component");
        cell_text(pdf, json_array_get(list, i), "signed_at");
    }
    okse_pdf_table_close(pdf);
}

static void write_documents(OksePdf *pdf, const json_t *list)
{
    static const OksePdfColumn columns[] = {
        {"inventory.path", 0.34, false}, {"inventory.type", 0.26, false}, {"inventory.doctitle", 0.4, false}};

    if (json_array_size(list) == 0)
        return;
    okse_pdf_need_lines(pdf, 7);
    say(pdf, OKSE_PDF_LABEL, "inventory.documents");
    okse_pdf_table_open(pdf, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < json_array_size(list); i++) {
        cell_code(pdf, json_array_get(list, i), "path");
        cell_text(pdf, json_array_get(list, i), "type");
        cell_text(pdf, json_array_get(list, i), "title");
    }
    okse_pdf_table_close(pdf);
}

void okse_pdf_inventory(OksePdf *pdf)
{
    const json_t *inventory = json_object_get(pdf->findings, "inventory");
    const json_t *components = json_object_get(inventory, "components");
    const json_t *documents = json_object_get(inventory, "documents");

    okse_pdf_section_open(pdf, "inventory", "inventory.title");
    if (json_array_size(components) == 0 && json_array_size(documents) == 0)
        say(pdf, OKSE_PDF_LEAD, "inventory.none");
    write_components(pdf, components);
    write_signatures(pdf, json_object_get(inventory, "signatures"));
    write_documents(pdf, documents);
    okse_pdf_section_close(pdf);
}
