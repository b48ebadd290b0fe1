/* Members are sorted by path, every directory is there, and each file's bytes go to an offset known beforehand; so a
 * source may deliver its files in any order. The digest is taken from what was written, while it is still in the page
 * cache. */
#include "packager/tar_layer.h"

#include "core/fd.h"
#include "packager/tar_header.h"

#include <string.h>

#define CHUNK (1u << 20)

typedef struct {
    char *path;
    char type;        /* '0', '2', '5' as in tar */
    gint64 entry;     /* of the source; -1 for a directory that follows from a file */
    uint64_t data_at; /* of the file's bytes, relative to the tar */
    OkseSha256 digest;
} Member;

struct OkseTarLayer {
    const OkseSource *source;
    GArray *members;    /* Member, sorted by path */
    unsigned *by_entry; /* source entry → member */
    uint64_t size;
};

static int compare_members(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Member *)a)->path, ((const Member *)b)->path);
}

static void member_clear(gpointer data)
{
    g_free(((Member *)data)->path);
}

static void add_parents(GArray *members, GHashTable *seen, const char *path)
{
    g_autofree char *parent = g_strdup(path);

    for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
        Member member = {.type = '5', .entry = -1};

        *slash = '\0';
        if (g_hash_table_contains(seen, parent))
            return;
        member.path = g_strdup(parent);
        g_hash_table_add(seen, g_strdup(parent));
        g_array_append_val(members, member);
    }
}

static GBytes *member_header(const OkseTarLayer *layer, const Member *member)
{
    const OkseEntry *entry = member->entry < 0 ? NULL : okse_source_entry(layer->source, (unsigned)member->entry);
    unsigned mode = member->type == '5' || (entry != NULL && entry->executable) ? 0755 : 0644;

    if (member->type == '2')
        mode = 0777;
    return okse_tar_entry(member->path, member->type, mode, entry != NULL ? entry->size : 0,
                          entry != NULL ? entry->target : NULL);
}

static void place_members(OkseTarLayer *layer)
{
    uint64_t at = 0;

    for (guint i = 0; i < layer->members->len; i++) {
        Member *member = &g_array_index(layer->members, Member, i);
        g_autoptr(GBytes) header = member_header(layer, member);

        at += g_bytes_get_size(header);
        member->data_at = at;
        if (member->entry >= 0) {
            layer->by_entry[member->entry] = i;
            at += okse_tar_padded(okse_source_entry(layer->source, (unsigned)member->entry)->size);
        }
    }
    layer->size = at + 2 * (uint64_t)OKSE_TAR_BLOCK;
}

OkseTarLayer *okse_tar_layer_new(const OkseSource *source)
{
    static const char types[] = {'0', '2', '5'};
    OkseTarLayer *layer = g_new0(OkseTarLayer, 1);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    layer->source = source;
    layer->members = g_array_new(FALSE, TRUE, sizeof(Member));
    g_array_set_clear_func(layer->members, member_clear);
    layer->by_entry = g_new0(unsigned, okse_source_count(source));
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        Member member = {.path = g_strdup(entry->path), .type = types[entry->kind], .entry = i};

        add_parents(layer->members, seen, entry->path);
        g_array_append_val(layer->members, member);
    }
    g_array_sort(layer->members, compare_members);
    place_members(layer);
    return layer;
}

void okse_tar_layer_free(OkseTarLayer *layer)
{
    if (layer == NULL)
        return;
    g_array_unref(layer->members);
    g_free(layer->by_entry);
    g_free(layer);
}

uint64_t okse_tar_layer_size(const OkseTarLayer *layer)
{
    return layer->size;
}

typedef struct {
    OkseTarLayer *layer;
    int fd;
    uint64_t offset;
    OkseProgress *progress;
    OkseSha256Stream *stream;
    unsigned entry;    /* being written */
    uint64_t done;     /* of it */
    GByteArray *small; /* header, data and padding of a file that fits one write */
} Writing;

static bool write_padding(const Writing *writing, uint64_t at, uint64_t size, GError **error)
{
    static const uint8_t zeros[OKSE_TAR_BLOCK];

    return okse_pwrite_all(writing->fd, zeros, (size_t)(okse_tar_padded(size) - size), at, "tar layer", error);
}

static bool write_small(const Writing *writing, const Member *member, GBytes *header, const void *data, size_t length,
                        GError **error)
{
    static const uint8_t zeros[OKSE_TAR_BLOCK];

    g_byte_array_set_size(writing->small, 0);
    g_byte_array_append(writing->small, g_bytes_get_data(header, NULL), (guint)g_bytes_get_size(header));
    g_byte_array_append(writing->small, data, (guint)length);
    g_byte_array_append(writing->small, zeros, (guint)(okse_tar_padded(length) - length));
    return okse_pwrite_all(writing->fd, writing->small->data, writing->small->len,
                           writing->offset + member->data_at - g_bytes_get_size(header), "tar layer", error);
}

static bool write_chunk(void *context, unsigned index, const void *data, size_t length, GError **error)
{
    Writing *writing = context;
    Member *member = &g_array_index(writing->layer->members, Member, writing->layer->by_entry[index]);
    const OkseEntry *entry = okse_source_entry(writing->layer->source, index);
    uint64_t at = writing->offset + member->data_at;
    g_autoptr(GBytes) header = NULL;
    bool good = true;

    if (writing->entry != index || writing->done == entry->size)
        writing->done = 0;
    writing->entry = index;
    okse_sha256_stream_update(writing->stream, data, length);
    okse_progress_add(writing->progress, length);
    if (writing->done == 0 && length == entry->size) {
        header = member_header(writing->layer, member);
        good = write_small(writing, member, header, data, length, error);
    } else {
        if (writing->done == 0) {
            header = member_header(writing->layer, member);
            good = okse_pwrite_all(writing->fd, g_bytes_get_data(header, NULL), g_bytes_get_size(header),
                                   at - g_bytes_get_size(header), "tar layer", error);
        }
        good = good && okse_pwrite_all(writing->fd, data, length, at + writing->done, "tar layer", error);
        if (good && writing->done + length == entry->size)
            good = write_padding(writing, at + entry->size, entry->size, error);
    }
    writing->done += length;
    if (writing->done == entry->size)
        member->digest = okse_sha256_stream_end(writing->stream);
    return good;
}

/* What no source delivers: directories, links, empty files, and the end. */
static bool write_rest(const Writing *writing, GError **error)
{
    static const uint8_t end[2 * OKSE_TAR_BLOCK];
    const OkseTarLayer *layer = writing->layer;

    for (guint i = 0; i < layer->members->len; i++) {
        Member *member = &g_array_index(layer->members, Member, i);
        g_autoptr(GBytes) header = NULL;

        if (member->type == '0' && okse_source_entry(layer->source, (unsigned)member->entry)->size > 0)
            continue;
        header = member_header(layer, member);
        if (member->type == '0')
            member->digest = okse_sha256_of("", 0);
        if (!okse_pwrite_all(writing->fd, g_bytes_get_data(header, NULL), g_bytes_get_size(header),
                             writing->offset + member->data_at - g_bytes_get_size(header), "tar layer", error))
            return false;
    }
    return okse_pwrite_all(writing->fd, end, sizeof end, writing->offset + layer->size - sizeof end, "tar layer",
                           error);
}

static bool hash_back(const Writing *writing, OkseSha256 *digest, GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(CHUNK);

    for (uint64_t at = 0; at < writing->layer->size;) {
        size_t length = (size_t)MIN(writing->layer->size - at, CHUNK);

        if (!okse_pread_exact(writing->fd, buffer, length, writing->offset + at, "tar layer", error))
            return false;
        okse_sha256_stream_update(stream, buffer, length);
        at += length;
    }
    *digest = okse_sha256_stream_end(stream);
    return true;
}

bool okse_tar_layer_write(OkseTarLayer *layer, int fd, uint64_t offset, OkseProgress *progress, OkseSha256 *digest,
                          GError **error)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    g_autoptr(GByteArray) small = g_byte_array_new();
    Writing writing = {layer, fd, offset, progress, stream, G_MAXUINT, 0, small};

    return okse_source_copy(layer->source, NULL, write_chunk, &writing, error) && write_rest(&writing, error) &&
           hash_back(&writing, digest, error);
}

/* mtree(5) names: everything but plain visible ASCII as \ooo. */
static void append_name(GString *text, const char *name)
{
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 127 || strchr("#\\=*?[", *p) != NULL)
            g_string_append_printf(text, "\\%03o", *p);
        else
            g_string_append_c(text, (char)*p);
    }
}

GBytes *okse_tar_layer_listing(const OkseTarLayer *layer)
{
    g_autoptr(GString) text = g_string_new("#mtree\n");

    for (guint i = 0; i < layer->members->len; i++) {
        const Member *member = &g_array_index(layer->members, Member, i);
        const OkseEntry *entry = member->entry < 0 ? NULL : okse_source_entry(layer->source, (unsigned)member->entry);
        char hex[OKSE_SHA256_HEX];

        g_string_append(text, "./");
        append_name(text, member->path);
        if (member->type == '5') {
            g_string_append(text, " type=dir mode=0755\n");
        } else if (member->type == '2') {
            g_string_append(text, " type=link mode=0777 link=");
            append_name(text, entry->target);
            g_string_append_c(text, '\n');
        } else {
            g_string_append_printf(text, " type=file mode=%s size=%" G_GUINT64_FORMAT " sha256digest=%s\n",
                                   entry->executable ? "0755" : "0644", entry->size,
                                   okse_sha256_hex(&member->digest, hex));
        }
    }
    return g_string_free_to_bytes(g_steal_pointer(&text));
}
