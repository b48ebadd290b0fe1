/* A bundle read straight from its parts: every block is checked before it is seen, and worked out where it is lost. */
#include "packager/volumes_bytes.h"

#include "packager/frame_reader.h"

typedef struct {
    OkseVolumes *volumes;
    unsigned index;
} PartSource;

static bool read_part(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const PartSource *source = context;

    return okse_volumes_data(source->volumes, source->index, offset, buffer, length, error);
}

static bool watch(OkseBytes *bytes, const OkseVolumes *volumes, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);

    for (unsigned i = 0; i < set->data + set->parity; i++) {
        const char *path;
        int fd = okse_volumes_fd(volumes, i, &path);

        if (fd >= 0 && !okse_bytes_watch(bytes, fd, path, error))
            return false;
    }
    return true;
}

static bool is_framed(const OkseVolumeSet *set)
{
    return g_strcmp0(set->encoding, OKSE_ENCODING_FRAMES) == 0;
}

bool okse_volumes_encoding_known(const OkseVolumeSet *set, GError **error)
{
    return set->encoding == NULL || is_framed(set) ||
           okse_fail(error, OKSE_ERROR_INVALID, "the parts are encoded as '%s', which this version does not know",
                     set->encoding);
}

/* Plain bytes of one part, out of its frames. */
static bool append_frames(OkseBytes *bytes, OkseFrameCache *cache, PartSource *source, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(source->volumes);
    const OkseVolume *volume = &set->volumes[source->index];
    const OkseSourcePiece coded = {read_part, source, 0, volume->size};
    OkseSourcePiece plain = {okse_frame_reader_read, NULL, 0, volume->length};
    g_autoptr(OkseBytes) data = okse_bytes_new();
    g_autofree char *words = okse_volume_words(set, volume);
    OkseFrameReader *reader;

    okse_bytes_append_source(data, &coded);
    reader = okse_frame_reader_new(cache, data, volume->length, words, error);
    if (reader == NULL)
        return false;
    okse_bytes_keep(bytes, reader, (GDestroyNotify)okse_frame_reader_free);
    plain.context = reader;
    okse_bytes_append_source(bytes, &plain);
    return true;
}

OkseBytes *okse_volumes_bytes(OkseVolumes *volumes, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    g_autoptr(OkseBytes) bytes = okse_bytes_new();
    OkseFrameCache *cache;
    PartSource *sources;

    if (!okse_volumes_encoding_known(set, error) || !okse_volumes_suffice(volumes, error) ||
        !watch(bytes, volumes, error))
        return NULL;
    sources = g_new0(PartSource, set->data);
    okse_bytes_keep(bytes, sources, g_free);
    cache = okse_frame_cache_new();
    okse_bytes_keep(bytes, cache, (GDestroyNotify)okse_frame_cache_free);
    for (unsigned i = 0; i < set->data; i++) {
        const OkseSourcePiece piece = {read_part, &sources[i], 0, set->volumes[i].length};

        sources[i] = (PartSource){volumes, i};
        if (!is_framed(set))
            okse_bytes_append_source(bytes, &piece);
        else if (!append_frames(bytes, cache, &sources[i], error))
            return NULL;
    }
    return g_steal_pointer(&bytes);
}
