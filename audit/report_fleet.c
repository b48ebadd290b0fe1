/* Many targets on one page of text, in a table for a spreadsheet, and for a ticket. */
#include "audit/report_fleet.h"

#include "audit/report_escape.h"
#include "audit/report_messages.h"
#include "audit/report_view.h"
#include "core/json.h"

#include <string.h>

#define NAMES_MOST 8u /* of targets behind a finding; the document has all */

typedef struct {
    GString *out;
    const json_t *fleet;
    const OkseMessages *messages;
    const char *language;
} Page;

static const char *text_or(const json_t *object, const char *key, const char *instead)
{
    const char *text = okse_json_peek_text(object, key);

    return text != NULL ? text : instead;
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *say(const Page *page, const char *key)
{
    return okse_messages_get(page->messages, 0, key, NULL);
}

static const char *verdict(const Page *page, const json_t *row)
{
    g_autofree char *key = g_strconcat("verdict.", okse_json_peek_text(row, "verdict"), NULL);

    return say(page, key);
}

/* A line of data: okse_escape_line() for each part that came from outside. */
static void part(Page *page, const char *before, const char *text)
{
    g_string_append(page->out, before);
    okse_escape_line(page->out, text);
}

static void write_counts(Page *page, const json_t *counts)
{
    static const char *const words[] = {"non-compliant", "inconclusive", "compliant"};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        g_autofree char *key = g_strconcat("verdict.", words[i], NULL);

        g_string_append_printf(page->out, "%s%s: %" JSON_INTEGER_FORMAT, i > 0 ? "; " : "", say(page, key),
                               number(counts, words[i]));
    }
    if (number(counts, "unread") > 0)
        g_string_append_printf(page->out, "; %s: %" JSON_INTEGER_FORMAT, say(page, "fleet.unread"),
                               number(counts, "unread"));
    g_string_append_c(page->out, '\n');
}

static void write_warnings(Page *page)
{
    const json_t *rows = json_object_get(page->fleet, "warnings"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        part(page, "  ", okse_texts_get(json_object_get(row, "message"), page->language, NULL));
        g_string_append_c(page->out, '\n');
    }
}

static void write_groups(Page *page, const char *list, const char *key, const char *title)
{
    const json_t *rows = json_object_get(page->fleet, list), *row;
    size_t i;

    g_string_append_printf(page->out, "\n%s\n", say(page, title));
    json_array_foreach(rows, i, row)
    {
        part(page, "  ", text_or(row, key, say(page, "fleet.nowhere")));
        g_string_append_printf(page->out, " — %s — ", verdict(page, row));
        write_counts(page, json_object_get(row, "summary"));
    }
}

static void write_targets(Page *page)
{
    const json_t *rows = json_object_get(page->fleet, "targets"), *row;
    size_t i;

    g_string_append_printf(page->out, "\n%s\n", say(page, "fleet.targets.title"));
    json_array_foreach(rows, i, row)
    {
        const json_t *summary = json_object_get(row, "summary");
        const char *error = okse_json_peek_text(row, "error");

        part(page, "  ", okse_json_peek_text(row, "name"));
        g_string_append_printf(page->out, " — %s", verdict(page, row));
        if (error != NULL) {
            part(page, " — ", say(page, "fleet.unread"));
            part(page, ": ", error);
        } else {
            part(page, " — ", text_or(row, "hostname", "?"));
            part(page, ", ", text_or(row, "site", say(page, "fleet.nowhere")));
            g_string_append_printf(page->out, " — %s: %" JSON_INTEGER_FORMAT ", %s: %" JSON_INTEGER_FORMAT,
                                   say(page, "status.fail"), number(summary, "fail"), say(page, "status.inconclusive"),
                                   number(summary, "inconclusive"));
        }
        g_string_append_c(page->out, '\n');
    }
}

static void write_names(Page *page, const json_t *row, const char *word)
{
    const json_t *names = json_object_get(json_object_get(row, "targets"), word);
    g_autofree char *key = g_strconcat("status.", word, NULL);

    if (json_array_size(names) == 0)
        return;
    g_string_append_printf(page->out, "    %s: %zu", say(page, key), json_array_size(names));
    for (size_t i = 0; i < MIN(json_array_size(names), NAMES_MOST); i++)
        part(page, i == 0 ? " — " : ", ", json_string_value(json_array_get(names, i)));
    g_string_append(page->out, json_array_size(names) > NAMES_MOST ? ", …\n" : "\n");
}

static void write_findings(Page *page)
{
    const json_t *rows = json_object_get(page->fleet, "findings"), *row;
    size_t i;

    g_string_append_printf(page->out, "\n%s\n", say(page, "fleet.findings.title"));
    json_array_foreach(rows, i, row)
    {
        const json_t *control =
            json_object_get(json_object_get(page->fleet, "controls"), okse_json_peek_text(row, "control"));

        if (json_object_size(json_object_get(row, "targets")) == 0)
            continue;
        part(page, "  ", okse_json_peek_text(row, "jurisdiction"));
        part(page, " ", text_or(row, "article", okse_json_peek_text(row, "provision")));
        part(page, " — ", okse_texts_get(json_object_get(control, "title"), page->language, NULL));
        part(page, " (", okse_json_peek_text(row, "id"));
        g_string_append(page->out, ")\n");
        write_names(page, row, "fail");
        write_names(page, row, "inconclusive");
        write_names(page, row, "waived");
    }
}

GBytes *okse_fleet_text(const json_t *fleet, const char *language, const OkseResources *resources, GError **error)
{
    const char *const languages[] = {language, NULL};
    g_autoptr(OkseMessages) messages = okse_messages_open(resources, languages, error);
    Page page = {.fleet = fleet, .messages = messages, .language = language};

    if (messages == NULL)
        return NULL;
    page.out = g_string_new(NULL);
    g_string_append_printf(page.out, "%s — %s: %" JSON_INTEGER_FORMAT ", ", verdict(&page, fleet),
                           say(&page, "fleet.targets"), number(json_object_get(fleet, "summary"), "targets"));
    part(&page, "", okse_json_peek_text(fleet, "audited_at"));
    g_string_append(page.out, "\n  ");
    write_counts(&page, json_object_get(fleet, "summary"));
    write_warnings(&page);
    write_groups(&page, "countries", "country", "fleet.countries");
    write_groups(&page, "sites", "site", "fleet.sites");
    write_targets(&page);
    write_findings(&page);
    return g_string_free_to_bytes(page.out);
}

/* --- CSV: a row for each target and finding that is open there; a target without one has one row --- */

static void write_row(GString *out, const char *const *cells, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_string_append(out, i > 0 ? "," : "");
        okse_escape_csv(out, cells[i]);
    }
    g_string_append(out, "\r\n");
}

GBytes *okse_fleet_csv(const json_t *fleet, const char *language, const OkseResources *resources, GError **error)
{
    g_autoptr(GHashTable) by_id = okse_findings_by_id(fleet);
    const json_t *targets = json_object_get(fleet, "targets");
    GString *out =
        g_string_new("target,hostname,site,country,verdict,error,finding,status,jurisdiction,article,control,"
                     "severity\r\n");

    (void)language, (void)resources, (void)error;
    for (size_t i = 0; i < json_array_size(targets); i++) {
        const json_t *target = json_array_get(targets, i), *open = json_object_get(target, "open");

        for (size_t j = 0; j == 0 || j < json_array_size(open); j++) {
            const json_t *one = json_array_get(open, j);
            const char *id = text_or(one, "id", "");
            const json_t *row = g_hash_table_lookup(by_id, id);
            const char *const cells[] = {okse_json_peek_text(target, "name"),
                                         text_or(target, "hostname", ""),
                                         text_or(target, "site", ""),
                                         text_or(target, "country", ""),
                                         text_or(target, "verdict", ""),
                                         text_or(target, "error", ""),
                                         id,
                                         text_or(one, "status", ""),
                                         text_or(row, "jurisdiction", ""),
                                         text_or(row, "article", ""),
                                         text_or(row, "control", ""),
                                         text_or(row, "severity", "")};

            write_row(out, cells, G_N_ELEMENTS(cells));
        }
    }
    return g_string_free_to_bytes(out);
}

/* --- Markdown --- */

GBytes *okse_fleet_markdown(const json_t *fleet, const char *language, const OkseResources *resources, GError **error)
{
    const json_t *targets = json_object_get(fleet, "targets"), *warnings = json_object_get(fleet, "warnings");
    GString *out = g_string_new("# Data-residency audit of a fleet: ");

    (void)language, (void)resources, (void)error;
    g_string_append_printf(out, "%s\n\n%" JSON_INTEGER_FORMAT " targets, %s\n\n", okse_json_peek_text(fleet, "verdict"),
                           number(json_object_get(fleet, "summary"), "targets"),
                           okse_json_peek_text(fleet, "audited_at"));
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        okse_escape_markdown(out, okse_texts_get(json_object_get(json_array_get(warnings, i), "message"), "en", NULL));
        g_string_append(out, "\n\n");
    }
    g_string_append(out, "| target | host | site | country | verdict | failed | not decided |\n"
                         "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < json_array_size(targets); i++) {
        static const char *const keys[] = {"name", "hostname", "site", "country", "verdict"};
        const json_t *target = json_array_get(targets, i), *summary = json_object_get(target, "summary");

        for (unsigned j = 0; j < G_N_ELEMENTS(keys); j++) {
            g_string_append(out, "| ");
            okse_escape_markdown(out, text_or(target, keys[j], ""));
            g_string_append_c(out, ' ');
        }
        if (okse_json_peek_text(target, "error") != NULL) {
            g_string_append(out, "| ");
            okse_escape_markdown(out, okse_json_peek_text(target, "error"));
            g_string_append(out, " | |\n");
        } else {
            g_string_append_printf(out, "| %" JSON_INTEGER_FORMAT " | %" JSON_INTEGER_FORMAT " |\n",
                                   number(summary, "fail"), number(summary, "inconclusive"));
        }
    }
    return g_string_free_to_bytes(out);
}
