/* When every file was read: variables get the values of the ConfigMaps and files they come from, workloads the policies
 * that select them; then the programs in them are judged. */
#include "audit/collect_objects.h"
#include "audit/collect_telemetry.h"
#include "audit/object_egress.h"
#include "audit/object_store.h"
#include "audit/redact.h"

#include <string.h>

typedef struct {
    OkseCollection *collection;
    json_t *workload, *container;
} Join;

/* Where a file stands that another file names by a relative path. */
static char *resolve(const json_t *workload, const char *path)
{
    const char *from = okse_json_peek_text(json_object_get(workload, "source"), "path");
    g_autofree char *directory = from != NULL ? g_path_get_dirname(from) : g_strdup("/");

    if (*path == '/')
        return g_strdup(path);
    while (g_str_has_prefix(path, "./"))
        path += 2;
    return g_strdup_printf("%s/%s", directory, path);
}

static const json_t *map_of(const Join *join, const char *from)
{
    const char *namespace_ = okse_json_peek_text(join->workload, "namespace");
    g_autofree char *name = NULL, *path = NULL;

    if (g_str_has_prefix(from, "file ")) {
        path = resolve(join->workload, from + strlen("file "));
        return okse_object_variables(join->collection, path);
    }
    if (!g_str_has_prefix(from, "configmap "))
        return NULL;
    name = g_strdup_printf("configmap %s/%s", namespace_ != NULL ? namespace_ : "", from + strlen("configmap "));
    return json_object_get(join->collection->objects->maps, name);
}

/* "configmap NAME/KEY" of one variable. */
static void fill_variable(const Join *join, json_t *row)
{
    const char *from = okse_json_peek_text(row, "from"), *slash = from != NULL ? strrchr(from, '/') : NULL;
    g_autofree char *name = slash != NULL ? g_strndup(from, (gsize)(slash - from)) : NULL;
    const json_t *map = name != NULL && json_is_null(json_object_get(row, "value")) ? map_of(join, name) : NULL;
    const json_t *found = map != NULL ? json_object_get(map, slash + 1) : NULL;

    if (found == NULL)
        return;
    json_object_set(row, "value", json_object_get(found, "value"));
    json_object_set(row, "path", json_object_get(found, "path"));
    json_object_set(row, "line", json_object_get(found, "line"));
}

/* Variables that come as a whole stand before those of the container itself, which win. True when all are known. */
static bool fill_from(const Join *join)
{
    json_t *own = json_object_get(join->container, "env"), *all = json_array(), *found;
    const json_t *from;
    const char *name;
    bool whole = true;
    size_t i;

    json_array_foreach(json_object_get(join->container, "env_from"), i, from)
    {
        const char *text = json_string_value(from);
        const json_t *map = text != NULL ? map_of(join, text) : NULL;

        whole = whole && map != NULL;
        json_object_foreach((json_t *)(uintptr_t)map, name, found) json_array_append_new(
            all, json_pack("{s:s,s:O?,s:s,s:O?,s:O?}", "name", name, "value", json_object_get(found, "value"), "from",
                           text, "path", json_object_get(found, "path"), "line", json_object_get(found, "line")));
    }
    json_array_extend(all, own);
    json_object_set_new(join->container, "env", all);
    return whole;
}

static void join_container(const Join *join)
{
    json_t *row;
    size_t i;

    json_object_set_new(join->container, "env_whole", json_boolean(fill_from(join)));
    json_array_foreach(json_object_get(join->container, "env"), i, row) fill_variable(join, row);
}

/* A quadlet all of whose networks lead nowhere ([Network] Internal=true). */
static void join_network(const OkseObjects *objects, json_t *workload)
{
    const json_t *networks = json_object_get(workload, "networks"),
                 *internal = json_object_get(objects->maps, "internal");
    bool all = json_array_size(networks) > 0;
    const json_t *name;
    size_t i;

    json_array_foreach(networks, i, name) all = all && json_is_true(json_object_get(internal, json_string_value(name)));
    if (all)
        json_object_set_new(workload, "egress", json_string("deny"));
    json_object_del(workload, "networks");
}

static void add_workload(OkseCollection *collection, json_t *workload)
{
    const json_t *source = json_object_get(workload, "source");
    g_autofree char *key =
        g_strdup_printf("%s|%s|%s|%s|%s|%" JSON_INTEGER_FORMAT, okse_json_peek_text(source, "path"),
                        okse_json_peek_text(workload, "engine"), okse_json_peek_text(workload, "kind"),
                        okse_json_peek_text(workload, "namespace"), okse_json_peek_text(workload, "name"),
                        json_integer_value(json_object_get(source, "line")));

    json_object_del(workload, "hidden");
    json_object_del(workload, "labels");
    okse_facts_add(collection->facts, "workloads", key, json_incref(workload));
}

/* These collectors are as whole as the files they read. */
static void report_coverage(OkseCollection *collection)
{
    static const char *const names[] = {"workloads", "resources", "telemetry"};
    static const char *const none[] = {"no container, unit or cluster object is defined in what was looked at",
                                       "no state or plan of Terraform is in what was looked at", NULL};
    const char *reason, *status = okse_facts_coverage_now(collection->facts, "configuration", &reason);
    bool found[] = {collection->objects->found, collection->objects->resources, true};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(status, "partial") == 0)
            okse_facts_coverage(collection->facts, names[i], OKSE_PARTIAL, reason);
        else if (g_strcmp0(status, "unavailable") == 0)
            okse_facts_coverage(collection->facts, names[i], OKSE_UNAVAILABLE, reason);
        else
            okse_facts_coverage(collection->facts, names[i], found[i] ? OKSE_COMPLETE : OKSE_ABSENT,
                                found[i] ? NULL : none[i]);
    }
}

void okse_collect_objects_finish(OkseCollection *collection)
{
    OkseObjects *objects = collection->objects;
    json_t *workload, *container;
    size_t i, k;

    json_array_foreach(objects->workloads, i, workload)
    {
        json_array_foreach(json_object_get(workload, "containers"), k, container)
            join_container(&(Join){collection, workload, container});
        if (g_strcmp0(okse_json_peek_text(workload, "engine"), "kubernetes") == 0)
            okse_object_egress(objects, workload);
        join_network(objects, workload);
    }
    okse_collect_telemetry(collection);
    json_array_foreach(objects->workloads, i, workload) if (!json_is_true(json_object_get(workload, "hidden")))
        add_workload(collection, workload);
    report_coverage(collection);
}
