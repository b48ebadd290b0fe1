#include "packager/volume_header.h"

#include <string.h>

static GBytes *part_json(const OkseVolumeSet *set, const OkseVolume *volume)
{
    char id[OKSE_SHA256_TEXT];
    g_autoptr(json_t) object =
        json_pack("{s:s,s:i,s:s,s:s}", "kind", volume->kind == OKSE_VOLUME_DATA ? "data" : "parity", "number",
                  (int)volume->number, "schema", "okse.part.v1", "set", okse_sha256_text(&set->id, id));

    g_assert(object != NULL);
    return okse_json_write(object);
}

static void append_zeros(GByteArray *to, uint64_t count)
{
    static const uint8_t zeros[OKSE_TAR_BLOCK];

    g_byte_array_append(to, zeros, (guint)count);
}

static void append_member(GByteArray *to, const char *name, const void *data, size_t size)
{
    uint8_t block[OKSE_TAR_BLOCK];

    okse_tar_header(block, name, size);
    g_byte_array_append(to, block, sizeof block);
    g_byte_array_append(to, data, (guint)size);
    append_zeros(to, okse_tar_padded(size) - size);
}

GBytes *okse_volume_head(const OkseVolumeSet *set, const OkseVolume *volume)
{
    g_autoptr(GByteArray) head = g_byte_array_new();
    g_autofree char *label = okse_volume_label(set, volume);
    g_autoptr(GBytes) part = part_json(set, volume);
    uint8_t block[OKSE_TAR_BLOCK];

    append_member(head, OKSE_VOLUME_README, label, strlen(label));
    append_member(head, OKSE_VOLUME_SET, g_bytes_get_data(set->json, NULL), g_bytes_get_size(set->json));
    append_member(head, OKSE_VOLUME_PART, g_bytes_get_data(part, NULL), g_bytes_get_size(part));
    okse_tar_header(block, OKSE_VOLUME_TABLE, okse_volume_table_size(volume));
    g_byte_array_append(head, block, sizeof block);
    return g_byte_array_free_to_bytes(g_steal_pointer(&head));
}

/* Where the headers of `data` begin. */
static uint64_t table_end(const OkseVolumeSet *set, const OkseVolume *volume)
{
    return okse_volume_table_at(set, volume) + okse_tar_padded(okse_volume_table_size(volume));
}

GBytes *okse_volume_neck(const OkseVolumeSet *set, const OkseVolume *volume)
{
    g_autoptr(GByteArray) neck = g_byte_array_new();
    uint64_t table = okse_volume_table_size(volume), end = table_end(set, volume);
    bool first = volume->at == okse_volume_first_place(set, volume);
    g_autoptr(GBytes) prefix =
        okse_tar_prefix(end, OKSE_VOLUME_DATA_MEMBER, volume->size, first, first ? 0 : volume->at - OKSE_TAR_BLOCK);

    append_zeros(neck, okse_tar_padded(table) - table);
    g_byte_array_append(neck, g_bytes_get_data(prefix, NULL), (guint)g_bytes_get_size(prefix));
    return g_byte_array_free_to_bytes(g_steal_pointer(&neck));
}

uint64_t okse_volume_table_at(const OkseVolumeSet *set, const OkseVolume *volume)
{
    g_autofree char *label = okse_volume_label(set, volume);
    g_autoptr(GBytes) part = part_json(set, volume);

    return 4 * OKSE_TAR_BLOCK + okse_tar_padded(strlen(label)) + okse_tar_padded(g_bytes_get_size(set->json)) +
           okse_tar_padded(g_bytes_get_size(part));
}

uint64_t okse_volume_table_size(const OkseVolume *volume)
{
    return okse_volume_blocks(volume) * OKSE_VOLUME_LINE;
}

uint64_t okse_volume_first_place(const OkseVolumeSet *set, const OkseVolume *volume)
{
    uint64_t end = table_end(set, volume);

    return end + okse_tar_prefix_length(end, volume->size, true, 0);
}

uint64_t okse_volume_file_size(const OkseVolume *volume)
{
    return volume->at + okse_tar_padded(volume->size) + OKSE_VOLUME_TAIL;
}

const char *okse_volume_member_at(const OkseVolumeSet *set, const OkseVolume *volume, uint64_t at)
{
    static const char *const inside[] = {OKSE_VOLUME_README, OKSE_VOLUME_SET, OKSE_VOLUME_PART};
    static const char *const before[] = {"the header of " OKSE_VOLUME_README, "the header of " OKSE_VOLUME_SET,
                                         "the header of " OKSE_VOLUME_PART};
    g_autofree char *label = okse_volume_label(set, volume);
    g_autoptr(GBytes) part = part_json(set, volume);
    const uint64_t sizes[] = {strlen(label), g_bytes_get_size(set->json), g_bytes_get_size(part)};
    uint64_t start = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (at < start + OKSE_TAR_BLOCK)
            return before[i];
        start += OKSE_TAR_BLOCK + okse_tar_padded(sizes[i]);
        if (at < start)
            return inside[i];
    }
    if (at < start + OKSE_TAR_BLOCK)
        return "the header of " OKSE_VOLUME_TABLE;
    if (at < start + OKSE_TAR_BLOCK + okse_volume_table_size(volume))
        return OKSE_VOLUME_TABLE;
    if (at < volume->at)
        return "the header of data";
    return at < volume->at + volume->size ? "data" : "the end of the archive";
}
