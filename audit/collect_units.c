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

/* A network of podman; systemd-networkd has files of this name elsewhere. */
static bool is_quadlet_network(const char *path)
{
    return (g_str_has_suffix(path, ".network") && strstr(path, "systemd/network/") == NULL) ||
           (g_str_has_suffix(path, ".conf") && strstr(path, ".network.d/") != NULL &&
            strstr(path, "systemd/network/") == NULL);
}

bool okse_object_is_unit(const char *path)
{
    return g_str_has_suffix(path, ".service") || g_str_has_suffix(path, ".container") || is_quadlet_network(path) ||
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

/* systemd.service(5), systemd.exec(5): an empty assignment takes back all that stand before it, those of the unit that
 * a drop-in joins included. */
static void reset(const Unit *unit, const char *list)
{
    json_t *resets = json_object_get(unit->container, "resets");

    json_array_clear(json_object_get(unit->container, list));
    if (resets == NULL) {
        resets = json_array();
        json_object_set_new(unit->container, "resets", resets);
    }
    json_array_append_new(resets, json_string(list));
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
    if (json_object_get(unit->workload, "networks") == NULL)
        json_object_set_new(unit->workload, "networks", json_array());
    json_array_append_new(json_object_get(unit->workload, "networks"), json_string(name));
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
    if (strcmp(key, "ExecStart") == 0 && !unit->quadlet && *value == '\0') {
        reset(unit, "command");
    } else if (strcmp(key, "ExecStart") == 0 && !unit->quadlet) {
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
    if (*value == '\0' && strcmp(key, "Environment") == 0 && unit->quadlet == (strcmp(section, "Container") == 0)) {
        reset(unit, "env");
    } else if (*value == '\0' && strcmp(key, "EnvironmentFile") == 0) {
        reset(unit, "env_from");
    } else if (strcmp(key, "Environment") == 0 && unit->quadlet == (strcmp(section, "Container") == 0)) {
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
    json_t *other, *list;
    size_t i, k;

    json_array_foreach(file->collection->objects->workloads, i, other)
    {
        json_t *mine = json_array_get(json_object_get(other, "containers"), 0);

        if (!json_equal(json_object_get(other, "name"), json_object_get(workload, "name")) ||
            !json_equal(json_object_get(other, "engine"), json_object_get(workload, "engine")) ||
            !json_equal(json_object_get(other, "component"), json_object_get(workload, "component")))
            continue;
        json_array_foreach(json_object_get(container, "resets"), k, list)
            json_array_clear(json_object_get(mine, json_string_value(list)));
        for (k = 0; k < G_N_ELEMENTS(lists); k++)
            json_array_extend(json_object_get(mine, lists[k]), json_object_get(container, lists[k]));
        if (g_strcmp0(okse_json_peek_text(workload, "egress"), "none") != 0)
            json_object_set(other, "egress", json_object_get(workload, "egress"));
        if (json_object_get(other, "networks") == NULL)
            json_object_set(other, "networks", json_object_get(workload, "networks"));
        else
            json_array_extend(json_object_get(other, "networks"), json_object_get(workload, "networks"));
        return true;
    }
    return false;
}

static void on_network_line(void *context, const char *section, const char *key, const char *value, unsigned line)
{
    static const char *const yes[] = {"1", "yes", "y", "true", "t", "on", NULL}; /* systemd.syntax(7) */
    bool *internal = context;
    g_autofree char *word = g_ascii_strdown(value, -1);

    (void)line;
    if (strcmp(section, "Network") == 0 && strcmp(key, "Internal") == 0)
        *internal = g_strv_contains(yes, word);
}

/* A network from which nothing leaves, or not: the last word counts. */
static void collect_network(OkseObjectFile *file, const char *name)
{
    json_t *maps = file->collection->objects->maps, *networks = json_object_get(maps, "internal");
    bool internal = json_is_true(json_object_get(networks, name));
    gsize length;
    const char *text = g_bytes_get_data(file->file->bytes, &length);

    file->quiet = true;
    if (!okse_unit_read(text, length, on_network_line, &internal))
        okse_object_partial(file, "has a line that is too long");
    if (networks == NULL) {
        networks = json_object();
        json_object_set_new(maps, "internal", networks);
    }
    json_object_set_new(networks, name, json_boolean(internal));
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

    if (is_quadlet_network(file->file->path)) {
        collect_network(file, name);
        return;
    }
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
    json_object_del(unit.container, "resets");
}
