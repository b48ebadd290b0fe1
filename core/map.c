/* Strict reading of a YAML map: what is asked for is remembered, so that a key nobody asked for can be answered with
 * the one that was probably meant. */
#include "core/text.h"
#include "core/yaml.h"

#include <stdint.h>
#include <string.h>

struct OkseMap {
    const OkseNode *node; /* NULL when it was no map */
    const char *what;
    OkseIssues *issues;
    GPtrArray *asked; /* keys, static strings of the caller */
};

OkseMap *okse_map_open(const OkseNode *node, const char *what, OkseIssues *issues)
{
    OkseMap *map = g_new0(OkseMap, 1);
    OksePlace at = okse_node_place(node);

    map->what = what;
    map->issues = issues;
    map->asked = g_ptr_array_new();
    if (okse_node_kind(node) == OKSE_NODE_MAP)
        map->node = node;
    else
        okse_issue(issues, &at, "%s must be a map, not %s", what, okse_node_kind_name(node));
    return map;
}

static bool was_asked(const OkseMap *map, const char *key)
{
    for (guint i = 0; i + 1 < map->asked->len; i++)
        if (strcmp(g_ptr_array_index(map->asked, i), key) == 0)
            return true;
    return false;
}

void okse_map_end(OkseMap *map)
{
    g_ptr_array_add(map->asked, NULL);
    for (unsigned i = 0; i < okse_node_count(map->node); i++) {
        const char *key = okse_node_key(map->node, i), *near;
        OksePlace at = okse_node_key_place(map->node, i);
        g_autofree char *shown = NULL;

        if (was_asked(map, key))
            continue;
        near = okse_text_nearest(key, (const char *const *)map->asked->pdata);
        shown = okse_text_show(key, -1, false);
        if (near != NULL)
            okse_issue(map->issues, &at, "unknown key '%s' (did you mean '%s'?)", shown, near);
        else
            okse_issue(map->issues, &at, "unknown key '%s' in %s", shown, map->what);
    }
    g_ptr_array_unref(map->asked);
    g_free(map);
}

bool okse_map_take_node(OkseMap *map, const char *key, OksePresence presence, const OkseNode **node)
{
    const OkseNode *found = okse_node_get(map->node, key);

    g_ptr_array_add(map->asked, (gpointer)(uintptr_t)key);
    if (found != NULL) {
        *node = found;
        return true;
    }
    if (presence == OKSE_REQUIRED && map->node != NULL) {
        OksePlace at = okse_node_place(map->node);

        okse_issue(map->issues, &at, "%s needs the key '%s'", map->what, key);
    }
    return false;
}

static bool take_kind(OkseMap *map, const char *key, OksePresence presence, OkseNodeKind kind, const OkseNode **node)
{
    static const char *const names[] = {"nothing", "true or false", "a whole number", "a number",
                                        "a text",  "a list",        "a map"};
    const OkseNode *found = NULL;
    OksePlace at;

    if (!okse_map_take_node(map, key, presence, &found))
        return false;
    if (okse_node_kind(found) == kind) {
        *node = found;
        return true;
    }
    at = okse_node_place(found);
    okse_issue(map->issues, &at, "'%s' must be %s, not %s", key, names[kind], okse_node_kind_name(found));
    return false;
}

bool okse_map_take_text(OkseMap *map, const char *key, OksePresence presence, const char **text)
{
    const OkseNode *node = NULL;

    if (!take_kind(map, key, presence, OKSE_NODE_TEXT, &node))
        return false;
    if (*okse_node_text(node) == '\0') {
        OksePlace at = okse_node_place(node);

        okse_issue(map->issues, &at, "'%s' is empty", key);
        return false;
    }
    *text = okse_node_text(node);
    return true;
}

char *okse_map_dup_text(OkseMap *map, const char *key, OksePresence presence)
{
    const char *text = NULL;

    return okse_map_take_text(map, key, presence, &text) ? g_strdup(text) : NULL;
}

bool okse_map_take_unsigned(OkseMap *map, const char *key, OksePresence presence, guint64 *value)
{
    const OkseNode *node = NULL;
    OksePlace at;

    if (!take_kind(map, key, presence, OKSE_NODE_INTEGER, &node))
        return false;
    if (okse_node_integer(node) < 0) {
        at = okse_node_place(node);
        okse_issue(map->issues, &at, "'%s' must not be negative", key);
        return false;
    }
    *value = (guint64)okse_node_integer(node);
    return true;
}

bool okse_map_take_flag(OkseMap *map, const char *key, OksePresence presence, bool *value)
{
    const OkseNode *node = NULL;

    if (!take_kind(map, key, presence, OKSE_NODE_FLAG, &node))
        return false;
    *value = okse_node_flag(node);
    return true;
}

bool okse_map_take_list(OkseMap *map, const char *key, OksePresence presence, const OkseNode **list)
{
    return take_kind(map, key, presence, OKSE_NODE_LIST, list);
}

bool okse_map_take_map(OkseMap *map, const char *key, OksePresence presence, const OkseNode **child)
{
    return take_kind(map, key, presence, OKSE_NODE_MAP, child);
}
