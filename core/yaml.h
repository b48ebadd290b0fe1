#pragma once

#include "core/issue.h"

#include <jansson.h>

/* YAML as a tree of nodes that remember where they stood. Scalars follow the core schema of YAML 1.2 (so `no`, `on` and
 * `12:30` are texts). Source: YAML 1.2.2 §10.3. */
typedef struct OkseYaml OkseYaml;
typedef struct OkseNode OkseNode;

typedef enum {
    OKSE_NODE_NULL,
    OKSE_NODE_FLAG,
    OKSE_NODE_INTEGER,
    OKSE_NODE_REAL,
    OKSE_NODE_TEXT,
    OKSE_NODE_LIST,
    OKSE_NODE_MAP,
} OkseNodeKind;

/* Read a document of ours (stack.yaml, trust.yaml, a control): exactly one document, no tags, keys are texts and not
 * repeated, at most OKSE_LIMIT_DOCUMENT bytes, OKSE_LIMIT_DEPTH levels, OKSE_LIMIT_NODES nodes; aliases may add
 * OKSE_LIMIT_ALIAS_NODES nodes. origin: its name in messages; copied.
 * Errors: INVALID with origin:line:column. */
OkseYaml *okse_yaml_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Read a configuration of somebody else's: several documents, tags ignored; bounds and repeated keys as above.
 * Documents are reached by okse_yaml_document(). */
OkseYaml *okse_yaml_read_foreign(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;

void okse_yaml_free(OkseYaml *yaml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseYaml, okse_yaml_free)

/* Everything below is borrowed from the OkseYaml. */
unsigned okse_yaml_documents(const OkseYaml *yaml);
const OkseNode *okse_yaml_document(const OkseYaml *yaml, unsigned index);
/* The first document's root. */
const OkseNode *okse_yaml_root(const OkseYaml *yaml);

OkseNodeKind okse_node_kind(const OkseNode *node);
/* "a text", "a list", … for messages. */
const char *okse_node_kind_name(const OkseNode *node);
OksePlace okse_node_place(const OkseNode *node);
/* A scalar's text as written (for null, flags and numbers too); NULL for lists and maps. */
const char *okse_node_text(const OkseNode *node);
bool okse_node_flag(const OkseNode *node);
gint64 okse_node_integer(const OkseNode *node);
/* Items of a list, or members of a map. */
unsigned okse_node_count(const OkseNode *node);
const OkseNode *okse_node_item(const OkseNode *node, unsigned index); /* list item or map value */
const char *okse_node_key(const OkseNode *node, unsigned index);
OksePlace okse_node_key_place(const OkseNode *node, unsigned index);
/* The member of a map, or NULL (also when node is NULL or no map). */
const OkseNode *okse_node_get(const OkseNode *node, const char *key);

/* The same value as JSON (a new reference). Integers beyond 64 bits were refused at reading. */
json_t *okse_node_to_json(const OkseNode *node) G_GNUC_WARN_UNUSED_RESULT;

/* Reading a map strictly: take out each key as it is understood; okse_map_end() refuses what nobody took, naming the
 * nearest key that somebody asked for. Wrong types and missing required keys are recorded as issues; the outputs are
 * then left alone. Values are borrowed from the OkseYaml. */
typedef struct OkseMap OkseMap;

/* what: how messages call it ("component"). A node that is no map is an issue; taking from it then finds nothing. */
OkseMap *okse_map_open(const OkseNode *node, const char *what, OkseIssues *issues);
/* Reports what is left over, and frees. */
void okse_map_end(OkseMap *map);

typedef enum { OKSE_OPTIONAL, OKSE_REQUIRED } OksePresence;

bool okse_map_take_text(OkseMap *map, const char *key, OksePresence presence, const char **text);
/* The same as a new string, or NULL. */
char *okse_map_dup_text(OkseMap *map, const char *key, OksePresence presence) G_GNUC_WARN_UNUSED_RESULT;
bool okse_map_take_unsigned(OkseMap *map, const char *key, OksePresence presence, guint64 *value);
bool okse_map_take_flag(OkseMap *map, const char *key, OksePresence presence, bool *value);
/* Any kind of node; false when absent. */
bool okse_map_take_node(OkseMap *map, const char *key, OksePresence presence, const OkseNode **node);
bool okse_map_take_list(OkseMap *map, const char *key, OksePresence presence, const OkseNode **list);
bool okse_map_take_map(OkseMap *map, const char *key, OksePresence presence, const OkseNode **child);
