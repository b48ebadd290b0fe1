/* The services of a Compose file. Source: compose-spec, 05-services.md and 06-networks.md. */
#include "audit/collect_objects.h"
#include "audit/object_store.h"
#include "audit/workload.h"

#include <string.h>

static const char *text_of(const OkseNode *node)
{
    return node == NULL || okse_node_kind(node) == OKSE_NODE_NULL ? NULL : okse_node_text(node);
}

static bool is_map(const OkseNode *node)
{
    return node != NULL && okse_node_kind(node) == OKSE_NODE_MAP;
}

bool okse_object_is_compose(const char *path, const OkseNode *node)
{
    static const char *const signs[] = {"image", "build", "command", "environment", "entrypoint"};
    const OkseNode *services = okse_node_get(node, "services");
    g_autofree char *name = g_path_get_basename(path);

    if (!is_map(services) || okse_node_count(services) == 0)
        return false;
    if (strstr(name, "compose") != NULL)
        return true;
    for (unsigned i = 0; i < okse_node_count(services); i++)
        for (unsigned k = 0; k < G_N_ELEMENTS(signs); k++)
            if (okse_node_get(okse_node_item(services, i), signs[k]) != NULL)
                return true;
    return false;
}

static void read_environment(const OkseObjectFile *file, json_t *container, const OkseNode *node)
{
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *item = okse_node_item(node, i);
        const char *text = text_of(item), *name = is_map(node) ? okse_node_key(node, i) : text;
        OkseObjectPlace place = okse_object_place(file, item, name);

        if (is_map(node))
            /* without a value it is taken from where compose is run */
            okse_container_variable(file, &place, container, name, text, text == NULL ? "shell" : NULL);
        else if (text != NULL && strchr(text, '=') == NULL)
            okse_container_variable(file, &place, container, text, NULL, "shell");
        else if (text != NULL)
            okse_container_assignment(file, &place, container, text);
    }
}

static void read_env_files(json_t *container, const OkseNode *node)
{
    const char *single = text_of(node);

    for (unsigned i = 0; node != NULL && i < MAX(okse_node_count(node), single != NULL ? 1u : 0u); i++) {
        const OkseNode *item = single != NULL ? node : okse_node_item(node, i);
        const char *path = is_map(item) ? text_of(okse_node_get(item, "path")) : text_of(item);
        g_autofree char *from = path != NULL ? g_strdup_printf("file %s", path) : NULL;

        if (from != NULL)
            okse_container_variables_from(container, from);
    }
}

static void read_mounts(const OkseObjectFile *file, json_t *container, const OkseNode *node)
{
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const OkseNode *item = okse_node_item(node, i);
        const char *text = text_of(item), *colon = text != NULL ? strchr(text, ':') : NULL;
        g_autofree char *from = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : NULL;
        g_autofree char *to = colon != NULL ? g_strndup(colon + 1, strcspn(colon + 1, ":")) : g_strdup(text);

        if (text != NULL)
            okse_container_mount(file, container, from, to);
        else
            okse_container_mount(file, container, text_of(okse_node_get(item, "source")),
                                 text_of(okse_node_get(item, "target")));
    }
}

static void read_logging(const OkseObjectFile *file, json_t *container, const OkseNode *node)
{
    const char *driver = text_of(okse_node_get(node, "driver"));

    if (driver != NULL)
        json_object_set_new(container, "log_driver", okse_object_text(file, NULL, driver));
}

/* "deny": on no network, or only on networks of which compose's file says that they lead nowhere. */
static const char *egress_of(const OkseNode *service, const OkseNode *networks)
{
    const OkseNode *own = okse_node_get(service, "networks");
    const char *mode = text_of(okse_node_get(service, "network_mode"));
    unsigned inside = 0;

    if (mode != NULL)
        return strcmp(mode, "none") == 0 ? "deny" : "none";
    for (unsigned i = 0; i < okse_node_count(own); i++) {
        const char *name = is_map(own) ? okse_node_key(own, i) : text_of(okse_node_item(own, i));
        const OkseNode *internal = name != NULL ? okse_node_get(okse_node_get(networks, name), "internal") : NULL;

        inside += internal != NULL && okse_node_flag(internal);
    }
    return inside > 0 && inside == okse_node_count(own) ? "deny" : "none";
}

static void read_service(const OkseObjectFile *file, const OkseNode *root, const char *name, const OkseNode *node)
{
    const OkseNode *image = okse_node_get(node, "image");
    OkseObjectPlace place = okse_object_place(file, image != NULL ? image : node, "image");
    const char *mode = text_of(okse_node_get(node, "network_mode"));
    json_t *workload = okse_workload_new(file, &place, "compose", "service");
    json_t *container = okse_workload_container(workload, name);

    okse_workload_name(workload, text_of(okse_node_get(root, "name")), name);
    if (image != NULL)
        okse_container_image(file, &place, container, okse_node_text(image));
    okse_container_command(file, container, okse_node_get(node, "entrypoint"));
    okse_container_command(file, container, okse_node_get(node, "command"));
    read_environment(file, container, okse_node_get(node, "environment"));
    read_env_files(container, okse_node_get(node, "env_file"));
    read_mounts(file, container, okse_node_get(node, "volumes"));
    read_logging(file, container, okse_node_get(node, "logging"));
    json_object_set_new(workload, "host_network", json_boolean(g_strcmp0(mode, "host") == 0));
    json_object_set_new(workload, "egress", json_string(egress_of(node, okse_node_get(root, "networks"))));
    okse_workload_add(file, workload);
}

void okse_collect_compose(const OkseObjectFile *file, const OkseNode *node)
{
    const OkseNode *services = okse_node_get(node, "services");

    for (unsigned i = 0; i < okse_node_count(services); i++)
        if (is_map(okse_node_item(services, i)))
            read_service(file, node, okse_node_key(services, i), okse_node_item(services, i));
    if (okse_node_get(node, "include") != NULL || okse_node_get(node, "extends") != NULL)
        okse_object_partial(file, "takes services from other files, which is not followed");
}
