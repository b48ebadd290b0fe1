/* Mounts of every mount namespace and what is under them: the device chain down to the disk says whether data at rest
 * is encrypted, the source of a network file system says where it really lies. Nothing is stat()ed on the mounts
 * themselves (a dead server would block); what other namespaces have is read from /proc/PID/mountinfo. */
#include "audit/collect_host_files.h"
#include "audit/storage_chain.h"
#include "core/fd.h"

#include <libmount.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MOUNTINFO_LIMIT (16u << 20)

static const char *const remote_types[] = {"nfs",
                                           "nfs4",
                                           "cifs",
                                           "smb3",
                                           "smbfs",
                                           "ceph",
                                           "glusterfs",
                                           "lustre",
                                           "beegfs",
                                           "wekafs",
                                           "afs",
                                           "davfs",
                                           "9p",
                                           "sshfs",
                                           "fuse.sshfs",
                                           "fuse.ceph",
                                           "fuse.ceph-fuse",
                                           "fuse.glusterfs",
                                           "fuse.davfs",
                                           "fuse.curlftpfs",
                                           "fuse.cvmfs2",
                                           NULL};
/* Of these the source names a bucket, not a server: that stands in an option, if anywhere. */
static const char *const bucket_types[] = {"fuse.s3fs",    "s3fs",          "fuse.rclone",    "rclone",
                                           "fuse.goofys",  "fuse.geesefs",  "fuse.gcsfuse",   "gcsfuse",
                                           "fuse.juicefs", "fuse.blobfuse", "fuse.blobfuse2", NULL};
static const char *const skipped[] = {
    "proc", "sysfs",    "cgroup",  "cgroup2",   "devpts", "mqueue",   "debugfs", "tracefs",     "securityfs", "pstore",
    "bpf",  "configfs", "fusectl", "hugetlbfs", "autofs", "devtmpfs", "nsfs",    "binfmt_misc", "rpc_pipefs", NULL};

/* One namespace while its mounts are added. */
typedef struct {
    OkseCollection *collection;
    const OkseProcess *process; /* one that lives in it; NULL: our own */
    const char *name;           /* "mnt:[…]", or NULL */
    GHashTable *seen;           /* device, root, source and target of what was told: namespaces begin as copies */
    struct libmnt_table *table;
} Space;

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
        g_auto(OkseStorageChain) chain = {0};

        if (*device != '/' || g_str_has_prefix(device, "/dev/zram"))
            continue;
        if (!g_str_has_prefix(device, "/dev/"))
            return "unknown";
        okse_storage_chain_named(collection, strrchr(device, '/') + 1, &chain);
        if (strcmp(chain.encrypted, "yes") != 0)
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

/* The value of an option, or NULL. */
static char *option_of(const char *options, const char *name)
{
    char *value = NULL;
    size_t length = 0;

    if (options == NULL || mnt_optstr_get_option(options, name, &value, &length) != 0 || value == NULL)
        return NULL;
    return g_strndup(value, length);
}

static char *bucket_server(const char *options)
{
    static const char *const names[] = {"url", "endpoint", "host"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *value = option_of(options, names[i]);
        const char *host = value == NULL ? NULL : strstr(value, "://");

        if (value != NULL && *value != '\0')
            return server_of(host != NULL ? host + 3 : value);
    }
    return NULL;
}

bool okse_mount_is_remote(const char *type)
{
    return type != NULL && (g_strv_contains(remote_types, type) || g_strv_contains(bucket_types, type));
}

char *okse_mount_server(const char *type, const char *source, const char *options)
{
    if (!okse_mount_is_remote(type))
        return NULL;
    if (g_strv_contains(bucket_types, type))
        return bucket_server(options);
    return source == NULL || strcmp(source, "none") == 0 ? NULL : server_of(source);
}

int okse_mount_tls(const char *type, const char *options)
{
    g_autofree char *sec = option_of(options, "sec"), *transport = option_of(options, "xprtsec");
    g_autofree char *url = option_of(options, "url");

    if (strstr(type, "sshfs") != NULL || g_strcmp0(sec, "krb5p") == 0 || g_strcmp0(transport, "tls") == 0 ||
        g_strcmp0(transport, "mtls") == 0 || (url != NULL && g_str_has_prefix(url, "https:")))
        return 1;
    return url != NULL && g_str_has_prefix(url, "http:") ? 0 : -1;
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

static const char *table_path(const Space *space)
{
    return space->process != NULL ? "/proc/PID/mountinfo" : "/proc/self/mountinfo";
}

static json_t *mount_source(const Space *space, const char *excerpt)
{
    return okse_facts_source(
        &(OkseSourceFact){.collector = "mounts", .path = table_path(space), .excerpt = excerpt, .via = "proc"});
}

/* A name as text: other bytes would make the fact impossible to write down. */
static char *valid(const char *name)
{
    return name == NULL ? NULL : g_utf8_make_valid(name, -1);
}

static void add_server(const Space *space, struct libmnt_fs *fs, const char *host, const char *excerpt)
{
    const char *options = mnt_fs_get_fs_options(fs), *type = mnt_fs_get_fstype(fs);
    g_autofree char *port = option_of(options, "port"), *protocol = valid(type);
    guint64 number = 0;

    if (port != NULL && !g_ascii_string_to_unsigned(port, 10, 0, 65535, &number, NULL))
        number = 0;
    okse_facts_endpoint(
        space->collection->facts,
        &(OkseEndpointFact){.host = host,
                            .port = (unsigned)number,
                            .protocol = protocol,
                            .tls = okse_mount_tls(type, options),
                            .direction = "out",
                            .role = "remote-fs",
                            .state = "observed",
                            .process = space->process != NULL ? okse_process_json(space->process) : NULL,
                            .source = mount_source(space, excerpt)});
}

/* An overlay writes into its upper directory, a path of our own namespace. */
static bool upper_device(const Space *space, struct libmnt_fs *fs, dev_t *device)
{
    g_autofree char *upper = option_of(mnt_fs_get_fs_options(fs), "upperdir");
    struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *one = NULL, *best = NULL;

    while (upper != NULL && mnt_table_next_fs(space->table, iterator, &one) == 0) {
        const char *target = mnt_fs_get_target(one);
        size_t length = target == NULL ? 0 : strlen(target);
        bool above = target != NULL && (strcmp(target, "/") == 0 || (strncmp(target, upper, length) == 0 &&
                                                                     (upper[length] == '/' || upper[length] == '\0')));

        if (above && g_strcmp0(mnt_fs_get_fstype(one), "overlay") != 0 &&
            (best == NULL || length >= strlen(mnt_fs_get_target(best))))
            best = one;
    }
    mnt_free_iter(iterator);
    *device = best == NULL ? 0 : mnt_fs_get_devno(best);
    return best != NULL;
}

static void encryption_of(const Space *space, struct libmnt_fs *fs, OkseStorageChain *chain)
{
    const char *type = mnt_fs_get_fstype(fs);
    dev_t device = mnt_fs_get_devno(fs);

    if (okse_mount_is_remote(type)) {
        *chain = (OkseStorageChain){"unknown", json_array(), true};
    } else if (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0) {
        *chain = (OkseStorageChain){encryption_of_memory(space->collection), json_array(), false};
    } else {
        if (strcmp(type, "overlay") == 0)
            upper_device(space, fs, &device);
        okse_storage_chain_of(space->collection, device, chain);
    }
}

/* Whether the same mount was told of another namespace. */
static bool told_before(const Space *space, struct libmnt_fs *fs, const char *target, const char *source)
{
    dev_t device = mnt_fs_get_devno(fs);
    const char *root = mnt_fs_get_root(fs);

    return !g_hash_table_add(space->seen,
                             g_strdup_printf("%u:%u|%s|%s|%s", major(device), minor(device), root != NULL ? root : "",
                                             source != NULL ? source : "", target)) &&
           space->process != NULL;
}

static void add_mount(const Space *space, struct libmnt_fs *fs)
{
    OkseCollection *collection = space->collection;
    g_autofree char *target = valid(mnt_fs_get_target(fs)), *source = valid(mnt_fs_get_source(fs));
    g_autofree char *type = valid(mnt_fs_get_fstype(fs)), *server = NULL, *address = NULL, *raw = NULL;
    g_autofree char *excerpt = g_strdup_printf("%s on %s type %s", source != NULL ? source : "none",
                                               target != NULL ? target : "?", type != NULL ? type : "?");
    g_autofree char *key = g_strconcat(target, space->name != NULL ? "|" : NULL, space->name, NULL);
    g_auto(OkseStorageChain) chain = {0};

    if (target == NULL || type == NULL || g_strv_contains(skipped, type) || told_before(space, fs, target, source))
        return;
    raw = okse_mount_server(type, source, mnt_fs_get_fs_options(fs));
    server = valid(raw);
    encryption_of(space, fs, &chain);
    okse_facts_add(collection->facts, "mounts", key,
                   json_pack("{s:s,s:s,s:s?,s:s?,s:b,s:s,s:O,s:o,s:s?,s:s?,s:n,s:o,s:s}", "path", target, "fstype",
                             type, "device", source, "source_host", server, "remote", (int)chain.remote, "encrypted",
                             chain.encrypted, "chain", chain.layers, "holds",
                             space->process != NULL ? json_array() : what_it_holds(collection, target), "namespace",
                             space->name, "container", space->process != NULL ? space->process->container : NULL,
                             "location", "source", mount_source(space, excerpt), "state", "observed"));
    if (server != NULL)
        add_server(space, fs, server, excerpt);
    address = server == NULL ? NULL : option_of(mnt_fs_get_fs_options(fs), "addr");
    if (address != NULL && strcmp(address, server) != 0 && strcmp(okse_atlas_scope(address), "unresolved") != 0)
        add_server(space, fs, address, excerpt);
}

/* False when the bytes are no table of mounts. */
static bool add_table(Space *space, GBytes *bytes)
{
    struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_table *table = mnt_new_table();
    struct libmnt_fs *fs = NULL;
    FILE *stream = bytes == NULL || g_bytes_get_size(bytes) == 0
                       ? NULL
                       : fmemopen((void *)(uintptr_t)g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "r");
    bool good = stream != NULL && mnt_table_parse_stream(table, stream, table_path(space)) == 0;

    if (space->table == NULL) {
        space->table = table;
        mnt_ref_table(table);
    }
    while (good && mnt_table_next_fs(table, iterator, &fs) == 0)
        add_mount(space, fs);
    if (stream != NULL)
        fclose(stream);
    mnt_free_iter(iterator);
    mnt_unref_table(table);
    return good;
}

static void partial(const OkseCollection *collection, const char *reason)
{
    if (reason != NULL)
        okse_facts_coverage(collection->facts, "mounts", OKSE_PARTIAL, reason);
}

static void look_at_others(Space *space)
{
    OkseCollection *collection = space->collection;
    g_autoptr(GPtrArray) others = okse_processes_mntns(collection->processes);

    for (guint i = 0; i < others->len; i++) {
        const OkseProcess *process = g_ptr_array_index(others, i);
        g_autofree char *name = g_strdup_printf("mnt:[%" G_GUINT64_FORMAT "]", process->mntns);
        okse_autofd fd = okse_processes_open(collection->processes, process, "mountinfo");
        g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, MOUNTINFO_LIMIT, "mountinfo", NULL);

        space->process = process;
        space->name = name;
        if (bytes == NULL && (errno == ENOENT || errno == ESRCH || errno == EINVAL))
            continue; /* it ended */
        if (bytes == NULL || (g_bytes_get_size(bytes) > 0 && !add_table(space, bytes)))
            partial(collection, "the mounts of another mount namespace could not be read (run as root)");
    }
    partial(collection, okse_processes_hidden(collection->processes));
}

void okse_collect_mounts(OkseCollection *collection)
{
    g_autoptr(GBytes) bytes = okse_collect_read(collection, "/proc/self/mountinfo", MOUNTINFO_LIMIT, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Space space = {collection, NULL, NULL, seen, NULL};
    OkseHostLook look = {.readable = true};

    if (!add_table(&space, bytes))
        okse_facts_coverage(collection->facts, "mounts", OKSE_UNAVAILABLE, "/proc/self/mountinfo could not be read");
    else if (collection->processes != NULL)
        look_at_others(&space);
    okse_storage_remote_disks(collection);
    okse_storage_fstab(collection);
    okse_collect_host_files(collection, "mounts", &look);
    if (!look.readable)
        partial(collection, "a configuration of storage could not be read");
    okse_facts_coverage(collection->facts, "mounts", OKSE_COMPLETE, NULL);
    mnt_unref_table(space.table);
}
