/* What the host is, and its name servers and time sources. */
#include "audit/collector.h"
#include "core/fd.h"
#include "core/limits.h"

#include <dirent.h>
#include <string.h>
#include <sys/utsname.h>

#define SMALL (1u << 20)

GBytes *okse_collect_read(const OkseCollection *collection, const char *path, uint64_t limit, GError **error)
{
    okse_autofd fd =
        okse_open_in_root(collection->sysroot_fd, path + (*path == '/'), O_RDONLY | O_NOCTTY | O_NONBLOCK, error);

    return fd < 0 ? NULL : okse_read_fd(fd, limit, path, error);
}

/* The value of NAME= in a file of shell assignments. */
static char *assignment(GBytes *bytes, const char *name)
{
    g_autofree char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = text == NULL ? NULL : g_strsplit(text, "\n", -1);

    for (char **line = lines; line != NULL && *line != NULL; line++) {
        if (!g_str_has_prefix(*line, name) || (*line)[strlen(name)] != '=')
            continue;
        g_strstrip(*line);
        return g_shell_unquote(*line + strlen(name) + 1, NULL);
    }
    return NULL;
}

static char *first_line(GBytes *bytes)
{
    g_autofree char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

    if (text == NULL)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return g_utf8_make_valid(g_strstrip(text), -1);
}

void okse_collect_host(OkseCollection *collection)
{
    g_autoptr(GBytes) release = okse_collect_read(collection, "/etc/os-release", SMALL, NULL);
    g_autoptr(GBytes) name = okse_collect_read(collection, "/etc/hostname", SMALL, NULL);
    g_autoptr(GBytes) zone = okse_collect_read(collection, "/etc/timezone", SMALL, NULL);
    g_autofree char *os = assignment(release, "PRETTY_NAME"), *hostname = first_line(name),
                    *zone_name = first_line(zone);
    struct utsname kernel = {0};
    json_t *source =
        okse_facts_source(&(OkseSourceFact){.collector = "host", .path = "/etc/os-release", .via = "structured"});

    if (collection->running)
        uname(&kernel);
    if (hostname == NULL || *hostname == '\0') {
        g_free(hostname);
        hostname = g_strdup(collection->running ? kernel.nodename : "(no /etc/hostname)");
    }
    okse_facts_set(collection->facts, "host",
                   json_pack("{s:s?,s:s?,s:s?,s:s?,s:s?,s:o}", "hostname", hostname, "os", os, "kernel",
                             *kernel.release != '\0' ? kernel.release : NULL, "machine",
                             *kernel.machine != '\0' ? kernel.machine : NULL, "timezone", zone_name, "source", source));
    if (release != NULL)
        okse_facts_coverage(collection->facts, "host", OKSE_COMPLETE, NULL);
    else
        okse_facts_coverage(collection->facts, "host", OKSE_PARTIAL, "/etc/os-release could not be read");
}

/* Scan one configuration file; false when it is there and could not be read. */
static bool scan_file(OkseCollection *collection, const char *collector, const char *path, bool *found)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, SMALL, &error);
    g_autofree char *name = g_path_get_basename(path);

    if (bytes == NULL)
        return g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
    *found = true;
    okse_collect_scan(collection, &(OkseScanFile){collector, path, name, NULL, bytes});
    return true;
}

/* Every *.conf of a drop-in directory; false when it or a file is there and could not be read. */
static bool scan_drop_ins(OkseCollection *collection, const char *collector, const char *path, bool *found)
{
    g_autoptr(GError) error = NULL;
    int fd = okse_open_in_root(collection->sysroot_fd, path + 1, O_RDONLY | O_DIRECTORY, &error);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    bool readable = true;

    if (directory == NULL)
        return g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        g_autofree char *file = g_strconcat(path, "/", entry->d_name, NULL);

        if (g_str_has_suffix(entry->d_name, ".conf"))
            readable = scan_file(collection, collector, file, found) && readable;
    }
    closedir(directory);
    return readable;
}

void okse_collect_resolvers(OkseCollection *collection)
{
    static const char *const paths[] = {"/etc/resolv.conf", "/etc/systemd/resolved.conf"};
    bool found = false, readable = true;

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        readable = scan_file(collection, "resolvers", paths[i], &found) && readable;
    readable = scan_drop_ins(collection, "resolvers", "/etc/systemd/resolved.conf.d", &found) && readable;
    if (!readable)
        okse_facts_coverage(collection->facts, "resolvers", OKSE_PARTIAL, "a resolver configuration could not be read");
    else
        okse_facts_coverage(collection->facts, "resolvers", found ? OKSE_COMPLETE : OKSE_ABSENT,
                            found ? NULL : "no resolver is configured");
}

/* Without a time source of its own configuration, timesyncd asks the pool that was compiled in. */
static void add_compiled_in_pool(OkseCollection *collection)
{
    static const char path[] = "/lib/systemd/systemd-timesyncd";
    okse_autofd daemon = okse_open_in_root(collection->sysroot_fd, path + 1, O_PATH, NULL);

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
    bool found = false, readable = true;

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
        readable = scan_file(collection, "time", paths[i], &found) && readable;
    readable = scan_drop_ins(collection, "time", "/etc/systemd/timesyncd.conf.d", &found) && readable;
    readable = scan_drop_ins(collection, "time", "/etc/chrony/conf.d", &found) && readable;
    add_compiled_in_pool(collection);
    if (!readable)
        okse_facts_coverage(collection->facts, "time", OKSE_PARTIAL, "a time configuration could not be read");
    else
        okse_facts_coverage(collection->facts, "time", found ? OKSE_COMPLETE : OKSE_ABSENT,
                            found ? NULL : "no time service is configured");
}
