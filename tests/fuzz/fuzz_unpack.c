/* Layers of strangers: whatever they hold, nothing appears beside the directory that they are unpacked into. */
#include "core/fd.h"
#include "packager/image_unpack.h"
#include "packager/source_look.h"

#include <stdint.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned entries_of(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    unsigned count = 0;

    while (directory != NULL && g_dir_read_name(directory) != NULL)
        count++;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *made = g_dir_make_tmp("okse-fuzz-XXXXXX", NULL);
    g_autofree char *outer = g_strdup(made), *inner = g_build_filename(made, "root", NULL);
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    const OkseReadable layer = {"layer", size, okse_readable_bytes, bytes};

    g_assert(made != NULL && mkdir(inner, 0700) == 0);
    (void)!okse_image_unpack(&layer, inner, NULL);
    g_assert(entries_of(outer) == 1);
    g_assert(okse_remove_tree(AT_FDCWD, outer, NULL));
    return 0;
}
