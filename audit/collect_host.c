/* What the host is. */
#include "audit/collector.h"
#include "core/fd.h"
#include "core/limits.h"

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
    if (collection->no_host != NULL)
        okse_facts_coverage(collection->facts, "host", OKSE_UNAVAILABLE, collection->no_host);
    else if (release != NULL)
        okse_facts_coverage(collection->facts, "host", OKSE_COMPLETE, NULL);
    else
        okse_facts_coverage(collection->facts, "host", OKSE_PARTIAL, "/etc/os-release could not be read");
}
