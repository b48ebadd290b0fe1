/* The host's name servers and time sources, with the directories of drop-ins that add to them. */
#include "audit/collect_host_files.h"
#include "audit/storage_chain.h"
#include "core/fd.h"

#include <dirent.h>
#include <string.h>

#define SMALL (1u << 20)
#define MOUNTINFO_LIMIT (16u << 20)

typedef struct {
    OkseCollection *collection;
    const char *collector;
    OkseHostLook look;
} Service;

/* Scan one configuration file; its path decides its role. Nothing there is nothing said. */
static void scan_file(Service *service, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(service->collection, path, SMALL, &error);

    if (bytes == NULL) {
        service->look.readable = service->look.readable && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return;
    }
    service->look.found = true;
    okse_collect_scan(service->collection, &(OkseScanFile){service->collector, path, path, NULL, bytes, false, NULL});
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void scan_drop_ins(Service *service, const char *path)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = okse_collect_open(service->collection, path, O_RDONLY | O_DIRECTORY, &error);
    DIR *directory = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const struct dirent *entry = NULL;
    bool whole;

    if (directory == NULL) {
        service->look.readable = service->look.readable && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return;
    }
    while ((whole = okse_directory_next(directory, &entry, path, NULL)) && entry != NULL)
        if (g_str_has_suffix(entry->d_name, ".conf") || g_str_has_suffix(entry->d_name, ".sources"))
            g_ptr_array_add(names, g_strconcat(path, "/", entry->d_name, NULL));
    service->look.readable = service->look.readable && whole;
    closedir(directory);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        scan_file(service, g_ptr_array_index(names, i));
}

/* What is mounted where a process lives: 0 nothing that may hold us up, 1 something, but not on the way to
 * /etc/resolv.conf, 2 on that way; -1 when it does not say. A container can make a file system (FUSE) that answers when
 * it likes. */
static int danger_of(const OkseProcesses *processes, const OkseProcess *process)
{
    okse_autofd fd = okse_processes_open(processes, process, "mountinfo");
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, MOUNTINFO_LIMIT, "mountinfo", NULL);
    g_autofree char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    int danger = 0;

    for (char **line = lines; *line != NULL; line++) {
        static const char *const way[] = {"/", "/etc", "/etc/resolv.conf", NULL};
        g_auto(GStrv) words = g_strsplit(*line, " ", 6);
        const char *dash = strstr(*line, " - ");
        g_autofree char *type = dash == NULL ? NULL : g_strndup(dash + 3, strcspn(dash + 3, " "));

        if (g_strv_length(words) < 6 || type == NULL || !(okse_mount_is_remote(type) || g_str_has_prefix(type, "fuse")))
            continue;
        danger = MAX(danger, g_strv_contains(way, words[4]) ? 2 : 1);
    }
    return text == NULL ? -1 : danger;
}

/* What a process in another mount namespace reads as /etc/resolv.conf: no link is followed where one could lead to a
 * server that is gone. */
static GBytes *resolvers_of(Service *service, const OkseProcess *process)
{
    const OkseProcesses *processes = service->collection->processes;
    g_autofree char *root = g_strdup_printf("%u/root", process->pid);
    int danger = danger_of(processes, process);
    okse_autofd root_fd =
        danger < 0 || danger > 1 ? -1 : openat(okse_processes_fd(processes), root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    okse_autofd fd = -1;
    g_autoptr(GError) error = NULL;
    GBytes *bytes = NULL;

    if (root_fd < 0) {
        service->look.readable = service->look.readable && danger < 2 && (errno == ENOENT || errno == ESRCH);
        return NULL;
    }
    fd = danger == 0 ? okse_open_in_root(root_fd, "etc/resolv.conf", O_RDONLY | O_NOCTTY | O_NONBLOCK, &error)
                     : okse_open_beneath(root_fd, "etc/resolv.conf", O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, &error);
    if (fd >= 0)
        bytes = okse_read_fd(fd, SMALL, "resolv.conf", &error);
    if (bytes == NULL && !g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        service->look.readable = false;
    return bytes;
}

/* Most namespaces have a copy of what the host has; what is different is told once. */
static void look_at_others(Service *service)
{
    OkseCollection *collection = service->collection;
    g_autoptr(GPtrArray) others = okse_processes_mntns(collection->processes);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    GBytes *own = okse_collect_read(collection, "/etc/resolv.conf", SMALL, NULL);
    const char *hidden = okse_processes_hidden(collection->processes);

    if (own != NULL)
        g_hash_table_add(seen, own);
    for (guint i = 0; i < others->len; i++) {
        const OkseProcess *process = g_ptr_array_index(others, i);
        g_autofree char *path = g_strdup_printf("/proc/%u/root/etc/resolv.conf", process->pid);
        GBytes *bytes = resolvers_of(service, process);

        if (bytes != NULL && g_hash_table_add(seen, bytes))
            okse_collect_scan(collection,
                              &(OkseScanFile){service->collector, path, "/etc/resolv.conf", NULL, bytes, false, NULL});
    }
    if (hidden != NULL)
        okse_facts_coverage(collection->facts, service->collector, OKSE_PARTIAL, hidden);
}

void okse_collect_resolvers(OkseCollection *collection)
{
    static const char *const paths[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf",
                                        "/etc/systemd/resolved.conf"};
    static const char *const drop_ins[] = {"/etc/systemd/resolved.conf.d", "/run/systemd/resolved.conf.d",
                                           "/usr/lib/systemd/resolved.conf.d"};
    Service service = {.collection = collection, .collector = "resolvers", .look.readable = true};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        scan_file(&service, paths[i]);
    for (unsigned i = 0; i < G_N_ELEMENTS(drop_ins); i++)
        scan_drop_ins(&service, drop_ins[i]);
    okse_collect_host_files(collection, service.collector, &service.look);
    if (collection->processes != NULL)
        look_at_others(&service);
    okse_collect_host_coverage(collection, service.collector, &service.look,
                               "a resolver configuration could not be read", "no resolver is configured");
}

void okse_collect_time(OkseCollection *collection)
{
    static const char *const paths[] = {"/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntp.conf",
                                        "/etc/ntpsec/ntp.conf", "/etc/systemd/timesyncd.conf"};
    static const char *const drop_ins[] = {"/etc/chrony/conf.d",
                                           "/etc/chrony/sources.d",
                                           "/etc/chrony.d",
                                           "/etc/ntpsec/ntp.d",
                                           "/etc/systemd/timesyncd.conf.d",
                                           "/run/systemd/timesyncd.conf.d",
                                           "/usr/lib/systemd/timesyncd.conf.d"};
    Service service = {.collection = collection, .collector = "time", .look.readable = true};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        scan_file(&service, paths[i]);
    for (unsigned i = 0; i < G_N_ELEMENTS(drop_ins); i++)
        scan_drop_ins(&service, drop_ins[i]);
    okse_collect_host_files(collection, service.collector, &service.look);
    okse_collect_host_coverage(collection, service.collector, &service.look, "a time configuration could not be read",
                               "no time service is configured");
}
