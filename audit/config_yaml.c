/* YAML and JSON, by libyaml: maps become children, items of a list repeat the key of the list. */
#include "audit/config_build.h"
#include "core/yaml.h"

#include <string.h>

static OkseConfigSpan span_of(const char *text, OksePlace place)
{
    return (OkseConfigSpan){text, strlen(text), place.line, place.column};
}

static bool add_children(OkseConfigText *text, OkseConfigNode *parent, const OkseNode *node, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static bool add_node(OkseConfigText *text, OkseConfigNode *parent, OkseConfigSpan key, const OkseNode *node,
                     unsigned depth)
{
    const char *scalar = okse_node_text(node);
    OkseConfigNode *child;

    if (okse_node_kind(node) == OKSE_NODE_LIST && depth < OKSE_CONFIG_DEPTH) {
        for (unsigned i = 0; i < okse_node_count(node); i++) {
            const OkseNode *item = okse_node_item(node, i);
            OksePlace place = okse_node_place(item); /* of the item, not of its list */

            if (!add_node(text, parent, (OkseConfigSpan){key.text, key.length, place.line, place.column}, item,
                          depth + 1))
                return false;
        }
        return true;
    }
    child = okse_config_add(text, parent, key, NULL);
    if (child == NULL || depth >= OKSE_CONFIG_DEPTH)
        return false;
    if (scalar == NULL)
        return add_children(text, child, node, depth + 1);
    okse_config_value(text, child, span_of(scalar, okse_node_place(node)));
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_CONFIG_DEPTH */
static bool add_children(OkseConfigText *text, OkseConfigNode *parent, const OkseNode *node, unsigned depth)
{
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *item = okse_node_item(node, i);
        const char *key = okse_node_kind(node) == OKSE_NODE_MAP ? okse_node_key(node, i) : "-";
        OksePlace place = okse_node_kind(node) == OKSE_NODE_MAP ? okse_node_key_place(node, i) : okse_node_place(item);

        if (!add_node(text, parent, span_of(key, place), item, depth))
            return false;
    }
    return true;
}

bool okse_config_read_yaml(OkseConfigText *text, OkseConfigNode *top, GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(text->at, (gsize)(text->end - text->at));
    g_autoptr(OkseYaml) yaml = okse_yaml_read_foreign(bytes, text->origin, error);

    if (yaml == NULL)
        return false;
    for (unsigned i = 0; i < okse_yaml_documents(yaml); i++)
        if (!add_children(text, top, okse_yaml_document(yaml, i), 0))
            return okse_config_too_much(text, error);
    return true;
}
