#include "packager/drift_compare.h"

#include "core/fd.h"
#include "packager/drift_hash.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    int fd;
    const char *component;
    const OkseTree *tree;
    OkseDriftReport *report;
    bool *seen;         /* by entry */
    GPtrArray *pending; /* char *: directories still to be read, "." first */
    GArray *files;      /* OkseDriftFile */
} Walk;

void okse_drift_add(GPtrArray *list, const char *component, const char *path, OkseDriftStatus status,
                    const char *expected, const char *actual)
{
    OkseDrift *drift = g_new(OkseDrift, 1);

    drift->component = g_strdup(component);
    drift->path = g_utf8_make_valid(path, -1); /* an added name may be any bytes */
    drift->status = status;
    drift->expected = g_strdup(expected);
    drift->actual = actual == NULL ? NULL : g_utf8_make_valid(actual, -1);
    g_ptr_array_add(list, drift);
}

static void add(const Walk *walk, const char *path, OkseDriftStatus status, const char *expected, const char *actual)
{
    okse_drift_add(walk->report->drift, walk->component, path, status, expected, actual);
}

static void add_unreadable(const Walk *walk, const char *path)
{
    g_autofree char *full =
        strcmp(path, ".") == 0 ? g_strdup(walk->component) : g_strconcat(walk->component, "/", path, NULL);

    g_ptr_array_add(walk->report->unreadable, g_utf8_make_valid(full, -1));
}

GPtrArray *okse_directory_list(int dir_fd, const char *path)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    okse_autofd fd = okse_open_beneath(dir_fd, path, O_RDONLY | O_DIRECTORY, 0, NULL);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    bool good;

    if (directory == NULL)
        return NULL;
    okse_fd_steal(&fd);
    while ((good = okse_directory_next(directory, &entry, path, NULL)) && entry != NULL)
        g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(directory);
    return good ? g_steal_pointer(&names) : NULL;
}

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "link";
    default:
        return "special file";
    }
}

static mode_t wanted_type(const OkseTreeEntry *entry)
{
    static const mode_t types[] = {
        [OKSE_TREE_FILE] = S_IFREG, [OKSE_TREE_DIRECTORY] = S_IFDIR, [OKSE_TREE_LINK] = S_IFLNK};

    return types[entry->type];
}

static void compare_mode(const Walk *walk, const OkseTreeEntry *entry, mode_t mode)
{
    mode_t wanted = entry->type == OKSE_TREE_DIRECTORY || entry->executable ? 0755 : 0644;
    char expected[8], actual[8];

    if (entry->type == OKSE_TREE_LINK || (mode & 07777) == wanted)
        return;
    g_snprintf(expected, sizeof expected, "%04o", wanted);
    g_snprintf(actual, sizeof actual, "%04o", mode & 07777);
    add(walk, entry->path, OKSE_DRIFT_MODE, expected, actual);
}

static void compare_link(const Walk *walk, const OkseTreeEntry *entry, int dir_fd, const char *name)
{
    char target[4097];
    ssize_t length = readlinkat(dir_fd, name, target, sizeof target - 1);

    if (length < 0) {
        add_unreadable(walk, entry->path);
        return;
    }
    target[length] = '\0';
    if (strcmp(target, entry->link) != 0)
        add(walk, entry->path, OKSE_DRIFT_CHANGED, entry->link, target);
}

static void compare_entry(Walk *walk, const OkseTreeEntry *entry, int dir_fd, const char *name, const struct stat *info)
{
    OkseDriftFile file = {.entry = entry};

    if ((info->st_mode & S_IFMT) != wanted_type(entry)) {
        add(walk, entry->path, OKSE_DRIFT_TYPE, type_name(wanted_type(entry)), type_name(info->st_mode));
        return;
    }
    compare_mode(walk, entry, info->st_mode);
    if (entry->type == OKSE_TREE_LINK)
        compare_link(walk, entry, dir_fd, name);
    else if (entry->type == OKSE_TREE_DIRECTORY)
        g_ptr_array_add(walk->pending, g_strdup(entry->path));
    else if (!entry->any_content)
        g_array_append_val(walk->files, file);
}

/* What lies below a directory that cannot be read is not missing: nothing is known of it. */
static void hide_below(const Walk *walk, const char *directory)
{
    g_autofree char *prefix = g_strconcat(directory, "/", NULL);

    for (unsigned i = 0; i < okse_tree_count(walk->tree); i++)
        if (strcmp(directory, ".") == 0 || g_str_has_prefix(okse_tree_entry(walk->tree, i)->path, prefix))
            walk->seen[i] = true;
}

static void walk_name(Walk *walk, int dir_fd, const char *directory, const char *name)
{
    g_autofree char *path = strcmp(directory, ".") == 0 ? g_strdup(name) : g_strconcat(directory, "/", name, NULL);
    gint64 index = okse_tree_find(walk->tree, path);
    struct stat info;

    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        if (index >= 0)
            walk->seen[index] = true;
        hide_below(walk, path);
        add_unreadable(walk, path);
        return;
    }
    if (index < 0) {
        add(walk, path, OKSE_DRIFT_ADDED, NULL, type_name(info.st_mode));
        return;
    }
    walk->seen[index] = true;
    compare_entry(walk, okse_tree_entry(walk->tree, (unsigned)index), dir_fd, name, &info);
}

static void walk_directory(Walk *walk, const char *directory)
{
    okse_autofd fd = okse_open_beneath(walk->fd, directory, O_RDONLY | O_DIRECTORY, 0, NULL);
    g_autoptr(GPtrArray) names = fd < 0 ? NULL : okse_directory_list(fd, ".");

    if (names == NULL) {
        add_unreadable(walk, directory);
        hide_below(walk, directory);
        return;
    }
    for (guint i = 0; i < names->len; i++)
        walk_name(walk, fd, directory, g_ptr_array_index(names, i));
}

static void files_judge(const Walk *walk)
{
    for (guint i = 0; i < walk->files->len; i++) {
        const OkseDriftFile *file = &g_array_index(walk->files, OkseDriftFile, i);
        char expected[OKSE_SHA256_TEXT], actual[OKSE_SHA256_TEXT];

        walk->report->sealed += file->sealed;
        if (!file->read)
            add_unreadable(walk, file->entry->path);
        else if (!okse_sha256_equal(&file->digest, &file->entry->digest))
            add(walk, file->entry->path, OKSE_DRIFT_CHANGED, okse_sha256_text(&file->entry->digest, expected),
                okse_sha256_text(&file->digest, actual));
    }
}

static void missing_judge(const Walk *walk)
{
    for (unsigned i = 0; i < okse_tree_count(walk->tree); i++) {
        const OkseTreeEntry *entry = okse_tree_entry(walk->tree, i);

        if (!walk->seen[i])
            add(walk, entry->path, OKSE_DRIFT_MISSING, type_name(wanted_type(entry)), NULL);
    }
}

/* The component's own directory; false when there is nothing to walk. */
static bool walk_open(Walk *walk, int generation_fd)
{
    struct stat info;

    if (fstatat(generation_fd, walk->component, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            add(walk, ".", OKSE_DRIFT_MISSING, "directory", NULL);
        else
            add_unreadable(walk, ".");
        return false;
    }
    if (!S_ISDIR(info.st_mode)) {
        add(walk, ".", OKSE_DRIFT_TYPE, "directory", type_name(info.st_mode));
        return false;
    }
    compare_mode(walk, &(OkseTreeEntry){.type = OKSE_TREE_DIRECTORY, .path = "."}, info.st_mode);
    walk->fd = okse_open_beneath(generation_fd, walk->component, O_RDONLY | O_DIRECTORY, 0, NULL);
    if (walk->fd < 0)
        add_unreadable(walk, ".");
    return walk->fd >= 0;
}

bool okse_drift_tree(int generation_fd, const char *component, const OkseTree *tree, const OkseDriftTerms *terms,
                     OkseDriftReport *report, GError **error)
{
    g_autoptr(GPtrArray) pending = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(OkseDriftFile));
    g_autofree bool *seen = g_new0(bool, (gsize)okse_tree_count(tree) + 1);
    Walk walk = {-1, component, tree, report, seen, pending, files};
    okse_autofd fd = -1;

    if (!walk_open(&walk, generation_fd))
        return true;
    fd = walk.fd;
    g_ptr_array_add(pending, g_strdup("."));
    while (pending->len > 0) {
        g_autofree char *directory = g_ptr_array_steal_index(pending, pending->len - 1);

        walk_directory(&walk, directory);
    }
    missing_judge(&walk);
    if (!okse_drift_hash(walk.fd, files, terms->threads, terms->progress, error))
        return false;
    files_judge(&walk);
    return true;
}
