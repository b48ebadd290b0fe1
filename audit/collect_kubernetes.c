/* Kubernetes objects in a file: lists, several documents, and pods wherever they stand in an object, so that the custom
 * kinds of operators are read as well as a Deployment. */
#include "audit/collect_objects.h"
#include "audit/object_fields.h"
#include "audit/object_store.h"
#include "core/limits.h"

#include <string.h>

#define LISTED 100000u /* objects of one file */

typedef struct {
    const OkseObjectFile *file;
    const char *kind, *namespace_, *name;
    const OkseNode *object;
    unsigned pods;
} Object;

static const char *text_at(const OkseNode *node, const char *key)
{
    const OkseNode *member = okse_node_get(node, key);

    return member == NULL || okse_node_kind(member) == OKSE_NODE_NULL ? NULL : okse_node_text(member);
}

static bool is_list_of_maps(const OkseNode *node)
{
    return node != NULL && okse_node_kind(node) == OKSE_NODE_LIST && okse_node_count(node) > 0 &&
           okse_node_kind(okse_node_item(node, 0)) == OKSE_NODE_MAP;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void find_pods(Object *object, const OkseNode *node, const OkseNode *labels)
{
    const OkseNode *own = okse_node_get(okse_node_get(node, "metadata"), "labels");

    if (own != NULL)
        labels = own;
    if (is_list_of_maps(okse_node_get(node, "containers"))) {
        const OkseKubernetesPod pod = {object->kind, object->namespace_, object->name, object->object,
                                       labels,       object->pods++};

        okse_collect_kubernetes_pod(object->file, &pod, node);
        return;
    }
    for (unsigned i = 0; i < okse_node_count(node); i++)
        if (okse_node_kind(okse_node_item(node, i)) >= OKSE_NODE_LIST)
            find_pods(object, okse_node_item(node, i), labels);
}

/* What kubectl apply was given, on one line: a copy of the object, which is read itself. */
static void pass_copy(const Object *object)
{
    const OkseNode *annotations = okse_node_get(okse_node_get(object->object, "metadata"), "annotations");
    const OkseNode *copy = okse_node_get(annotations, "kubectl.kubernetes.io/last-applied-configuration");

    if (copy != NULL && object->file->lines)
        okse_object_claim(object->file, okse_node_place(copy).line, OKSE_OBJECT_WHOLE_LINE);
}

/* ConfigMaps give variables to pods and hold whole configuration files. */
static void keep_map(const Object *object)
{
    const OkseNode *data = okse_node_get(object->object, "data");
    g_autofree char *name = g_strdup_printf("configmap %s/%s", object->namespace_ != NULL ? object->namespace_ : "",
                                            object->name != NULL ? object->name : "");
    json_t *rows = json_object();

    for (unsigned i = 0; data != NULL && okse_node_kind(data) == OKSE_NODE_MAP && i < okse_node_count(data); i++) {
        const OkseNode *item = okse_node_item(data, i);
        const char *key = okse_node_key(data, i), *text = okse_node_text(item);
        OkseObjectPlace place = okse_object_place(object->file, item, key);
        g_autofree char *config = g_strdup_printf("%s/%s", object->name != NULL ? object->name : "", key);

        if (text == NULL)
            continue;
        json_object_set_new(rows, key,
                            json_pack("{s:o,s:I,s:s}", "value", okse_object_text(object->file, key, text), "line",
                                      (json_int_t)place.line, "path", object->file->file->path));
        if (strchr(text, '\n') == NULL) {
            okse_object_scan(object->file, &place, text);
            continue;
        }
        okse_object_scan_text(object->file, &place, config, text);
        okse_object_config(object->file, &place, config, text);
    }
    json_object_set_new(object->file->collection->objects->maps, name, rows);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static unsigned last_line(const OkseNode *node)
{
    unsigned last = okse_node_place(node).line;

    for (unsigned i = 0; i < okse_node_count(node); i++) {
        unsigned inner = last_line(okse_node_item(node, i)); /* MAX() would ask twice at every level */

        last = MAX(last, inner);
    }
    return last;
}

/* A definition of a kind is no object; the schemas in it are full of examples and links. */
static void keep_forms(const OkseObjectFile *file, const OkseNode *definition)
{
    const OkseNode *versions = okse_node_get(okse_node_get(definition, "spec"), "versions");
    json_t *forms = file->collection->objects->forms, *ranges = json_object_get(forms, file->file->path);

    if (ranges == NULL) {
        ranges = json_array();
        json_object_set_new(forms, file->file->path, ranges);
    }
    for (unsigned i = 0; i < okse_node_count(versions); i++) {
        const OkseNode *schema = okse_node_get(okse_node_item(versions, i), "schema");

        if (schema != NULL && file->lines)
            json_array_append_new(
                ranges, json_pack("[I,I]", (json_int_t)okse_node_place(schema).line, (json_int_t)last_line(schema)));
    }
}

static void add_object(const Object *object)
{
    OkseObjectPlace place = okse_object_place(object->file, object->object, object->kind);
    json_t *values = okse_object_fields(object->file, "kubernetes", object->kind, object->object), *fact;
    g_autofree char *key =
        g_strdup_printf("%s|%u|%s|%s|%s", object->file->file->path, place.line, object->kind,
                        object->namespace_ != NULL ? object->namespace_ : "", object->name != NULL ? object->name : "");

    place.text = object->name;
    fact = json_pack("{s:s,s:s?,s:s?,s:s?,s:o,s:o,s:s}", "kind", object->kind, "api",
                     text_at(object->object, "apiVersion"), "namespace", object->namespace_, "name", object->name,
                     "values", values, "source", okse_object_source(object->file, &place), "state", "configured");
    okse_facts_add(object->file->collection->facts, "objects", key, fact);
}

static void read_object(const OkseObjectFile *file, const OkseNode *node)
{
    const OkseNode *metadata = okse_node_get(node, "metadata");
    Object object = {file, text_at(node, "kind"), text_at(metadata, "namespace"), text_at(metadata, "name"), node, 0};

    file->collection->objects->found = true;
    pass_copy(&object);
    if (strcmp(object.kind, "CustomResourceDefinition") == 0)
        keep_forms(file, node);
    else if (strcmp(object.kind, "ConfigMap") == 0)
        keep_map(&object);
    else if (strcmp(object.kind, "Secret") != 0)
        find_pods(&object, node, NULL);
    if (g_str_has_suffix(object.kind, "NetworkPolicy"))
        okse_collect_kubernetes_policy(file, object.kind, object.namespace_, node);
    add_object(&object);
}

bool okse_object_is_kubernetes(const OkseNode *node)
{
    const char *kind = text_at(node, "kind"), *api = text_at(node, "apiVersion");

    return kind != NULL && api != NULL && *kind != '\0' && g_ascii_isupper(*kind);
}

void okse_collect_kubernetes(const OkseObjectFile *file, const OkseNode *node)
{
    const OkseNode *items = okse_node_get(node, "items");

    if (items == NULL || okse_node_kind(items) != OKSE_NODE_LIST || !g_str_has_suffix(text_at(node, "kind"), "List")) {
        read_object(file, node);
        return;
    }
    if (okse_node_count(items) > LISTED)
        okse_object_partial(file, "lists more objects than are looked at");
    for (unsigned i = 0; i < MIN(okse_node_count(items), LISTED); i++) {
        const OkseNode *item = okse_node_item(items, i);

        if (okse_object_is_kubernetes(item))
            read_object(file, item);
        else
            okse_object_partial(file, "has an item of a list that is no object");
    }
}
