/* The parts of a source that do not depend on where it comes from. */
#include "packager/source.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/source_internal.h"
#include "packager/tree.h"

#include <string.h>

void okse_entry_free(OkseEntry *entry)
{
    if (entry == NULL)
        return;
    g_free(entry->path);
    g_free(entry->target);
    g_free(entry->blob);
    g_free(entry);
}

static void entry_destroy(gpointer data)
{
    okse_entry_free(data);
}

OkseSource *source_new(const char *origin, int fd, SourceCopy copy)
{
    OkseSource *source = g_new0(OkseSource, 1);

    source->origin = g_strdup(origin);
    source->fd = fd;
    source->copy = copy;
    source->time = -1;
    source->left_out = g_ptr_array_new_with_free_func(g_free);
    source->entries = g_ptr_array_new_with_free_func(entry_destroy);
    return source;
}

void okse_source_free(OkseSource *source)
{
    if (source == NULL)
        return;
    okse_fd_clear(&source->fd);
    json_decref(source->provenance);
    g_ptr_array_unref(source->left_out);
    if (source->detail != NULL)
        source->detail_free(source->detail);
    g_ptr_array_unref(source->entries);
    g_free(source->origin);
    g_free(source);
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const OkseEntry *const *)a)->path, (*(const OkseEntry *const *)b)->path);
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a" and "a/b" cannot both be there unless "a" is a directory; the sorted order does not put them side by side. */
static bool refuse_prefixes(const OkseSource *source, GError **error)
{
    for (guint i = 0; i < source->entries->len; i++) {
        const OkseEntry *entry = g_ptr_array_index(source->entries, i);
        g_autofree char *parent = g_strdup(entry->path);

        for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
            *slash = '\0';
            if (okse_source_find(source, parent) >= 0)
                return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is both a file and a directory", source->origin,
                                 parent);
        }
    }
    return true;
}

bool source_finish(OkseSource *source, GError **error)
{
    g_ptr_array_sort(source->entries, compare_entries);
    g_ptr_array_sort(source->left_out, compare_paths);
    for (guint i = 1; i < source->entries->len; i++) {
        const OkseEntry *entry = g_ptr_array_index(source->entries, i);

        if (strcmp(entry->path, ((OkseEntry *)g_ptr_array_index(source->entries, i - 1))->path) == 0)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is there twice", source->origin, entry->path);
    }
    return refuse_prefixes(source, error);
}

/* A target may climb only at its start, where the directories are known to be real ones: behind a name that is itself a
 * link, ".." would lead somewhere else than the text says. */
/* As install will judge it. */
bool source_link_stays(const char *path, const char *target)
{
    return okse_link_check(path, target, NULL);
}

const char *okse_source_origin(const OkseSource *source)
{
    return source->origin;
}

bool okse_source_is_directory(const OkseSource *source, uint64_t device, uint64_t inode)
{
    return !source->single && !source->sequential && !source->only_some && source->device == device &&
           source->inode == inode;
}

bool okse_source_is_file(const OkseSource *source, uint64_t device, uint64_t inode)
{
    for (guint i = 0; source->only_some && i < source->entries->len; i++) {
        const OkseEntry *entry = g_ptr_array_index(source->entries, i);

        if (entry->device == device && entry->inode == inode)
            return true;
    }
    return (source->single || source->sequential) && source->device == device && source->inode == inode;
}

const json_t *okse_source_provenance(const OkseSource *source)
{
    return source->provenance;
}

gint64 okse_source_time(const OkseSource *source)
{
    return source->time;
}

const GPtrArray *okse_source_left_out(const OkseSource *source)
{
    return source->left_out;
}

unsigned okse_source_count(const OkseSource *source)
{
    return source->entries->len;
}

const OkseEntry *okse_source_entry(const OkseSource *source, unsigned index)
{
    return g_ptr_array_index(source->entries, index);
}

gint64 okse_source_find(const OkseSource *source, const char *path)
{
    OkseEntry key = {.path = (char *)(uintptr_t)path};
    const OkseEntry *key_pointer = &key;
    unsigned low = 0, high = source->entries->len;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = compare_entries(&g_ptr_array_index(source->entries, middle), &key_pointer);

        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

bool okse_source_is_sequential(const OkseSource *source)
{
    return source->sequential;
}

bool okse_source_copy(const OkseSource *source, const bool *wanted, OkseSourceSink sink, void *context, GError **error)
{
    return source->copy(source, wanted, sink, context, error);
}

bool okse_source_copy_one(const OkseSource *source, unsigned entry, OkseSourceSink sink, void *context, GError **error)
{
    g_autofree bool *wanted = g_new0(bool, source->entries->len);

    wanted[entry] = true;
    return source->copy(source, wanted, sink, context, error);
}

typedef struct {
    GByteArray *bytes;
} Small;

static bool append(void *context, unsigned entry, const void *data, size_t length, GError **error)
{
    Small *small = context;

    (void)entry;
    (void)error;
    g_byte_array_append(small->bytes, data, (guint)length);
    return true;
}

GBytes *okse_source_read(const OkseSource *source, const char *path, uint64_t limit, GError **error)
{
    gint64 index = okse_source_find(source, path);
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (index < 0 || okse_source_entry(source, (unsigned)index)->kind != OKSE_ENTRY_FILE) {
        okse_fail(error, OKSE_ERROR_NOT_FOUND, "%s: '%s' is not there", source->origin, path);
        return NULL;
    }
    if (okse_source_entry(source, (unsigned)index)->size > MIN(limit, G_MAXUINT32 / 2)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is larger than the limit of %" G_GUINT64_FORMAT " bytes",
                  source->origin, path, limit);
        return NULL;
    }
    if (!okse_source_copy_one(source, (unsigned)index, append, &(Small){bytes}, error))
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}
