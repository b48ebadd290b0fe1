/* What the host is. */
#include "audit/collector.h"
#include "audit/config_forms.h"
#include "core/fd.h"
#include "core/limits.h"

#include <string.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#define SMALL (1u << 20)

GBytes *okse_collect_read(const OkseCollection *collection, const char *path, uint64_t limit, GError **error)
{
    okse_autofd fd = okse_collect_open(collection, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, error);

    g_hash_table_add(collection->looked, g_strdup(path));
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

/* Small text of the kernel or of a tool that runs before us, or NULL. */
static char *text_of(const OkseCollection *collection, const char *path)
{
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, SMALL, NULL);

    return first_line(bytes);
}

/* The zone by its name: what /etc/timezone says, else where the link /etc/localtime leads. Source: localtime(5). */
static char *zone_of(const OkseCollection *collection)
{
    g_autofree char *named = text_of(collection, "/etc/timezone");
    char target[1024];
    ssize_t length = readlinkat(collection->sysroot_fd, "etc/localtime", target, sizeof target - 1);
    const char *zone;

    if (named != NULL && *named != '\0')
        return g_steal_pointer(&named);
    target[MAX(length, 0)] = '\0';
    zone = strstr(target, "/zoneinfo/");
    return zone == NULL ? NULL : g_utf8_make_valid(zone + strlen("/zoneinfo/"), -1);
}

/* What cloud-init was told when the machine started; the metadata service itself is left alone. Source: cloud-init,
 * "Instance metadata", keys of v1. */
static void add_cloud(const OkseCollection *collection, json_t *host)
{
    static const char path[] = "/run/cloud-init/instance-data.json";
    static const char *const names[][2] = {
        {"cloud", "cloud_name"}, {"region", "region"}, {"zone", "availability_zone"}};
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, SMALL, NULL);
    g_autoptr(json_t) document = bytes == NULL ? NULL : okse_json_read(bytes, SMALL, path, NULL);
    const json_t *first = json_object_get(document, "v1");

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = okse_json_peek_text(first, names[i][1]);

        json_object_set_new(host, names[i][0], value != NULL ? json_string(value) : json_null());
    }
}

/* "none [integrity] confidentiality": the word in brackets. */
static char *lockdown_of(const OkseCollection *collection)
{
    g_autofree char *text = text_of(collection, "/sys/kernel/security/lockdown");
    const char *open = text == NULL ? NULL : strchr(text, '[');

    return open == NULL ? NULL : g_strndup(open + 1, strcspn(open + 1, "]"));
}

static void add_boot_host(const OkseCollection *collection, const char *word, const char *host, unsigned port,
                          const char *role)
{
    g_auto(OkseDestination) found = {0};

    if (!okse_destination_read(host, NULL, OKSE_WRITTEN_LOGIN, &found))
        return;
    okse_facts_endpoint(
        collection->facts,
        &(OkseEndpointFact){
            .host = found.host,
            .port = port,
            .tls = -1,
            .direction = "out",
            .role = role,
            .state = "effective",
            .source = okse_facts_source(&(OkseSourceFact){
                .collector = "host", .path = "/proc/cmdline", .line = 1, .excerpt = word, .via = "proc"})});
}

/* Source: Linux, Documentation/networking/netconsole.rst: [src-port]@[src-ip]/[dev],[port]@host/[mac], port 6666. */
static void use_netconsole(const OkseCollection *collection, const char *word, const char *value)
{
    const char *target = strchr(value, ',');
    g_autofree char *host = NULL;
    guint64 port = 0;

    if (target == NULL || strchr(target, '@') == NULL)
        return;
    port = g_ascii_strtoull(target + 1, NULL, 10);
    target = strchr(target, '@') + 1;
    host = g_strndup(target, strcspn(target, "/"));
    add_boot_host(collection, word, host, port > 0 && port <= 65535 ? (unsigned)port : 6666, "logs");
}

/* Words of the kernel's command line by which data leaves or stays. */
static json_t *boot_words(const OkseCollection *collection)
{
    static const char *const told[] = {
        "netconsole=", "resume=", "nfsroot=",     "root=nfs",           "netroot=",    "ima_",
        "lockdown=",   "fips=",   "crashkernel=", "module.sig_enforce", "mem_encrypt="};
    g_autofree char *line = text_of(collection, "/proc/cmdline");
    g_auto(GStrv) words = g_strsplit(line != NULL ? line : "", " ", -1);
    json_t *list = json_array();

    for (char **word = words; *word != NULL; word++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(told); i++)
            if (g_str_has_prefix(*word, told[i]))
                json_array_append_new(list, json_string(*word));
        if (g_str_has_prefix(*word, "netconsole="))
            use_netconsole(collection, *word, *word + strlen("netconsole="));
        if (g_str_has_prefix(*word, "nfsroot=") && strchr(*word, ':') != NULL)
            add_boot_host(collection, *word, *word + strlen("nfsroot="), 0, "remote-fs");
    }
    return list;
}

OkseClock okse_collect_clock(void)
{
    struct timex state = {.modes = 0};

    if (adjtimex(&state) < 0)
        return OKSE_CLOCK_UNKNOWN;
    return (state.status & STA_UNSYNC) == 0 ? OKSE_CLOCK_SYNCHRONISED : OKSE_CLOCK_FREE;
}

static json_t *synchronised(const OkseCollection *collection)
{
    if (!collection->running || collection->clock == OKSE_CLOCK_UNKNOWN)
        return json_null();
    return json_boolean(collection->clock == OKSE_CLOCK_SYNCHRONISED);
}

static void add_machine(const OkseCollection *collection, json_t *host)
{
    static const char *const names[][2] = {{"vendor", "/sys/class/dmi/id/sys_vendor"},
                                           {"product", "/sys/class/dmi/id/product_name"},
                                           {"asset_tag", "/sys/class/dmi/id/chassis_asset_tag"},
                                           {"firmware", "/sys/class/dmi/id/bios_vendor"}};
    g_autofree char *fips = text_of(collection, "/proc/sys/crypto/fips_enabled"), *lockdown = lockdown_of(collection);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *value = text_of(collection, names[i][1]);

        json_object_set_new(host, names[i][0], value != NULL && *value != '\0' ? json_string(value) : json_null());
    }
    json_object_set_new(host, "fips", fips != NULL ? json_boolean(strcmp(fips, "1") == 0) : json_null());
    json_object_set_new(host, "lockdown", lockdown != NULL ? json_string(lockdown) : json_null());
    json_object_set_new(host, "boot", boot_words(collection));
    json_object_set_new(host, "synchronised", synchronised(collection));
}

void okse_collect_host(OkseCollection *collection)
{
    g_autoptr(GBytes) release = okse_collect_read(collection, "/etc/os-release", SMALL, NULL);
    g_autoptr(GBytes) name = okse_collect_read(collection, "/etc/hostname", SMALL, NULL);
    g_autofree char *os = assignment(release, "PRETTY_NAME"), *hostname = first_line(name),
                    *zone_name = zone_of(collection);
    struct utsname kernel = {0};
    json_t *host;
    json_t *source =
        okse_facts_source(&(OkseSourceFact){.collector = "host", .path = "/etc/os-release", .via = "structured"});

    if (collection->running)
        uname(&kernel);
    if (hostname == NULL || *hostname == '\0') {
        g_free(hostname);
        hostname = g_strdup(collection->running ? kernel.nodename : "(no /etc/hostname)");
    }
    host = json_pack("{s:s?,s:s?,s:s?,s:s?,s:s?,s:o}", "hostname", hostname, "os", os, "kernel",
                     *kernel.release != '\0' ? kernel.release : NULL, "machine",
                     *kernel.machine != '\0' ? kernel.machine : NULL, "timezone", zone_name, "source", source);
    add_cloud(collection, host);
    add_machine(collection, host);
    okse_facts_set(collection->facts, "host", host);
    if (collection->no_host != NULL)
        okse_facts_coverage(collection->facts, "host", OKSE_UNAVAILABLE, collection->no_host);
    else if (release != NULL)
        okse_facts_coverage(collection->facts, "host", OKSE_COMPLETE, NULL);
    else
        okse_facts_coverage(collection->facts, "host", OKSE_PARTIAL, "/etc/os-release could not be read");
}
