/* Members are sorted by path and every directory is there, so the size and every offset follow from the source's list.
 */
#include "packager/tar_header.h"
#include "packager/tar_layer_internal.h"

#include <string.h>

static int compare_members(gconstpointer a, gconstpointer b)
{
    return strcmp(((const TarMember *)a)->path, ((const TarMember *)b)->path);
}

static void member_clear(gpointer data)
{
    g_free(((TarMember *)data)->path);
}

static void add_parents(GArray *members, GHashTable *seen, const char *path)
{
    g_autofree char *parent = g_strdup(path);

    for (char *slash = strrchr(parent, '/'); slash != NULL; slash = strrchr(parent, '/')) {
        TarMember member = {.type = '5', .entry = -1};

        *slash = '\0';
        if (g_hash_table_contains(seen, parent))
            return;
        member.path = g_strdup(parent);
        g_hash_table_add(seen, g_strdup(parent));
        g_array_append_val(members, member);
    }
}

GBytes *tar_member_header(const OkseTarLayer *layer, const TarMember *member)
{
    const OkseEntry *entry = member->entry < 0 ? NULL : okse_source_entry(layer->source, (unsigned)member->entry);
    unsigned mode = member->type == '5' || (entry != NULL && entry->executable) ? 0755 : 0644;

    if (member->type == '2')
        mode = 0777;
    return okse_tar_entry(member->path, member->type, mode, entry != NULL ? entry->size : 0,
                          entry != NULL ? entry->target : NULL);
}

uint64_t tar_member_size(const OkseTarLayer *layer, const TarMember *member)
{
    return member->type == '0' ? okse_source_entry(layer->source, (unsigned)member->entry)->size : 0;
}

static void place_members(OkseTarLayer *layer)
{
    uint64_t at = 0;

    for (guint i = 0; i < layer->members->len; i++) {
        TarMember *member = &g_array_index(layer->members, TarMember, i);
        g_autoptr(GBytes) header = tar_member_header(layer, member);

        at += g_bytes_get_size(header);
        member->data_at = at;
        if (member->entry >= 0) {
            layer->by_entry[member->entry] = i;
            at += okse_tar_padded(tar_member_size(layer, member));
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
    layer->members = g_array_new(FALSE, TRUE, sizeof(TarMember));
    g_array_set_clear_func(layer->members, member_clear);
    layer->by_entry = g_new0(unsigned, okse_source_count(source));
    for (unsigned i = 0; i < okse_source_count(source); i++) {
        const OkseEntry *entry = okse_source_entry(source, i);
        TarMember member = {.path = g_strdup(entry->path), .type = types[entry->kind], .entry = i};

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

const OkseSource *okse_tar_layer_source(const OkseTarLayer *layer)
{
    return layer->source;
}

uint64_t okse_tar_layer_size(const OkseTarLayer *layer)
{
    return layer->size;
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
        const TarMember *member = &g_array_index(layer->members, TarMember, i);
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

/* One member: its headers, which are written again whenever they are read, or its bytes, wherever the source has them.
 */
typedef struct {
    const OkseTarLayer *layer;
    guint member;
} Reading;

static bool header_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Reading *reading = context;
    g_autoptr(GBytes) header =
        tar_member_header(reading->layer, &g_array_index(reading->layer->members, TarMember, reading->member));

    (void)error;
    memcpy(buffer, (const uint8_t *)g_bytes_get_data(header, NULL) + offset, length);
    return true;
}

static bool content_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Reading *reading = context;
    const TarMember *member = &g_array_index(reading->layer->members, TarMember, reading->member);

    return okse_source_peek(reading->layer->source, (unsigned)member->entry, offset, buffer, length, error);
}

void okse_tar_layer_append(const OkseTarLayer *layer, OkseBytes *bytes)
{
    Reading *readings = g_new(Reading, layer->members->len + 1);

    okse_bytes_keep(bytes, readings, g_free);
    for (guint i = 0; i < layer->members->len; i++) {
        const TarMember *member = &g_array_index(layer->members, TarMember, i);
        g_autoptr(GBytes) header = tar_member_header(layer, member);
        uint64_t size = tar_member_size(layer, member);

        readings[i] = (Reading){layer, i};
        okse_bytes_append_source(bytes, &(OkseSourcePiece){header_read, &readings[i], 0, g_bytes_get_size(header)});
        okse_bytes_append_source(bytes, &(OkseSourcePiece){content_read, &readings[i], 0, size});
        okse_bytes_append_zeros(bytes, okse_tar_padded(size) - size);
    }
    okse_bytes_append_zeros(bytes, 2 * (uint64_t)OKSE_TAR_BLOCK);
}
