#include "audit/storage_chain.h"

#include "core/fd.h"

#include <dirent.h>
#include <string.h>
#include <sys/sysmacros.h>

#define CHAIN_LIMIT 8u
#define LAYER_LIMIT 64u

void okse_storage_chain_clear(OkseStorageChain *chain)
{
    json_decref(chain->layers);
    chain->layers = NULL;
}

char *okse_storage_text(const OkseCollection *collection, const char *path)
{
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, 4096, NULL);
    g_autofree char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

    return text == NULL ? NULL : g_utf8_make_valid(g_strstrip(text), -1);
}

static bool is_there(const OkseCollection *collection, const char *path)
{
    okse_autofd fd = okse_open_in_root(collection->sysroot_fd, path + 1, O_RDONLY | O_DIRECTORY, NULL);

    return fd >= 0;
}

/* Of two parts of one volume: one in plain text makes the whole plain, one not known makes it not known. */
static const char *worse(const char *a, const char *b)
{
    if (strcmp(a, "no") == 0 || strcmp(b, "no") == 0)
        return "no";
    return strcmp(a, "yes") == 0 ? b : a;
}

static char *below(const char *directory, const char *name)
{
    return g_strconcat(directory, "/", name, NULL);
}

static char *text_below(const OkseCollection *collection, const char *directory, const char *name)
{
    g_autofree char *path = below(directory, name);

    return okse_storage_text(collection, path);
}

/* "crypt", "lvm", "raid1", "removable", … or NULL for a plain disk or part. */
static char *layer_of(const OkseCollection *collection, const char *path, const char *name)
{
    static const struct {
        const char *prefix, *kind;
    } uuids[] = {{"CRYPT-", "crypt"}, {"LVM-", "lvm"}, {"mpath-", "multipath"}, {"part", "part"}};
    g_autofree char *uuid = text_below(collection, path, "dm/uuid"), *level = text_below(collection, path, "md/level");
    g_autofree char *removable = text_below(collection, path, "removable");

    for (unsigned i = 0; uuid != NULL && i < G_N_ELEMENTS(uuids); i++)
        if (g_str_has_prefix(uuid, uuids[i].prefix))
            return g_strdup(uuids[i].kind);
    if (uuid != NULL)
        return g_strdup("device mapper");
    if (level != NULL)
        return g_steal_pointer(&level);
    if (g_str_has_prefix(name, "drbd") || g_str_has_prefix(name, "rbd") || g_str_has_prefix(name, "nbd"))
        return g_strdup("network");
    return g_strcmp0(removable, "1") == 0 ? g_strdup("removable") : NULL;
}

/* "nvme0n1" hangs on "nvme0": its transport is pcie or a fabric. */
static char *transport_of(const OkseCollection *collection, const char *name)
{
    g_autofree char *controller = NULL, *path = NULL;

    if (!g_str_has_prefix(name, "nvme"))
        return NULL;
    controller = g_strndup(name, 4 + strspn(name + 4, "0123456789"));
    path = g_strconcat("/sys/class/nvme/", controller, "/transport", NULL);
    return okse_storage_text(collection, path);
}

static void add_layer(const OkseCollection *collection, OkseStorageChain *chain, const char *path, const char *name)
{
    g_autofree char *kind = layer_of(collection, path, name), *transport = transport_of(collection, name);
    g_autofree char *valid = g_utf8_make_valid(name, -1), *text = NULL;
    bool fabric = transport != NULL && strcmp(transport, "pcie") != 0;

    chain->remote = chain->remote || fabric || g_strcmp0(kind, "network") == 0;
    text = fabric         ? g_strdup_printf("%s (nvme over %s)", valid, transport)
           : kind != NULL ? g_strdup_printf("%s (%s)", valid, kind)
                          : g_strdup(valid);
    if (json_array_size(chain->layers) < LAYER_LIMIT)
        json_array_append_new(chain->layers, json_string(text));
}

/* A partition's directory lies in that of its disk, which says whether it can be taken away. */
static bool part_is_removable(const OkseCollection *collection, const char *path)
{
    g_autofree char *part = text_below(collection, path, "partition");
    g_autofree char *removable = part == NULL ? NULL : text_below(collection, path, "../removable");

    return g_strcmp0(removable, "1") == 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by CHAIN_LIMIT */
static const char *walk(const OkseCollection *collection, OkseStorageChain *chain, const char *path, const char *name,
                        unsigned depth)
{
    g_autofree char *uuid = text_below(collection, path, "dm/uuid"), *slaves = below(path, "slaves");
    okse_autofd fd = -1;
    DIR *directory;
    const struct dirent *entry = NULL;
    const char *answer = NULL;
    bool good, crypt = uuid != NULL && g_str_has_prefix(uuid, "CRYPT-");

    if (depth >= CHAIN_LIMIT || !(crypt || is_there(collection, path)))
        return "unknown";
    add_layer(collection, chain, path, name);
    fd = okse_open_in_root(collection->sysroot_fd, slaves + 1, O_RDONLY | O_DIRECTORY, NULL);
    directory = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    if (directory == NULL) {
        if (part_is_removable(collection, path))
            json_array_append_new(chain->layers, json_string("(removable)"));
        return crypt ? "yes" : uuid != NULL ? "unknown" : "no";
    }
    while ((good = okse_directory_next(directory, &entry, slaves, NULL)) && entry != NULL) {
        g_autofree char *next = below("/sys/class/block", entry->d_name);
        const char *one = walk(collection, chain, next, entry->d_name, depth + 1);

        answer = answer == NULL ? one : worse(answer, one);
    }
    closedir(directory);
    if (crypt)
        return "yes";
    if (!good)
        return "unknown"; /* a device that was not listed may be a plain one */
    if (answer == NULL && part_is_removable(collection, path))
        json_array_append_new(chain->layers, json_string("(removable)"));
    return answer != NULL ? answer : "no";
}

/* The kernel's name of a device: the last word of what the link in /sys/dev/block leads to. */
static char *name_of(const OkseCollection *collection, dev_t device)
{
    g_autofree char *path = g_strdup_printf("/sys/dev/block/%u:%u/uevent", major(device), minor(device));
    g_autofree char *text = okse_storage_text(collection, path);
    const char *at = text == NULL ? NULL : strstr(text, "DEVNAME=");

    return at == NULL ? g_strdup_printf("%u:%u", major(device), minor(device))
                      : g_strndup(at + strlen("DEVNAME="), strcspn(at + strlen("DEVNAME="), "\n"));
}

void okse_storage_chain_of(const OkseCollection *collection, dev_t device, OkseStorageChain *chain)
{
    g_autofree char *path = g_strdup_printf("/sys/dev/block/%u:%u", major(device), minor(device));
    g_autofree char *name = name_of(collection, device);

    *chain = (OkseStorageChain){.layers = json_array()};
    chain->encrypted = walk(collection, chain, path, name, 0);
}

void okse_storage_chain_named(const OkseCollection *collection, const char *name, OkseStorageChain *chain)
{
    g_autofree char *path = below("/sys/class/block", name);

    *chain = (OkseStorageChain){.layers = json_array()};
    chain->encrypted = strchr(name, '/') != NULL ? "unknown" : walk(collection, chain, path, name, 0);
}

static void add_disk(OkseCollection *collection, const char *path, const char *host, const char *port, const char *what)
{
    guint64 number = 0;
    g_autofree char *excerpt = g_strdup_printf("%s at %s port %s", what, host, port != NULL ? port : "?");

    if (port != NULL && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        number = 0;
    okse_facts_endpoint(
        collection->facts,
        &(OkseEndpointFact){.host = host,
                            .port = (unsigned)number,
                            .protocol = what,
                            .tls = -1,
                            .direction = "out",
                            .role = "block-remote",
                            .state = "observed",
                            .source = okse_facts_source(&(OkseSourceFact){
                                .collector = "mounts", .path = path, .excerpt = excerpt, .via = "proc"})});
}

/* "traddr=203.0.113.9,trsvcid=4420,src_addr=…" */
static void nvme_disk(OkseCollection *collection, const char *directory)
{
    g_autofree char *transport = text_below(collection, directory, "transport");
    g_autofree char *address = text_below(collection, directory, "address"), *path = below(directory, "address");
    g_auto(GStrv) words = address == NULL ? NULL : g_strsplit(address, ",", -1);
    const char *host = NULL, *port = NULL;

    if (transport == NULL || (strcmp(transport, "tcp") != 0 && strcmp(transport, "rdma") != 0))
        return;
    for (char **word = words; word != NULL && *word != NULL; word++) {
        if (g_str_has_prefix(*word, "traddr="))
            host = *word + strlen("traddr=");
        else if (g_str_has_prefix(*word, "trsvcid="))
            port = *word + strlen("trsvcid=");
    }
    if (host != NULL && *host != '\0')
        add_disk(collection, path, host, port, "nvme");
}

static void iscsi_disk(OkseCollection *collection, const char *directory)
{
    g_autofree char *host = text_below(collection, directory, "persistent_address");
    g_autofree char *port = text_below(collection, directory, "persistent_port");
    g_autofree char *path = below(directory, "persistent_address");

    if (host != NULL && *host != '\0')
        add_disk(collection, path, host, port, "iscsi");
}

/* "203.0.113.9:6789 name=admin,… pool image -": Source: Linux, Documentation/ABI/testing/sysfs-bus-rbd */
static void rbd_disk(OkseCollection *collection, const char *directory)
{
    g_autofree char *info = text_below(collection, directory, "config_info"), *path = below(directory, "config_info");
    g_auto(GStrv) monitors = NULL;

    if (info == NULL)
        return;
    info[strcspn(info, " ")] = '\0';
    monitors = g_strsplit(info, ",", -1);
    for (char **one = monitors; *one != NULL; one++) {
        char *colon = strrchr(*one, ':');

        if (colon != NULL)
            *colon = '\0';
        if (**one != '\0')
            add_disk(collection, path, *one, colon != NULL ? colon + 1 : NULL, "rbd");
    }
}

static void each_of(OkseCollection *collection, const char *path, void (*look)(OkseCollection *, const char *))
{
    okse_autofd fd = okse_open_in_root(collection->sysroot_fd, path + 1, O_RDONLY | O_DIRECTORY, NULL);
    DIR *directory = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    const struct dirent *entry = NULL;
    bool whole = true;

    if (directory == NULL)
        return;
    while ((whole = okse_directory_next(directory, &entry, path, NULL)) && entry != NULL) {
        g_autofree char *one = below(path, entry->d_name);

        if (g_utf8_validate(one, -1, NULL))
            look(collection, one);
    }
    closedir(directory);
    if (!whole)
        okse_facts_coverage(collection->facts, "mounts", OKSE_PARTIAL, "the listing of disks broke off");
}

void okse_storage_remote_disks(OkseCollection *collection)
{
    each_of(collection, "/sys/class/nvme", nvme_disk);
    each_of(collection, "/sys/class/iscsi_connection", iscsi_disk);
    each_of(collection, "/sys/bus/rbd/devices", rbd_disk);
}

const json_t *okse_storage_mount_of(const OkseCollection *collection, const char *path)
{
    const json_t *mounts = okse_facts_peek(collection->facts, "mounts"), *mount, *best = NULL;
    size_t i, longest = 0;

    json_array_foreach(mounts, i, mount)
    {
        const char *target = okse_json_peek_text(mount, "path");
        size_t length = strlen(target);
        bool above = strcmp(target, "/") == 0 ||
                     (strncmp(target, path, length) == 0 && (path[length] == '/' || path[length] == '\0'));

        if (!above || okse_json_peek_text(mount, "namespace") != NULL ||
            strcmp(okse_json_peek_text(mount, "state"), "observed") != 0 || (best != NULL && length < longest))
            continue;
        best = mount; /* of two at one place the later one covers the earlier */
        longest = length;
    }
    return best;
}

const char *okse_storage_of_path(const OkseCollection *collection, const char *path, const char **host,
                                 const char **type)
{
    const json_t *best = okse_storage_mount_of(collection, path);

    *host = best == NULL ? NULL : okse_json_peek_text(best, "source_host");
    *type = best == NULL ? NULL : okse_json_peek_text(best, "fstype");
    return best == NULL ? "unknown" : okse_json_peek_text(best, "encrypted");
}
