/* A container as its engine keeps it on disk: docker's config.v2.json with the hostconfig.json beside it, and the
 * runtime specification of a running one (containerd, CRI-O, podman). Sources: moby container/container.go; OCI
 * runtime-spec, config.md. */
#include "audit/collect_objects.h"
#include "audit/object_store.h"
#include "audit/workload.h"

#include <string.h>

static const char *text_at(const OkseNode *node, const char *key)
{
    const OkseNode *member = okse_node_get(node, key);

    return member == NULL || okse_node_kind(member) == OKSE_NODE_NULL ? NULL : okse_node_text(member);
}

static bool is_docker(const OkseNode *node)
{
    return okse_node_get(node, "Config") != NULL && okse_node_get(okse_node_get(node, "Config"), "Image") != NULL;
}

static bool is_runtime(const OkseNode *node)
{
    return text_at(node, "ociVersion") != NULL && okse_node_get(node, "process") != NULL;
}

bool okse_object_is_container(const OkseNode *node)
{
    return is_docker(node) || is_runtime(node);
}

static void read_env(const OkseObjectFile *file, json_t *container, const OkseNode *list)
{
    for (unsigned i = 0; i < okse_node_count(list); i++) {
        OkseObjectPlace place = okse_object_place(file, okse_node_item(list, i), NULL);

        if (place.text != NULL)
            okse_container_assignment(file, &place, container, place.text);
    }
}

static void read_docker(const OkseObjectFile *file, const OkseNode *node)
{
    const OkseNode *config = okse_node_get(node, "Config"), *image = okse_node_get(config, "Image");
    const OkseNode *points = okse_node_get(node, "MountPoints");
    const char *name = text_at(node, "Name"), *digest = text_at(node, "Image");
    OkseObjectPlace place = okse_object_place(file, image, "Image");
    json_t *workload = okse_workload_new(file, &place, "docker", "container");
    json_t *container;

    name = name != NULL && *name == '/' ? name + 1 : name;
    container = okse_workload_container(workload, name);
    okse_workload_name(workload, NULL, name);
    okse_container_image(file, &place, container, okse_node_text(image));
    if (digest != NULL && json_is_null(json_object_get(container, "digest")))
        json_object_set_new(container, "digest", okse_object_text(file, NULL, digest));
    okse_container_command(file, container, okse_node_get(config, "Entrypoint"));
    okse_container_command(file, container, okse_node_get(config, "Cmd"));
    read_env(file, container, okse_node_get(config, "Env"));
    for (unsigned i = 0; i < okse_node_count(points); i++)
        okse_container_mount(file, container, text_at(okse_node_item(points, i), "Source"),
                             text_at(okse_node_item(points, i), "Destination"));
    json_object_set_new(workload, "state", json_string("effective")); /* the image's own variables are in it */
    okse_workload_add(file, workload);
}

/* What the engine writes about the image into annotations; NULL: nothing. */
static const OkseNode *annotated_image(const OkseNode *annotations)
{
    static const char *const keys[] = {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName",
                                       "org.opencontainers.image.ref.name", "nerdctl/image-ref"};
    const OkseNode *image = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(keys) && image == NULL; i++)
        image = okse_node_get(annotations, keys[i]);
    return image;
}

static const char *annotated_name(const OkseNode *annotations)
{
    static const char *const keys[] = {"io.kubernetes.cri.container-name", "io.kubernetes.cri-o.ContainerName",
                                       "io.kubernetes.container.name", "nerdctl/name", "io.podman.annotations.name"};
    const char *name = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(keys) && name == NULL; i++)
        name = text_at(annotations, keys[i]);
    return name;
}

/* A runtime without a network namespace of its own is on the host's network. */
static bool on_host_network(const OkseNode *node)
{
    const OkseNode *namespaces = okse_node_get(okse_node_get(node, "linux"), "namespaces");

    for (unsigned i = 0; i < okse_node_count(namespaces); i++)
        if (g_strcmp0(text_at(okse_node_item(namespaces, i), "type"), "network") == 0)
            return false;
    return namespaces != NULL;
}

static void read_runtime(const OkseObjectFile *file, const OkseNode *node)
{
    const OkseNode *process = okse_node_get(node, "process"), *annotations = okse_node_get(node, "annotations");
    const OkseNode *image = annotated_image(annotations), *mounts = okse_node_get(node, "mounts");
    OkseObjectPlace place = okse_object_place(file, image != NULL ? image : process, "image");
    json_t *workload = okse_workload_new(file, &place, "oci", "container"), *container;
    const char *name = annotated_name(annotations);

    container = okse_workload_container(workload, name != NULL ? name : text_at(node, "hostname"));
    okse_workload_name(workload, text_at(annotations, "io.kubernetes.cri.sandbox-namespace"),
                       name != NULL ? name : text_at(node, "hostname"));
    if (image != NULL)
        okse_container_image(file, &place, container, okse_node_text(image));
    okse_container_command(file, container, okse_node_get(process, "args"));
    read_env(file, container, okse_node_get(process, "env"));
    for (unsigned i = 0; i < okse_node_count(mounts); i++)
        okse_container_mount(file, container, text_at(okse_node_item(mounts, i), "source"),
                             text_at(okse_node_item(mounts, i), "destination"));
    json_object_set_new(workload, "host_network", json_boolean(on_host_network(node)));
    json_object_set_new(workload, "state", json_string("effective"));
    okse_workload_add(file, workload);
}

void okse_collect_container(const OkseObjectFile *file, const OkseNode *node)
{
    if (is_docker(node))
        read_docker(file, node);
    else
        read_runtime(file, node);
}
