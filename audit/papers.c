#include "audit/papers.h"

#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define TABLE "manifests/compliance-documents.yaml"

struct OksePapers {
    json_t *rows;
};

static const char *const kinds[] = {"text", "texts",     "date",      "integer", "number", "flag",
                                    "word", "countries", "territory", "rows",    NULL};

static void read_field(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a field", issues);
    OksePlace at = okse_node_place(node);
    const OkseNode *any = NULL;
    const char *kind = NULL;
    bool required;

    if (okse_map_take_text(map, "kind", OKSE_REQUIRED, &kind) && !g_strv_contains(kinds, kind))
        okse_issue(issues, &at, "'%s' is no kind of field", kind);
    okse_map_take_flag(map, "required", OKSE_OPTIONAL, &required);
    okse_map_take_node(map, "min", OKSE_OPTIONAL, &any);
    okse_map_take_node(map, "max", OKSE_OPTIONAL, &any);
    okse_map_take_list(map, "words", g_strcmp0(kind, "word") == 0 ? OKSE_REQUIRED : OKSE_OPTIONAL, &any);
    okse_map_take_list(map, "members", g_strcmp0(kind, "rows") == 0 ? OKSE_REQUIRED : OKSE_OPTIONAL, &any);
    okse_map_end(map);
}

static void read_row(const OkseNode *node, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a type of document", issues);
    const OkseNode *fields = NULL, *any = NULL;
    const char *type = NULL;

    okse_map_take_text(map, "type", OKSE_REQUIRED, &type);
    okse_map_take_map(map, "title", OKSE_REQUIRED, &any);
    okse_map_take_map(map, "only_when", OKSE_OPTIONAL, &any);
    okse_map_take_list(map, "read_by", OKSE_OPTIONAL, &any);
    if (okse_map_take_map(map, "fields", OKSE_REQUIRED, &fields))
        for (unsigned i = 0; i < okse_node_count(fields); i++)
            read_field(okse_node_item(fields, i), issues);
    okse_map_end(map);
}

OksePapers *okse_papers_read(const OkseResources *resources, GError **error)
{
    g_autoptr(GBytes) bytes = okse_resources_read(resources, TABLE, error);
    g_autofree char *origin = okse_resources_name(resources, TABLE);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, origin, error);
    g_autoptr(OkseIssues) issues = okse_issues_new();
    const OkseNode *rows = NULL;
    const char *form = NULL;
    OksePapers *papers;
    OkseMap *map;

    if (yaml == NULL)
        return NULL;
    map = okse_map_open(okse_yaml_root(yaml), "the table of documents", issues);
    okse_map_take_text(map, "okse", OKSE_REQUIRED, &form);
    if (okse_map_take_list(map, "documents", OKSE_REQUIRED, &rows))
        for (unsigned i = 0; i < okse_node_count(rows); i++)
            read_row(okse_node_item(rows, i), issues);
    okse_map_end(map);
    if (!okse_issues_none(issues, error))
        return NULL;
    papers = g_new0(OksePapers, 1);
    papers->rows = okse_node_to_json(rows);
    return papers;
}

void okse_papers_free(OksePapers *papers)
{
    if (papers == NULL)
        return;
    json_decref(papers->rows);
    g_free(papers);
}

const json_t *okse_papers_rows(const OksePapers *papers)
{
    return papers->rows;
}

const json_t *okse_papers_row(const OksePapers *papers, const char *type)
{
    const json_t *row;
    size_t i;

    json_array_foreach(papers->rows, i, row) if (strcmp(okse_json_peek_text(row, "type"), type) == 0) return row;
    return NULL;
}

/* ---- checking */

/* Also a list of blanks, and blanks that are spaces. */
static bool is_blank(const OkseNode *node)
{
    if (node == NULL || okse_node_kind(node) == OKSE_NODE_NULL)
        return true;
    if (okse_node_kind(node) == OKSE_NODE_TEXT)
        return okse_node_text(node)[strspn(okse_node_text(node), " \t\r\n")] == '\0';
    if (okse_node_kind(node) != OKSE_NODE_LIST && okse_node_kind(node) != OKSE_NODE_MAP)
        return false;
    for (unsigned i = 0; i < okse_node_count(node); i++)
        if (!is_blank(okse_node_item(node, i)))
            return false;
    return true;
}

/* Numbers and flags that stand where a text belongs are texts to people: `number: 4` is the number of a list. */
static bool is_text(const OkseNode *node)
{
    OkseNodeKind kind = okse_node_kind(node);

    return kind != OKSE_NODE_LIST && kind != OKSE_NODE_MAP && kind != OKSE_NODE_NULL;
}

static bool is_date(const OkseNode *node)
{
    const char *text = is_text(node) ? okse_node_text(node) : "";
    gint64 time;

    return strlen(text) == strlen("2026-10-01") && okse_text_time_parse(text, &time);
}

static bool is_number(const OkseNode *node, const json_t *field)
{
    bool whole = okse_node_kind(node) == OKSE_NODE_INTEGER;
    double value;

    if (!whole &&
        (okse_node_kind(node) != OKSE_NODE_REAL || strcmp(okse_json_peek_text(field, "kind"), "integer") == 0))
        return false;
    value = g_ascii_strtod(okse_node_text(node), NULL);
    return value >= json_number_value(json_object_get(field, "min")) &&
           value <= json_number_value(json_object_get(field, "max"));
}

static bool is_country(const char *text)
{
    return strlen(text) == 2 && g_ascii_isupper(text[0]) && g_ascii_isupper(text[1]);
}

static bool is_listed(const json_t *words, const char *text)
{
    for (size_t i = 0; i < json_array_size(words); i++)
        if (g_strcmp0(json_string_value(json_array_get(words, i)), text) == 0)
            return true;
    return false;
}

static bool is_list(const OkseNode *node, const char *kind)
{
    bool countries = strcmp(kind, "texts") != 0;

    if (okse_node_kind(node) != OKSE_NODE_LIST)
        return false;
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *item = okse_node_item(node, i);
        bool world = strcmp(kind, "territory") == 0 && is_text(item) && strcmp(okse_node_text(item), "worldwide") == 0;

        if (!is_text(item) || (countries && !world && !is_country(okse_node_text(item))))
            return false;
    }
    return true;
}

static bool is_rows(const OkseNode *node, const json_t *members)
{
    if (okse_node_kind(node) != OKSE_NODE_LIST)
        return false;
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *row = okse_node_item(node, i);

        if (okse_node_kind(row) != OKSE_NODE_MAP)
            return false;
        for (unsigned k = 0; k < okse_node_count(row); k++)
            if (!is_listed(members, okse_node_key(row, k)) ||
                !(is_text(okse_node_item(row, k)) || is_blank(okse_node_item(row, k))))
                return false;
    }
    return true;
}

static bool fits(const OkseNode *node, const json_t *field)
{
    const char *kind = okse_json_peek_text(field, "kind");

    if (strcmp(kind, "text") == 0)
        return is_text(node);
    if (strcmp(kind, "date") == 0)
        return is_date(node);
    if (strcmp(kind, "integer") == 0 || strcmp(kind, "number") == 0)
        return is_number(node, field);
    if (strcmp(kind, "flag") == 0)
        return okse_node_kind(node) == OKSE_NODE_FLAG;
    if (strcmp(kind, "word") == 0)
        return is_text(node) && is_listed(json_object_get(field, "words"), okse_node_text(node));
    if (strcmp(kind, "rows") == 0)
        return is_rows(node, json_object_get(field, "members"));
    return is_list(node, kind);
}

static char *joined(const json_t *words)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < json_array_size(words); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(words, i)));
    return g_string_free(text, FALSE);
}

/* What belongs there, in words. */
static char *wanted(const json_t *field)
{
    const char *kind = okse_json_peek_text(field, "kind");
    g_autofree char *words = joined(json_object_get(field, strcmp(kind, "rows") == 0 ? "members" : "words"));

    if (strcmp(kind, "integer") == 0 || strcmp(kind, "number") == 0)
        return g_strdup_printf("%s from %g to %g", strcmp(kind, "integer") == 0 ? "a whole number" : "a number",
                               json_number_value(json_object_get(field, "min")),
                               json_number_value(json_object_get(field, "max")));
    if (strcmp(kind, "word") == 0)
        return g_strdup_printf("one of %s", words);
    if (strcmp(kind, "rows") == 0)
        return g_strdup_printf("a list of {%s}", words);
    return g_strdup(strcmp(kind, "text") == 0        ? "a text"
                    : strcmp(kind, "texts") == 0     ? "a list of texts"
                    : strcmp(kind, "date") == 0      ? "a day such as 2026-10-01"
                    : strcmp(kind, "flag") == 0      ? "true or false"
                    : strcmp(kind, "countries") == 0 ? "a list of countries such as [VN, KR]"
                                                     : "a list of countries such as [VN, KR], or [worldwide]");
}

/* holder: the map in which the fields stand, opened as `map`. */
static void check_fields(const json_t *row, const OkseNode *holder, OkseMap *map, OkseIssues *issues)
{
    unsigned filled = 0, before = okse_issues_count(issues);
    OksePlace whole = okse_node_place(holder);
    const char *name;
    json_t *field;

    json_object_foreach(json_object_get(row, "fields"), name, field)
    {
        const OkseNode *node = NULL;
        g_autofree char *what = wanted(field);
        OksePlace at = whole;

        okse_map_take_node(map, name, OKSE_OPTIONAL, &node);
        if (!is_blank(node)) {
            filled++;
            at = okse_node_place(node);
            if (!fits(node, field))
                okse_issue(issues, &at, "'%s' must be %s", name, what);
        } else if (json_is_true(json_object_get(field, "required"))) {
            okse_issue(issues, &at, "'%s' is blank: %s belongs there", name, what);
        }
    }
    if (filled == 0 && okse_issues_count(issues) == before)
        okse_issue(issues, &whole, "nothing in this document is filled in");
}

static char *known_types(const OksePapers *papers)
{
    GString *text = g_string_new(NULL);
    const json_t *row;
    size_t i;

    json_array_foreach(papers->rows, i, row)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", okse_json_peek_text(row, "type"));
    return g_string_free(text, FALSE);
}

void okse_papers_check(const OksePapers *papers, const OkseNode *document, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(document, "a document", issues);
    OksePlace at = okse_node_place(document);
    const char *form = NULL, *type = NULL, *title = NULL;
    const OkseNode *fields = NULL;
    const json_t *row;

    okse_map_take_text(map, "okse", OKSE_REQUIRED, &form);
    okse_map_take_text(map, "title", OKSE_OPTIONAL, &title);
    okse_map_take_text(map, "type", OKSE_REQUIRED, &type);
    okse_map_take_map(map, "fields", OKSE_OPTIONAL, &fields);
    row = type == NULL ? NULL : okse_papers_row(papers, type);
    if (type != NULL && row == NULL) {
        g_autofree char *types = known_types(papers);
        g_autofree char *shown = okse_text_show(type, -1, false);

        okse_issue(issues, &at, "there is no type of document '%s' (there is: %s)", shown, types);
    }
    if (row != NULL && fields == NULL) /* they may stand in the document itself */
        check_fields(row, document, map, issues);
    okse_map_end(map);
    if (row == NULL || fields == NULL)
        return;
    map = okse_map_open(fields, "fields", issues);
    check_fields(row, fields, map, issues);
    okse_map_end(map);
}

/* ---- drafts */

char *okse_papers_draft(const json_t *row, const char *why)
{
    GString *text = g_string_new(NULL);
    g_auto(GStrv) lines = why != NULL ? g_strsplit(why, "\n", -1) : NULL;
    const char *name;
    json_t *field;

    for (char **line = lines; line != NULL && *line != NULL; line++)
        if (**line != '\0')
            g_string_append_printf(text, "# %s\n", *line);
    g_string_append_printf(text, "okse: document/v1\ntype: %s\ntitle: %s\nfields:\n", okse_json_peek_text(row, "type"),
                           okse_json_peek_text(json_object_get(row, "title"), "en"));
    json_object_foreach(json_object_get(row, "fields"), name, field)
    {
        g_autofree char *what = wanted(field);

        g_string_append_printf(text, "  %s: # %s%s\n", name, what,
                               json_is_true(json_object_get(field, "required")) ? "; required" : "");
    }
    return g_string_free(text, FALSE);
}
