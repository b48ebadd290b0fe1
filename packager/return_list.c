#include "packager/return_list.h"

#include "core/fd.h"
#include "core/text.h"
#include "core/vocabulary.h"
#include "core/yaml.h"
#include "packager/stack.h"

#include <string.h>

#define FORMAT "return/v1"

/* By the value of OkseReturnKind. */
static const char *const kinds[] = {"verification", "findings", "statement", NULL};

typedef struct {
    OkseReturnList *list;
    OkseIssues *issues;
    const OkseVocabulary *countries;
} Reader;

static void item_free(gpointer data)
{
    OkseReturnItem *item = data;

    g_free(item->path);
    g_free(item->redaction);
    g_free(item->about);
    g_free(item);
}

void okse_return_list_free(OkseReturnList *list)
{
    if (list == NULL)
        return;
    g_free(list->name);
    g_free(list->version);
    g_free(list->from_name);
    g_free(list->from_country);
    g_free(list->from_contact);
    g_free(list->to);
    g_ptr_array_unref(list->items);
    g_free(list);
}

const OkseReturnItem *okse_return_list_find(const OkseReturnList *list, const char *path)
{
    for (guint i = 0; i < list->items->len; i++)
        if (strcmp(((const OkseReturnItem *)g_ptr_array_index(list->items, i))->path, path) == 0)
            return g_ptr_array_index(list->items, i);
    return NULL;
}

static void G_GNUC_PRINTF(4, 5)
    complain(const Reader *reader, const OkseNode *map, const char *key, const char *format, ...)
{
    const OkseNode *node = okse_node_get(map, key);
    OksePlace at = okse_node_place(node != NULL ? node : map);
    g_autofree char *message = NULL;
    va_list words;

    va_start(words, format);
    message = g_strdup_vprintf(format, words);
    va_end(words);
    okse_issue(reader->issues, &at, "%s", message);
}

static void country_check(const Reader *reader, const OkseNode *map, const char *key, const char *country)
{
    if (country != NULL && okse_vocabulary_find(reader->countries, country) == NULL)
        complain(reader, map, key, "unknown country '%s' (ISO 3166-1 alpha-2, such as KR)", country);
}

static void from_read(const Reader *reader, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "from", reader->issues);

    reader->list->from_name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    reader->list->from_country = okse_map_dup_text(map, "country", OKSE_REQUIRED);
    reader->list->from_contact = okse_map_dup_text(map, "contact", OKSE_OPTIONAL);
    okse_map_end(map);
    country_check(reader, node, "country", reader->list->from_country);
}

static bool kind_find(const char *text, OkseReturnKind *kind)
{
    for (unsigned i = 0; kinds[i] != NULL; i++)
        if (strcmp(kinds[i], text) == 0) {
            *kind = (OkseReturnKind)i;
            return true;
        }
    return false;
}

static void path_check(const Reader *reader, const OkseNode *node, const char *path)
{
    g_autoptr(GError) cause = NULL;

    if (path == NULL)
        return;
    if (!okse_path_check(path, &cause))
        complain(reader, node, "path", "%s", cause->message);
    else if (okse_return_list_find(reader->list, path) != NULL)
        complain(reader, node, "path", "'%s' is listed twice", path);
}

/* What belongs to one kind of item and to no other. */
static void member_check(const Reader *reader, const OkseNode *node, const char *key, const char *value, bool wanted)
{
    if (wanted != (value != NULL))
        complain(reader, node, key, wanted ? "'%s' is missing" : "'%s' does not belong to an item of this kind", key);
}

static void item_read(const Reader *reader, const OkseNode *node)
{
    OkseMap *map = okse_map_open(node, "item", reader->issues);
    g_autofree char *kind = okse_map_dup_text(map, "kind", OKSE_REQUIRED);
    OkseReturnItem *item = g_new0(OkseReturnItem, 1);

    item->path = okse_map_dup_text(map, "path", OKSE_REQUIRED);
    item->redaction = okse_map_dup_text(map, "redaction", OKSE_OPTIONAL);
    item->about = okse_map_dup_text(map, "about", OKSE_OPTIONAL);
    okse_map_end(map);
    path_check(reader, node, item->path);
    if (kind != NULL && kind_find(kind, &item->kind)) {
        member_check(reader, node, "redaction", item->redaction, item->kind == OKSE_RETURN_FINDINGS);
        member_check(reader, node, "about", item->about, item->kind == OKSE_RETURN_STATEMENT);
    } else if (kind != NULL) {
        complain(reader, node, "kind", "unknown kind '%s' (verification, findings or statement)", kind);
    }
    if (item->path != NULL)
        g_ptr_array_add(reader->list->items, item);
    else
        item_free(item);
}

static void items_read(const Reader *reader, const OkseNode *node)
{
    if (okse_node_count(node) == 0 || okse_node_count(node) > OKSE_LIMIT_RETURN_ITEMS) {
        OksePlace at = okse_node_place(node);

        okse_issue(reader->issues, &at, "'items' are %u; a return has from 1 to %u", okse_node_count(node),
                   OKSE_LIMIT_RETURN_ITEMS);
        return;
    }
    for (unsigned i = 0; i < okse_node_count(node); i++)
        item_read(reader, okse_node_item(node, i));
}

static void head_read(const Reader *reader, OkseMap *map, const OkseNode *root)
{
    OkseReturnList *list = reader->list;
    g_autofree char *format = okse_map_dup_text(map, "okse", OKSE_REQUIRED);

    if (format != NULL && strcmp(format, FORMAT) != 0)
        complain(reader, root, "okse", "'%s' is not " FORMAT, format);
    list->name = okse_map_dup_text(map, "name", OKSE_REQUIRED);
    list->version = okse_map_dup_text(map, "version", OKSE_REQUIRED);
    list->to = okse_map_dup_text(map, "to", OKSE_REQUIRED);
    country_check(reader, root, "to", list->to);
    if (list->name != NULL && !okse_stack_name_is_good(list->name))
        complain(reader, root, "name", "'%s' is no name (small letters, digits, single '-')", list->name);
    if (list->version != NULL && !okse_stack_version_is_good(list->version))
        complain(reader, root, "version", "'%s' is no version (letters and digits joined by . _ + -)", list->version);
    if (okse_map_take_unsigned(map, "sequence", OKSE_REQUIRED, &list->sequence) && list->sequence == 0)
        complain(reader, root, "sequence", "'sequence' starts at 1");
}

static void about_check(const Reader *reader, const OkseNode *items)
{
    for (guint i = 0; i < reader->list->items->len; i++) {
        const OkseReturnItem *item = g_ptr_array_index(reader->list->items, i);
        const OkseReturnItem *other = item->about != NULL ? okse_return_list_find(reader->list, item->about) : NULL;

        if (item->about != NULL && (other == NULL || other->kind == OKSE_RETURN_STATEMENT))
            complain(reader, okse_node_item(items, i), "about", "'%s' is no document of this list", item->about);
    }
}

static void list_read(const Reader *reader, const OkseNode *root)
{
    OkseMap *map = okse_map_open(root, "the list", reader->issues);
    const OkseNode *child = NULL;

    head_read(reader, map, root);
    if (okse_map_take_map(map, "from", OKSE_REQUIRED, &child))
        from_read(reader, child);
    if (okse_map_take_list(map, "items", OKSE_REQUIRED, &child)) {
        items_read(reader, child);
        if (reader->list->items->len == okse_node_count(child))
            about_check(reader, child);
    }
    okse_map_end(map);
}

OkseReturnList *okse_return_list_read(GBytes *yaml, const char *origin, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseReturnList) list = g_new0(OkseReturnList, 1);
    g_autoptr(OkseVocabulary) countries = NULL;
    g_autoptr(OkseIssues) issues = okse_issues_new();
    g_autoptr(OkseYaml) document = okse_yaml_read(yaml, origin, error);

    list->items = g_ptr_array_new_with_free_func(item_free);
    if (document == NULL)
        return NULL;
    countries = okse_vocabulary_read(resources, "countries", error);
    if (countries == NULL)
        return NULL;
    list_read(&(Reader){list, issues, countries}, okse_yaml_root(document));
    return okse_issues_none(issues, error) ? g_steal_pointer(&list) : NULL;
}
