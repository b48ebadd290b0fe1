/* A pod as a workload: its containers with all that they are told, its volumes, where it may run. Source:
 * kubernetes.io, API reference, PodSpec v1. */
#include "audit/collect_objects.h"
#include "audit/object_store.h"
#include "audit/workload.h"

#include <string.h>

static const char *text_at(const OkseNode *node, const char *key)
{
    const OkseNode *member = okse_node_get(node, key);

    return member == NULL || okse_node_kind(member) == OKSE_NODE_NULL ? NULL : okse_node_text(member);
}

/* "secret keys/api": what a valueFrom or envFrom names; owned, or NULL. */
static char *reference_of(const OkseNode *from)
{
    static const struct {
        const char *member, *what;
    } kinds[] = {{"secretKeyRef", "secret"},    {"configMapKeyRef", "configmap"}, {"fieldRef", "field"},
                 {"resourceFieldRef", "field"}, {"secretRef", "secret"},          {"configMapRef", "configmap"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const OkseNode *reference = okse_node_get(from, kinds[i].member);
        const char *name = text_at(reference, "name"), *key = text_at(reference, "key");

        if (name == NULL)
            name = text_at(reference, "fieldPath") != NULL ? text_at(reference, "fieldPath")
                                                           : text_at(reference, "resource");
        if (reference != NULL && name != NULL)
            return key != NULL ? g_strdup_printf("%s %s/%s", kinds[i].what, name, key)
                               : g_strdup_printf("%s %s", kinds[i].what, name);
    }
    return NULL;
}

static void read_variables(const OkseObjectFile *file, json_t *container, const OkseNode *node)
{
    const OkseNode *variables = okse_node_get(node, "env"), *from = okse_node_get(node, "envFrom");

    for (unsigned i = 0; i < okse_node_count(variables); i++) {
        const OkseNode *row = okse_node_item(variables, i), *value = okse_node_get(row, "value");
        const char *name = text_at(row, "name");
        OkseObjectPlace place = okse_object_place(file, value != NULL ? value : row, name);
        g_autofree char *reference = reference_of(okse_node_get(row, "valueFrom"));

        if (name == NULL)
            continue;
        okse_container_variable(file, &place, container, name,
                                value != NULL       ? okse_node_text(value)
                                : reference == NULL ? ""
                                                    : NULL,
                                reference);
    }
    for (unsigned i = 0; i < okse_node_count(from); i++) {
        g_autofree char *reference = reference_of(okse_node_item(from, i));
        const char *prefix = text_at(okse_node_item(from, i), "prefix");
        g_autofree char *whole = prefix != NULL && *prefix != '\0' && reference != NULL
                                     ? g_strdup_printf("%s as %s", reference, prefix)
                                     : g_strdup(reference);

        okse_container_variables_from(container, whole);
    }
}

static void read_container(const OkseObjectFile *file, json_t *workload, const OkseNode *node)
{
    json_t *container = okse_workload_container(workload, text_at(node, "name"));
    const OkseNode *image = okse_node_get(node, "image"), *mounts = okse_node_get(node, "volumeMounts");
    OkseObjectPlace place = okse_object_place(file, image, "image");

    if (container == NULL)
        return;
    if (image != NULL)
        okse_container_image(file, &place, container, okse_node_text(image));
    okse_container_command(file, container, okse_node_get(node, "command"));
    okse_container_command(file, container, okse_node_get(node, "args"));
    read_variables(file, container, node);
    for (unsigned i = 0; i < okse_node_count(mounts); i++)
        okse_container_mount(file, container, text_at(okse_node_item(mounts, i), "name"),
                             text_at(okse_node_item(mounts, i), "mountPath"));
}

/* Where a volume's data lies when it is not in the cluster. */
static const struct {
    const char *type, *member, *role;
} places[] = {
    {"nfs", "server", "remote-fs"},
    {"cephfs", "monitors", "remote-fs"},
    {"rbd", "monitors", "block-remote"},
    {"iscsi", "targetPortal", "block-remote"},
    {"glusterfs", "endpoints", NULL},
    {"hostPath", "path", NULL},
    {"persistentVolumeClaim", "claimName", NULL},
    {"configMap", "name", NULL},
    {"secret", "secretName", NULL},
    {"csi", "driver", NULL},
    {"azureFile", "shareName", NULL},
    {"awsElasticBlockStore", "volumeID", NULL},
    {"gcePersistentDisk", "pdName", NULL},
    {"emptyDir", "medium", NULL},
    {"projected", NULL, NULL},
    {"downwardAPI", NULL, NULL},
    {"ephemeral", NULL, NULL},
    {"gitRepo", "repository", "code-repo"},
    {"image", "reference", NULL},
};

static void read_volume(const OkseObjectFile *file, json_t *workload, const OkseNode *node)
{
    const char *name = text_at(node, "name");

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        const OkseNode *volume = okse_node_get(node, places[i].type);
        const OkseNode *member = places[i].member != NULL ? okse_node_get(volume, places[i].member) : NULL;
        bool list = member != NULL && okse_node_kind(member) == OKSE_NODE_LIST;

        if (volume == NULL)
            continue;
        for (unsigned k = 0; list && k < okse_node_count(member); k++) {
            OkseObjectPlace place = okse_object_place(file, okse_node_item(member, k), places[i].member);

            okse_workload_volume(file, workload, name, places[i].type, place.text);
            okse_object_address(file, &place, place.text, places[i].role);
        }
        if (list)
            return;
        okse_workload_volume(file, workload, name, places[i].type, member != NULL ? okse_node_text(member) : NULL);
        if (places[i].role != NULL && member != NULL) {
            OkseObjectPlace place = okse_object_place(file, member, places[i].member);

            okse_object_address(file, &place, place.text, places[i].role);
        }
        return;
    }
    okse_workload_volume(file, workload, name, okse_node_count(node) > 1 ? "other" : "emptyDir", NULL);
}

static bool is_region(const char *key)
{
    return key != NULL && (strstr(key, "topology.kubernetes.io/") != NULL ||
                           strstr(key, "failure-domain.beta.kubernetes.io/") != NULL || strstr(key, "country") != NULL);
}

/* nodeSelector and the required terms of nodeAffinity that bind the pod to a region or zone. */
static void read_regions(json_t *workload, const OkseNode *spec)
{
    json_t *regions = json_object_get(workload, "regions");
    const OkseNode *selector = okse_node_get(spec, "nodeSelector");
    const OkseNode *affinity = okse_node_get(okse_node_get(spec, "affinity"), "nodeAffinity");
    const OkseNode *terms =
        okse_node_get(okse_node_get(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms");

    for (unsigned i = 0; i < okse_node_count(selector); i++)
        if (okse_node_kind(selector) == OKSE_NODE_MAP && is_region(okse_node_key(selector, i)))
            json_array_append_new(regions, json_pack("{s:s,s:s?}", "label", okse_node_key(selector, i), "value",
                                                     okse_node_text(okse_node_item(selector, i))));
    for (unsigned i = 0; i < okse_node_count(terms); i++) {
        const OkseNode *all = okse_node_get(okse_node_item(terms, i), "matchExpressions");

        for (unsigned k = 0; k < okse_node_count(all); k++) {
            const OkseNode *one = okse_node_item(all, k), *values = okse_node_get(one, "values");
            const char *operation = text_at(one, "operator");

            for (unsigned v = 0;
                 is_region(text_at(one, "key")) && g_strcmp0(operation, "In") == 0 && v < okse_node_count(values); v++)
                json_array_append_new(regions, json_pack("{s:s,s:s?}", "label", text_at(one, "key"), "value",
                                                         okse_node_text(okse_node_item(values, v))));
        }
    }
}

static void read_flags(json_t *workload, const OkseKubernetesPod *pod, const OkseNode *spec)
{
    const OkseNode *network = okse_node_get(spec, "hostNetwork");
    const OkseNode *token = okse_node_get(spec, "automountServiceAccountToken");
    const char *account = text_at(spec, "serviceAccountName");
    const char *schedule = text_at(okse_node_get(pod->object, "spec"), "schedule");

    json_object_set_new(workload, "host_network", json_boolean(network != NULL && okse_node_flag(network)));
    if (token != NULL)
        json_object_set_new(workload, "service_account_token", json_boolean(okse_node_flag(token)));
    if (account != NULL)
        json_object_set_new(workload, "service_account", json_string(account));
    if (schedule != NULL)
        json_object_set_new(workload, "schedule", json_string(schedule));
}

void okse_collect_kubernetes_pod(const OkseObjectFile *file, const OkseKubernetesPod *pod, const OkseNode *spec)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    OkseObjectPlace place = okse_object_place(file, spec, pod->kind);
    const OkseNode *volumes = okse_node_get(spec, "volumes");
    g_autofree char *name = pod->index == 0 ? g_strdup(pod->name) : g_strdup_printf("%s#%u", pod->name, pod->index + 1);
    json_t *workload;

    place.text = pod->name;
    workload = okse_workload_new(file, &place, "kubernetes", pod->kind);
    okse_workload_name(workload, pod->namespace_, name);
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        const OkseNode *list = okse_node_get(spec, lists[i]);

        for (unsigned k = 0; k < okse_node_count(list); k++)
            if (okse_node_kind(okse_node_item(list, k)) == OKSE_NODE_MAP)
                read_container(file, workload, okse_node_item(list, k));
    }
    for (unsigned i = 0; i < okse_node_count(volumes); i++)
        if (okse_node_kind(okse_node_item(volumes, i)) == OKSE_NODE_MAP)
            read_volume(file, workload, okse_node_item(volumes, i));
    read_regions(workload, spec);
    read_flags(workload, pod, spec);
    json_object_set_new(workload, "labels", pod->labels != NULL ? okse_node_to_json(pod->labels) : json_object());
    okse_workload_add(file, workload);
}
