/* libyaml's events become a tree that is built once and then only read. An alias shares the node it names, so memory
 * stays small; each node knows the size of its subtree, and what aliases add up to is bounded (the "billion laughs"
 * document is refused by arithmetic, before anything is expanded). */
#include "core/yaml.h"

#include "core/limits.h"
#include "core/text.h"

#include <math.h>
#include <string.h>
#include <yaml.h>

struct OkseNode {
    OkseNodeKind kind;
    unsigned line, column;
    const OkseYaml *yaml;
    char *text;
    gint64 integer;   /* INTEGER; FLAG as 0 or 1 */
    double real;      /* REAL */
    GPtrArray *keys;  /* MAP: OkseNode (texts) */
    GPtrArray *items; /* LIST and MAP: OkseNode */
    uint64_t weight;  /* nodes of the subtree with aliases expanded */
};

struct OkseYaml {
    char *origin;
    bool foreign;
    GPtrArray *nodes; /* owns every node */
    GPtrArray *documents;
    GHashTable *anchors; /* name → OkseNode, of the current document */
    uint64_t alias_weight;
};

typedef struct {
    yaml_parser_t parser;
    OkseYaml *yaml;
    GError **error;
} Loader;

static OkseNode *load_node(Loader *loader, yaml_event_t *event, unsigned depth);

static void node_free(gpointer data)
{
    OkseNode *node = data;

    g_free(node->text);
    g_clear_pointer(&node->keys, g_ptr_array_unref);
    g_clear_pointer(&node->items, g_ptr_array_unref);
    g_free(node);
}

static gpointer refuse(Loader *loader, const yaml_mark_t *at, const char *what)
{
    okse_fail(loader->error, OKSE_ERROR_INVALID, "%s:%zu:%zu: %s", loader->yaml->origin, at->line + 1, at->column + 1,
              what);
    return NULL;
}

static bool next_event(Loader *loader, yaml_event_t *event)
{
    const yaml_parser_t *parser = &loader->parser;

    if (yaml_parser_parse(&loader->parser, event) == 1)
        return true;
    if (parser->problem_mark.line == 0 && parser->problem_mark.column == 0 && parser->problem_offset > 0)
        return okse_fail(loader->error, OKSE_ERROR_INVALID, "%s: byte %zu: %s", loader->yaml->origin,
                         parser->problem_offset, parser->problem);
    return okse_fail(loader->error, OKSE_ERROR_INVALID, "%s:%zu:%zu: %s%s%s", loader->yaml->origin,
                     parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                     parser->context != NULL ? parser->context : "", parser->context != NULL ? ": " : "",
                     parser->problem != NULL ? parser->problem : "not YAML");
}

static OkseNode *node_new(Loader *loader, const yaml_event_t *event, OkseNodeKind kind)
{
    OkseNode *node;

    if (loader->yaml->nodes->len >= OKSE_LIMIT_NODES)
        return refuse(loader, &event->start_mark, "more nodes than the limit allows");
    node = g_new0(OkseNode, 1);
    node->kind = kind;
    node->line = (unsigned)event->start_mark.line + 1;
    node->column = (unsigned)event->start_mark.column + 1;
    node->yaml = loader->yaml;
    node->weight = 1;
    g_ptr_array_add(loader->yaml->nodes, node);
    return node;
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

/* YAML 1.2 core schema: [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ */
static bool looks_integer(const char *text, unsigned *base, const char **digits)
{
    const char *allowed = "0123456789";

    *digits = text;
    *base = 10;
    if (g_str_has_prefix(text, "0o") || g_str_has_prefix(text, "0x")) {
        *base = text[1] == 'o' ? 8 : 16;
        allowed = text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
        *digits = text + 2;
        return **digits != '\0' && strspn(*digits, allowed) == strlen(*digits);
    }
    if (*text == '-' || *text == '+')
        text++;
    if (**digits == '+')
        (*digits)++;
    return *text != '\0' && strspn(text, allowed) == strlen(text);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool looks_real(const char *text)
{
    size_t whole, fraction = 0;

    if (*text == '-' || *text == '+')
        text++;
    whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        fraction = strspn(++text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+')
            text++;
        if (*text == '\0')
            return false;
        text += strspn(text, "0123456789");
    }
    return *text == '\0';
}

static bool resolve_integer(OkseNode *node, unsigned base, const char *digits)
{
    return g_ascii_string_to_signed(digits, base, G_MININT64, G_MAXINT64, &node->integer, NULL);
}

/* Gives a plain scalar its type; a number that does not fit 64 bits stays what it looks like and is refused. */
static bool resolve_plain(Loader *loader, OkseNode *node, const yaml_mark_t *at)
{
    const char *text = node->text, *digits;
    unsigned base;

    if (*text == '\0' || strcmp(text, "~") == 0 || is_one_of(text, "null", "Null", "NULL")) {
        node->kind = OKSE_NODE_NULL;
    } else if (is_one_of(text, "true", "True", "TRUE") || is_one_of(text, "false", "False", "FALSE")) {
        node->kind = OKSE_NODE_FLAG;
        node->integer = *text == 't' || *text == 'T';
    } else if (looks_integer(text, &base, &digits)) {
        node->kind = OKSE_NODE_INTEGER;
        if (!resolve_integer(node, base, digits)) {
            if (!loader->yaml->foreign)
                return refuse(loader, at, "number does not fit 64 bits") != NULL;
            node->kind = OKSE_NODE_TEXT;
        }
    } else if (looks_real(text)) {
        node->kind = OKSE_NODE_REAL;
        node->real = g_ascii_strtod(text, NULL);
        if (!isfinite(node->real)) { /* JSON has no such number */
            if (!loader->yaml->foreign)
                return refuse(loader, at, "number does not fit 64 bits") != NULL;
            node->kind = OKSE_NODE_TEXT;
        }
    }
    return true;
}

static OkseNode *load_scalar(Loader *loader, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    OkseNode *node;

    if (memchr(value, '\0', length) != NULL)
        return refuse(loader, &event->start_mark, "text has a NUL character");
    node = node_new(loader, event, OKSE_NODE_TEXT);
    if (node == NULL)
        return NULL;
    node->text = g_strndup(value, length);
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL &&
        !resolve_plain(loader, node, &event->start_mark))
        return NULL;
    return node;
}

static OkseNode *load_alias(Loader *loader, const yaml_event_t *event)
{
    OkseNode *node = g_hash_table_lookup(loader->yaml->anchors, event->data.alias.anchor);

    if (node == NULL)
        return refuse(loader, &event->start_mark, "alias to an anchor that is not complete or not there");
    if (node->weight > OKSE_LIMIT_ALIAS_NODES - MIN(loader->yaml->alias_weight, OKSE_LIMIT_ALIAS_NODES))
        return refuse(loader, &event->start_mark, "aliases add more nodes than the limit allows");
    loader->yaml->alias_weight += node->weight;
    return node;
}

static bool add_key(Loader *loader, OkseNode *map, GHashTable *seen, OkseNode *key, const yaml_mark_t *at)
{
    g_autofree char *shown = NULL;
    g_autofree char *message = NULL;

    if (key->text == NULL)
        return refuse(loader, at, "a key must be a text") != NULL;
    if (!g_hash_table_add(seen, key->text)) {
        shown = okse_text_show(key->text, -1, false);
        message = g_strdup_printf("duplicate key '%s'", shown);
        return refuse(loader, at, message) != NULL;
    }
    g_ptr_array_add(map->keys, key);
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static bool load_children(Loader *loader, OkseNode *node, yaml_event_type_t end, unsigned depth)
{
    g_autoptr(GHashTable) seen = node->kind == OKSE_NODE_MAP ? g_hash_table_new(g_str_hash, g_str_equal) : NULL;

    for (bool want_key = node->kind == OKSE_NODE_MAP;;) {
        yaml_event_t event;
        yaml_mark_t at;
        OkseNode *child;

        if (!next_event(loader, &event))
            return false;
        if (event.type == end) {
            yaml_event_delete(&event);
            return true;
        }
        at = event.start_mark;
        child = load_node(loader, &event, depth + 1);
        if (child == NULL)
            return false;
        node->weight += child->weight;
        if (want_key && !add_key(loader, node, seen, child, &at))
            return false;
        if (!want_key)
            g_ptr_array_add(node->items, child);
        want_key = node->kind == OKSE_NODE_MAP && !want_key;
    }
}

/* Takes over the event. */
/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static OkseNode *load_node(Loader *loader, yaml_event_t *event, unsigned depth)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT, map = event->type == YAML_MAPPING_START_EVENT;
    bool scalar = event->type == YAML_SCALAR_EVENT;
    const yaml_char_t *anchor = list     ? event->data.sequence_start.anchor
                                : map    ? event->data.mapping_start.anchor
                                : scalar ? event->data.scalar.anchor
                                         : NULL;
    const yaml_char_t *tag = list     ? event->data.sequence_start.tag
                             : map    ? event->data.mapping_start.tag
                             : scalar ? event->data.scalar.tag
                                      : NULL;
    g_autofree char *name = g_strdup((const char *)anchor);
    OkseNode *node = NULL;

    if (depth > OKSE_LIMIT_DEPTH) {
        refuse(loader, &event->start_mark, "nested too deep");
    } else if (tag != NULL && !loader->yaml->foreign) {
        refuse(loader, &event->start_mark, "tags are not used here");
    } else if (event->type == YAML_ALIAS_EVENT) {
        node = load_alias(loader, event);
    } else if (scalar) {
        node = load_scalar(loader, event);
    } else {
        node = node_new(loader, event, map ? OKSE_NODE_MAP : OKSE_NODE_LIST);
        if (node != NULL) {
            node->items = g_ptr_array_new();
            node->keys = map ? g_ptr_array_new() : NULL;
        }
    }
    yaml_event_delete(event);
    if (node != NULL && (list || map) &&
        !load_children(loader, node, map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth))
        return NULL;
    if (node != NULL && name != NULL)
        g_hash_table_replace(loader->yaml->anchors, g_steal_pointer(&name), node);
    return node;
}

static bool load_document(Loader *loader, const yaml_mark_t *at)
{
    yaml_event_t event;
    OkseNode *root;

    if (loader->yaml->documents->len > 0 && !loader->yaml->foreign)
        return refuse(loader, at, "a second document; one is expected") != NULL;
    g_hash_table_remove_all(loader->yaml->anchors);
    if (!next_event(loader, &event))
        return false;
    root = load_node(loader, &event, 0);
    if (root == NULL)
        return false;
    g_ptr_array_add(loader->yaml->documents, root);
    if (!next_event(loader, &event)) /* document end */
        return false;
    yaml_event_delete(&event);
    return true;
}

static bool load_stream(Loader *loader)
{
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        yaml_mark_t at;

        if (!next_event(loader, &event))
            return false;
        type = event.type;
        at = event.start_mark;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return true;
        if (type == YAML_DOCUMENT_START_EVENT && !load_document(loader, &at))
            return false;
    }
}

static OkseYaml *read_yaml(GBytes *bytes, const char *origin, bool foreign, GError **error)
{
    g_autoptr(OkseYaml) yaml = g_new0(OkseYaml, 1);
    Loader loader = {.yaml = yaml, .error = error};
    gsize length;
    const unsigned char *data = g_bytes_get_data(bytes, &length);
    bool loaded;

    yaml->origin = g_strdup(origin);
    yaml->foreign = foreign;
    yaml->nodes = g_ptr_array_new_with_free_func(node_free);
    yaml->documents = g_ptr_array_new();
    yaml->anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (length > OKSE_LIMIT_DOCUMENT) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of %u bytes", origin, OKSE_LIMIT_DOCUMENT);
        return NULL;
    }
    if (yaml_parser_initialize(&loader.parser) != 1)
        g_error("libyaml: out of memory");
    yaml_parser_set_encoding(&loader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&loader.parser, data != NULL ? data : (const unsigned char *)"", length);
    loaded = load_stream(&loader);
    yaml_parser_delete(&loader.parser);
    if (!loaded)
        return NULL;
    if (yaml->documents->len == 0 && !foreign) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s:1:1: empty document", origin);
        return NULL;
    }
    return g_steal_pointer(&yaml);
}

OkseYaml *okse_yaml_read(GBytes *bytes, const char *origin, GError **error)
{
    return read_yaml(bytes, origin, false, error);
}

OkseYaml *okse_yaml_read_foreign(GBytes *bytes, const char *origin, GError **error)
{
    return read_yaml(bytes, origin, true, error);
}

void okse_yaml_free(OkseYaml *yaml)
{
    if (yaml == NULL)
        return;
    g_clear_pointer(&yaml->documents, g_ptr_array_unref);
    g_clear_pointer(&yaml->nodes, g_ptr_array_unref);
    g_clear_pointer(&yaml->anchors, g_hash_table_unref);
    g_free(yaml->origin);
    g_free(yaml);
}

unsigned okse_yaml_documents(const OkseYaml *yaml)
{
    return yaml->documents->len;
}

const OkseNode *okse_yaml_document(const OkseYaml *yaml, unsigned index)
{
    return index < yaml->documents->len ? g_ptr_array_index(yaml->documents, index) : NULL;
}

const OkseNode *okse_yaml_root(const OkseYaml *yaml)
{
    return okse_yaml_document(yaml, 0);
}

OkseNodeKind okse_node_kind(const OkseNode *node)
{
    return node->kind;
}

const char *okse_node_kind_name(const OkseNode *node)
{
    static const char *const names[] = {"nothing", "a flag", "a whole number", "a number", "a text", "a list", "a map"};

    return names[node->kind];
}

OksePlace okse_node_place(const OkseNode *node)
{
    return (OksePlace){node->yaml->origin, node->line, node->column};
}

const char *okse_node_text(const OkseNode *node)
{
    return node->text;
}

bool okse_node_flag(const OkseNode *node)
{
    return node->kind == OKSE_NODE_FLAG && node->integer != 0;
}

gint64 okse_node_integer(const OkseNode *node)
{
    return node->kind == OKSE_NODE_INTEGER ? node->integer : 0;
}

unsigned okse_node_count(const OkseNode *node)
{
    return node != NULL && node->items != NULL ? node->items->len : 0;
}

const OkseNode *okse_node_item(const OkseNode *node, unsigned index)
{
    return index < okse_node_count(node) ? g_ptr_array_index(node->items, index) : NULL;
}

static const OkseNode *key_node(const OkseNode *node, unsigned index)
{
    g_return_val_if_fail(node->kind == OKSE_NODE_MAP && index < node->keys->len, NULL);
    return g_ptr_array_index(node->keys, index);
}

const char *okse_node_key(const OkseNode *node, unsigned index)
{
    return key_node(node, index)->text;
}

OksePlace okse_node_key_place(const OkseNode *node, unsigned index)
{
    return okse_node_place(key_node(node, index));
}

const OkseNode *okse_node_get(const OkseNode *node, const char *key)
{
    if (node == NULL || node->kind != OKSE_NODE_MAP)
        return NULL;
    for (guint i = 0; i < node->keys->len; i++)
        if (strcmp(okse_node_key(node, i), key) == 0)
            return g_ptr_array_index(node->items, i);
    return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
json_t *okse_node_to_json(const OkseNode *node)
{
    json_t *value;

    switch (node->kind) {
    case OKSE_NODE_NULL:
        return json_null();
    case OKSE_NODE_FLAG:
        return json_boolean(node->integer != 0);
    case OKSE_NODE_INTEGER:
        return json_integer(node->integer);
    case OKSE_NODE_REAL:
        return json_real(node->real);
    case OKSE_NODE_TEXT:
        return json_string(node->text);
    case OKSE_NODE_LIST:
        value = json_array();
        for (unsigned i = 0; i < node->items->len; i++)
            json_array_append_new(value, okse_node_to_json(g_ptr_array_index(node->items, i)));
        return value;
    case OKSE_NODE_MAP:
        value = json_object();
        for (unsigned i = 0; i < node->items->len; i++)
            json_object_set_new(value, okse_node_key(node, i), okse_node_to_json(g_ptr_array_index(node->items, i)));
        return value;
    }
    g_assert_not_reached();
}
