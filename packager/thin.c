/* The whole bundle is laid out again: its front as it stands in the thin one, then each payload blob behind the header
 * that it must have there, from wherever it is, then the tail. What comes out is judged by the strict reader. */
#include "packager/thin.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/bundle_internal.h"
#include "packager/tar_header.h"

#include <string.h>

struct OkseThin {
    OkseBundle *sparse;
    OkseThinReport report;
    uint64_t left_out_room; /* how much longer the whole bundle is */
};

static void missing_clear(gpointer data)
{
    g_free(((OkseMissing *)data)->files);
}

bool okse_thin_is(const OkseBytes *bytes)
{
    uint64_t at = 0, length = okse_bytes_length(bytes);
    unsigned extended = 0;
    uint8_t block[OKSE_TAR_BLOCK];
    OkseTarMember member;

    /* Metadata needs one pax header, which ends the statement area; the second is of payload. */
    while (extended < 2 && length - at >= sizeof block) {
        if (!okse_bytes_read(bytes, at, block, sizeof block, "bundle", NULL) || !okse_tar_parse(block, &member, NULL))
            return false;
        if (strcmp(member.name, OKSE_THIN_NAME) == 0)
            return true;
        extended += member.type == 'x';
        at += sizeof block + okse_tar_padded(member.size);
        if (at > length)
            return false;
    }
    return false;
}

OkseThin *okse_thin_open(const OkseBytes *bytes, const char *origin, GError **error)
{
    g_autoptr(OkseBundle) sparse = bundle_walk_thin(bytes, origin, error);
    OkseThin *thin;

    if (sparse == NULL)
        return NULL;
    if (sparse->thin == NULL) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is no thin bundle", origin);
        return NULL;
    }
    if (sparse->thin->pieces->len != sparse->thin->list->stored->len) {
        okse_fail(error, OKSE_ERROR_REFUSED, "%s: a blob of pieces that " OKSE_THIN_NAME " lists is missing", origin);
        return NULL;
    }
    thin = g_new0(OkseThin, 1);
    thin->sparse = g_steal_pointer(&sparse);
    thin->report.against = thin->sparse->thin->list->against;
    return thin;
}

static void report_clear(OkseThin *thin)
{
    g_clear_pointer(&thin->report.missing, g_array_unref);
    g_clear_pointer(&thin->report.taken, g_array_unref);
}

void okse_thin_free(OkseThin *thin)
{
    if (thin == NULL)
        return;
    report_clear(thin);
    okse_bundle_free(thin->sparse);
    g_free(thin);
}

/* The headers in front of a payload blob, written again whenever they are read. */
typedef struct {
    OkseSha256 digest;
    uint64_t at, size;
} Prefix;

static bool prefix_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Prefix *prefix = context;
    char hex[OKSE_SHA256_HEX];
    g_autofree char *name = g_strconcat("blobs/sha256/", okse_sha256_hex(&prefix->digest, hex), NULL);
    g_autoptr(GBytes) bytes = okse_tar_prefix(prefix->at, name, prefix->size, true, 0);

    (void)error;
    memcpy(buffer, (const uint8_t *)g_bytes_get_data(bytes, NULL) + offset, length);
    return true;
}

/* A blob that nobody has. */
static bool missing_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    char hex[OKSE_SHA256_HEX];

    (void)offset;
    (void)buffer;
    (void)length;
    return okse_fail(error, OKSE_ERROR_REFUSED, "blob %s was left out of the thin bundle and is in no base",
                     okse_sha256_hex(context, hex));
}

typedef struct {
    OkseThin *thin;
    const GPtrArray *bases;
    OkseBytes *whole;
    GHashTable *placed;      /* Expected */
    GHashTable *pieces;      /* OkseSha256 → OkseBlob of pieces */
    uint64_t *blobs, *bytes; /* by base: what it gave */
} Completing;

/* The first of the bases that has it. */
static bool base_find(const Completing *completing, const OkseSha256 *digest, uint64_t size, OkseBaseBlob *blob,
                      guint *which)
{
    for (*which = 0; *which < completing->bases->len; (*which)++)
        if (okse_base_find(g_ptr_array_index(completing->bases, *which), digest, size, blob))
            return true;
    return false;
}

static void take(Completing *completing, guint base, uint64_t blobs, uint64_t bytes)
{
    completing->blobs[base] += blobs;
    completing->bytes[base] += bytes;
}

/* A blob that a recipe may take from: a blob of pieces, one of the bundle's own, or one of a base. */
static bool source_find(const Completing *completing, const OkseSha256 *digest, OkseBaseBlob *blob, guint *base)
{
    const OkseBundle *sparse = completing->thin->sparse;
    const OkseBlob *own = okse_bundle_find(sparse, digest);

    *base = completing->bases->len;
    if (own == NULL)
        own = g_hash_table_lookup(completing->pieces, digest);
    if (own == NULL)
        return base_find(completing, digest, UINT64_MAX, blob, base);
    *blob = (OkseBaseBlob){sparse->bytes, own->offset, own->size};
    return true;
}

static bool sources_find(const Completing *completing, const OkseRecipe *recipe, OkseBaseBlob *blobs, guint *bases)
{
    for (guint i = 0; i < recipe->from->len; i++)
        if (!source_find(completing, &g_array_index(recipe->from, OkseSha256, i), &blobs[i], &bases[i]))
            return false;
    for (guint i = 0; i < recipe->pieces->len; i++) {
        const OkseThinPiece *piece = &g_array_index(recipe->pieces, OkseThinPiece, i);

        if (piece->offset > blobs[piece->from].size || piece->length > blobs[piece->from].size - piece->offset)
            return false;
    }
    return true;
}

/* A piece stays one piece even where its source has many in its place (a tar laid out again, parts): a short recipe
 * must not take the memory of a product of the two. */
static void piece_append(OkseBytes *whole, const OkseBaseBlob *from, const OkseThinPiece *piece)
{
    uint64_t at = from->offset + piece->offset;

    if (okse_bytes_place(from->bytes, at).length >= piece->length)
        okse_bytes_append_bytes(whole, from->bytes, at, piece->length);
    else
        okse_bytes_append_through(whole, from->bytes, at, piece->length);
}

/* False when the recipe does not make a blob of this size of what is there. */
static bool recipe_append(Completing *completing, const OkseRecipe *recipe, uint64_t size)
{
    g_autofree OkseBaseBlob *blobs = g_new(OkseBaseBlob, recipe->from->len + 1);
    g_autofree guint *bases = g_new(guint, recipe->from->len + 1);

    if (recipe->size != size || !sources_find(completing, recipe, blobs, bases))
        return false;
    for (guint i = 0; i < recipe->pieces->len; i++) {
        const OkseThinPiece *piece = &g_array_index(recipe->pieces, OkseThinPiece, i);

        piece_append(completing->whole, &blobs[piece->from], piece);
        if (bases[piece->from] < completing->bases->len)
            take(completing, bases[piece->from], 0, piece->length);
    }
    completing->thin->report.recipes++;
    return true;
}

static void missing_append(const Completing *completing, const Expected *expected, const char *files)
{
    OkseMissing missing = {expected->digest, expected->size, g_strdup(files)};

    g_array_append_val(completing->thin->report.missing, missing);
    okse_bytes_append_source(completing->whole, &(OkseSourcePiece){missing_read, &expected->digest, 0, expected->size});
}

static void content_append(Completing *completing, const Expected *expected, const char *files)
{
    OkseThin *thin = completing->thin;
    const OkseBlob *own = okse_bundle_find(thin->sparse, &expected->digest);
    const OkseRecipe *recipe = okse_thin_list_recipe(thin->sparse->thin->list, &expected->digest);
    OkseBaseBlob blob;
    guint base;

    if (own != NULL) {
        okse_bytes_append_bytes(completing->whole, thin->sparse->bytes, own->offset, own->size);
        return;
    }
    thin->report.left_out++;
    thin->report.left_out_bytes += expected->size;
    if (base_find(completing, &expected->digest, expected->size, &blob, &base)) {
        take(completing, base, 1, blob.size);
        okse_bytes_append_bytes(completing->whole, blob.bytes, blob.offset, blob.size);
    } else if (recipe == NULL || !recipe_append(completing, recipe, expected->size)) {
        missing_append(completing, expected, files);
    }
}

static bool payload_append(Completing *completing, const Expected *expected, const char *files, GError **error)
{
    uint64_t at = okse_bytes_length(completing->whole);
    Prefix *prefix;

    if (at + expected->size > OKSE_LIMIT_BUNDLE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: larger than the limit of 1 PiB",
                         completing->thin->sparse->origin);
    prefix = g_new(Prefix, 1);
    *prefix = (Prefix){expected->digest, at, expected->size};
    okse_bytes_keep(completing->whole, prefix, g_free);
    okse_bytes_append_source(
        completing->whole,
        &(OkseSourcePiece){prefix_read, prefix, 0, okse_tar_prefix_length(at, expected->size, true, 0)});
    content_append(completing, expected, files);
    okse_bytes_append_zeros(completing->whole, okse_tar_padded(expected->size) - expected->size);
    return true;
}

static bool is_among_payload(const OkseBundle *sparse, const Expected *expected)
{
    const OkseBlob blob = {
        .digest = expected->digest, .size = expected->size, .payload = expected->kind == EXPECT_PAYLOAD};

    return bundle_stands_among_payload(sparse, &blob);
}

/* A component's layers, as far as they are payload that no component before had. */
static bool component_append(Completing *completing, const OkseBundleComponent *component, GError **error)
{
    const json_t *layers = json_object_get(component->manifest, "layers"), *layer;
    const OkseBundle *sparse = completing->thin->sparse;
    size_t i;

    json_array_foreach(layers, i, layer)
    {
        const char *title =
            okse_json_peek_text(json_object_get(layer, "annotations"), "org.opencontainers.image.title");
        g_autofree char *files = title != NULL ? g_strdup_printf("%s/%s", component->name, title)
                                               : g_strdup_printf("%s/layer %zu", component->name, i + 1);
        const Expected *expected;
        OkseSha256 digest;
        uint64_t size;

        if (!bundle_descriptor(sparse, layer, &digest, &size, NULL))
            continue;
        expected = bundle_expected(sparse, &digest);
        if (expected != NULL && is_among_payload(sparse, expected) &&
            g_hash_table_add(completing->placed, (gpointer)(uintptr_t)expected) &&
            !payload_append(completing, expected, files, error))
            return false;
    }
    return true;
}

static void report_taken(const Completing *completing)
{
    for (guint i = 0; i < completing->bases->len; i++) {
        OkseTaken taken = {okse_base_name(g_ptr_array_index(completing->bases, i)), completing->blobs[i],
                           completing->bytes[i]};

        if (taken.bytes > 0 || taken.blobs > 0)
            g_array_append_val(completing->thin->report.taken, taken);
    }
}

OkseBytes *okse_thin_complete(OkseThin *thin, const GPtrArray *bases, GError **error)
{
    const ThinParts *parts = thin->sparse->thin;
    g_autoptr(GHashTable) placed = g_hash_table_new(NULL, NULL);
    g_autofree uint64_t *blobs = g_new0(uint64_t, bases->len + 1), *bytes = g_new0(uint64_t, bases->len + 1);
    g_autoptr(OkseBytes) whole = okse_bytes_new();
    g_autoptr(GHashTable) pieces = g_hash_table_new(okse_sha256_hash, okse_sha256_same);
    Completing completing = {thin, bases, whole, placed, pieces, blobs, bytes};
    uint64_t length = okse_bytes_length(thin->sparse->bytes);

    report_clear(thin);
    thin->report = (OkseThinReport){.missing = g_array_new(FALSE, FALSE, sizeof(OkseMissing)),
                                    .taken = g_array_new(FALSE, FALSE, sizeof(OkseTaken)),
                                    .against = parts->list->against};
    g_array_set_clear_func(thin->report.missing, missing_clear);
    for (guint i = 0; i < parts->pieces->len; i++)
        g_hash_table_add(pieces, &g_array_index(parts->pieces, OkseBlob, i));
    okse_bytes_append_bytes(whole, thin->sparse->bytes, 0, parts->front_end);
    for (guint i = 1; i < thin->sparse->components->len; i++)
        if (!component_append(&completing, g_ptr_array_index(thin->sparse->components, i), error))
            return NULL;
    okse_bytes_append_bytes(whole, thin->sparse->bytes, parts->tail_at, length - parts->tail_at);
    thin->left_out_room = okse_bytes_length(whole) - length;
    report_taken(&completing);
    return g_steal_pointer(&whole);
}

const OkseThinReport *okse_thin_report(const OkseThin *thin)
{
    return &thin->report;
}

uint64_t okse_thin_place(const OkseThin *thin, uint64_t whole)
{
    return whole < thin->sparse->thin->front_end ? whole : whole - thin->left_out_room;
}

char *okse_thin_words(const OkseThinReport *report)
{
    GString *words = g_string_new(NULL);
    uint64_t bytes = 0;

    for (guint i = 0; i < report->taken->len; i++)
        g_string_append_printf(words, "%s%s", i == 0 ? "complete with base " : ", ",
                               g_array_index(report->taken, OkseTaken, i).name);
    if (report->missing->len == 0 && report->taken->len == 0)
        g_string_append(words, "complete without any base");
    if (report->missing->len == 0)
        return g_string_free(words, FALSE);
    for (guint i = 0; i < report->missing->len; i++)
        bytes += g_array_index(report->missing, OkseMissing, i).size;
    g_autofree char *size = okse_text_size(bytes);
    g_string_printf(words, "thin: %u of %" G_GUINT64_FORMAT " blobs that it leaves out are in no base (%s)",
                    report->missing->len, report->left_out, size);
    return g_string_free(words, FALSE);
}

json_t *okse_thin_json(const OkseThinReport *report)
{
    json_t *against = json_array(), *bases = json_array(), *missing = json_array();
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < report->against->len; i++)
        json_array_append_new(against,
                              json_string(okse_sha256_text(&g_array_index(report->against, OkseSha256, i), text)));
    for (guint i = 0; i < report->taken->len; i++) {
        const OkseTaken *taken = &g_array_index(report->taken, OkseTaken, i);
        g_autofree char *name = g_utf8_make_valid(taken->name, -1);

        json_array_append_new(bases, json_pack("{s:s, s:I, s:I}", "name", name, "blobs", (json_int_t)taken->blobs,
                                               "bytes", (json_int_t)taken->bytes));
    }
    for (guint i = 0; i < report->missing->len; i++) {
        const OkseMissing *one = &g_array_index(report->missing, OkseMissing, i);

        json_array_append_new(missing, json_pack("{s:s, s:I, s:s}", "digest", okse_sha256_text(&one->digest, text),
                                                 "size", (json_int_t)one->size, "file", one->files));
    }
    return json_pack("{s:o, s:{s:I, s:I, s:I}, s:o, s:o}", "against", against, "leftOut", "blobs",
                     (json_int_t)report->left_out, "bytes", (json_int_t)report->left_out_bytes, "recipes",
                     (json_int_t)report->recipes, "bases", bases, "missing", missing);
}
