#include "cli/parts_input.h"

#include "cli/options.h"

#include <sys/stat.h>

typedef struct {
    OkseVolumes *volumes;
    GHashTable *told; /* lines */
} Input;

bool okse_parts_input_is(const char *path)
{
    return okse_volumes_is_input(path);
}

bool okse_parts_input_is_at(int fd, const char *path)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode) ? okse_volumes_is_input(path)
                                                          : okse_volumes_is_part(fd, path);
}

void okse_parts_tell(OkseVolumes *volumes, GHashTable *told)
{
    g_autoptr(GPtrArray) faults = okse_volumes_faults(volumes, OKSE_VOLUMES_AS_SET);

    for (guint i = 0; i < faults->len; i++) {
        const char *line = g_ptr_array_index(faults, i);

        if (told == NULL || g_hash_table_add(told, g_strdup(line)))
            okse_note("%s", line);
    }
}

static void input_free(gpointer data)
{
    Input *input = data;

    okse_parts_tell(input->volumes, input->told);
    if (okse_volumes_repaired(input->volumes) > 0)
        okse_note("%" G_GUINT64_FORMAT " blocks were worked out from the others; the parts were not written",
                  okse_volumes_repaired(input->volumes));
    okse_volumes_free(input->volumes);
    g_hash_table_unref(input->told);
    g_free(input);
}

OkseBytes *okse_parts_input_open(const char *path, char *const *more, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    OkseVolumesPlaces places = {.beside = true};
    g_autoptr(OkseVolumes) volumes = NULL;
    OkseBytes *bytes;
    Input *input;

    g_ptr_array_add(paths, (gpointer)(uintptr_t)path);
    for (char *const *place = more; place != NULL && *place != NULL; place++)
        g_ptr_array_add(paths, *place);
    g_ptr_array_add(paths, NULL);
    places.paths = (const char *const *)paths->pdata;
    volumes = okse_volumes_open(&places, error);
    if (volumes == NULL)
        return NULL;
    input = g_new0(Input, 1);
    input->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    input->volumes = g_steal_pointer(&volumes);
    okse_parts_tell(input->volumes, input->told);
    bytes = okse_volumes_bytes(input->volumes, error);
    if (bytes == NULL)
        input_free(input);
    else
        okse_bytes_keep(bytes, input, input_free);
    return bytes;
}
