/* docs/formats/bundle.md, "index slot" and "statement area". */
#include "packager/sign_layout.h"

#include "core/limits.h"
#include "packager/sigstore_bundle.h"
#include "packager/tar_header.h"

#include <string.h>

#define AREA_RESERVE 1024u /* padding that must remain: a pax header with its comment */
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define EMPTY_TYPE "application/vnd.oci.empty.v1+json"
#define EMPTY_BLOB "{}"

static void write_free(gpointer memory)
{
    OkseWrite *write = memory;

    g_bytes_unref(write->bytes);
    g_free(write);
}

static void write_add(GPtrArray *writes, uint64_t offset, GBytes *bytes)
{
    OkseWrite *write = g_new(OkseWrite, 1);

    *write = (OkseWrite){offset, bytes};
    g_ptr_array_add(writes, write);
}

static json_t *descriptor(const char *type, GBytes *bytes)
{
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", okse_sha256_text(&digest, text), "size",
                     (json_int_t)g_bytes_get_size(bytes));
}

GBytes *okse_sign_manifest(const OkseBundle *bundle, const OkseNewStatement *added)
{
    g_autoptr(GBytes) empty = g_bytes_new_static(EMPTY_BLOB, strlen(EMPTY_BLOB));
    const OkseSha256 *about =
        added->component != NULL ? &added->component->manifest_digest : okse_bundle_identity(bundle);
    GBytes *subject = added->component != NULL ? okse_bundle_metadata(bundle, about) : okse_bundle_index_bytes(bundle);
    json_t *layer = descriptor(OKSE_SIGSTORE_TYPE, added->sigstore);
    char hex[OKSE_SHA256_HEX];
    g_autofree char *title = g_strdup_printf("sha256-%s.sigstore.json", okse_sha256_hex(about, hex));
    g_autoptr(json_t) manifest = NULL;

    json_object_set_new(layer, "annotations", json_pack("{s:s}", "org.opencontainers.image.title", title));
    manifest = json_pack(
        "{s:i, s:s, s:s, s:o, s:[o], s:o, s:{s:s, s:s}}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE,
        "artifactType", OKSE_SIGSTORE_TYPE, "config", descriptor(EMPTY_TYPE, empty), "layers", layer, "subject",
        descriptor(added->component != NULL ? MANIFEST_TYPE : INDEX_TYPE, subject), "annotations",
        "dev.sigstore.bundle.content", "dsse-envelope", "dev.sigstore.bundle.predicateType", added->predicate_type);
    g_assert(manifest != NULL);
    return okse_json_write(manifest);
}

/* index.json with one more manifest, filled with spaces to its slot. */
static GBytes *index_write(const OkseBundle *bundle, GBytes *manifest, GError **error)
{
    OkseBundleSlots slots = okse_bundle_slots(bundle);
    g_autoptr(json_t) index = json_deep_copy(okse_bundle_layout_index(bundle));
    json_t *added = descriptor(MANIFEST_TYPE, manifest);
    g_autoptr(GBytes) content = NULL;
    guint8 *slot;

    json_object_set_new(added, "artifactType", json_string(OKSE_SIGSTORE_TYPE));
    json_array_append_new(json_object_get(index, "manifests"), added);
    content = okse_json_write(index);
    if (g_bytes_get_size(content) > slots.index_size) {
        okse_fail(error, OKSE_ERROR_REFUSED, "index.json has no room for another statement (%u are there)",
                  okse_bundle_statements(bundle));
        return NULL;
    }
    slot = g_malloc(slots.index_size);
    memset(slot, ' ', slots.index_size);
    memcpy(slot, g_bytes_get_data(content, NULL), g_bytes_get_size(content));
    return g_bytes_new_take(slot, slots.index_size);
}

static char *blob_name(const OkseSha256 *digest)
{
    char hex[OKSE_SHA256_HEX];

    return g_strdup_printf("blobs/sha256/%s", okse_sha256_hex(digest, hex));
}

static void blob_append(GByteArray *out, const void *data, size_t length)
{
    OkseSha256 digest = okse_sha256_of(data, length);
    g_autofree char *name = blob_name(&digest);
    uint8_t header[OKSE_TAR_BLOCK];
    guint from;

    okse_tar_header(header, name, length);
    g_byte_array_append(out, header, sizeof header);
    g_byte_array_append(out, data, (guint)length);
    from = out->len;
    g_byte_array_set_size(out, from + (guint)(okse_tar_padded(length) - length));
    memset(out->data + from, 0, out->len - from);
}

/* True when a statement already stands behind the payload: the order in the archive is the order of adding. */
static bool area_left(const OkseBundle *bundle, const OkseBundleSlots *slots)
{
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++) {
        const OkseBlob *blob = okse_bundle_find(bundle, &okse_bundle_statement(bundle, i)->manifest_digest);

        if (blob != NULL && blob->offset >= slots->area_offset + slots->area_size)
            return true;
    }
    return false;
}

/* The blob whose pax header ends the area. */
static const OkseBlob *first_behind(const OkseBundle *bundle, uint64_t end)
{
    const OkseBlob *first = NULL;

    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++) {
        const OkseBlob *blob = okse_bundle_blob(bundle, i);

        if (blob->offset >= end && (first == NULL || blob->offset < first->offset))
            first = blob;
    }
    return first;
}

static void area_write(const OkseBundle *bundle, const OkseBundleSlots *slots, GByteArray *blobs, GPtrArray *writes)
{
    uint64_t start = slots->area_offset + slots->area_used, end = slots->area_offset + slots->area_size;
    const OkseBlob *next = first_behind(bundle, end);
    g_autofree char *name = NULL;
    g_autoptr(GBytes) prefix = NULL;

    g_assert(next != NULL);
    name = blob_name(&next->digest);
    prefix = okse_tar_prefix(start + blobs->len, name, next->size, false, end);
    g_byte_array_append(blobs, g_bytes_get_data(prefix, NULL), (guint)g_bytes_get_size(prefix));
    g_assert(start + blobs->len == next->offset);
    write_add(writes, start, g_byte_array_free_to_bytes(blobs));
}

static void end_write(const OkseBundleSlots *slots, GByteArray *blobs, GPtrArray *writes)
{
    static const guint8 end[2 * OKSE_TAR_BLOCK];

    g_byte_array_append(blobs, end, sizeof end);
    write_add(writes, slots->end_offset, g_byte_array_free_to_bytes(blobs));
}

GPtrArray *okse_sign_plan(const OkseBundle *bundle, const OkseNewStatement *added, bool *present, GError **error)
{
    OkseBundleSlots slots = okse_bundle_slots(bundle);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func(write_free);
    g_autoptr(GBytes) manifest = okse_sign_manifest(bundle, added);
    OkseSha256 digest = okse_sha256_of_bytes(manifest);
    GBytes *index;
    GByteArray *blobs;

    *present = okse_bundle_find(bundle, &digest) != NULL;
    if (*present)
        return g_steal_pointer(&writes);
    if (okse_bundle_statements(bundle) >= OKSE_LIMIT_STATEMENTS) {
        okse_fail(error, OKSE_ERROR_REFUSED, "the bundle carries %u statements already, which is the limit",
                  OKSE_LIMIT_STATEMENTS);
        return NULL;
    }
    index = index_write(bundle, manifest, error);
    if (index == NULL)
        return NULL;
    blobs = g_byte_array_new();
    if (!slots.has_empty_blob)
        blob_append(blobs, EMPTY_BLOB, strlen(EMPTY_BLOB));
    blob_append(blobs, g_bytes_get_data(manifest, NULL), g_bytes_get_size(manifest));
    blob_append(blobs, g_bytes_get_data(added->sigstore, NULL), g_bytes_get_size(added->sigstore));
    if (!area_left(bundle, &slots) && slots.area_used + blobs->len + AREA_RESERVE <= slots.area_size)
        area_write(bundle, &slots, blobs, writes);
    else
        end_write(&slots, blobs, writes);
    write_add(writes, slots.index_offset, index);
    return g_steal_pointer(&writes);
}
