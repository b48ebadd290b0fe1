/* What Terraform made or would make, and where: state files (version 4), and what `terraform show -json` prints of a
 * state or a plan. Which attribute names a place is data (manifests/object-fields.yaml). Source:
 * developer.hashicorp.com, "JSON Output Format" 1.x; terraform internal/states/statefile/version4.go. */
#include "audit/collect_objects.h"
#include "audit/object_fields.h"
#include "audit/object_store.h"
#include "audit/place.h"

#include <string.h>

#define RESOURCES 100000u

typedef struct {
    const OkseObjectFile *file;
    const OkseNode *providers; /* configuration.provider_config of a plan, or NULL */
    unsigned count;
} Terraform;

typedef struct {
    const char *type, *name, *module, *provider;
    const OkseNode *attributes;
} Resource;

static const char *text_at(const OkseNode *node, const char *key)
{
    const OkseNode *member = okse_node_get(node, key);

    return member == NULL || okse_node_kind(member) == OKSE_NODE_NULL ? NULL : okse_node_text(member);
}

bool okse_object_is_terraform(const OkseNode *node)
{
    return okse_node_get(node, "terraform_version") != NULL &&
           (okse_node_get(node, "resources") != NULL || okse_node_get(node, "values") != NULL ||
            okse_node_get(node, "planned_values") != NULL || okse_node_get(node, "backend") != NULL);
}

/* "aws" of "aws_s3_bucket" and of "registry.terraform.io/hashicorp/aws"; the cloud in manifests/regions.yaml. */
static const char *cloud_of(const Terraform *terraform, const Resource *resource)
{
    const json_t *clouds = json_object_get(terraform->file->collection->objects->fields, "terraform_providers");
    g_autofree char *prefix = g_strndup(resource->type, strcspn(resource->type, "_"));
    const char *whole = okse_json_peek_text(clouds, resource->type); /* "backend_s3" */

    return whole != NULL ? whole : okse_json_peek_text(clouds, prefix);
}

/* The region that a value means: a zone without its letter, an ARN's fourth part, "Korea Central" as one word; owned.
 */
static char *region_of(const OkseAtlas *atlas, const char *cloud, const char *value)
{
    g_auto(GStrv) parts = g_str_has_prefix(value, "arn:") ? g_strsplit(value, ":", 6) : NULL;
    g_autofree char *text = g_ascii_strdown(parts != NULL && g_strv_length(parts) > 3 ? parts[3] : value, -1);
    g_autofree char *shorter = NULL;
    size_t length;

    if (g_strcmp0(cloud, "azure") == 0) {
        g_auto(GStrv) words = g_strsplit(text, " ", -1);

        g_free(text);
        text = g_strjoinv("", words);
    }
    length = strlen(text);
    if (cloud == NULL || length == 0)
        return NULL;
    if (okse_atlas_region(atlas, cloud, text) != NULL)
        return g_steal_pointer(&text);
    shorter = g_strndup(text, length - (length > 2 && text[length - 2] == '-' ? 2 : 1));
    if (okse_atlas_region(atlas, cloud, shorter) != NULL)
        return g_steal_pointer(&shorter);
    return g_steal_pointer(&text); /* a name without a place: US, EU, global */
}

static json_t *place_json(const OkseAtlas *atlas, const char *cloud, const char *value)
{
    g_autofree char *region = region_of(atlas, cloud, value);

    return region == NULL ? NULL
                          : json_pack("{s:s,s:s?}", "region", region, "country",
                                      okse_json_peek_text(okse_atlas_region(atlas, cloud, region), "country"));
}

/* The region that a plan's provider configuration names as a constant. */
static const char *provider_region(const Terraform *terraform, const Resource *resource)
{
    g_autofree char *prefix = g_strndup(resource->type, strcspn(resource->type, "_"));
    const OkseNode *expressions = okse_node_get(okse_node_get(terraform->providers, prefix), "expressions");

    return text_at(okse_node_get(expressions, "region"), "constant_value");
}

/* Take the places out of the values: the resource's own, and those that it copies to. */
static void read_places(const Terraform *terraform, const Resource *resource, const json_t *values, json_t *fact)
{
    const OkseAtlas *atlas = terraform->file->collection->atlas;
    const char *cloud = cloud_of(terraform, resource), *given = provider_region(terraform, resource);
    json_t *copies = json_array(), *own = NULL;
    const json_t *row;
    size_t i;

    json_array_foreach(values, i, row)
    {
        const char *as = okse_json_peek_text(row, "as"), *value = okse_json_peek_text(row, "value");
        json_t *place = as == NULL || value == NULL ? NULL : place_json(atlas, cloud, value);

        if (place != NULL && strcmp(as, "replica") == 0) {
            json_array_append(copies, place);
        } else if (place != NULL && strcmp(as, "region") == 0 && own == NULL) {
            own = json_incref(place);
        }
        json_decref(place);
        if (as != NULL && strcmp(as, "several") == 0)
            json_object_set_new(fact, "several_regions", json_true());
    }
    if (own == NULL && given != NULL)
        own = place_json(atlas, cloud, given);
    json_object_set_new(fact, "region", own != NULL ? json_incref(json_object_get(own, "region")) : json_null());
    json_object_set_new(fact, "country", own != NULL ? json_incref(json_object_get(own, "country")) : json_null());
    json_object_set_new(fact, "replicates_to", copies);
    json_decref(own);
}

static void add_resource(Terraform *terraform, const Resource *resource)
{
    const OkseObjectFile *file = terraform->file;
    OkseObjectPlace place = okse_object_place(file, resource->attributes, resource->type);
    g_autofree char *key = NULL;
    json_t *values, *fact;

    if (resource->type == NULL || resource->attributes == NULL || ++terraform->count > RESOURCES)
        return;
    values = okse_object_fields(file, "terraform", resource->type, resource->attributes);
    place.text = resource->name;
    key = g_strdup_printf("%s|%s|%s|%s|%u", file->file->path, resource->module != NULL ? resource->module : "",
                          resource->type, resource->name != NULL ? resource->name : "", place.line);
    fact = json_pack("{s:s,s:s?,s:s?,s:s?,s:b,s:O,s:o,s:s}", "type", resource->type, "name", resource->name, "module",
                     resource->module, "provider", resource->provider, "several_regions", 0, "values", values, "source",
                     okse_object_source(file, &place), "state", "declared");
    read_places(terraform, resource, values, fact);
    json_decref(values);
    okse_facts_add(file->collection->facts, "resources", key, fact);
}

static void read_state(Terraform *terraform, const OkseNode *list)
{
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *one = okse_node_item(list, i), *instances = okse_node_get(one, "instances");

        for (unsigned k = 0; k < okse_node_count(instances); k++)
            add_resource(terraform, &(Resource){text_at(one, "type"), text_at(one, "name"), text_at(one, "module"),
                                                text_at(one, "provider"),
                                                okse_node_get(okse_node_item(instances, k), "attributes")});
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void read_module(Terraform *terraform, const OkseNode *module)
{
    const OkseNode *list = okse_node_get(module, "resources"), *inner = okse_node_get(module, "child_modules");

    for (unsigned i = 0; i < okse_node_count(list); i++) {
        const OkseNode *one = okse_node_item(list, i);

        add_resource(terraform, &(Resource){text_at(one, "type"), text_at(one, "name"), text_at(module, "address"),
                                            text_at(one, "provider_name"), okse_node_get(one, "values")});
    }
    for (unsigned i = 0; i < okse_node_count(inner); i++)
        read_module(terraform, okse_node_item(inner, i));
}

/* Where the state itself is kept: it holds secrets. Source: .terraform/terraform.tfstate. */
static void read_backend(Terraform *terraform, const OkseNode *backend)
{
    const char *type = text_at(backend, "type");
    g_autofree char *kind = type != NULL ? g_strdup_printf("backend_%s", type) : NULL;

    if (kind != NULL)
        add_resource(terraform, &(Resource){kind, type, NULL, NULL, okse_node_get(backend, "config")});
}

void okse_collect_terraform(const OkseObjectFile *file, const OkseNode *node)
{
    const OkseNode *planned = okse_node_get(node, "planned_values");
    const OkseNode *values = planned != NULL ? planned : okse_node_get(node, "values");
    Terraform terraform = {file, okse_node_get(okse_node_get(node, "configuration"), "provider_config"), 0};

    file->collection->objects->resources = true;
    read_backend(&terraform, okse_node_get(node, "backend"));
    read_state(&terraform, okse_node_get(node, "resources"));
    read_module(&terraform, okse_node_get(values, "root_module"));
    if (terraform.count > RESOURCES)
        okse_object_partial(file, "has more resources than are looked at");
}
