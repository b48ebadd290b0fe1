/* Types are borrowed nodes of the schema; they are compared by identity. The schema is our own file, but a directory
 * given with --manifests may bring another, so a $ref that leads nowhere or in circles means "anything". */
#include "audit/expression_type.h"

#include <string.h>

#define REFERENCE_HOPS 8u

const json_t *okse_type_resolve(const json_t *schema, const json_t *node)
{
    for (unsigned hops = 0; hops < REFERENCE_HOPS; hops++) {
        const char *reference = json_string_value(json_object_get(node, "$ref"));

        if (reference == NULL)
            return json_is_object(node) ? node : NULL;
        if (!g_str_has_prefix(reference, "#/$defs/"))
            return NULL;
        node = json_object_get(json_object_get(schema, "$defs"), reference + strlen("#/$defs/"));
    }
    return NULL;
}

static bool type_is(const json_t *node, const char *name)
{
    const json_t *type = json_object_get(node, "type"), *entry;
    size_t i;

    if (json_is_string(type))
        return strcmp(json_string_value(type), name) == 0;
    json_array_foreach(type, i, entry) if (g_strcmp0(json_string_value(entry), name) == 0) return true;
    return false;
}

static bool is_container(const json_t *node)
{
    return json_object_get(node, "type") == NULL || type_is(node, "object") || type_is(node, "array");
}

OkseTypeAnswer okse_type_member(const json_t *schema, OkseType value, const char *name, OkseType *result)
{
    const json_t *node = value.list ? NULL : okse_type_resolve(schema, value.node);
    const json_t *members = json_object_get(node, "properties");
    const json_t *others = json_object_get(node, "additionalProperties");
    const json_t *member = json_object_get(members, name);

    if (value.list)
        return OKSE_TYPE_NO_OBJECT;
    *result = (OkseType){NULL, false, NULL};
    if (node == NULL)
        return OKSE_TYPE_FOUND;
    if (member != NULL || json_is_object(others)) {
        result->node = okse_type_resolve(schema, member != NULL ? member : others);
        return OKSE_TYPE_FOUND;
    }
    if (!is_container(node) || (type_is(node, "array") && !type_is(node, "object")))
        return OKSE_TYPE_NO_OBJECT;
    return members == NULL || json_is_true(others) ? OKSE_TYPE_FOUND : OKSE_TYPE_NO_MEMBER;
}

bool okse_type_items(const json_t *schema, OkseType value, OkseType *result)
{
    const json_t *node = okse_type_resolve(schema, value.node);

    *result = (OkseType){NULL, false, NULL};
    if (value.list)
        result->node = node;
    else if (node != NULL && !is_container(node))
        return false;
    else if (json_is_object(json_object_get(node, "items")))
        result->node = okse_type_resolve(schema, json_object_get(node, "items"));
    return true;
}

OkseType okse_type_either(OkseType a, OkseType b)
{
    return a.node == b.node && a.list == b.list ? a : (OkseType){NULL, false, NULL};
}
