/* The host's name servers and time sources, with the directories of drop-ins that add to them. */
#include "audit/collector.h"
#include "core/fd.h"

#include <dirent.h>
#include <string.h>

#define SMALL (1u << 20)

typedef struct {
    OkseCollection *collection;
    const char *collector;
    GRegex *named; /* a line that names a source of time, or NULL */
    bool found, readable, has_named;
} Service;

/* Scan one configuration file; its path decides its role. Nothing there is nothing said. */
static void scan_file(Service *service, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(service->collection, path, SMALL, &error);
    gsize length;
    const char *text;

    if (bytes == NULL) {
        service->readable = service->readable && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return;
    }
    service->found = true;
    text = g_bytes_get_data(bytes, &length);
    if (service->named != NULL && length > 0 &&
        g_regex_match_full(service->named, text, (gssize)length, 0, 0, NULL, NULL))
        service->has_named = true;
    okse_collect_scan(service->collection, &(OkseScanFile){service->collector, path, path, NULL, bytes, false});
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void scan_drop_ins(Service *service, const char *path)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = okse_open_in_root(service->collection->sysroot_fd, path + 1, O_RDONLY | O_DIRECTORY, &error);
    DIR *directory = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const struct dirent *entry = NULL;
    bool whole;

    if (directory == NULL) {
        service->readable = service->readable && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
        return;
    }
    while ((whole = okse_directory_next(directory, &entry, path, NULL)) && entry != NULL)
        if (g_str_has_suffix(entry->d_name, ".conf") || g_str_has_suffix(entry->d_name, ".sources"))
            g_ptr_array_add(names, g_strconcat(path, "/", entry->d_name, NULL));
    service->readable = service->readable && whole;
    closedir(directory);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        scan_file(service, g_ptr_array_index(names, i));
}

static void report_coverage(const Service *service, const char *unreadable, const char *none)
{
    if (!service->readable)
        okse_facts_coverage(service->collection->facts, service->collector, OKSE_PARTIAL, unreadable);
    else
        okse_facts_coverage(service->collection->facts, service->collector,
                            service->found ? OKSE_COMPLETE : OKSE_ABSENT, service->found ? NULL : none);
}

void okse_collect_resolvers(OkseCollection *collection)
{
    static const char *const paths[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf",
                                        "/etc/systemd/resolved.conf"};
    static const char *const drop_ins[] = {"/etc/systemd/resolved.conf.d", "/run/systemd/resolved.conf.d",
                                           "/usr/lib/systemd/resolved.conf.d"};
    Service service = {.collection = collection, .collector = "resolvers", .readable = true};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        scan_file(&service, paths[i]);
    for (unsigned i = 0; i < G_N_ELEMENTS(drop_ins); i++)
        scan_drop_ins(&service, drop_ins[i]);
    report_coverage(&service, "a resolver configuration could not be read", "no resolver is configured");
}

/* Without a time source of its own configuration, timesyncd asks the pool that was compiled in. */
static void add_compiled_in_pool(OkseCollection *collection)
{
    static const char path[] = "/lib/systemd/systemd-timesyncd";
    okse_autofd daemon = okse_open_in_root(collection->sysroot_fd, path + 1, O_RDONLY | O_NONBLOCK | O_NOCTTY, NULL);

    if (daemon < 0)
        return;
    okse_facts_endpoint(collection->facts,
                        &(OkseEndpointFact){.host = "0.debian.pool.ntp.org",
                                            .port = 123,
                                            .protocol = "udp",
                                            .tls = 0,
                                            .direction = "out",
                                            .role = "ntp",
                                            .state = "default",
                                            .source = okse_facts_source(&(OkseSourceFact){
                                                .collector = "time", .path = path, .via = "structured"})});
}

void okse_collect_time(OkseCollection *collection)
{
    static const char *const paths[] = {"/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntp.conf",
                                        "/etc/ntpsec/ntp.conf", "/etc/systemd/timesyncd.conf"};
    static const char *const drop_ins[] = {"/etc/chrony/conf.d",
                                           "/etc/chrony/sources.d",
                                           "/etc/chrony.d",
                                           "/etc/systemd/timesyncd.conf.d",
                                           "/run/systemd/timesyncd.conf.d",
                                           "/usr/lib/systemd/timesyncd.conf.d"};
    g_autoptr(GRegex) named =
        g_regex_new("^[ \\t]*(?:Fallback)?NTP[ \\t]*=[ \\t]*\\S", G_REGEX_RAW | G_REGEX_MULTILINE, 0, NULL);
    Service service = {.collection = collection, .collector = "time", .named = named, .readable = true};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        scan_file(&service, paths[i]);
    for (unsigned i = 0; i < G_N_ELEMENTS(drop_ins); i++)
        scan_drop_ins(&service, drop_ins[i]);
    if (!service.has_named)
        add_compiled_in_pool(collection);
    report_coverage(&service, "a time configuration could not be read", "no time service is configured");
}
