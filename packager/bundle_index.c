/* Understanding metadata as it arrives: each piece announces the blobs that it names, and what Okse wrote is compared
 * with its one canonical form. */
#include "core/limits.h"
#include "core/text.h"
#include "packager/bundle_internal.h"
#include "packager/layout_index.h"
#include "packager/media_types.h"

#include <string.h>

static const char empty_blob[] = "{}";

static bool refuse(const OkseBundle *bundle, GError **error, const char *what, const char *why)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s: %s", bundle->origin, what, why);
}

bool bundle_expect(OkseBundle *bundle, const OkseSha256 *digest, uint64_t size, Expectation kind, GError **error)
{
    Expected *found = g_hash_table_lookup(bundle->expected, digest);

    if (found == NULL) {
        found = g_new0(Expected, 1);
        *found = (Expected){.digest = *digest, .size = size, .kind = kind, .stored = -1, .references = 1};
        g_hash_table_insert(bundle->expected, &found->digest, found);
        return true;
    }
    if (found->size != size)
        return refuse(bundle, error, "two descriptors of one digest", "their sizes differ");
    found->references++;
    if (kind == EXPECT_METADATA)
        found->kind = kind;
    return true;
}

bool bundle_expect_verity(OkseBundle *bundle, const OkseSha256 *digest, const OkseSha256 *verity, GError **error)
{
    Expected *found = g_hash_table_lookup(bundle->expected, digest);

    if (found->has_verity && !okse_sha256_equal(&found->verity, verity))
        return refuse(bundle, error, "two descriptors of one digest", "their fs-verity digests differ");
    found->trees++;
    found->has_verity = true;
    found->verity = *verity;
    return true;
}

Expected *bundle_expected(const OkseBundle *bundle, const OkseSha256 *digest)
{
    return g_hash_table_lookup(bundle->expected, digest);
}

bool bundle_descriptor(const OkseBundle *bundle, const json_t *descriptor, OkseSha256 *digest, uint64_t *size,
                       GError **error)
{
    const char *text = okse_json_text(descriptor, "digest", bundle->origin, error);

    if (text == NULL || okse_json_text(descriptor, "mediaType", bundle->origin, error) == NULL ||
        !okse_json_unsigned(descriptor, "size", size, bundle->origin, error))
        return false;
    if (!g_str_has_prefix(text, "sha256:") || !okse_sha256_parse(text, digest, NULL))
        return refuse(bundle, error, "descriptor", "its digest is not sha256");
    if (*size > OKSE_LIMIT_FILE_SIZE)
        return refuse(bundle, error, "descriptor", "its size is over the limit of 64 TiB");
    return true;
}

bool bundle_members(const OkseBundle *bundle, const json_t *object, const char *what, const char *const *names,
                    GError **error)
{
    unsigned count = 0;

    for (; names[count] != NULL; count++)
        if (json_object_get(object, names[count]) == NULL)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: %s: lacks '%s'", bundle->origin, what, names[count]);
    return json_object_size(object) == count ? true : refuse(bundle, error, what, "members that no bundle has");
}

json_t *bundle_canonical(const OkseBundle *bundle, GBytes *bytes, const char *what, GError **error)
{
    g_autofree char *origin = g_strdup_printf("%s: %s", bundle->origin, what);
    g_autoptr(json_t) parsed = okse_json_read(bytes, OKSE_LIMIT_METADATA, origin, error);
    g_autoptr(GBytes) again = NULL;

    if (parsed == NULL)
        return NULL;
    again = okse_json_write(parsed);
    if (!json_is_object(parsed) || !g_bytes_equal(bytes, again)) {
        refuse(bundle, error, what, "not in canonical form");
        return NULL;
    }
    return g_steal_pointer(&parsed);
}

/* The JSON in the slot, without the spaces that fill it. */
static GBytes *slot_content(GBytes *slot)
{
    gsize length;
    const char *text = g_bytes_get_data(slot, &length);

    while (length > 0 && text[length - 1] == ' ')
        length--;
    return g_bytes_new_from_bytes(slot, 0, length);
}

/* Manifests of the index whose artifactType says they carry statements. */
static bool announce_statements(OkseBundle *bundle, const json_t *manifests, GError **error)
{
    OkseSha256 empty = okse_sha256_of(empty_blob, strlen(empty_blob));
    unsigned count = 0;

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        OkseSha256 digest;
        uint64_t size;

        if (json_object_get(descriptor, "artifactType") == NULL)
            continue;
        if (!bundle_descriptor(bundle, descriptor, &digest, &size, error))
            return false;
        if (bundle_expected(bundle, &digest) != NULL)
            return refuse(bundle, error, "index.json", "a statement is listed twice");
        if (++count > OKSE_LIMIT_STATEMENTS)
            return refuse(bundle, error, "index.json", "more statements than the limit of 256");
        if (!bundle_expect(bundle, &digest, size, EXPECT_METADATA, error))
            return false;
    }
    bundle->expects_empty = count > 0;
    return count == 0 || bundle_expect(bundle, &empty, strlen(empty_blob), EXPECT_METADATA, error);
}

bool bundle_understand_layout(OkseBundle *bundle, GBytes *slot, GError **error)
{
    g_autoptr(GBytes) content = slot_content(slot);
    const json_t *manifests, *first;
    uint64_t size;

    bundle->expected = g_hash_table_new_full(okse_sha256_hash, okse_sha256_same, NULL, g_free);
    bundle->components = g_ptr_array_new();
    bundle->statements = g_ptr_array_new();
    bundle->parsed = g_ptr_array_new();
    bundle->layout_index = bundle_canonical(bundle, content, "index.json", error);
    if (bundle->layout_index == NULL)
        return false;
    manifests = okse_json_array(bundle->layout_index, "manifests", bundle->origin, error);
    first = json_array_get(manifests, 0);
    if (manifests == NULL)
        return false;
    if (first == NULL || !bundle_descriptor(bundle, first, &bundle->identity, &size, error))
        return refuse(bundle, error == NULL || *error != NULL ? NULL : error, "index.json", "lists no bundle index");
    return bundle_expect(bundle, &bundle->identity, size, EXPECT_METADATA, error) &&
           announce_statements(bundle, manifests, error);
}

static const char *annotation(const json_t *object, const char *key)
{
    return okse_json_peek_text(json_object_get(object, "annotations"), key);
}

static bool understand_index(OkseBundle *bundle, GBytes *bytes, GError **error)
{
    static const char *const members[] = {"annotations", "manifests", "mediaType", "schemaVersion", NULL};
    const json_t *manifests;

    bundle->index_bytes = g_bytes_ref(bytes);
    bundle->index = bundle_canonical(bundle, bytes, "bundle index", error);
    if (bundle->index == NULL || !bundle_members(bundle, bundle->index, "bundle index", members, error) ||
        !bundle_understand_names(bundle, error))
        return false;
    manifests = okse_json_array(bundle->index, "manifests", bundle->origin, error);
    if (manifests == NULL)
        return false;
    if (json_array_size(manifests) < 2 ||
        g_strcmp0(okse_json_peek_text(bundle->index, "mediaType"), OKSE_TYPE_INDEX) != 0)
        return refuse(bundle, error, "bundle index", "lists no component");
    return bundle_announce_manifests(bundle, manifests, error);
}

typedef enum { LIST_BUNDLE_INDEX, LIST_LAYOUT_INDEX } List;

/* The first entry of a list of descriptors with this digest, or NULL. */
static const json_t *find_descriptor(OkseBundle *bundle, List list, const OkseSha256 *digest)
{
    const json_t *manifests =
        json_object_get(list == LIST_BUNDLE_INDEX ? bundle->index : bundle->layout_index, "manifests");
    char text[OKSE_SHA256_TEXT];

    if (bundle->listed[list] == NULL) {
        bundle->listed[list] = g_hash_table_new(g_str_hash, g_str_equal);
        for (size_t i = json_array_size(manifests); i-- > 0;) {
            json_t *descriptor = json_array_get(manifests, i);
            const char *name = okse_json_peek_text(descriptor, "digest");

            if (name != NULL)
                g_hash_table_replace(bundle->listed[list], (gpointer)(uintptr_t)name, descriptor);
        }
    }
    return g_hash_table_lookup(bundle->listed[list], okse_sha256_text(digest, text));
}

/* What a statement is about: the bundle index, or the manifest of a weights component, which the index lists. */
typedef struct {
    const char *component; /* NULL: the bundle index */
    OkseSha256 digest;
    uint64_t size;
} Subject;

static bool find_subject(OkseBundle *bundle, const json_t *manifest, Subject *subject)
{
    const json_t *named = json_object_get(manifest, "subject"), *descriptor;

    *subject = (Subject){NULL, bundle->identity, g_bytes_get_size(bundle->index_bytes)};
    if (!bundle_descriptor(bundle, named, &subject->digest, &subject->size, NULL))
        return false;
    if (okse_sha256_equal(&subject->digest, &bundle->identity))
        return true;
    descriptor = find_descriptor(bundle, LIST_BUNDLE_INDEX, &subject->digest);
    subject->component = annotation(descriptor, OKSE_NOTE_COMPONENT);
    return g_strcmp0(annotation(descriptor, OKSE_NOTE_KIND), "weights") == 0 &&
           bundle_descriptor(bundle, descriptor, &subject->digest, &subject->size, NULL);
}

/* A statement manifest has one form, given its sigstore bundle, predicate type and subject. */
static json_t *statement_manifest(const Subject *subject, const char *predicate, const json_t *layer)
{
    OkseSha256 empty = okse_sha256_of(empty_blob, strlen(empty_blob));
    char empty_text[OKSE_SHA256_TEXT], text[OKSE_SHA256_TEXT], hex[OKSE_SHA256_HEX];
    g_autofree char *title = g_strdup_printf("sha256-%s.sigstore.json", okse_sha256_hex(&subject->digest, hex));

    return json_pack("{s:i,s:s,s:s,s:{s:s,s:s,s:i},s:[{s:s,s:O,s:O,s:{s:s}}],s:{s:s,s:s,s:I},s:{s:s,s:s}}",
                     "schemaVersion", 2, "mediaType", OKSE_TYPE_MANIFEST, "artifactType", OKSE_TYPE_SIGSTORE, "config",
                     "mediaType", OKSE_TYPE_EMPTY, "digest", okse_sha256_text(&empty, empty_text), "size", 2, "layers",
                     "mediaType", OKSE_TYPE_SIGSTORE, "digest", json_object_get(layer, "digest"), "size",
                     json_object_get(layer, "size"), "annotations", OKSE_NOTE_TITLE, title, "subject", "mediaType",
                     subject->component != NULL ? OKSE_TYPE_MANIFEST : OKSE_TYPE_INDEX, "digest",
                     okse_sha256_text(&subject->digest, text), "size", (json_int_t)subject->size, "annotations",
                     "dev.sigstore.bundle.content", "dsse-envelope", "dev.sigstore.bundle.predicateType", predicate);
}

static bool understand_statement(OkseBundle *bundle, const OkseSha256 *manifest_digest, GBytes *bytes, GError **error)
{
    g_autoptr(json_t) found = bundle_canonical(bundle, bytes, "statement manifest", error);
    const char *predicate = annotation(found, "dev.sigstore.bundle.predicateType");
    const json_t *layer = json_array_get(json_object_get(found, "layers"), 0);
    g_autoptr(json_t) derived = NULL;
    OkseBundleStatement *statement;
    OkseSha256 digest;
    Subject subject;
    uint64_t size;

    if (found == NULL)
        return false;
    if (predicate == NULL || layer == NULL || !bundle_descriptor(bundle, layer, &digest, &size, NULL) ||
        !find_subject(bundle, found, &subject))
        return refuse(bundle, error, "statement manifest", "is not a statement about this bundle");
    derived = statement_manifest(&subject, predicate, layer);
    if (derived == NULL || json_equal(derived, found) != 1)
        return refuse(bundle, error, "statement manifest", "is not in the form that a bundle has");
    if (bundle_expected(bundle, &digest) != NULL)
        return refuse(bundle, error, "statement manifest", "its statement is there under another name too");
    statement = g_new0(OkseBundleStatement, 1);
    statement->manifest_digest = *manifest_digest;
    statement->digest = digest;
    statement->predicate_type = g_strdup(predicate);
    statement->component = subject.component;
    g_ptr_array_add(bundle->statements, statement);
    return bundle_expect(bundle, &digest, size, EXPECT_METADATA, error);
}

static bool understand_statement_bytes(OkseBundle *bundle, const OkseSha256 *digest, GBytes *bytes)
{
    for (guint i = 0; i < bundle->statements->len; i++) {
        OkseBundleStatement *statement = g_ptr_array_index(bundle->statements, i);

        if (okse_sha256_equal(&statement->digest, digest) && statement->bytes == NULL) {
            statement->bytes = g_bytes_ref(bytes);
            return true;
        }
    }
    return false;
}

bool bundle_understand_blob(OkseBundle *bundle, const OkseSha256 *digest, GBytes *bytes, GError **error)
{
    const json_t *listed, *descriptor;
    g_autoptr(json_t) manifest = NULL;

    if (bundle->index == NULL) {
        if (!okse_sha256_equal(digest, &bundle->identity))
            return refuse(bundle, error, "first blob", "is not the bundle index");
        return understand_index(bundle, bytes, error);
    }
    descriptor = find_descriptor(bundle, LIST_BUNDLE_INDEX, digest);
    if (descriptor != NULL) { /* an image's manifest is somebody else's; Okse's own has one form */
        manifest = json_object_get(descriptor, "platform") != NULL
                       ? okse_json_read(bytes, OKSE_LIMIT_METADATA, bundle->origin, error)
                       : bundle_canonical(bundle, bytes, "manifest", error);
        if (manifest == NULL)
            return false;
        g_ptr_array_add(bundle->parsed, json_incref(manifest));
        return bundle_understand_component(bundle, descriptor, manifest, error);
    }
    listed = find_descriptor(bundle, LIST_LAYOUT_INDEX, digest);
    if (listed != NULL && json_object_get(listed, "artifactType") != NULL)
        return understand_statement(bundle, digest, bytes, error);
    understand_statement_bytes(bundle, digest, bytes);
    return true;
}

/* index.json again, from the bundle index and the statements as they are listed. */
static bool check_layout_index(const OkseBundle *bundle, GError **error)
{
    const json_t *listed = json_object_get(bundle->layout_index, "manifests");
    g_autoptr(json_t) statements = json_array(), derived = NULL, unsigned_index = NULL;
    g_autoptr(GBytes) unsigned_bytes = NULL;
    OkseSha256 digest;
    uint64_t size;

    for (size_t i = 0; i < json_array_size(listed); i++) {
        const json_t *descriptor = json_array_get(listed, i);

        if (json_object_get(descriptor, "artifactType") == NULL)
            continue;
        if (!bundle_descriptor(bundle, descriptor, &digest, &size, error))
            return false;
        json_array_append_new(statements,
                              json_pack("{s:s,s:O,s:O,s:s}", "artifactType", OKSE_TYPE_SIGSTORE, "digest",
                                        json_object_get(descriptor, "digest"), "size",
                                        json_object_get(descriptor, "size"), "mediaType", OKSE_TYPE_MANIFEST));
    }
    size = g_bytes_get_size(bundle->index_bytes);
    derived = okse_layout_index(bundle->index, &bundle->identity, size, statements);
    unsigned_index = okse_layout_index(bundle->index, &bundle->identity, size, NULL);
    unsigned_bytes = okse_json_write(unsigned_index);
    if (json_equal(derived, bundle->layout_index) != 1)
        return refuse(bundle, error, "index.json", "says more or less than the bundle index and the statements");
    if (okse_layout_index_slot(g_bytes_get_size(unsigned_bytes)) != bundle->slots.index_size)
        return refuse(bundle, error, "index.json", "its slot has another size than it should");
    return true;
}

bool bundle_understand_end(OkseBundle *bundle, GError **error)
{
    if (bundle->index == NULL)
        return refuse(bundle, error, "archive", "ends before the bundle index");
    return check_layout_index(bundle, error) && bundle_check_configs(bundle, error);
}
