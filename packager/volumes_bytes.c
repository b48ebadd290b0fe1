/* A bundle read straight from its parts: every block is checked before it is seen, and worked out where it is lost. */
#include "packager/volumes_bytes.h"

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

OkseBytes *okse_volumes_bytes(OkseVolumes *volumes, GError **error)
{
    const OkseVolumeSet *set = okse_volumes_set(volumes);
    g_autoptr(OkseBytes) bytes = okse_bytes_new();
    PartSource *sources;

    if (set->encoding != NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "the parts are encoded as '%s', which this version does not know",
                  set->encoding);
        return NULL;
    }
    if (!okse_volumes_suffice(volumes, error) || !watch(bytes, volumes, error))
        return NULL;
    sources = g_new0(PartSource, set->data);
    okse_bytes_keep(bytes, sources, g_free);
    for (unsigned i = 0; i < set->data; i++) {
        const OkseSourcePiece piece = {read_part, &sources[i], 0, set->volumes[i].length};

        sources[i] = (PartSource){volumes, i};
        okse_bytes_append_source(bytes, &piece);
    }
    return g_steal_pointer(&bytes);
}
