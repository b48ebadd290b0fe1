/* A part, or the set.json of one. What is taken for a set is one: it is written again as the same bytes, and every
 * number that others compute with can be computed. Reading a part's blocks ends, whatever it claims. */
#include "core/fd.h"
#include "packager/volume_header.h"
#include "packager/volumes_bytes.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_set(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseVolumeSet) set = okse_volume_set_read(bytes, "fuzz", &error);

    g_assert((set == NULL) == (error != NULL));
    if (set == NULL)
        return;
    g_assert(g_bytes_equal(set->json, bytes));
    for (unsigned i = 0; i < set->data + set->parity; i++) {
        const OkseVolume *volume = &set->volumes[i];
        g_autofree char *name = okse_volume_name(set, volume);
        g_autoptr(GBytes) head = okse_volume_head(set, volume), neck = okse_volume_neck(set, volume);

        g_assert(okse_path_check(name, NULL) && strchr(name, '/') == NULL);
        g_assert(g_bytes_get_size(head) == okse_volume_table_at(set, volume));
        g_assert(g_bytes_get_size(head) + okse_volume_table_size(volume) + g_bytes_get_size(neck) == volume->at);
        g_assert(okse_volume_group_member(set, volume->kind, okse_volume_group(set, volume),
                                          okse_volume_place(set, volume)) == volume);
    }
}

static void fuzz_volumes(OkseVolumes *volumes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseBytes) bytes = NULL;
    g_autoptr(GPtrArray) faults = NULL;
    g_autoptr(json_t) document = NULL;
    uint8_t some[300];

    for (unsigned i = 0; i < okse_volumes_set(volumes)->data; i++)
        g_assert(okse_volumes_check(volumes, i, NULL, NULL));
    bytes = okse_volumes_bytes(volumes, &error);
    g_assert((bytes == NULL) == (error != NULL));
    if (bytes != NULL && okse_bytes_length(bytes) > sizeof some) {
        okse_bytes_read(bytes, 0, some, sizeof some, "fuzz", NULL);
        okse_bytes_read(bytes, okse_bytes_length(bytes) - sizeof some, some, sizeof some, "fuzz", NULL);
    }
    faults = okse_volumes_faults(volumes, OKSE_VOLUMES_AS_SET);
    document = okse_volumes_json(volumes, OKSE_VOLUMES_EACH);
    g_assert(document != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    okse_autofd fd = -1;
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseVolumes) volumes = NULL;
    const char *paths[2] = {NULL, NULL};
    const OkseVolumesPlaces places = {.paths = paths};

    if (size > 0 && data[0] == '{') {
        fuzz_set(data, size);
        return 0;
    }
    fd = memfd_create("part", MFD_CLOEXEC);
    if (fd < 0 || !okse_write_all(fd, data, size, "fuzz", NULL))
        g_error("no memory file");
    path = g_strdup_printf("/proc/self/fd/%d", fd);
    paths[0] = path;
    volumes = okse_volumes_open(&places, &error);
    g_assert((volumes == NULL) == (error != NULL));
    if (volumes != NULL)
        fuzz_volumes(volumes);
    return 0;
}
