/* The packet filter that a system loads when it starts, from the files of its usual loaders. */
#include "audit/firewall_source.h"
#include "core/fd.h"
#include "core/limits.h"

#include <fnmatch.h>
#include <string.h>

#define LIMIT_NAMES 1024u /* files of one directory */

static GBytes *read_file(int root, const char *path, bool *missing)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = okse_open_in_root(root, path + (*path == '/'), O_RDONLY | O_NOCTTY | O_NONBLOCK, &error);

    *missing = fd < 0 && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND);
    return fd < 0 ? NULL : okse_read_fd(fd, OKSE_LIMIT_DOCUMENT, path, NULL);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a directory that fit a pattern, sorted; NULL when the directory cannot be read. */
static GPtrArray *names_like(int root, const char *directory, const char *pattern)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int fd = okse_open_in_root(root, directory + (*directory == '/'), O_RDONLY | O_DIRECTORY, NULL);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    bool whole = stream != NULL;

    while (whole && (whole = okse_directory_next(stream, &entry, directory, NULL)) && entry != NULL)
        if (names->len < LIMIT_NAMES && fnmatch(pattern, entry->d_name, FNM_PERIOD) == 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    if (stream != NULL)
        closedir(stream);
    else if (fd >= 0)
        close(fd);
    g_ptr_array_sort(names, compare_names);
    return whole ? g_steal_pointer(&names) : NULL;
}

/* What nft(8) includes: a path, or a pattern whose last part has wildcards; relative to /etc. */
static GPtrArray *included(void *context, const char *pattern)
{
    const int *root = context;
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(okse_firewall_file_free), names = NULL;
    g_autofree char *full = *pattern == '/' ? g_strdup(pattern) : g_strconcat("/etc/", pattern, NULL);
    g_autofree char *directory = g_path_get_dirname(full), *last = g_path_get_basename(full);

    if (strpbrk(directory, "*?[") != NULL)
        return NULL;
    if (strpbrk(last, "*?[") != NULL) {
        names = names_like(*root, directory, last);
        if (names == NULL)
            return NULL;
    } else {
        names = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(names, g_steal_pointer(&last));
    }
    for (guint i = 0; i < names->len; i++) {
        OkseFirewallFile *file = g_new0(OkseFirewallFile, 1);
        bool missing;

        file->path = g_build_filename(directory, g_ptr_array_index(names, i), NULL);
        file->bytes = read_file(*root, file->path, &missing);
        if (file->bytes == NULL) {
            g_free(file->path);
            g_free(file);
            return NULL;
        }
        g_ptr_array_add(files, file);
    }
    return g_steal_pointer(&files);
}

typedef struct {
    const char *path, *family; /* family: of iptables-save; NULL: nft(8) */
} Known;

static bool add_file(OkseFirewall *firewall, int root, const Known *known)
{
    bool missing;
    g_autoptr(GBytes) bytes = read_file(root, known->path, &missing);
    g_autoptr(json_t) document = NULL;

    if (bytes == NULL) {
        if (!missing)
            okse_firewall_note(firewall, known->path, 0, NULL, "the file could not be read");
        return !missing;
    }
    document = known->family != NULL ? okse_iptables_read(bytes, known->path, known->family)
                                     : okse_nft_text_read(bytes, known->path, included, &root);
    if (!okse_firewall_add(firewall, document, known->path, NULL))
        okse_firewall_note(firewall, known->path, 0, NULL, "could not be read");
    return true;
}

/* Loaders with a language of their own. */
static bool note_other(OkseFirewall *firewall, int root, const char *path, const char *needle, const char *why)
{
    bool missing;
    g_autoptr(GBytes) bytes = read_file(root, path, &missing);

    if (bytes == NULL || (needle != NULL &&
                          g_strstr_len(g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes), needle) == NULL))
        return false;
    okse_firewall_note(firewall, path, 0, needle, why);
    return true;
}

unsigned okse_firewall_read_files(OkseFirewall *firewall, int root)
{
    static const Known files[] = {
        {"/etc/nftables.conf", NULL},           {"/etc/sysconfig/nftables.conf", NULL},
        {"/etc/iptables/rules.v4", "ip"},       {"/etc/iptables/rules.v6", "ip6"},
        {"/etc/iptables/iptables.rules", "ip"}, {"/etc/iptables/ip6tables.rules", "ip6"},
        {"/etc/sysconfig/iptables", "ip"},      {"/etc/sysconfig/ip6tables", "ip6"},
    };
    unsigned seen = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++)
        seen += add_file(firewall, root, &files[i]);
    seen += note_other(firewall, root, "/etc/firewalld/firewalld.conf", NULL, "zones of firewalld are not modelled");
    seen += note_other(firewall, root, "/etc/ufw/ufw.conf", "ENABLED=yes", "rules of ufw are not modelled");
    return seen;
}
