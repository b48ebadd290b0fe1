/* The files of the installed components (and of the host) that are configuration are scanned; those of kind compliance
 * become documents. A file that cannot be read, or is too large, makes the collector partial and is named: never
 * silence. */
#include "audit/collector.h"
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/yaml.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FILE_LIMIT (8u << 20)

typedef struct Walk Walk;
typedef void (*FileFunc)(Walk *walk, const char *path, const char *name, GBytes *bytes);

struct Walk {
    OkseCollection *collection;
    const char *collector;
    const char *shown;     /* prefix of paths in sources */
    const char *component; /* or NULL */
    const char *kind;
    FileFunc file;
    bool all;         /* every file, not only names of configuration */
    bool host;        /* links are the system's own and are followed inside the sysroot */
    GPtrArray *links; /* char *: paths, looked at after everything that is no link */
    GHashTable *seen; /* "device:inode" of what was looked at */
};

static bool name_matches(const OkseCollection *collection, const char *rule, const char *name)
{
    const json_t *patterns = json_object_get(okse_scanner_rules(collection->scanner), rule);

    for (size_t i = 0; i < json_array_size(patterns); i++)
        if (g_pattern_match_simple(json_string_value(json_array_get(patterns, i)), name))
            return true;
    return false;
}

static bool rule_lists(const OkseCollection *collection, const char *rule, const char *word)
{
    const json_t *words = json_object_get(okse_scanner_rules(collection->scanner), rule);

    for (size_t i = 0; i < json_array_size(words); i++)
        if (g_strcmp0(json_string_value(json_array_get(words, i)), word) == 0)
            return true;
    return false;
}

static void partial(const Walk *walk, const char *path, const char *why)
{
    g_autofree char *shown = okse_text_show(path, -1, false);
    g_autofree char *reason = g_strdup_printf("%s%s%s: %s", walk->shown, *shown != '\0' ? "/" : "", shown, why);

    okse_facts_coverage(walk->collection->facts, walk->collector, OKSE_PARTIAL, reason);
}

static bool is_wanted(const Walk *walk, const char *name)
{
    return walk->all || name_matches(walk->collection, "file_names", name);
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
    g_autoptr(GBytes) bytes = okse_read_fd(fd, FILE_LIMIT, name, &error);

    if (bytes == NULL)
        partial(walk, path, error->message);
    else
        walk->file(walk, path, name, bytes);
}

static void visit_file(Walk *walk, int dir_fd, const char *path, const char *name)
{
    g_autoptr(GError) error = NULL;
    okse_autofd fd = -1;

    if (!is_wanted(walk, name))
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

    if (walk->host) {
        g_ptr_array_add(walk->links, g_strdup(path));
        return;
    }
    if (!is_wanted(walk, name))
        return;
    length = readlinkat(dir_fd, name, target, sizeof target - 1);
    target[MAX(length, 0)] = '\0';
    if (length <= 0 || !link_stays(path, target))
        partial(walk, path, "is a link that leaves the component; what it names was not read");
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void visit(Walk *walk, int dir_fd, const char *prefix, const char *name, unsigned depth)
{
    g_autofree char *path = *prefix == '\0' ? g_strdup(name) : g_strconcat(prefix, "/", name, NULL);
    struct stat info;
    okse_autofd child = -1;

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
    else if (!S_ISDIR(info.st_mode) && is_wanted(walk, name))
        partial(walk, path, "is no file and was not read");
    if (!S_ISDIR(info.st_mode))
        return;
    child = depth < OKSE_LIMIT_DEPTH ? okse_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0, NULL) : -1;
    if (child < 0)
        partial(walk, path, "the directory could not be read");
    else
        walk_directory(walk, child, path, depth + 1);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH */
static void walk_directory(Walk *walk, int fd, const char *prefix, unsigned depth)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);

    if (directory == NULL) {
        partial(walk, prefix, g_strerror(errno));
        return;
    }
    errno = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
        errno = 0;
    }
    if (errno != 0)
        partial(walk, prefix, g_strerror(errno));
    closedir(directory);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        visit(walk, fd, prefix, g_ptr_array_index(names, i), depth);
}

/* What a link of the host names: a file or directory that was not looked at yet. One that names nothing, or the null
 * device (how systemd masks a unit), holds no configuration. */
static void follow_link(Walk *walk, const char *path)
{
    g_autofree char *full = g_strconcat(walk->shown, "/", path, NULL), *name = g_path_get_basename(path);
    g_autoptr(GError) error = NULL;
    okse_autofd looked = okse_open_in_root(walk->collection->sysroot_fd, full + 1, O_PATH, &error);
    okse_autofd fd = -1;
    struct stat info;

    if (looked < 0 && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return;
    if (looked < 0 || fstat(looked, &info) < 0) {
        partial(walk, path, "the link could not be followed");
        return;
    }
    if ((S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3)) || !first_sight(walk, &info))
        return;
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        fd = okse_open_in_root(walk->collection->sysroot_fd, full + 1, O_RDONLY | O_NOCTTY | O_NONBLOCK, &error);
    if (fd < 0)
        partial(walk, path, "what the link names could not be read");
    else if (S_ISDIR(info.st_mode))
        walk_directory(walk, fd, path, 0);
    else
        use_file(walk, fd, path, name);
}

/* Look at everything below fd. Directories behind links are entered once, so this ends. */
static void walk_all(Walk *walk, int fd)
{
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct stat info;

    walk->links = links;
    walk->seen = seen;
    if (fstat(fd, &info) == 0)
        first_sight(walk, &info);
    walk_directory(walk, fd, "", 0);
    for (guint i = 0; i < links->len; i++)
        follow_link(walk, g_ptr_array_index(links, i));
}

static bool is_text(GBytes *bytes)
{
    return memchr(g_bytes_get_data(bytes, NULL), '\0', g_bytes_get_size(bytes)) == NULL;
}

static void scan_configuration(Walk *walk, const char *path, const char *name, GBytes *bytes)
{
    g_autofree char *shown = *path != '\0' ? g_strconcat(walk->shown, "/", path, NULL) : g_strdup(walk->shown);

    const char *place = walk->component != NULL ? path : shown;

    if (g_bytes_get_size(bytes) > 0 && is_text(bytes) && !name_matches(walk->collection, "noise_names", name))
        okse_collect_scan(walk->collection, &(OkseScanFile){walk->collector, shown, place, walk->component, bytes});
}

/* The members of a typed document that are not its head. */
static json_t *fields_of(const json_t *parsed)
{
    static const char *const head[] = {"okse", "type", "title", NULL};
    const json_t *own = json_object_get(parsed, "fields");
    json_t *fields = json_is_object(own) ? json_deep_copy(own) : json_deep_copy(parsed);

    for (const char *const *member = head; *member != NULL && !json_is_object(own); member++)
        json_object_del(fields, *member);
    return fields;
}

static void add_document(Walk *walk, const char *path, const char *name, GBytes *bytes)
{
    g_autofree char *shown = g_strconcat(walk->shown, "/", path, NULL), *valid = g_utf8_make_valid(path, -1);
    bool yaml_name = g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml");
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseYaml) yaml = yaml_name ? okse_yaml_read(bytes, shown, &error) : NULL;
    g_autoptr(json_t) parsed = yaml == NULL ? NULL : okse_node_to_json(okse_yaml_root(yaml));
    bool typed = g_strcmp0(okse_json_peek_text(parsed, "okse"), "document/v1") == 0;
    const char *type = typed ? okse_json_peek_text(parsed, "type") : NULL;
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];
    json_t *source;

    if (error != NULL)
        partial(walk, path, error->message);
    okse_sha256_text(&digest, text);
    source = okse_facts_source(&(OkseSourceFact){.collector = "documents",
                                                 .path = shown,
                                                 .line = 1,
                                                 .digest = text,
                                                 .component = walk->component,
                                                 .via = "declared"});
    okse_facts_add(walk->collection->facts, "documents", "doc", shown,
                   json_pack("{s:s?,s:s,s:s,s:s?,s:o,s:s,s:o,s:s}", "component", walk->component, "path", valid, "type",
                             type != NULL ? type : "file", "title", okse_json_peek_text(parsed, "title"), "fields",
                             typed ? fields_of(parsed) : json_object(), "digest", text, "source", source, "state",
                             "declared"));
}

static void walk_component(OkseCollection *collection, const json_t *component)
{
    const char *name = okse_json_peek_text(component, "name"), *kind = okse_json_peek_text(component, "kind");
    const char *generation = okse_json_peek_text(collection->install, "generation");
    g_autofree char *path = g_strdup_printf("generations/%s/%s", generation, name);
    g_autofree char *shown = g_strdup_printf("%s/current/%s", collection->root, name);
    bool documents = g_strcmp0(kind, "compliance") == 0;
    Walk walk = {.collection = collection,
                 .collector = documents ? "documents" : "configuration",
                 .shown = shown,
                 .component = name,
                 .kind = kind,
                 .file = documents ? add_document : scan_configuration,
                 .all = documents || rule_lists(collection, "configuration_kinds", kind)};
    okse_autofd fd = -1;

    if (!walk.all && !rule_lists(collection, "file_kinds", kind))
        return;
    fd = okse_open_beneath(collection->root_fd, path, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (fd < 0)
        partial(&walk, "", "the component could not be read");
    else
        walk_all(&walk, fd);
}

static void walk_host(OkseCollection *collection)
{
    const json_t *paths = json_object_get(okse_scanner_rules(collection->scanner), "host_paths");

    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = json_string_value(json_array_get(paths, i));
        g_autoptr(GError) error = NULL;
        okse_autofd fd = okse_open_in_root(collection->sysroot_fd, path + 1, O_RDONLY | O_NOCTTY | O_NONBLOCK, &error);
        g_autofree char *name = g_path_get_basename(path);
        Walk walk = {.collection = collection,
                     .collector = "configuration",
                     .shown = path,
                     .file = scan_configuration,
                     .all = true,
                     .host = true};
        struct stat info;

        if (fd < 0 && g_error_matches(error, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
            continue;
        if (fd < 0 || fstat(fd, &info) < 0) {
            partial(&walk, "", "could not be read");
        } else if (S_ISDIR(info.st_mode)) {
            walk_all(&walk, fd);
        } else {
            g_autoptr(GBytes) bytes = okse_read_fd(fd, FILE_LIMIT, path, &error);

            if (bytes == NULL)
                partial(&walk, "", error->message);
            else
                scan_configuration(&walk, "", name, bytes);
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
