/* An array of extents, sorted by where they begin because they are appended; a single one, which is what a file is, is
 * found without searching. */
#include "core/bytes.h"

#include "core/fd.h"

#include <fcntl.h>
#include <string.h>

#define NAMED 4u /* files in one message */

typedef struct {
    uint64_t at, length;
    int fd; /* -1: of a source */
    unsigned file;
    uint64_t offset;
    OkseBytesRead read;
    const void *context;
} Extent;

typedef struct {
    int fd;
    char *name;
    bool known; /* `opened` was asked */
    struct stat opened;
} File;

typedef struct {
    gpointer kept;
    GDestroyNotify let_go;
} Kept;

struct OkseBytes {
    gatomicrefcount references;
    uint64_t length;
    GArray *extents; /* Extent */
    GArray *files;   /* File */
    GArray *kept;    /* Kept; NULL as long as there is none */
    /* of OkseBytes of which there are parts here, kept: which of our files each of theirs is; NULL as long as there is
     * none. A part of the same others may come a million times. */
    GHashTable *taken;
};

static void file_clear(gpointer data)
{
    g_free(((File *)data)->name);
}

OkseBytes *okse_bytes_new(void)
{
    OkseBytes *bytes = g_new0(OkseBytes, 1);

    g_atomic_ref_count_init(&bytes->references);
    bytes->extents = g_array_sized_new(FALSE, FALSE, sizeof(Extent), 1);
    bytes->files = g_array_sized_new(FALSE, FALSE, sizeof(File), 1);
    g_array_set_clear_func(bytes->files, file_clear);
    return bytes;
}

OkseBytes *okse_bytes_ref(const OkseBytes *bytes)
{
    OkseBytes *counted = (OkseBytes *)(uintptr_t)bytes; /* only its counter is touched */

    g_atomic_ref_count_inc(&counted->references);
    return counted;
}

void okse_bytes_unref(OkseBytes *bytes)
{
    if (bytes == NULL || !g_atomic_ref_count_dec(&bytes->references))
        return;
    for (guint i = bytes->kept == NULL ? 0 : bytes->kept->len; i > 0; i--) {
        const Kept *kept = &g_array_index(bytes->kept, Kept, i - 1);

        kept->let_go(kept->kept);
    }
    g_clear_pointer(&bytes->kept, g_array_unref);
    g_clear_pointer(&bytes->taken, g_hash_table_unref);
    g_array_unref(bytes->extents);
    g_array_unref(bytes->files);
    g_free(bytes);
}

void okse_bytes_keep(OkseBytes *bytes, gpointer kept, GDestroyNotify let_go)
{
    Kept entry = {kept, let_go};

    if (bytes->kept == NULL)
        bytes->kept = g_array_new(FALSE, FALSE, sizeof(Kept));
    g_array_append_val(bytes->kept, entry);
}

static void close_kept(gpointer kept)
{
    close(GPOINTER_TO_INT(kept));
}

void okse_bytes_keep_fd(OkseBytes *bytes, int *fd)
{
    okse_bytes_keep(bytes, GINT_TO_POINTER(okse_fd_steal(fd)), close_kept);
}

static void extent_append(OkseBytes *bytes, Extent extent)
{
    Extent *last = bytes->extents->len > 0 ? &g_array_index(bytes->extents, Extent, bytes->extents->len - 1) : NULL;

    if (extent.length == 0)
        return;
    g_assert(extent.length <= G_MAXUINT64 - bytes->length);
    extent.at = bytes->length;
    bytes->length += extent.length;
    if (last != NULL && last->fd >= 0 && last->fd == extent.fd && last->offset + last->length == extent.offset)
        last->length += extent.length;
    else
        g_array_append_val(bytes->extents, extent);
}

static gint64 file_find(const OkseBytes *bytes, int fd)
{
    for (guint i = 0; i < bytes->files->len; i++)
        if (g_array_index(bytes->files, File, i).fd == fd)
            return i;
    return -1;
}

/* The file's index, or -1. */
static gint64 file_add(OkseBytes *bytes, int fd, const char *name, GError **error)
{
    gint64 known = file_find(bytes, fd);
    File file = {.fd = fd, .known = true};

    if (known >= 0)
        return known;
    if (fstat(fd, &file.opened) < 0) {
        okse_fail_errno(error, "%s", name);
        return -1;
    }
    if (!S_ISREG(file.opened.st_mode)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: %s", name,
                  S_ISDIR(file.opened.st_mode) ? "is a directory where a file belongs" : "not a regular file");
        return -1;
    }
    file.name = g_strdup(name);
    g_array_append_val(bytes->files, file);
    return bytes->files->len - 1;
}

bool okse_bytes_watch(OkseBytes *bytes, int fd, const char *name, GError **error)
{
    return file_add(bytes, fd, name, error) >= 0;
}

bool okse_bytes_append_file(OkseBytes *bytes, const OkseFilePiece *piece, GError **error)
{
    gint64 index = file_add(bytes, piece->fd, piece->name, error);
    uint64_t size;

    if (index < 0)
        return false;
    size = (uint64_t)g_array_index(bytes->files, File, index).opened.st_size;
    if (piece->offset > size || piece->length > size - piece->offset)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early, at byte %" G_GUINT64_FORMAT, piece->name, size);
    extent_append(bytes,
                  (Extent){.length = piece->length, .fd = piece->fd, .file = (unsigned)index, .offset = piece->offset});
    return true;
}

OkseBytes *okse_bytes_of_file(int fd, const char *name, GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_bytes_new();
    gint64 index = file_add(bytes, fd, name, error);

    if (index < 0)
        return NULL;
    extent_append(bytes, (Extent){.length = (uint64_t)g_array_index(bytes->files, File, index).opened.st_size,
                                  .fd = fd,
                                  .file = (unsigned)index});
    return g_steal_pointer(&bytes);
}

OkseBytes *okse_bytes_of_fd(int fd, uint64_t size)
{
    OkseBytes *bytes = okse_bytes_new();
    File file = {.fd = fd};

    g_array_append_val(bytes->files, file);
    extent_append(bytes, (Extent){.length = size, .fd = fd});
    return bytes;
}

void okse_bytes_append_source(OkseBytes *bytes, const OkseSourcePiece *piece)
{
    extent_append(bytes, (Extent){.length = piece->length,
                                  .fd = -1,
                                  .offset = piece->offset,
                                  .read = piece->read,
                                  .context = piece->context});
}

static bool read_memory(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    (void)error;
    memcpy(buffer, (const uint8_t *)context + offset, length);
    return true;
}

void okse_bytes_append_memory(OkseBytes *bytes, GBytes *memory)
{
    gsize length;
    const void *data = g_bytes_get_data(memory, &length);

    okse_bytes_keep(bytes, g_bytes_ref(memory), (GDestroyNotify)g_bytes_unref);
    okse_bytes_append_source(bytes, &(OkseSourcePiece){read_memory, data, 0, length});
}

static bool read_zeros(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    (void)context;
    (void)offset;
    (void)error;
    memset(buffer, 0, length);
    return true;
}

void okse_bytes_append_zeros(OkseBytes *bytes, uint64_t length)
{
    okse_bytes_append_source(bytes, &(OkseSourcePiece){read_zeros, NULL, 0, length});
}

/* The extent that holds the byte `at`, which is before the end. */
static guint extent_find(const OkseBytes *bytes, uint64_t at)
{
    guint low = 0, high = bytes->extents->len;

    while (high - low > 1) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(bytes->extents, Extent, middle).at <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void bytes_let_go(gpointer kept)
{
    okse_bytes_unref(kept);
}

static const unsigned *files_take(OkseBytes *bytes, const OkseBytes *others)
{
    unsigned *indices = bytes->taken == NULL ? NULL : g_hash_table_lookup(bytes->taken, others);

    if (indices != NULL)
        return indices;
    indices = g_new(unsigned, others->files->len + 1);
    for (guint i = 0; i < others->files->len; i++) {
        File file = g_array_index(others->files, File, i);
        gint64 known = file_find(bytes, file.fd);

        file.name = known < 0 ? g_strdup(file.name) : NULL;
        if (known < 0)
            g_array_append_val(bytes->files, file);
        indices[i] = known < 0 ? bytes->files->len - 1 : (unsigned)known;
    }
    if (bytes->taken == NULL)
        bytes->taken = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_hash_table_insert(bytes->taken, (gpointer)(uintptr_t)others, indices);
    okse_bytes_keep(bytes, okse_bytes_ref(others), bytes_let_go);
    return indices;
}

void okse_bytes_append_bytes(OkseBytes *bytes, const OkseBytes *others, uint64_t offset, uint64_t length)
{
    const unsigned *indices = files_take(bytes, others);

    g_assert(offset <= others->length && length <= others->length - offset);
    for (guint i = length > 0 ? extent_find(others, offset) : others->extents->len; length > 0; i++) {
        Extent extent = g_array_index(others->extents, Extent, i);
        uint64_t skip = offset - extent.at;

        extent.offset += skip;
        extent.length = MIN(extent.length - skip, length);
        extent.file = extent.fd >= 0 ? indices[extent.file] : 0;
        offset += extent.length;
        length -= extent.length;
        extent_append(bytes, extent);
    }
}

static bool read_through(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    return okse_bytes_read(context, offset, buffer, length, "a piece", error);
}

void okse_bytes_append_through(OkseBytes *bytes, const OkseBytes *others, uint64_t offset, uint64_t length)
{
    g_assert(offset <= others->length && length <= others->length - offset);
    files_take(bytes, others);
    okse_bytes_append_source(bytes, &(OkseSourcePiece){read_through, others, offset, length});
}

uint64_t okse_bytes_length(const OkseBytes *bytes)
{
    return bytes->length;
}

static bool extent_read(const OkseBytes *bytes, const Extent *extent, uint64_t skip, void *buffer, size_t length,
                        const char *name, GError **error)
{
    const char *own =
        bytes->files->len > 1 && extent->fd >= 0 ? g_array_index(bytes->files, File, extent->file).name : NULL;

    return extent->fd >= 0
               ? okse_pread_exact(extent->fd, buffer, length, extent->offset + skip, own != NULL ? own : name, error)
               : extent->read(extent->context, extent->offset + skip, buffer, length, error);
}

bool okse_bytes_read(const OkseBytes *bytes, uint64_t at, void *buffer, size_t length, const char *name, GError **error)
{
    uint8_t *into = buffer;

    if (at > bytes->length || length > bytes->length - at)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: ends early, at byte %" G_GUINT64_FORMAT, name, bytes->length);
    for (guint i = length > 0 ? extent_find(bytes, at) : 0; length > 0; i++) {
        const Extent *extent = &g_array_index(bytes->extents, Extent, i);
        size_t run = (size_t)MIN(extent->at + extent->length - at, length);

        if (!extent_read(bytes, extent, at - extent->at, into, run, name, error))
            return false;
        into += run;
        at += run;
        length -= run;
    }
    return true;
}

OkseBytesPlace okse_bytes_place(const OkseBytes *bytes, uint64_t at)
{
    const Extent *extent = &g_array_index(bytes->extents, Extent, extent_find(bytes, at));
    uint64_t skip = at - extent->at;

    g_assert(at < bytes->length);
    return (OkseBytesPlace){extent->fd, extent->offset + skip, extent->length - skip};
}

void okse_bytes_advise(const OkseBytes *bytes, uint64_t at, uint64_t length, int advice)
{
    uint64_t end = at < bytes->length ? at + MIN(length, bytes->length - at) : at;

    while (at < end) {
        OkseBytesPlace place = okse_bytes_place(bytes, at);
        uint64_t run = MIN(place.length, end - at);

        if (place.fd >= 0)
            posix_fadvise(place.fd, (off_t)place.offset, (off_t)run, advice);
        at += run;
    }
}

unsigned okse_bytes_files(const OkseBytes *bytes)
{
    return bytes->files->len;
}

int okse_bytes_file(const OkseBytes *bytes, unsigned index, const char **name)
{
    const File *file = &g_array_index(bytes->files, File, index);

    if (name != NULL)
        *name = file->name;
    return file->fd;
}

bool okse_bytes_lie_in(const OkseBytes *bytes, const struct stat *file)
{
    struct stat info;

    for (guint i = 0; i < bytes->files->len; i++)
        if (fstat(g_array_index(bytes->files, File, i).fd, &info) == 0 && info.st_ino == file->st_ino &&
            info.st_dev == file->st_dev)
            return true;
    return false;
}

char *okse_bytes_from(const OkseBytes *bytes, uint64_t at, uint64_t length)
{
    g_autoptr(GHashTable) named = g_hash_table_new(NULL, NULL);
    GString *text = g_string_new(NULL);
    uint64_t end = at + MIN(length, bytes->length - at);

    for (guint i = length > 0 && bytes->files->len > 1 ? extent_find(bytes, at) : bytes->extents->len;
         i < bytes->extents->len && g_array_index(bytes->extents, Extent, i).at < end; i++) {
        const Extent *extent = &g_array_index(bytes->extents, Extent, i);
        const char *name = extent->fd < 0 ? NULL : g_array_index(bytes->files, File, extent->file).name;

        if (name == NULL || !g_hash_table_add(named, GUINT_TO_POINTER(extent->file)))
            continue;
        if (g_hash_table_size(named) > NAMED) {
            g_string_append(text, ", …");
            break;
        }
        g_string_append_printf(text, "%s%s", text->len == 0 ? " from " : ", ", name);
    }
    return g_string_free(text, FALSE);
}

bool okse_bytes_unchanged(const OkseBytes *bytes, GError **error)
{
    for (guint i = 0; i < bytes->files->len; i++) {
        const File *file = &g_array_index(bytes->files, File, i);
        const struct stat *then = &file->opened;
        struct stat now;

        if (!file->known)
            continue;
        if (fstat(file->fd, &now) < 0)
            return okse_fail_errno(error, "%s", file->name);
        if (now.st_size != then->st_size || memcmp(&now.st_mtim, &then->st_mtim, sizeof now.st_mtim) != 0 ||
            memcmp(&now.st_ctim, &then->st_ctim, sizeof now.st_ctim) != 0)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: was changed while it was being checked", file->name);
    }
    return true;
}
