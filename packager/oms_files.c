#include "packager/oms_files.h"

#include "core/fd.h"
#include "core/limits.h"
#include "core/range.h"
#include "core/text.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_LIMIT 64u

typedef struct {
    OkseOmsModel *model;
    const char *const *ignored;
    uint64_t shard_size;
} Walk;

static void item_free(gpointer memory)
{
    OkseOmsItem *item = memory;

    g_free(item->name);
    g_free(item->path);
    g_free(item->digest);
    g_free(item);
}

void okse_oms_model_free(OkseOmsModel *model)
{
    if (model == NULL)
        return;
    okse_fd_clear(&model->fd);
    g_free(model->name);
    g_ptr_array_unref(model->items);
    g_ptr_array_unref(model->faults);
    g_free(model);
}

static bool is_ignored(const Walk *walk, const char *path)
{
    for (size_t i = 0; walk->ignored != NULL && walk->ignored[i] != NULL; i++) {
        size_t length = strlen(walk->ignored[i]);

        if (strncmp(path, walk->ignored[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
            return true;
    }
    return false;
}

static void item_add(Walk *walk, const char *name, const char *path, uint64_t start, uint64_t end)
{
    OkseOmsItem *item = g_new0(OkseOmsItem, 1);

    *item = (OkseOmsItem){g_strdup(name), g_strdup(path), start, end, NULL};
    g_ptr_array_add(walk->model->items, item);
}

/* An empty file still has one shard, 0:0. */
static bool file_add(Walk *walk, const char *name, const char *path, uint64_t size, GError **error)
{
    uint64_t start = 0;

    do {
        uint64_t end = walk->shard_size == 0 || size - start < walk->shard_size ? size : start + walk->shard_size;
        g_autofree char *shard = walk->shard_size == 0
                                     ? g_strdup(name)
                                     : g_strdup_printf("%s:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, name, start, end);

        item_add(walk, shard, path, start, end);
        if (walk->model->items->len > OKSE_LIMIT_FILES)
            return okse_fail(error, OKSE_ERROR_INVALID, "the model has more than %u files or shards", OKSE_LIMIT_FILES);
        start = end;
    } while (start < size);
    return true;
}

static bool directory_walk(Walk *walk, const char *path, unsigned depth, GError **error);

static bool entry_walk(Walk *walk, int directory, const char *name, const char *path, GError **error)
{
    unsigned depth = 0;
    struct stat status;

    if (is_ignored(walk, path))
        return true;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return okse_fail_errno(error, "%s", path);
    for (const char *c = path; *c != '\0'; c++)
        depth += *c == '/';
    if (S_ISREG(status.st_mode))
        return file_add(walk, path, path, (uint64_t)status.st_size, error);
    if (S_ISDIR(status.st_mode))
        return directory_walk(walk, path, depth + 1, error);
    g_ptr_array_add(walk->model->faults,
                    g_strdup_printf("%s: is %s, which cannot be signed", path,
                                    S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file"));
    return true;
}

static bool directory_walk(Walk *walk, const char *path, unsigned depth, GError **error)
{
    int fd = okse_open_beneath(walk->model->fd, path[0] != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0, error);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    bool good = directory != NULL;

    if (depth > DEPTH_LIMIT)
        good = okse_fail(error, OKSE_ERROR_INVALID, "%s: deeper than %u directories", path, DEPTH_LIMIT);
    while (good) {
        const struct dirent *entry = NULL;
        g_autofree char *below = NULL;

        good = okse_directory_next(directory, &entry, path[0] != '\0' ? path : ".", error);
        if (entry == NULL)
            break;
        below = path[0] != '\0' ? g_strconcat(path, "/", entry->d_name, NULL) : g_strdup(entry->d_name);
        good = entry_walk(walk, fd, entry->d_name, below, error);
    }
    if (directory != NULL)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
    return good;
}

static int compare_items(gconstpointer a, gconstpointer b)
{
    const OkseOmsItem *first = *(const OkseOmsItem *const *)a, *second = *(const OkseOmsItem *const *)b;
    int order = strcmp(first->path, second->path);

    return order != 0 ? order : (first->start > second->start) - (first->start < second->start);
}

OkseOmsModel *okse_oms_model_open(const char *path, const char *const *ignored, uint64_t shard_size, GError **error)
{
    g_autoptr(OkseOmsModel) model = g_new0(OkseOmsModel, 1);
    Walk walk = {model, ignored, shard_size};
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    g_autofree char *parent = g_path_get_dirname(whole);
    struct stat status;
    bool single, good;

    model->fd = -1;
    model->items = g_ptr_array_new_with_free_func(item_free);
    model->faults = g_ptr_array_new_with_free_func(g_free);
    model->name = g_path_get_basename(whole);
    if (stat(path, &status) < 0) {
        okse_fail_errno(error, "%s", path);
        return NULL;
    }
    single = S_ISREG(status.st_mode);
    model->fd = okse_open_directory(single ? parent : path, error);
    if (model->fd < 0)
        return NULL;
    good = single ? file_add(&walk, ".", model->name, (uint64_t)status.st_size, error)
                  : directory_walk(&walk, "", 0, error);
    g_ptr_array_sort(model->items, compare_items);
    return good ? g_steal_pointer(&model) : NULL;
}

typedef struct {
    const OkseOmsModel *model;
    GPtrArray *order; /* its items, the largest first */
    const char *algorithm;
} Hashing;

static int compare_sizes(gconstpointer a, gconstpointer b)
{
    const OkseOmsItem *first = *(const OkseOmsItem *const *)a, *second = *(const OkseOmsItem *const *)b;
    uint64_t one = first->end - first->start, other = second->end - second->start;

    return one != other ? (one < other ? 1 : -1) : compare_items(a, b);
}

static bool put(const void *data, size_t length, void *context)
{
    if (EVP_DigestUpdate(context, data, length) != 1)
        g_error("a digest failed");
    return true;
}

static bool item_hash(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    const Hashing *hashing = context;
    OkseOmsItem *item = g_ptr_array_index(hashing->order, index);
    okse_autofd fd = okse_open_beneath(hashing->model->fd, item->path, O_RDONLY, 0, error);
    g_autoptr(OkseBytes) bytes = okse_bytes_of_fd(fd, item->end);
    EVP_MD *algorithm = fd >= 0 ? EVP_MD_fetch(NULL, hashing->algorithm, NULL) : NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    bool good = fd >= 0;

    if (good && (algorithm == NULL || EVP_DigestInit_ex2(digest, algorithm, NULL) != 1))
        good = okse_fail(error, OKSE_ERROR_SYSTEM, "OpenSSL has no %s", hashing->algorithm);
    good = good && okse_range_read(&(OkseRange){bytes, item->start, item->end - item->start, item->path, false}, jobs,
                                   NULL, put, digest, error);
    if (good && EVP_DigestFinal_ex(digest, value, &length) == 1) {
        GString *hex = g_string_sized_new(2 * (gsize)length);

        for (unsigned i = 0; i < length; i++)
            g_string_append_printf(hex, "%02x", value[i]);
        item->digest = g_string_free(hex, FALSE);
    }
    EVP_MD_CTX_free(digest);
    EVP_MD_free(algorithm);
    return good;
}

bool okse_oms_hash(OkseOmsModel *model, const char *algorithm, GError **error)
{
    g_autoptr(GPtrArray) order = g_ptr_array_sized_new(model->items->len); /* borrows; a copy would free the items */
    Hashing hashing = {model, order, algorithm};

    for (guint i = 0; i < model->items->len; i++)
        g_ptr_array_add(order, g_ptr_array_index(model->items, i));
    g_ptr_array_sort(order, compare_sizes);
    return okse_jobs_run(order->len, 0, item_hash, &hashing, error);
}
