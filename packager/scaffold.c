/* Proposals are made from names and a look one or two directories deep; the user edits the result, so a wrong guess
 * costs a line, and nothing is ever replaced. */
#include "packager/scaffold.h"

#include "core/fd.h"
#include "core/text.h"
#include "packager/patterns.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_DEPTH 3u      /* how far below a directory weights are looked for */
#define NAME_LIMIT 60u     /* leaves room for "-2" in a component's name */
#define ARCHIVES_LIMIT 64u /* files of one directory that may become components of their own */

typedef struct {
    int dir_fd;
    json_t *rules, *filetypes;
    GHashTable *names; /* component names taken */
    GString *components, *comments;
} Scaffold;

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The visible entries of a directory, sorted by bytes. NULL when it cannot be read. */
static GPtrArray *entries_of(int dir_fd, const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int fd = okse_open_beneath(dir_fd, path, O_RDONLY | O_DIRECTORY, 0, error);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    bool good;

    if (directory == NULL)
        return NULL;
    while ((good = okse_directory_next(directory, &entry, path, error)) && entry != NULL)
        if (entry->d_name[0] != '.')
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(directory);
    if (!good)
        return NULL;
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static bool is_type(int dir_fd, const char *path, mode_t type)
{
    struct stat info;

    return fstatat(dir_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && (info.st_mode & S_IFMT) == type;
}

static bool is_weight(const Scaffold *scaffold, const char *path)
{
    return g_strcmp0(okse_json_peek_text(okse_patterns_find(scaffold->filetypes, path), "kind"), "weight") == 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by LOOK_DEPTH */
static bool holds_weights(const Scaffold *scaffold, const char *path, unsigned depth)
{
    g_autoptr(GPtrArray) names = depth > LOOK_DEPTH ? NULL : entries_of(scaffold->dir_fd, path, NULL);

    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *child = g_build_filename(path, g_ptr_array_index(names, i), NULL);

        if (is_type(scaffold->dir_fd, child, S_IFDIR) ? holds_weights(scaffold, child, depth + 1)
                                                      : is_weight(scaffold, child))
            return true;
    }
    return false;
}

/* A component name from a file name: lower case, digits, single '-'; made unique with a number. */
static char *component_name(const Scaffold *scaffold, const char *text)
{
    g_autoptr(GString) name = g_string_new(NULL);
    char *unique;

    for (const char *p = text; *p != '\0' && name->len < NAME_LIMIT; p++) {
        if (g_ascii_isalnum(*p))
            g_string_append_c(name, g_ascii_tolower(*p));
        else if (name->len > 0 && name->str[name->len - 1] != '-')
            g_string_append_c(name, '-');
    }
    while (name->len > 0 && name->str[name->len - 1] == '-')
        g_string_truncate(name, name->len - 1);
    if (name->len == 0)
        g_string_append(name, "component");
    unique = g_strdup(name->str);
    for (unsigned i = 2; strcmp(unique, "stack") == 0 || g_hash_table_contains(scaffold->names, unique); i++) {
        g_free(unique);
        unique = g_strdup_printf("%s-%u", name->str, i);
    }
    g_hash_table_add(scaffold->names, g_strdup(unique));
    return unique;
}

/* A JSON string, which YAML reads as a double-quoted scalar. */
static char *quoted(const char *text)
{
    g_autoptr(json_t) value = json_string(text);
    char *dumped = json_dumps(value, JSON_ENCODE_ANY);
    char *copy = g_strdup(dumped);

    free(dumped);
    return copy;
}

/* A text as a YAML scalar: plain where every reader takes it for a text (longer than true, false and null, begins with
 * a letter), quoted otherwise. */
static char *scalar(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";

    return g_ascii_isalpha(*text) && strlen(text) > 5 && strspn(text, plain) == strlen(text) ? g_strdup(text)
                                                                                             : quoted(text);
}

static void leave_out(Scaffold *scaffold, const char *path, const char *why)
{
    g_autofree char *shown = okse_text_show(path, -1, false);

    g_string_append_printf(scaffold->comments, "# left out: %s (%s)\n", shown, why);
}

static void propose(Scaffold *scaffold, const char *name, const char *kind, const char *form, const char *path)
{
    g_autofree char *unique = component_name(scaffold, name), *shown = scalar(unique), *place = scalar(path);

    g_string_append_printf(scaffold->components, "  - name: %s\n    kind: %s\n    source: {%s: %s}\n", shown, kind,
                           form, place);
}

/* An image of several needs its reference; each becomes a component. */
static void propose_images(Scaffold *scaffold, const char *path)
{
    g_autofree char *index_path = g_build_filename(path, "index.json", NULL);
    okse_autofd fd = okse_open_beneath(scaffold->dir_fd, index_path, O_RDONLY | O_NONBLOCK, 0, NULL);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, 1u << 20, index_path, NULL);
    g_autoptr(json_t) index = bytes == NULL ? NULL : okse_json_read(bytes, 1u << 20, index_path, NULL);
    const json_t *images = json_object_get(index, "manifests");
    g_autofree char *base = g_path_get_basename(path);

    if (json_array_size(images) < 2) {
        propose(scaffold, base, "runtime", "oci", path);
        return;
    }
    for (size_t i = 0; i < MIN(json_array_size(images), ARCHIVES_LIMIT); i++) {
        const char *reference = okse_json_peek_text(json_object_get(json_array_get(images, i), "annotations"),
                                                    "org.opencontainers.image.ref.name");
        g_autofree char *name = g_strconcat(base, "-", reference, NULL), *place = scalar(path);
        g_autofree char *unique = NULL, *shown = NULL, *tag = NULL;

        if (reference == NULL)
            continue;
        unique = component_name(scaffold, name);
        shown = scalar(unique);
        tag = quoted(reference);
        g_string_append_printf(scaffold->components,
                               "  - name: %s\n    kind: runtime\n    source: {oci: %s, ref: %s}\n", shown, place, tag);
    }
}

/* A wheel is called by what stands before its version; other archives lose their extensions. */
static void propose_archive(Scaffold *scaffold, const char *path, const char *kind)
{
    g_autofree char *base = g_path_get_basename(path);
    char *end = g_str_has_suffix(base, ".whl") ? strchr(base, '-') : strchr(base, '.');

    if (end != NULL && end > base)
        *end = '\0';
    propose(scaffold, base, kind, "archive", path);
}

static const char *archive_kind(const Scaffold *scaffold, const char *path)
{
    return okse_json_peek_text(okse_patterns_find(json_object_get(scaffold->rules, "archives"), path), "kind");
}

/* wheels/ and the like: a directory of nothing but archives is as many components. */
static bool propose_archives_in(Scaffold *scaffold, const char *path)
{
    g_autoptr(GPtrArray) names = entries_of(scaffold->dir_fd, path, NULL);

    if (names == NULL || names->len == 0 || names->len > ARCHIVES_LIMIT)
        return false;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *child = g_build_filename(path, g_ptr_array_index(names, i), NULL);

        if (!okse_path_check(child, NULL) || !is_type(scaffold->dir_fd, child, S_IFREG) ||
            archive_kind(scaffold, child) == NULL)
            return false;
    }
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *child = g_build_filename(path, g_ptr_array_index(names, i), NULL);

        propose_archive(scaffold, child, archive_kind(scaffold, child));
    }
    return true;
}

static bool is_layout(const Scaffold *scaffold, const char *path)
{
    g_autofree char *marker = g_build_filename(path, "oci-layout", NULL);

    return is_type(scaffold->dir_fd, marker, S_IFREG);
}

/* images/ and the like: a directory of OCI layouts. */
static bool propose_layouts_in(Scaffold *scaffold, const char *path)
{
    g_autoptr(GPtrArray) names = entries_of(scaffold->dir_fd, path, NULL);

    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *child = g_build_filename(path, g_ptr_array_index(names, i), NULL);

        if (!okse_path_check(child, NULL) || !is_layout(scaffold, child))
            return false;
    }
    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *child = g_build_filename(path, g_ptr_array_index(names, i), NULL);

        propose_images(scaffold, child);
    }
    return names != NULL && names->len > 0;
}

static void propose_directory(Scaffold *scaffold, const char *path)
{
    const json_t *rules = json_object_get(scaffold->rules, "directories");
    g_autoptr(GPtrArray) names = entries_of(scaffold->dir_fd, path, NULL);
    const char *kind;

    if (names == NULL || names->len == 0) {
        leave_out(scaffold, path, names == NULL ? "cannot be read" : "nothing in it");
        return;
    }
    if (is_layout(scaffold, path)) {
        propose_images(scaffold, path);
        return;
    }
    if (propose_layouts_in(scaffold, path) || propose_archives_in(scaffold, path))
        return;
    kind = holds_weights(scaffold, path, 1) ? "weights" : okse_json_peek_text(okse_patterns_find(rules, path), "kind");
    propose(scaffold, path, kind != NULL ? kind : "infra", "path", path);
}

static void propose_entry(Scaffold *scaffold, const char *name)
{
    if (okse_patterns_find(json_object_get(scaffold->rules, "left_out"), name) != NULL) {
        leave_out(scaffold, name, "a key, or not for packing");
    } else if (!okse_path_check(name, NULL)) {
        leave_out(scaffold, name, "a name that cannot be packed");
    } else if (is_type(scaffold->dir_fd, name, S_IFDIR)) {
        propose_directory(scaffold, name);
    } else if (!is_type(scaffold->dir_fd, name, S_IFREG)) {
        leave_out(scaffold, name, "neither a file nor a directory");
    } else if (archive_kind(scaffold, name) != NULL) {
        propose_archive(scaffold, name, archive_kind(scaffold, name));
    } else {
        propose(scaffold, name, is_weight(scaffold, name) ? "weights" : "docs", "path", name);
    }
}

char *okse_scaffold_stack(int dir_fd, const char *name, const OkseResources *resources, GError **error)
{
    g_autoptr(json_t) rules = okse_patterns_read(resources, "manifests/scaffold.yaml", error);
    g_autoptr(json_t) filetypes =
        rules == NULL ? NULL : okse_patterns_read(resources, "manifests/modelpack-filetypes.yaml", error);
    g_autoptr(GPtrArray) names = filetypes == NULL ? NULL : entries_of(dir_fd, ".", error);
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GString) components = g_string_new(NULL), comments = g_string_new(NULL);
    Scaffold scaffold = {dir_fd, rules, filetypes, taken, components, comments};
    g_autofree char *unique = NULL, *stack_name = NULL;

    if (names == NULL)
        return NULL;
    for (guint i = 0; i < names->len; i++)
        propose_entry(&scaffold, g_ptr_array_index(names, i));
    if (components->len == 0)
        return NULL;
    g_hash_table_remove_all(taken);
    unique = component_name(&scaffold, name);
    stack_name = scalar(unique);
    return g_strdup_printf("# Proposed by okse init: read it, name what is missing. Every key: docs/stack.md.\n"
                           "okse: stack/v1\n"
                           "name: %s\n"
                           "version: 0.1.0\n"
                           "sequence: 1                        # grows with every release\n"
                           "vendor: {name: Example AI Lab, country: KR}   # who answers for the bundle: change this\n"
                           "components:\n%s%s"
                           "compliance:\n"
                           "  data_classes: [personal]         # what the stack handles; the law is scoped by it\n",
                           stack_name, components->str, comments->str);
}

/* Every example is a directory of manifests/stacks. */
static GStrv example_files(const char *example, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) known = okse_resources_directories(resources, "manifests/stacks", error);
    g_autofree char *directory = g_strconcat("manifests/stacks/", example, NULL), *list = NULL;

    if (known == NULL)
        return NULL;
    if (g_strv_contains((const char *const *)known, example))
        return okse_resources_tree(resources, directory, error);
    list = g_strjoinv(", ", known);
    okse_fail(error, OKSE_ERROR_INVALID, "no example '%s' (there are: %s)", example, list);
    return NULL;
}

GStrv okse_scaffold_example(int dir_fd, const char *example, const OkseResources *resources, GError **error)
{
    g_auto(GStrv) files = example_files(example, resources, error);
    struct stat info;

    for (char **file = files; file != NULL && *file != NULL; file++) {
        if (fstatat(dir_fd, *file, &info, AT_SYMLINK_NOFOLLOW) == 0) {
            okse_fail(error, OKSE_ERROR_INVALID, "%s: is there already; nothing was written", *file);
            return NULL;
        }
    }
    for (char **file = files; file != NULL && *file != NULL; file++) {
        g_autofree char *path = g_strconcat("manifests/stacks/", example, "/", *file, NULL);
        g_autofree char *parent = g_path_get_dirname(*file);
        g_autoptr(GBytes) bytes = okse_resources_read(resources, path, error);

        if (bytes == NULL || (strcmp(parent, ".") != 0 && !okse_make_directories(dir_fd, parent, error)) ||
            !okse_write_beneath(dir_fd, *file, bytes, 0644, error))
            return NULL;
    }
    return g_steal_pointer(&files);
}
