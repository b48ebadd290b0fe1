/* A path of a row is keys joined with "/", "[]" for every item of a list, "*" for every member of a map. What a row
 * finds is kept as a value; with a role it is an endpoint too: the value as an address, or the host that it stands for
 * ("s3.{}.amazonaws.com" of a region). */
#include "audit/object_fields.h"

#include "audit/object_store.h"

#include <string.h>

#define VALUES 512u /* that one object's fields may give */

json_t *okse_object_fields_read(const OkseResources *resources, GError **error)
{
    static const char path[] = "manifests/object-fields.yaml";
    g_autofree char *name = okse_resources_name(resources, path);
    g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);
    g_autoptr(OkseYaml) yaml = bytes == NULL ? NULL : okse_yaml_read(bytes, name, error);

    return yaml == NULL ? NULL : okse_node_to_json(okse_yaml_root(yaml));
}

typedef struct {
    const OkseObjectFile *file;
    const json_t *row;
    json_t *values;
    const char *path;
} Walk;

static json_t *shown(const Walk *walk, const OkseNode *node, const char *name)
{
    g_autoptr(json_t) raw = NULL;

    if (okse_node_kind(node) == OKSE_NODE_TEXT)
        return okse_object_text(walk->file, name, okse_node_text(node));
    raw = okse_node_to_json(node);
    return okse_collect_mask_texts(walk->file->collection, raw);
}

/* "s3.{}.amazonaws.com" with the value in the place of the braces; owned. */
static char *filled(const char *pattern, const char *value)
{
    const char *gap = strstr(pattern, "{}");

    return gap == NULL ? g_strdup(pattern) : g_strdup_printf("%.*s%s%s", (int)(gap - pattern), pattern, value, gap + 2);
}

/* A row may be about some values only: "GRS" of a kind of replication. */
static bool is_wanted(const json_t *row, const char *text)
{
    const json_t *wanted = json_object_get(row, "values"), *one;
    size_t i;

    json_array_foreach(wanted, i,
                       one) if (text != NULL && g_pattern_match_simple(json_string_value(one), text)) return true;
    return wanted == NULL;
}

static void tell(const Walk *walk, const OkseNode *node)
{
    const char *role = okse_json_peek_text(walk->row, "role"), *host = okse_json_peek_text(walk->row, "host");
    const char *direction = okse_json_peek_text(walk->row, "direction"), *text = okse_node_text(node);
    const char *slash = strrchr(walk->path, '/'), *name = slash != NULL ? slash + 1 : walk->path;
    g_autofree char *key = g_strdelimit(g_strdup(walk->path), "/", '.'), *made = NULL;
    OkseObjectPlace place = okse_object_place(walk->file, node, key);

    if (!is_wanted(walk->row, text))
        return;
    if (json_array_size(walk->values) < VALUES)
        json_array_append_new(walk->values,
                              json_pack("{s:s,s:o,s:o,s:O?}", "path", walk->path, "value", shown(walk, node, name),
                                        "line", place.line > 0 ? json_integer(place.line) : json_null(), "as",
                                        json_object_get(walk->row, "as")));
    if (role == NULL || text == NULL || *text == '\0' || okse_node_kind(node) == OKSE_NODE_NULL)
        return;
    if (host == NULL && direction == NULL) {
        okse_object_address(walk->file, &place, text, role);
        return;
    }
    made = host != NULL ? filled(host, text) : g_strdup(text);
    if (host != NULL && strstr(text, "://") != NULL) { /* "gs://bucket": the scanner would take the bucket for a host */
        const char *rest = strstr(text, "://") + 3;
        g_autofree char *bucket = g_strndup(rest, strcspn(rest, "/:"));

        okse_object_claim(walk->file, place.line, bucket);
    }
    if (strpbrk(made, " /{}$\"") == NULL)
        okse_object_endpoint(walk->file, &place,
                             &(OkseObjectEndpoint){.host = made, .direction = direction, .role = role});
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by the length of the row's path */
static void walk_path(const Walk *walk, const OkseNode *node, char **rest)
{
    if (node == NULL)
        return;
    if (*rest == NULL) {
        tell(walk, node);
        return;
    }
    if (strcmp(*rest, "[]") == 0 || strcmp(*rest, "*") == 0) {
        bool list = okse_node_kind(node) == OKSE_NODE_LIST;

        if (list == (strcmp(*rest, "[]") == 0))
            for (unsigned i = 0; i < okse_node_count(node); i++)
                walk_path(walk, okse_node_item(node, i), rest + 1);
        return;
    }
    walk_path(walk, okse_node_get(node, *rest), rest + 1);
}

/* A row may be void where another field of the object is there: a region means nothing beside an address of one's own.
 */
static bool is_void(const json_t *row, const OkseNode *node)
{
    const char *path = okse_json_peek_text(row, "unless");
    g_auto(GStrv) words = path == NULL ? NULL : g_strsplit(path, "/", -1);

    for (char **word = words; word != NULL && *word != NULL; word++)
        node = okse_node_get(node, *word);
    return words != NULL && node != NULL;
}

static bool row_is_about(const json_t *row, const char *kind)
{
    const json_t *kinds = json_object_get(row, "kinds");

    for (size_t i = 0; i < json_array_size(kinds); i++)
        if (g_pattern_match_simple(json_string_value(json_array_get(kinds, i)), kind))
            return true;
    return false;
}

static const json_t *rows_of(const OkseObjectFile *file, const char *family)
{
    const OkseObjects *objects = file->collection->objects;

    return objects == NULL ? NULL : json_object_get(objects->fields, family);
}

json_t *okse_object_fields(const OkseObjectFile *file, const char *family, const char *kind, const OkseNode *node)
{
    const json_t *rows = rows_of(file, family);
    json_t *values = json_array();

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *paths = json_object_get(row, "paths");

        for (size_t k = 0; row_is_about(row, kind) && !is_void(row, node) && k < json_array_size(paths); k++) {
            const char *path = json_string_value(json_array_get(paths, k));
            g_auto(GStrv) words = g_strsplit(path != NULL ? path : "", "/", -1);
            Walk walk = {file, row, values, path};

            if (path != NULL)
                walk_path(&walk, node, words);
        }
    }
    if (json_array_size(values) >= VALUES)
        okse_object_partial(file, "has an object with more values than are told");
    return values;
}
