/* The strict walk over a bundle's members, the same for a file and a pipe. Nothing is trusted: each header is compared
 * with the one that the writer would have written, each blob must have been announced by metadata before it, metadata
 * is hashed on arrival, and so is payload when it comes through a pipe. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/text.h"
#include "core/worker.h"
#include "packager/bundle_internal.h"
#include "packager/stream_hash.h"
#include "packager/tar_header.h"

#include <string.h>

#define BLOB_PREFIX "blobs/sha256/"

static const char layout_file[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

typedef struct {
    OkseBundle *bundle;
    uint64_t at;
    int fd;        /* of a stream; otherwise -1 */
    bool may_thin; /* payload may be missing */
    /* of a stream, otherwise NULL */
    const OkseChecking *checking;
    OkseChecked *checked;
    OkseStreamHash *hash;
} Walk;

static bool is_stream(const Walk *walk)
{
    return walk->fd >= 0;
}

static bool take(Walk *walk, void *buffer, size_t length, GError **error)
{
    const char *origin = walk->bundle->origin;
    bool read = is_stream(walk) ? okse_read_exact(walk->fd, buffer, length, origin, error)
                                : okse_bytes_read(walk->bundle->bytes, walk->at, buffer, length, origin, error);

    walk->at += length;
    return read;
}

static bool refuse(const Walk *walk, GError **error, const char *what)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: byte %" G_GUINT64_FORMAT ": %s", walk->bundle->origin, walk->at,
                     what);
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static bool take_padding(Walk *walk, uint64_t size, GError **error)
{
    uint8_t padding[OKSE_TAR_BLOCK];
    size_t length = (size_t)(okse_tar_padded(size) - size);

    if (!take(walk, padding, length, error))
        return false;
    return is_zero(padding, length) ? true : refuse(walk, error, "padding behind a blob is not zero");
}

static bool take_layout_file(Walk *walk, GError **error)
{
    uint8_t found[OKSE_TAR_BLOCK], expected[OKSE_TAR_BLOCK];
    char content[sizeof layout_file];

    okse_tar_header(expected, "oci-layout", strlen(layout_file));
    if (!take(walk, found, sizeof found, error))
        return false;
    if (memcmp(found + 257, "ustar", 5) != 0)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: not a bundle (no tar header at its start)",
                         walk->bundle->origin);
    if (memcmp(found, expected, sizeof found) != 0)
        return refuse(walk, error, "the first member is not a canonical oci-layout");
    if (!take(walk, content, strlen(layout_file), error))
        return false;
    if (memcmp(content, layout_file, strlen(layout_file)) != 0)
        return refuse(walk, error, "oci-layout says something else");
    return take_padding(walk, strlen(layout_file), error);
}

static GBytes *take_bytes(Walk *walk, uint64_t size, GError **error)
{
    g_autofree void *data = g_malloc(size + 1);

    if (!take(walk, data, (size_t)size, error))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&data), size);
}

static bool take_index(Walk *walk, GError **error)
{
    uint8_t found[OKSE_TAR_BLOCK], expected[OKSE_TAR_BLOCK];
    OkseTarMember member;
    g_autoptr(GBytes) slot = NULL;

    if (!take(walk, found, sizeof found, error) || !okse_tar_parse(found, &member, error)) {
        g_prefix_error(error, "%s: index.json: ", walk->bundle->origin);
        return false;
    }
    if (member.size == 0 || member.size > OKSE_LIMIT_METADATA || member.size % OKSE_TAR_ALIGN != 0)
        return refuse(walk, error, "index.json has a size that no bundle has");
    okse_tar_header(expected, "index.json", member.size);
    if (memcmp(found, expected, sizeof found) != 0)
        return refuse(walk, error, "the second member is not a canonical index.json");
    walk->bundle->slots.index_offset = walk->at;
    walk->bundle->slots.index_size = member.size;
    slot = take_bytes(walk, member.size, error);
    return slot != NULL && bundle_understand_layout(walk->bundle, slot, error);
}

/* The canonical prefixes that these bytes are; 0 when none. */
static unsigned classify_prefix(const Walk *walk, uint64_t prefix_at, const OkseTarMember *member, GByteArray *prefix)
{
    uint64_t area = walk->bundle->slots.area_offset;
    uint64_t fill =
        area > 0 && prefix_at >= area && prefix_at + 2 * (uint64_t)OKSE_TAR_BLOCK <= area + OKSE_TAR_STATEMENT_AREA
            ? area + OKSE_TAR_STATEMENT_AREA
            : 0;
    unsigned flags = 0;

    for (unsigned i = 0; i < 3; i++) {
        g_autoptr(GBytes) expected = NULL;

        if ((i == 2 && fill == 0) ||
            okse_tar_prefix_length(prefix_at, member->size, i == 1, i == 2 ? fill : 0) != prefix->len)
            continue;
        expected = okse_tar_prefix(prefix_at, member->name, member->size, i == 1, i == 2 ? fill : 0);
        if (memcmp(g_bytes_get_data(expected, NULL), prefix->data, prefix->len) == 0)
            flags |= 1u << i;
    }
    return flags;
}

static bool take_pax(Walk *walk, uint64_t size, GByteArray *prefix, GError **error)
{
    guint before = prefix->len;

    if (size == 0 || size > OKSE_TAR_STATEMENT_AREA || size % OKSE_TAR_BLOCK != 0)
        return refuse(walk, error, "a pax header has a size that no bundle has");
    g_byte_array_set_size(prefix, before + (guint)size);
    return take(walk, prefix->data + before, (size_t)size, error);
}

/* A pax header if there is one, and the member's own header. *end is set at the end of the archive. */
static bool take_prefix(Walk *walk, OkseTarMember *member, GByteArray *prefix, bool *end, GError **error)
{
    uint8_t block[OKSE_TAR_BLOCK];

    if (!take(walk, block, sizeof block, error))
        return false;
    *end = is_zero(block, sizeof block);
    if (*end)
        return true;
    if (!okse_tar_parse(block, member, error))
        goto damaged;
    g_byte_array_append(prefix, block, sizeof block);
    if (member->type == 'x') {
        if (!take_pax(walk, member->size, prefix, error) || !take(walk, block, sizeof block, error))
            return false;
        if (!okse_tar_parse(block, member, error))
            goto damaged;
        g_byte_array_append(prefix, block, sizeof block);
    }
    if (member->type != '0')
        return refuse(walk, error, "a member that is no plain file");
    return true;
damaged:
    g_prefix_error(error, "%s: byte %" G_GUINT64_FORMAT ": ", walk->bundle->origin, walk->at);
    return false;
}

/* Faults in payload do not end the reading when all are asked for: the archive's form does not depend on it. */
static bool payload_fault(Walk *walk, const Stored *stored, bool by_verity, GError **error)
{
    g_autofree char *fault = bundle_fault(walk->bundle, stored, by_verity);

    if (!walk->checking->all)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s", walk->bundle->origin, fault);
    g_ptr_array_add(walk->checked->faults, g_steal_pointer(&fault));
    return true;
}

static bool hash_payload(Walk *walk, const Stored *stored, GError **error)
{
    const OkseBlob *blob = &stored->blob;
    const Expected *expected = bundle_expected(walk->bundle, &blob->digest);
    bool by_verity = expected->by_verity || (walk->checking->both && expected->has_verity);
    bool by_sha256 = !expected->by_verity || walk->checking->both;
    OkseSha256 verity = expected->verity, digest = blob->digest;

    okse_stream_hash_begin(walk->hash, by_verity, by_sha256);
    for (uint64_t left = blob->size; left > 0;) {
        size_t length = (size_t)MIN(left, OKSE_STREAM_BUFFER);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!take(walk, okse_stream_hash_buffer(walk->hash), length, error))
            return false;
        okse_stream_hash_put(walk->hash, length);
        okse_progress_add(walk->checking->progress, length);
        left -= length;
    }
    okse_stream_hash_end(walk->hash, &verity, &digest);
    walk->checked->read += blob->size;
    walk->checked->by_verity += by_verity ? blob->size : 0;
    walk->checked->by_sha256 += by_sha256 ? blob->size : 0;
    if (!okse_sha256_equal(&verity, &expected->verity) || !okse_sha256_equal(&digest, &blob->digest))
        return payload_fault(walk, stored, !okse_sha256_equal(&verity, &expected->verity), error);
    return true;
}

static bool take_payload(Walk *walk, const Stored *stored, GError **error)
{
    if (is_stream(walk) && !walk->bundle->chosen)
        bundle_choose_digests(walk->bundle);
    if (is_stream(walk))
        return hash_payload(walk, stored, error);
    walk->at += stored->blob.size;
    return true;
}

static bool take_metadata(Walk *walk, Stored *stored, GError **error)
{
    OkseSha256 digest;
    char hex[OKSE_SHA256_HEX];

    if (stored->blob.size > OKSE_LIMIT_METADATA ||
        walk->bundle->metadata_size + stored->blob.size > OKSE_LIMIT_METADATA_TOTAL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "%s: metadata larger than the limit (4 MiB a blob, 256 MiB together)", walk->bundle->origin);
    walk->bundle->metadata_size += stored->blob.size;
    stored->bytes = take_bytes(walk, stored->blob.size, error);
    if (stored->bytes == NULL)
        return false;
    digest = okse_sha256_of_bytes(stored->bytes);
    if (!okse_sha256_equal(&digest, &stored->blob.digest))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: blob %s has other content than its name says",
                         walk->bundle->origin, okse_sha256_hex(&stored->blob.digest, hex));
    return bundle_understand_blob(walk->bundle, &digest, stored->bytes, error);
}

static void stored_free(gpointer data)
{
    Stored *stored = data;

    g_clear_pointer(&stored->bytes, g_bytes_unref);
    g_free(stored);
}

static bool take_content(Walk *walk, Stored *stored, GError **error)
{
    Expected *expected = bundle_expected(walk->bundle, &stored->blob.digest);
    char hex[OKSE_SHA256_HEX];

    okse_sha256_hex(&stored->blob.digest, hex);
    if (expected == NULL)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: blob %s is not listed, or stands before what lists it",
                         walk->bundle->origin, hex);
    if (expected->stored >= 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: blob %s is stored twice", walk->bundle->origin, hex);
    if (expected->size != stored->blob.size)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: blob %s has another size than its descriptor says",
                         walk->bundle->origin, hex);
    expected->stored = walk->bundle->stored->len - 1;
    stored->blob.payload = expected->kind == EXPECT_PAYLOAD;
    if (!(stored->blob.payload ? take_payload(walk, stored, error) : take_metadata(walk, stored, error)))
        return false;
    return take_padding(walk, stored->blob.size, error);
}

/* thin.json: what follows is payload, as far as it is there, and pieces of payload. */
static bool take_thin(Walk *walk, uint64_t prefix_at, uint64_t size, const GByteArray *prefix, GError **error)
{
    OkseBundle *bundle = walk->bundle;
    g_autofree char *origin = g_strconcat(bundle->origin, ": " OKSE_THIN_NAME, NULL);
    g_autoptr(GBytes) bytes = NULL;
    uint8_t expected[OKSE_TAR_BLOCK];

    if (!walk->may_thin)
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: a thin bundle: what its base has is not in it (name a file that holds the base with "
                         "--base)",
                         bundle->origin);
    okse_tar_header(expected, OKSE_THIN_NAME, size);
    if (bundle->thin != NULL || prefix->len != sizeof expected || memcmp(prefix->data, expected, sizeof expected) != 0)
        return refuse(walk, error, OKSE_THIN_NAME " is there twice or its header is not in canonical form");
    if (size > OKSE_LIMIT_DOCUMENT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of 16 MiB", origin);
    bytes = take_bytes(walk, size, error);
    if (bytes == NULL || !take_padding(walk, size, error))
        return false;
    bundle->thin = g_new0(ThinParts, 1);
    *bundle->thin = (ThinParts){okse_thin_list_read(bytes, origin, error), prefix_at, walk->at,
                                g_array_new(FALSE, FALSE, sizeof(OkseBlob))};
    return bundle->thin->list != NULL;
}

void bundle_thin_free(ThinParts *thin)
{
    if (thin == NULL)
        return;
    okse_thin_list_free(thin->list);
    g_array_unref(thin->pieces);
    g_free(thin);
}

/* The next blob of pieces, if it is this one. */
static bool is_piece(const OkseBundle *bundle, const OkseSha256 *digest, uint64_t size)
{
    const ThinParts *thin = bundle->thin;
    const OkseThinBlob *next = thin != NULL && thin->pieces->len < thin->list->stored->len
                                   ? &g_array_index(thin->list->stored, OkseThinBlob, thin->pieces->len)
                                   : NULL;

    return next != NULL && next->size == size && okse_sha256_equal(&next->digest, digest);
}

static bool take_piece(Walk *walk, const OkseBlob *blob, GError **error)
{
    g_array_append_val(walk->bundle->thin->pieces, *blob);
    walk->at += blob->size;
    return take_padding(walk, blob->size, error);
}

static bool take_named(Walk *walk, uint64_t prefix_at, const OkseTarMember *member, GByteArray *prefix, GError **error)
{
    OkseBundle *bundle = walk->bundle;
    OkseBlob blob = {.size = member->size, .offset = walk->at, .payload = true};
    unsigned flags = classify_prefix(walk, prefix_at, member, prefix);
    Stored *stored;
    bool taken;

    if (!g_str_has_prefix(member->name, BLOB_PREFIX) ||
        !okse_sha256_parse(member->name + strlen(BLOB_PREFIX), &blob.digest, NULL)) {
        g_autofree char *shown = okse_text_show(member->name, -1, false);

        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: member '%s' does not belong in a bundle", bundle->origin,
                         shown);
    }
    if (bundle->stored->len >= OKSE_LIMIT_BLOBS)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: more than %u blobs", bundle->origin, OKSE_LIMIT_BLOBS);
    if (flags == 0)
        return refuse(walk, error, "a tar header is not in canonical form");
    if (is_piece(bundle, &blob.digest, blob.size) && (flags & PREFIX_ALIGNED) != 0) {
        taken = take_piece(walk, &blob, error);
    } else {
        stored = g_new0(Stored, 1);
        blob.payload = false;
        *stored = (Stored){.blob = blob, .prefix_at = prefix_at, .prefix = flags};
        g_ptr_array_add(bundle->stored, stored);
        taken = take_content(walk, stored, error);
        blob.payload = bundle->thin != NULL && bundle_stands_among_payload(bundle, &stored->blob);
    }
    if (taken && bundle->thin != NULL && blob.payload)
        bundle->thin->tail_at = walk->at;
    return taken;
}

static bool take_blob(Walk *walk, bool *end, GError **error)
{
    OkseBundle *bundle = walk->bundle;
    g_autoptr(GByteArray) prefix = g_byte_array_new();
    uint64_t prefix_at = walk->at;
    OkseTarMember member;

    if (!take_prefix(walk, &member, prefix, end, error))
        return false;
    if (*end)
        return true;
    if (strcmp(member.name, OKSE_THIN_NAME) == 0)
        return take_thin(walk, prefix_at, member.size, prefix, error);
    if (!take_named(walk, prefix_at, &member, prefix, error))
        return false;
    if (bundle->stored->len == 1)
        bundle->slots.area_offset = walk->at;
    return true;
}

/* Nothing may follow. */
static bool is_at_end(const Walk *walk, bool *end, GError **error)
{
    char more;
    ssize_t got;

    if (!is_stream(walk)) {
        *end = walk->at == okse_bytes_length(walk->bundle->bytes);
        return true;
    }
    do
        got = read(walk->fd, &more, 1);
    while (got < 0 && errno == EINTR);
    *end = got == 0;
    return got >= 0 || okse_fail_errno(error, "read %s", walk->bundle->origin);
}

static bool take_end(Walk *walk, GError **error)
{
    uint8_t block[OKSE_TAR_BLOCK];
    bool end;

    walk->bundle->slots.end_offset = walk->at - sizeof block;
    if (!take(walk, block, sizeof block, error))
        return false;
    if (!is_zero(block, sizeof block))
        return refuse(walk, error, "a single zero block in the middle");
    if (!is_at_end(walk, &end, error))
        return false;
    walk->bundle->slots.file_size = walk->at;
    return end ? true : refuse(walk, error, "bytes behind the end of the archive");
}

static bool walk_archive(Walk *walk, GError **error)
{
    bool end = false;

    if (!take_layout_file(walk, error) || !take_index(walk, error))
        return false;
    while (!end)
        if (!take_blob(walk, &end, error))
            return false;
    return take_end(walk, error);
}

static bool walk_members(Walk *walk, GError **error)
{
    if (!walk_archive(walk, error) || !bundle_understand_end(walk->bundle, error) ||
        !bundle_check_order(walk->bundle, error) || !bundle_check_kept(walk->bundle, error))
        return false;
    if (!walk->bundle->chosen)
        bundle_choose_digests(walk->bundle);
    return true;
}

static OkseBundle *bundle_new(const char *origin)
{
    OkseBundle *bundle = g_new0(OkseBundle, 1);

    bundle->origin = g_strdup(origin);
    bundle->stored = g_ptr_array_new_with_free_func(stored_free);
    return bundle;
}

/* What ends early, breaks its format or meets a limit is a bundle that cannot be accepted: the answer is no. */
OkseBundle *okse_bundle_of(const OkseBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseBundle) bundle = bundle_new(origin);
    Walk walk = {.bundle = bundle, .fd = -1};

    bundle->bytes = okse_bytes_ref(bytes);
    return walk_members(&walk, error) ? g_steal_pointer(&bundle) : NULL;
}

OkseBundle *bundle_walk_thin(const OkseBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseBundle) bundle = bundle_new(origin);
    Walk walk = {.bundle = bundle, .fd = -1, .may_thin = true};

    bundle->bytes = okse_bytes_ref(bytes);
    return walk_archive(&walk, error) ? g_steal_pointer(&bundle) : NULL;
}

OkseBundle *okse_bundle_open(int fd, const char *origin, GError **error)
{
    g_autoptr(OkseBytes) bytes = okse_bytes_of_file(fd, origin, error);

    return bytes == NULL ? NULL : okse_bundle_of(bytes, origin, error);
}

OkseBundle *okse_bundle_read_stream(int fd, const char *origin, const OkseChecking *checking, OkseChecked *checked,
                                    GError **error)
{
    g_autoptr(OkseBundle) bundle = bundle_new(origin);
    g_autoptr(OkseStreamHash) hash = okse_stream_hash_new();
    Walk walk = {.bundle = bundle, .fd = fd, .checking = checking, .checked = checked, .hash = hash};

    *checked = (OkseChecked){.faults = g_ptr_array_new_with_free_func(g_free)};
    bundle->checked = true;
    return walk_members(&walk, error) ? g_steal_pointer(&bundle) : NULL;
}
