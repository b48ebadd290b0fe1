/* An archive as an image: whatever it claims, layers are entries of the source with the sizes their manifest says, and
 * metadata is what its digest names. */
#include "core/fd.h"
#include "core/limits.h"
#include "packager/image.h"

#include <stdint.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_manifest(const OkseSource *source, const OkseImageManifest *manifest)
{
    OkseSha256 digest = okse_sha256_of_bytes(manifest->manifest);

    g_assert(okse_sha256_equal(&digest, &manifest->manifest_digest));
    digest = okse_sha256_of_bytes(manifest->config);
    g_assert(okse_sha256_equal(&digest, &manifest->config_digest));
    g_assert(g_bytes_get_size(manifest->manifest) <= OKSE_LIMIT_METADATA);
    g_assert(json_is_object(manifest->platform) && manifest->media_type != NULL);
    for (guint i = 0; i < manifest->layers->len; i++) {
        const OkseImageLayer *layer = &g_array_index(manifest->layers, OkseImageLayer, i);

        g_assert(layer->entry < okse_source_count(source));
        g_assert(okse_source_entry(source, layer->entry)->kind == OKSE_ENTRY_FILE);
        g_assert(okse_source_entry(source, layer->entry)->size == layer->size);
    }
}

static void read_image(const OkseSource *source, const char *reference, const char *platform)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OkseImage) image = okse_image_read(source, reference, platform, &error);

    g_assert((image == NULL) == (error != NULL));
    g_assert(image == NULL || image->manifests->len > 0);
    for (guint i = 0; image != NULL && i < image->manifests->len; i++)
        check_manifest(source, g_ptr_array_index(image->manifests, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    okse_autofd fd = memfd_create("fuzz", MFD_CLOEXEC);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(OkseSource) source = NULL;

    g_assert(fd >= 0 && okse_write_all(fd, data, size, "memfd", NULL));
    source = okse_source_open_archive(AT_FDCWD, path, "fuzz", NULL);
    if (source == NULL)
        return 0;
    read_image(source, NULL, NULL);
    read_image(source, "1.0", "linux/amd64");
    return 0;
}
