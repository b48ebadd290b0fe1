/* An image into the cache's layout: layers first, the manifest that names them next, index.json last, so that what can
 * be found is whole. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "packager/fetch_cache.h"
#include "packager/fetch_internal.h"
#include "packager/image.h"
#include "packager/media_types.h"
#include "packager/registry.h"
#include "packager/remote.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LAYERS_LIMIT 1024u
#define MANIFESTS_LIMIT 1024u
#define CHUNK (1u << 20)
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

typedef struct {
    Fetch *fetch;
    OkseRegistry *registry;
    const OkseStackSource *source;
    const char *origin;
} Image;

/* Is the blob there, with its size and digest? What is there with others is removed. */
static bool is_there(const Fetch *fetch, const OkseRegistryBlob *blob)
{
    g_autofree char *path = okse_cache_blob(&blob->digest);
    g_autoptr(OkseSha256Stream) hash = okse_sha256_stream_new();
    g_autofree void *buffer = g_malloc(CHUNK);
    okse_autofd fd = okse_open_beneath(fetch->cache_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
    OkseSha256 actual;
    ssize_t got = 0;
    struct stat info;

    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == blob->size) {
        while ((got = read(fd, buffer, CHUNK)) > 0)
            okse_sha256_stream_update(hash, buffer, (size_t)got);
        actual = okse_sha256_stream_end(hash);
        if (got == 0 && okse_sha256_equal(&actual, &blob->digest))
            return true;
    }
    unlinkat(fetch->cache_fd, path, 0);
    return false;
}

static bool receive_blob(const Image *image, const OkseRegistryBlob *blob, GError **error)
{
    Fetch *fetch = image->fetch;
    g_autofree char *path = okse_cache_blob(&blob->digest);
    g_autoptr(OkseProgress) progress = fetch->request->show_progress ? okse_progress_new("fetching", blob->size) : NULL;
    okse_autofd fd = -1;
    char hex[OKSE_SHA256_HEX];

    okse_sha256_hex(&blob->digest, hex);
    fd = okse_open_beneath(fetch->partial_fd, hex, O_RDWR | O_CREAT, 0644, error);
    if (fd < 0 ||
        !okse_registry_blob(image->registry, blob, &(OkseRegistryPlace){.fd = fd}, progress, &fetch->fetched, error))
        return false;
    if (fsync(fd) < 0 || renameat(fetch->partial_fd, hex, fetch->cache_fd, path) < 0)
        return okse_fail_errno(error, "write %s", path);
    return true;
}

static bool read_descriptor(const Image *image, const json_t *descriptor, OkseRegistryBlob *blob, GError **error)
{
    const char *digest = okse_json_text(descriptor, "digest", image->origin, error);

    if (digest == NULL || !okse_json_unsigned(descriptor, "size", &blob->size, image->origin, error))
        return false;
    if (!g_str_has_prefix(digest, "sha256:") || !okse_sha256_parse(digest, &blob->digest, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a blob is not named by sha256", image->origin);
    return blob->size <= OKSE_LIMIT_FILE_SIZE ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: a blob is over the limit of 64 TiB", image->origin);
}

static bool take_blob(const Image *image, const json_t *descriptor, GError **error)
{
    OkseRegistryBlob blob;

    if (!read_descriptor(image, descriptor, &blob, error))
        return false;
    if (!is_there(image->fetch, &blob))
        return receive_blob(image, &blob, error);
    image->fetch->reused += blob.size;
    return true;
}

/* The bytes of a manifest, from the cache or else from the registry. */
static GBytes *manifest_bytes(const Image *image, const OkseSha256 *digest, GError **error)
{
    g_autofree char *path = okse_cache_blob(digest);
    okse_autofd fd = okse_open_beneath(image->fetch->cache_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : okse_read_fd(fd, OKSE_LIMIT_METADATA, path, NULL);
    OkseSha256 actual = bytes == NULL ? (OkseSha256){{0}} : okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];

    if (bytes != NULL && okse_sha256_equal(&actual, digest)) {
        image->fetch->reused += g_bytes_get_size(bytes);
        return g_steal_pointer(&bytes);
    }
    g_clear_pointer(&bytes, g_bytes_unref);
    bytes = okse_registry_manifest(image->registry, okse_sha256_text(digest, text), error);
    if (bytes != NULL)
        image->fetch->fetched += g_bytes_get_size(bytes);
    return g_steal_pointer(&bytes);
}

static bool keep_manifest(const Image *image, const OkseSha256 *digest, GBytes *bytes, GError **error)
{
    g_autofree char *path = okse_cache_blob(digest);

    return okse_write_beneath(image->fetch->cache_fd, path, bytes, 0644, error);
}

static bool take_manifest(const Image *image, const OkseSha256 *digest, const json_t *manifest, GBytes *bytes,
                          GError **error)
{
    const json_t *config = okse_json_object(manifest, "config", image->origin, error);
    const json_t *layers = config == NULL ? NULL : okse_json_array(manifest, "layers", image->origin, error);

    if (layers == NULL)
        return false;
    if (json_array_size(layers) > LAYERS_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u layers", image->origin, LAYERS_LIMIT);
    if (!take_blob(image, config, error))
        return false;
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!take_blob(image, json_array_get(layers, i), error))
            return false;
    return keep_manifest(image, digest, bytes, error);
}

static bool take_indexed(const Image *image, const json_t *descriptor, GError **error)
{
    OkseRegistryBlob named;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) manifest = NULL;

    if (!read_descriptor(image, descriptor, &named, error))
        return false;
    bytes = manifest_bytes(image, &named.digest, error);
    manifest = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, image->origin, error);
    if (manifest == NULL)
        return false;
    if (g_bytes_get_size(bytes) != named.size)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: a manifest has another size than the index says",
                         image->origin);
    return take_manifest(image, &named.digest, manifest, bytes, error);
}

static bool take_index(const Image *image, const json_t *index, GError **error)
{
    const json_t *manifests = okse_json_array(index, "manifests", image->origin, error);
    unsigned taken = 0;

    if (manifests == NULL)
        return false;
    if (json_array_size(manifests) > MANIFESTS_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u manifests", image->origin, MANIFESTS_LIMIT);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);

        if (!okse_image_is_wanted(descriptor, image->source->platform))
            continue;
        if (!take_indexed(image, descriptor, error))
            return false;
        taken++;
    }
    return taken > 0 || okse_fail(error, OKSE_ERROR_INVALID, "%s: no image for the platform %s", image->origin,
                                  image->source->platform != NULL ? image->source->platform : "(any)");
}

/* What a manifest is, by its own words alone: a header may say otherwise to somebody else. */
static const char *type_of(const json_t *manifest)
{
    const char *own = okse_json_peek_text(manifest, "mediaType");

    if (own != NULL)
        return own;
    return json_object_get(manifest, "manifests") != NULL ? OKSE_TYPE_INDEX : OKSE_TYPE_MANIFEST;
}

static bool is_listed(const json_t *manifests, const char *digest)
{
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (g_strcmp0(okse_json_peek_text(json_array_get(manifests, i), "digest"), digest) == 0)
            return true;
    return false;
}

static json_t *read_layout_index(const Fetch *fetch, GError **error)
{
    okse_autofd fd = okse_open_beneath(fetch->cache_fd, OKSE_CACHE_OCI "/index.json", O_RDONLY | O_NONBLOCK, 0, NULL);
    g_autoptr(GBytes) bytes = NULL;

    if (fd < 0)
        return json_pack("{s:i,s:[]}", "schemaVersion", 2, "manifests");
    bytes = okse_read_fd(fd, OKSE_LIMIT_METADATA, OKSE_CACHE_OCI "/index.json", error);
    return bytes == NULL ? NULL
                         : okse_json_read(bytes, OKSE_LIMIT_METADATA, "cache, " OKSE_CACHE_OCI "/index.json", error);
}

static bool list_in_layout(const Image *image, const OkseSha256 *digest, const json_t *manifest, GBytes *bytes,
                           GError **error)
{
    g_autoptr(json_t) index = read_layout_index(image->fetch, error);
    json_t *manifests = index == NULL ? NULL : json_object_get(index, "manifests");
    g_autoptr(GBytes) written = NULL;
    char text[OKSE_SHA256_TEXT];

    if (index == NULL)
        return false;
    if (!json_is_array(manifests))
        return okse_fail(error, OKSE_ERROR_INVALID, "cache, " OKSE_CACHE_OCI "/index.json: is no index");
    if (is_listed(manifests, okse_sha256_text(digest, text)))
        return true;
    json_array_append_new(manifests, json_pack("{s:s,s:s,s:I}", "mediaType", type_of(manifest), "digest", text, "size",
                                               (json_int_t)g_bytes_get_size(bytes)));
    written = okse_json_write(index);
    return okse_write_beneath(image->fetch->cache_fd, OKSE_CACHE_OCI "/index.json", written, 0644, error);
}

static bool make_layout(const Fetch *fetch, GError **error)
{
    g_autoptr(GBytes) layout = g_bytes_new_static(LAYOUT, strlen(LAYOUT));

    return okse_make_directories(fetch->cache_fd, OKSE_CACHE_OCI "/blobs/sha256", error) &&
           okse_write_beneath(fetch->cache_fd, OKSE_CACHE_OCI "/oci-layout", layout, 0644, error);
}

/* A tag alone is answered with what it names at the moment. */
static bool refuse_unpinned(const Image *image, const OkseImageName *name, GError **error)
{
    const char *tag = name->tag != NULL ? name->tag : "latest";
    g_autoptr(GBytes) bytes = okse_registry_manifest(image->registry, tag, error);
    OkseSha256 digest;
    char text[OKSE_SHA256_TEXT];

    if (bytes == NULL)
        return false;
    digest = okse_sha256_of_bytes(bytes);
    return okse_fail(error, OKSE_ERROR_INVALID,
                     "names no digest, and a tag may be another image tomorrow; at the moment it is {oci: "
                     "'docker://%s/%s', ref: '%s@%s'}",
                     name->host, name->repository, tag, okse_sha256_text(&digest, text));
}

static bool take_image(const Image *image, const OkseImageName *name, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) manifest = NULL;

    if (!name->pinned)
        return refuse_unpinned(image, name, error);
    bytes = manifest_bytes(image, &name->digest, error);
    manifest = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, image->origin, error);
    if (manifest == NULL)
        return false;
    if (json_object_get(manifest, "manifests") != NULL) {
        if (!take_index(image, manifest, error) || !keep_manifest(image, &name->digest, bytes, error))
            return false;
    } else if (!take_manifest(image, &name->digest, manifest, bytes, error)) {
        return false;
    }
    return list_in_layout(image, &name->digest, manifest, bytes, error);
}

bool fetch_image(Fetch *fetch, const OkseStackSource *source, json_t *row, GError **error)
{
    g_auto(OkseImageName) name = {0};
    g_autoptr(OkseRegistry) registry = NULL;
    const OkseRegistryAccess access = {
        .http = fetch->http, .credentials = fetch->request->credentials, .plain = fetch->request->plain};
    Image image = {.fetch = fetch, .source = source, .origin = source->location};
    char text[OKSE_SHA256_TEXT];

    if (!okse_image_name_read(source->location, source->reference, &name, error) || !make_layout(fetch, error))
        return false;
    image.registry = registry = okse_registry_new(&access, name.host, name.repository, error);
    if (registry == NULL || !take_image(&image, &name, error))
        return false;
    json_object_set_new(row, "digest", json_string(okse_sha256_text(&name.digest, text)));
    return true;
}
