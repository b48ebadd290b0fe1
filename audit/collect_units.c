/* systemd services and podman's quadlets as workloads: what they run, with which variables, and whether they are cut
 * off from the network. Drop-ins join the unit they belong to. Sources: systemd.exec(5), podman-systemd.unit(5). */
#include "audit/collect_objects.h"
#include "audit/object_store.h"
#include "audit/unit_file.h"
#include "audit/workload.h"

#include <string.h>

typedef struct {
    const OkseObjectFile *file;
    json_t *workload, *container;
    bool quadlet;
    bool address_denied, address_allowed, no_sockets;
} Unit;

bool okse_object_is_unit(const char *path)
{
    return g_str_has_suffix(path, ".service") || g_str_has_suffix(path, ".container") ||
           (g_str_has_suffix(path, ".conf") &&
            (strstr(path, ".service.d/") != NULL || strstr(path, ".container.d/") != NULL));
}

/* "vllm.service" for the unit and for its drop-ins. */
static char *unit_name(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path), *name = g_path_get_basename(path);

    if (!g_str_has_suffix(path, ".conf"))
        return g_steal_pointer(&name);
    g_free(name);
    name = g_path_get_basename(directory);
    name[strlen(name) - 2] = '\0'; /* ".d" */
    return g_steal_pointer(&name);
}

static void read_words(const Unit *unit, const OkseObjectPlace *place, const char *value,
                       void (*use)(const OkseObjectFile *, const OkseObjectPlace *, json_t *, const char *))
{
    g_auto(GStrv) words = okse_unit_words(value);

    for (char **word = words; word != NULL && *word != NULL; word++)
        use(unit->file, place, unit->container, *word);
}

static void read_command(const Unit *unit, const OkseObjectPlace *place, const char *value)
{
    g_auto(GStrv) words = NULL;

    value += strspn(value, "@-:+!|"); /* prefixes of ExecStart= */
    words = okse_unit_words(value);
    if (words != NULL)
        okse_container_words(unit->file, place, unit->container, (const char *const *)words);
    else if (*value != '\0')
        okse_object_partial(unit->file, "has a command whose quotes do not close");
}

static void read_network(const Unit *unit, const char *value)
{
    g_autofree char *name = g_strndup(value, strcspn(value, ":"));

    if (strcmp(name, "none") == 0)
        json_object_set_new(unit->workload, "egress", json_string("deny"));
    else if (strcmp(name, "host") == 0)
        json_object_set_new(unit->workload, "host_network", json_true());
    else if (g_str_has_suffix(name, ".network"))
        json_object_set_new(unit->workload, "network", json_string(name));
}

static void on_quadlet(Unit *unit, const OkseObjectPlace *place, const char *key, const char *value)
{
    const char *colon = strchr(value, ':');
    g_autofree char *from = g_strndup(value, strcspn(value, ":"));
    g_autofree char *to = colon != NULL ? g_strndup(colon + 1, strcspn(colon + 1, ":")) : NULL;

    if (strcmp(key, "Image") == 0) {
        json_object_set_new(unit->workload, "source", okse_object_source(unit->file, place));
        okse_container_image(unit->file, place, unit->container, value);
    } else if (strcmp(key, "Exec") == 0 || strcmp(key, "Entrypoint") == 0) {
        read_command(unit, place, value);
    } else if (strcmp(key, "Volume") == 0) {
        okse_container_mount(unit->file, unit->container, to != NULL ? from : NULL, to != NULL ? to : from);
    } else if (strcmp(key, "Network") == 0) {
        read_network(unit, value);
    } else if (strcmp(key, "LogDriver") == 0) {
        json_object_set_new(unit->container, "log_driver", okse_object_text(unit->file, NULL, value));
    }
}

static void on_service(Unit *unit, const OkseObjectPlace *place, const char *key, const char *value)
{
    if (strcmp(key, "ExecStart") == 0 && !unit->quadlet) {
        json_object_set_new(unit->workload, "source", okse_object_source(unit->file, place));
        read_command(unit, place, value);
    } else if (strcmp(key, "PrivateNetwork") == 0 &&
               (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)) {
        unit->no_sockets = true;
    } else if (strcmp(key, "IPAddressDeny") == 0) {
        unit->address_denied = unit->address_denied || strstr(value, "any") != NULL;
    } else if (strcmp(key, "IPAddressAllow") == 0) {
        unit->address_allowed = unit->address_allowed || *value != '\0';
    }
}

static void on_line(void *context, const char *section, const char *key, const char *value, unsigned line)
{
    Unit *unit = context;
    OkseObjectPlace place = {.line = line, .key = key, .text = value};

    if (strcmp(section, "Service") != 0 && strcmp(section, "Container") != 0)
        return;
    if (strcmp(key, "Environment") == 0 && unit->quadlet == (strcmp(section, "Container") == 0)) {
        read_words(unit, &place, value, okse_container_assignment);
    } else if (strcmp(key, "EnvironmentFile") == 0) {
        g_autofree char *from = g_strdup_printf("file %s", value + (*value == '-'));

        okse_container_variables_from(unit->container, from);
    } else if (strcmp(section, "Container") == 0) {
        on_quadlet(unit, &place, key, value);
    } else {
        on_service(unit, &place, key, value);
    }
}

/* Add what a drop-in says to the unit that was read before it. True when there is one. */
static bool join_unit(const OkseObjectFile *file, const json_t *workload, const json_t *container)
{
    static const char *const lists[] = {"env", "env_from", "command", "mounts"};
    json_t *other;
    size_t i;

    json_array_foreach(file->collection->objects->workloads, i, other)
    {
        json_t *mine = json_array_get(json_object_get(other, "containers"), 0);

        if (!json_equal(json_object_get(other, "name"), json_object_get(workload, "name")) ||
            !json_equal(json_object_get(other, "engine"), json_object_get(workload, "engine")) ||
            !json_equal(json_object_get(other, "component"), json_object_get(workload, "component")))
            continue;
        for (unsigned k = 0; k < G_N_ELEMENTS(lists); k++)
            json_array_extend(json_object_get(mine, lists[k]), json_object_get(container, lists[k]));
        if (g_strcmp0(okse_json_peek_text(workload, "egress"), "none") != 0)
            json_object_set(other, "egress", json_object_get(workload, "egress"));
        return true;
    }
    return false;
}

void okse_collect_unit(OkseObjectFile *file)
{
    g_autofree char *name = unit_name(file->file->path);
    bool quadlet = g_str_has_suffix(name, ".container");
    OkseObjectPlace place = {.line = 1, .key = "unit", .text = name};
    gsize length;
    const char *text = g_bytes_get_data(file->file->bytes, &length);
    g_autoptr(json_t) workload =
        okse_workload_new(file, &place, quadlet ? "podman" : "systemd", quadlet ? "quadlet" : "unit");
    Unit unit = {.file = file, .workload = workload, .quadlet = quadlet};

    file->quiet = true;
    okse_workload_name(workload, NULL, name);
    unit.container = okse_workload_container(workload, name);
    if (!okse_unit_read(text, length, on_line, &unit))
        okse_object_partial(file, "has a line that is too long");
    if (unit.no_sockets || (unit.address_denied && !unit.address_allowed))
        json_object_set_new(workload, "egress", json_string("deny"));
    else if (unit.address_denied)
        json_object_set_new(workload, "egress", json_string("unknown"));
    if (!quadlet)
        json_object_set_new(workload, "hidden", json_true());
    if (!g_str_has_suffix(file->file->path, ".conf") || !join_unit(file, workload, unit.container))
        okse_workload_add(file, json_incref(workload));
}
