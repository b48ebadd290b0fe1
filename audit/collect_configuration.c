/* Walking the installed components, and the host's configuration. What cannot be read makes the collector partial and
 * is named: never silence. */
#include "audit/collect_host_files.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "core/yaml.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

typedef struct {
    OkseCollectFiles files; /* without component: links are the system's own and are followed inside the sysroot */
    GPtrArray *links;       /* char *: paths, looked at after everything that is no link */
    GHashTable *seen;       /* "device:inode" of what was looked at */
    char *real;             /* where this part of the walk really is, when there are network file systems; or NULL */
    gsize under;            /* the length of the path that stands for it */
} Walk;

static void partial(const Walk *walk, const char *path, const char *why)
{
    okse_collect_files_partial(&walk->files, path, why);
}

/* False when it was looked at before. */
static bool first_sight(const Walk *walk, const struct stat *info)
{
    return g_hash_table_add(walk->seen, g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                                        (guint64)info->st_dev, (guint64)info->st_ino));
}

static void use_file(Walk *walk, int fd, const char *path, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = okse_read_fd(fd, OKSE_COLLECT_FILE_LIMIT, name, &error);

    g_hash_table_add(walk->files.collection->looked, g_strconcat(walk->files.shown, "/", path, NULL));
    if (bytes == NULL)
        partial(walk, path, error->message);
    else
        okse_collect_files_use(&walk->files, path, bytes);
}

static void visit_file(Walk *walk, int dir_fd, const char *path, const char *name)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = -1;

    if (!okse_collect_files_wants(&walk->files, name))
        return;
    fd = okse_open_beneath(dir_fd, name, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, &error);
    if (fd < 0)
        partial(walk, path, error->message);
    else
        use_file(walk, fd, path, name);
}

static void walk_directory(Walk *walk, int fd, const char *prefix, unsigned depth);

/* True when a relative link stays below the directory in which the walk began: what it names is then visited itself. */
static bool link_stays(const char *path, const char *target)
{
    g_auto(GStrv) above = g_strsplit(path, "/", -1), words = g_strsplit(target, "/", -1);
    int depth = (int)g_strv_length(above) - 1;

    if (*target == '/')
        return false;
    for (char **word = words; *word != NULL; word++) {
        if (strcmp(*word, "..") == 0 && --depth < 0)
            return false;
        if (**word != '\0' && **word != '.')
            depth++;
    }
    return true;
}

static void visit_link(Walk *walk, int dir_fd, const char *path, const char *name)
{
    char target[4096];
    ssize_t length;

    if (walk->files.component == NULL) {
        g_ptr_array_add(walk->links, g_strdup(path));
        return;
    }
    if (!okse_collect_files_wants(&walk->files, name))
        return;
    length = readlinkat(dir_fd, name, target, sizeof target - 1);
    target[MAX(length, 0)] = '\0';
    if (length <= 0 || !link_stays(path, target))
        partial(walk, path, "is a link that leaves the component; what it names was not read");
}

static bool on_network(const Walk *walk, const char *path)
{
    g_autofree char *full = walk->real == NULL ? NULL
                            : walk->under == 0 ? g_strconcat(walk->real, "/", path, NULL)
                                               : g_strconcat(walk->real, path + walk->under, NULL);

    return full != NULL && okse_collect_on_network(walk->files.collection, full);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void visit(Walk *walk, int dir_fd, const char *prefix, const char *name, unsigned depth)
{
    g_autofree char *path = *prefix == '\0' ? g_strdup(name) : g_strconcat(prefix, "/", name, NULL);
    struct stat info;
    okse_autofd child = -1;

    if (okse_interrupted()) {
        partial(walk, path, OKSE_OUT_OF_TIME);
        return;
    }
    if (on_network(walk, path)) {
        partial(walk, path, "is a network file system, which is not touched");
        return;
    }
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        partial(walk, path, g_strerror(errno));
        return;
    }
    if (S_ISLNK(info.st_mode)) {
        visit_link(walk, dir_fd, path, name);
        return;
    }
    first_sight(walk, &info);
    if (S_ISREG(info.st_mode))
        visit_file(walk, dir_fd, path, name);
    else if (!S_ISDIR(info.st_mode) && okse_collect_files_wants(&walk->files, name))
        partial(walk, path, "is no file and was not read");
    if (!S_ISDIR(info.st_mode))
        return;
    child = depth < OKSE_LIMIT_DEPTH ? okse_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, NULL) : -1;
    if (child < 0)
        partial(walk, path, "the directory could not be read");
    else
        walk_directory(walk, child, path, depth + 1);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void walk_directory(Walk *walk, int fd, const char *prefix, unsigned depth)
{
    bool whole = true;
    g_autoptr(GPtrArray) names = okse_directory_names(fd, &whole);

    if (names == NULL || !whole)
        partial(walk, prefix, g_strerror(errno));
    for (guint i = 0; names != NULL && i < names->len; i++)
        visit(walk, fd, prefix, g_ptr_array_index(names, i), depth);
}

/* What a link of the host names: a file or directory that was not looked at yet. One that names nothing, or the null
 * device (how systemd masks a unit), holds no configuration. */
static void follow_link(Walk *walk, const char *path)
{
    g_autofree char *full = g_strconcat(walk->files.shown, "/", path, NULL), *name = g_path_get_basename(path);
    g_autoptr(GError) error = NULL;
    okse_autofd looked = okse_collect_open(walk->files.collection, full, O_PATH, &error);
    okse_autofd fd = -1;
    g_autofree char *real = okse_collect_real(walk->files.collection, full);
    Walk there = *walk;
    struct stat info;

    there.real = real;
    there.under = strlen(path);
    if (looked < 0 && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return;
    if (looked < 0 || fstat(looked, &info) < 0) {
        partial(walk, path, error != NULL ? error->message : "the link could not be followed");
        return;
    }
    if ((S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3)) || !first_sight(walk, &info)) {
        g_hash_table_add(walk->files.collection->looked, g_steal_pointer(&full)); /* as what it names */
        return;
    }
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        fd = okse_collect_open(walk->files.collection, full, O_RDONLY | O_NOCTTY | O_NONBLOCK, &error);
    if (fd < 0)
        partial(walk, path, "what the link names could not be read");
    else if (S_ISDIR(info.st_mode))
        walk_directory(&there, fd, path, 0);
    else
        use_file(walk, fd, path, name);
}

/* Look at everything below fd. Directories behind links are entered once, so this ends. */
static void walk_all(Walk *walk, int fd)
{
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
    struct stat info;

    walk->links = links;
    if (fstat(fd, &info) == 0)
        first_sight(walk, &info);
    walk_directory(walk, fd, "", 0);
    for (guint i = 0; i < links->len; i++)
        follow_link(walk, g_ptr_array_index(links, i));
}

static void walk_component(OkseCollection *collection, const json_t *component)
{
    const char *name = okse_json_peek_text(component, "name"), *kind = okse_json_peek_text(component, "kind");
    const char *generation = okse_json_peek_text(collection->install, "generation");
    g_autofree char *path = g_strdup_printf("generations/%s/%s", generation, name);
    g_autofree char *shown = g_strdup_printf("%s/current/%s", collection->root, name);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Walk walk = {.files = {collection, shown, name, kind}, .seen = seen};
    okse_autofd fd = -1;

    if (!okse_collect_files_any(&walk.files))
        return;
    fd = okse_open_beneath(collection->root_fd, path, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (fd < 0)
        partial(&walk, "", "the component could not be read");
    else
        walk_all(&walk, fd);
}

typedef struct {
    OkseCollection *collection;
    GHashTable *seen;           /* over all paths: what two patterns name is looked at once */
    const OkseProgram *program; /* whose files these are, or NULL */
} HostWalk;

/* What cannot be read of a program's own files leaves the collector of its kind without an answer, too. */
static void partial_of(const HostWalk *host, const Walk *walk, const char *why)
{
    partial(walk, "", why);
    if (host->program != NULL) {
        g_autofree char *reason = g_strdup_printf("%s: %s", walk->files.shown, why);

        okse_facts_coverage(host->collection->facts, host->program->collector, OKSE_PARTIAL, reason);
    }
}

/* A file or directory of the host with configuration. */
static void walk_path(const HostWalk *host, const char *path)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = okse_collect_open(host->collection, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, &error);
    g_autofree char *real = okse_collect_real(host->collection, path);
    Walk walk = {.files = {.collection = host->collection, .shown = path}, .seen = host->seen, .real = real};
    g_autoptr(GBytes) bytes = NULL;
    struct stat info;

    if (fd < 0 && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return;
    if (fd < 0 || fstat(fd, &info) < 0) {
        partial_of(host, &walk, error != NULL ? error->message : "could not be read");
    } else if (S_ISDIR(info.st_mode)) {
        walk_all(&walk, fd);
    } else if (S_ISREG(info.st_mode) && first_sight(&walk, &info)) {
        g_hash_table_add(host->collection->looked, g_strdup(path));
        bytes = okse_read_fd(fd, OKSE_COLLECT_FILE_LIMIT, path, &error);
        if (bytes == NULL)
            partial_of(host, &walk, error->message);
        else
            okse_collect_files_use(&walk.files, "", bytes);
    }
}

static void walk_pattern(const HostWalk *host, const char *pattern)
{
    const Walk walk = {.files = {.collection = host->collection, .shown = pattern}};
    g_autofree char *missed = NULL;
    bool whole = true;
    g_autoptr(GPtrArray) paths = okse_collect_matches(host->collection, pattern, &whole, &missed);

    for (guint i = 0; i < paths->len; i++)
        walk_path(host, g_ptr_array_index(paths, i));
    if (!whole)
        partial_of(host, &walk, missed);
}

static void walk_host(OkseCollection *collection)
{
    const json_t *paths = json_object_get(okse_scanner_rules(collection->scanner), "host_paths");
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    HostWalk host = {collection, seen, NULL};

    if (collection->no_host != NULL) {
        Walk walk = {.files = {.collection = collection, .shown = ""}, .seen = seen};

        walk_all(&walk, collection->sysroot_fd);
        return;
    }
    for (size_t i = 0; i < json_array_size(paths); i++)
        walk_path(&host, json_string_value(json_array_get(paths, i)));
    for (unsigned i = 0; i < okse_software_count(collection->software); i++) {
        const OkseProgram *program = okse_software_get(collection->software, i);

        host.program = program;
        for (guint k = 0; k < program->files->len; k++) {
            const OkseProgramFile *file = g_ptr_array_index(program->files, k);

            for (guint n = 0; n < file->paths->len; n++)
                walk_pattern(&host, g_ptr_array_index(file->paths, n));
        }
    }
}

void okse_collect_configuration(OkseCollection *collection, bool installed, bool host)
{
    const json_t *components = json_object_get(collection->install, "components");
    const char *fault = okse_json_peek_text(collection->install, "fault");

    if (installed && collection->install == NULL) {
        okse_facts_coverage(collection->facts, "configuration", OKSE_UNAVAILABLE, "no install could be read");
        okse_facts_coverage(collection->facts, "documents", OKSE_UNAVAILABLE, "no install could be read");
    }
    if (installed && fault != NULL) { /* the list of components may be short, or empty */
        okse_facts_coverage(collection->facts, "configuration", OKSE_PARTIAL, fault);
        okse_facts_coverage(collection->facts, "documents", OKSE_PARTIAL, fault);
    }
    for (size_t i = 0; installed && i < json_array_size(components); i++)
        walk_component(collection, json_array_get(components, i));
    if (host)
        walk_host(collection);
    okse_facts_coverage(collection->facts, "configuration", OKSE_COMPLETE, NULL);
    if (installed)
        okse_facts_coverage(collection->facts, "documents", OKSE_COMPLETE, NULL);
    else
        okse_facts_coverage(collection->facts, "documents", OKSE_UNAVAILABLE, "not in scope");
}
