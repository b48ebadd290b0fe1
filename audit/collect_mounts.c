/* Mounts and what is under them: the device chain down to the disk says whether data at rest is encrypted, the source
 * of a network file system says where it really lies. Nothing is stat()ed on the mounts themselves (a dead server would
 * block). */
#include "audit/collector.h"
#include "core/fd.h"

#include <dirent.h>
#include <libmount.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CHAIN_LIMIT 8u

static const char *const remote_types[] = {"nfs",         "nfs4",   "cifs",       "smb3",      "ceph",
                                           "glusterfs",   "lustre", "fuse.sshfs", "fuse.s3fs", "fuse.rclone",
                                           "fuse.goofys", "9p",     NULL};
static const char *const skipped[] = {
    "proc", "sysfs",    "cgroup",  "cgroup2",   "devpts", "mqueue",   "debugfs", "tracefs",     "securityfs", "pstore",
    "bpf",  "configfs", "fusectl", "hugetlbfs", "autofs", "devtmpfs", "nsfs",    "binfmt_misc", "rpc_pipefs", NULL};

static char *read_small(const OkseCollection *collection, const char *path)
{
    g_autoptr(GBytes) bytes = okse_collect_read(collection, path, 4096, NULL);
    char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

    return text == NULL ? NULL : g_strstrip(text);
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

/* "yes" below a layer of dm-crypt; "no" when some chain ends on a plain device; "unknown" when one cannot be followed.
 * NOLINTNEXTLINE(misc-no-recursion): bounded by CHAIN_LIMIT */
static const char *encryption_below(const OkseCollection *collection, const char *path, unsigned depth)
{
    g_autofree char *uuid_path = g_strconcat(path, "/dm/uuid", NULL), *uuid = read_small(collection, uuid_path);
    g_autofree char *slaves = g_strconcat(path, "/slaves", NULL);
    okse_autofd fd = -1;
    DIR *directory;
    const struct dirent *entry = NULL;
    const char *answer = NULL;
    bool good;

    if (uuid != NULL && g_str_has_prefix(uuid, "CRYPT-"))
        return "yes";
    if (depth >= CHAIN_LIMIT || !is_there(collection, path))
        return "unknown";
    fd = okse_open_in_root(collection->sysroot_fd, slaves + 1, O_RDONLY | O_DIRECTORY, NULL);
    directory = fd < 0 ? NULL : fdopendir(okse_fd_steal(&fd));
    if (directory == NULL)
        return uuid != NULL ? "unknown" : "no";
    while ((good = okse_directory_next(directory, &entry, slaves, NULL)) && entry != NULL) {
        g_autofree char *next = g_strconcat("/sys/class/block/", entry->d_name, NULL);
        const char *part = *entry->d_name == '.' ? NULL : encryption_below(collection, next, depth + 1);

        answer = part == NULL ? answer : answer == NULL ? part : worse(answer, part);
    }
    closedir(directory);
    if (!good)
        return "unknown"; /* a device that was not listed may be a plain one */
    return answer != NULL ? answer : "no";
}

static const char *encryption_of(const OkseCollection *collection, dev_t device)
{
    g_autofree char *path = g_strdup_printf("/sys/dev/block/%u:%u", major(device), minor(device));

    return encryption_below(collection, path, 0);
}

/* Memory is on no disk, unless swap takes it there. */
static const char *encryption_of_memory(const OkseCollection *collection)
{
    g_autoptr(GBytes) bytes = okse_collect_read(collection, "/proc/swaps", 1u << 16, NULL);
    g_autofree char *text = bytes == NULL ? NULL : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = text == NULL ? NULL : g_strsplit(text, "\n", -1);

    if (lines == NULL)
        return "unknown";
    for (char **line = lines; *line != NULL; line++) {
        g_autofree char *device = g_strndup(*line, strcspn(*line, " \t"));
        g_autofree char *path = g_strconcat("/sys/class/block", strrchr(device, '/'), NULL);

        if (*device != '/' || g_str_has_prefix(device, "/dev/zram"))
            continue;
        if (!g_str_has_prefix(device, "/dev/") || strcmp(encryption_below(collection, path, 0), "yes") != 0)
            return "unknown";
    }
    return "yes";
}

/* "server:/export", "//server/share" or "user@server:path": the server. */
static char *server_of(const char *source)
{
    const char *start = source + strspn(source, "/"), *at = strchr(start, '@');
    size_t length;

    if (at != NULL)
        start = at + 1;
    if (*start == '[') {
        length = strcspn(start + 1, "]");
        return g_strndup(start + 1, length);
    }
    length = strcspn(start, ":/,");
    return length == 0 ? NULL : g_ascii_strdown(start, (gssize)length);
}

static json_t *what_it_holds(const OkseCollection *collection, const char *target)
{
    json_t *holds = json_array();
    size_t length = strlen(target);

    if (collection->root != NULL && *collection->root == '/' &&
        (strcmp(target, "/") == 0 || (strncmp(collection->root, target, length) == 0 &&
                                      (collection->root[length] == '/' || collection->root[length] == '\0')))) {
        json_array_append_new(holds, json_string("models"));
        json_array_append_new(holds, json_string("config"));
    }
    if (strcmp(target, "/") == 0 || g_str_has_prefix(target, "/var"))
        json_array_append_new(holds, json_string("logs"));
    return holds;
}

static json_t *mount_source(const char *excerpt)
{
    return okse_facts_source(
        &(OkseSourceFact){.collector = "mounts", .path = "/proc/self/mountinfo", .excerpt = excerpt, .via = "proc"});
}

/* A name as text: other bytes would make the fact impossible to write down. */
static char *valid(const char *name)
{
    return name == NULL ? NULL : g_utf8_make_valid(name, -1);
}

static void add_mount(OkseCollection *collection, struct libmnt_fs *fs)
{
    g_autofree char *target = valid(mnt_fs_get_target(fs)), *source = valid(mnt_fs_get_source(fs));
    const char *type = mnt_fs_get_fstype(fs);
    bool remote = type != NULL && g_strv_contains(remote_types, type);
    g_autofree char *server = remote && source != NULL ? server_of(source) : NULL;
    g_autofree char *excerpt = g_strdup_printf("%s on %s type %s", source != NULL ? source : "none",
                                               target != NULL ? target : "?", type != NULL ? type : "?");
    const char *encrypted = remote ? "unknown"
                            : type != NULL && strcmp(type, "tmpfs") == 0
                                ? encryption_of_memory(collection)
                                : encryption_of(collection, mnt_fs_get_devno(fs));

    if (target == NULL || type == NULL || g_strv_contains(skipped, type))
        return;
    okse_facts_add(collection->facts, "mounts", target,
                   json_pack("{s:s,s:s,s:s?,s:s?,s:b,s:s,s:o,s:n,s:o,s:s}", "path", target, "fstype", type, "device",
                             source, "source_host", server, "remote", (int)remote, "encrypted", encrypted, "holds",
                             what_it_holds(collection, target), "location", "source", mount_source(excerpt), "state",
                             "observed"));
    if (server != NULL)
        okse_facts_endpoint(collection->facts, &(OkseEndpointFact){.host = server,
                                                                   .protocol = type,
                                                                   .tls = -1,
                                                                   .direction = "out",
                                                                   .role = "remote-fs",
                                                                   .state = "observed",
                                                                   .source = mount_source(excerpt)});
}

void okse_collect_mounts(OkseCollection *collection)
{
    struct libmnt_table *table = mnt_new_table();
    struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    g_autoptr(GBytes) bytes = okse_collect_read(collection, "/proc/self/mountinfo", 16u << 20, NULL);
    struct libmnt_fs *fs = NULL;
    FILE *stream = bytes == NULL || g_bytes_get_size(bytes) == 0
                       ? NULL
                       : fmemopen((void *)(uintptr_t)g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "r");

    if (stream == NULL || mnt_table_parse_stream(table, stream, "/proc/self/mountinfo") != 0) {
        okse_facts_coverage(collection->facts, "mounts", OKSE_UNAVAILABLE, "/proc/self/mountinfo could not be read");
    } else {
        while (mnt_table_next_fs(table, iterator, &fs) == 0)
            add_mount(collection, fs);
        okse_facts_coverage(collection->facts, "mounts", OKSE_COMPLETE, NULL);
    }
    if (stream != NULL)
        fclose(stream);
    mnt_free_iter(iterator);
    mnt_unref_table(table);
}
