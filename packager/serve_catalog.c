/* What the registry has, and how a bundle becomes that. */
#include "packager/serve_catalog.h"

#include "core/limits.h"
#include "packager/media_types.h"

#include <string.h>

#define TAG_LIMIT 128u /* distribution-spec 1.1: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} */

typedef struct {
    GHashTable *tags; /* tag → OkseSha256 */
    GPtrArray *names; /* of the tags, borrowed from the table */
} Repository;

struct OkseCatalog {
    GHashTable *items;        /* OkseSha256 → OkseCatalogItem, which holds its key */
    GHashTable *repositories; /* name → Repository */
    GPtrArray *names;         /* of the repositories, borrowed from the table */
    GHashTable *referrers;    /* OkseSha256 → GPtrArray of json_t */
};

static guint digest_hash(gconstpointer key)
{
    guint value;

    memcpy(&value, ((const OkseSha256 *)key)->bytes, sizeof value);
    return value;
}

static gboolean digest_equal(gconstpointer a, gconstpointer b)
{
    return okse_sha256_equal(a, b);
}

static void item_free(gpointer data)
{
    OkseCatalogItem *item = data;

    g_clear_pointer(&item->bytes, g_bytes_unref);
    g_free(item);
}

static void repository_free(gpointer data)
{
    Repository *repository = data;

    g_ptr_array_unref(repository->names);
    g_hash_table_unref(repository->tags);
    g_free(repository);
}

static void descriptor_free(gpointer data)
{
    json_decref(data);
}

OkseCatalog *okse_catalog_new(void)
{
    OkseCatalog *catalog = g_new0(OkseCatalog, 1);

    catalog->items = g_hash_table_new_full(digest_hash, digest_equal, NULL, item_free);
    catalog->repositories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, repository_free);
    catalog->names = g_ptr_array_new();
    g_ptr_array_add(catalog->names, NULL);
    catalog->referrers =
        g_hash_table_new_full(digest_hash, digest_equal, g_free, (GDestroyNotify)(void (*)(void))g_ptr_array_unref);
    return catalog;
}

void okse_catalog_free(OkseCatalog *catalog)
{
    if (catalog == NULL)
        return;
    g_ptr_array_unref(catalog->names);
    g_hash_table_unref(catalog->referrers);
    g_hash_table_unref(catalog->repositories);
    g_hash_table_unref(catalog->items);
    g_free(catalog);
}

/* Into a sorted, NULL-terminated list that has no such name yet. */
static void name_insert(GPtrArray *names, const char *name)
{
    guint low = 0, high = names->len - 1;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (strcmp(g_ptr_array_index(names, middle), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    g_ptr_array_insert(names, (gint)low, (gpointer)(uintptr_t)name);
}

void okse_catalog_add(OkseCatalog *catalog, const OkseCatalogItem *item)
{
    OkseCatalogItem *there = g_hash_table_lookup(catalog->items, &item->digest);

    if (there != NULL) {
        if (there->media_type == NULL)
            there->media_type = item->media_type;
        return;
    }
    there = g_new(OkseCatalogItem, 1);
    *there = *item;
    if (there->bytes != NULL)
        g_bytes_ref(there->bytes);
    g_hash_table_insert(catalog->items, &there->digest, there);
}

static Repository *repository_make(OkseCatalog *catalog, const char *name)
{
    Repository *repository = g_hash_table_lookup(catalog->repositories, name);
    char *key;

    if (repository != NULL)
        return repository;
    repository = g_new(Repository, 1);
    repository->tags = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    repository->names = g_ptr_array_new();
    g_ptr_array_add(repository->names, NULL);
    key = g_strdup(name);
    g_hash_table_insert(catalog->repositories, key, repository);
    name_insert(catalog->names, key);
    return repository;
}

void okse_catalog_tag(OkseCatalog *catalog, const char *repository, const char *tag, const OkseSha256 *digest)
{
    Repository *place = repository_make(catalog, repository);
    char *name;

    if (strlen(tag) > TAG_LIMIT)
        return;
    name = g_strdelimit(g_strdup(tag), "+", '_');
    if (g_hash_table_contains(place->tags, name)) {
        g_free(name);
        return;
    }
    g_hash_table_insert(place->tags, name, g_memdup2(digest, sizeof *digest));
    name_insert(place->names, name);
}

void okse_catalog_refer(OkseCatalog *catalog, const OkseSha256 *subject, json_t *descriptor)
{
    GPtrArray *list = g_hash_table_lookup(catalog->referrers, subject);

    if (list == NULL) {
        list = g_ptr_array_new_with_free_func(descriptor_free);
        g_hash_table_insert(catalog->referrers, g_memdup2(subject, sizeof *subject), list);
    }
    g_ptr_array_add(list, json_incref(descriptor));
}

const OkseCatalogItem *okse_catalog_find(const OkseCatalog *catalog, const OkseSha256 *digest)
{
    return g_hash_table_lookup(catalog->items, digest);
}

bool okse_catalog_has(const OkseCatalog *catalog, const char *repository)
{
    return g_hash_table_contains(catalog->repositories, repository);
}

const OkseCatalogItem *okse_catalog_tagged(const OkseCatalog *catalog, const char *repository, const char *tag)
{
    const Repository *place = g_hash_table_lookup(catalog->repositories, repository);
    const OkseSha256 *digest = place == NULL ? NULL : g_hash_table_lookup(place->tags, tag);

    return digest == NULL ? NULL : okse_catalog_find(catalog, digest);
}

const GPtrArray *okse_catalog_repositories(const OkseCatalog *catalog)
{
    return catalog->names;
}

const GPtrArray *okse_catalog_tags(const OkseCatalog *catalog, const char *repository)
{
    const Repository *place = g_hash_table_lookup(catalog->repositories, repository);

    return place == NULL ? NULL : place->names;
}

const GPtrArray *okse_catalog_referrers(const OkseCatalog *catalog, const OkseSha256 *subject)
{
    return g_hash_table_lookup(catalog->referrers, subject);
}

static const char *annotation(const json_t *descriptor, const char *key)
{
    return okse_json_peek_text(json_object_get(descriptor, "annotations"), key);
}

static bool digest_of(const json_t *descriptor, OkseSha256 *digest)
{
    const char *text = okse_json_peek_text(descriptor, "digest");

    return text != NULL && okse_sha256_parse(text, digest, NULL);
}

/* Metadata was checked when it was read, and is kept: it comes from memory. */
static void add_stored(OkseCatalog *catalog, const OkseBundle *bundle)
{
    for (unsigned i = 0; i < okse_bundle_blobs(bundle); i++) {
        const OkseBlob *blob = okse_bundle_blob(bundle, i);
        OkseCatalogItem item = {.digest = blob->digest,
                                .size = blob->size,
                                .bytes = okse_bundle_metadata(bundle, &blob->digest),
                                .file = okse_bundle_bytes(bundle),
                                .offset = blob->offset};

        okse_catalog_add(catalog, &item);
    }
}

/* What index.json names, in the repository of the whole. The reader derived it again, so every digest is stored. */
static void add_listed(OkseCatalog *catalog, const OkseBundle *bundle)
{
    const json_t *manifests = json_object_get(okse_bundle_layout_index(bundle), "manifests");

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        const char *tag = annotation(descriptor, OKSE_NOTE_REFERENCE);
        OkseCatalogItem item = {.media_type = okse_json_peek_text(descriptor, "mediaType")};

        if (!digest_of(descriptor, &item.digest) || okse_catalog_find(catalog, &item.digest) == NULL)
            continue;
        okse_catalog_add(catalog, &item);
        if (tag != NULL)
            okse_catalog_tag(catalog, okse_bundle_name(bundle), tag, &item.digest);
    }
}

/* The manifests of one component, which stand together; more than one are an image's platforms. */
static OkseSha256 component_index(OkseCatalog *catalog, const json_t *manifests, size_t from, size_t to)
{
    json_t *list = json_array();
    g_autoptr(json_t) index = NULL;
    g_autoptr(GBytes) bytes = NULL;
    OkseCatalogItem item = {.media_type = OKSE_TYPE_INDEX};

    for (size_t i = from; i < to; i++) {
        const json_t *descriptor = json_array_get(manifests, i);

        json_array_append_new(list, json_pack("{s:O,s:O,s:O,s:O}", "digest", json_object_get(descriptor, "digest"),
                                              "mediaType", json_object_get(descriptor, "mediaType"), "platform",
                                              json_object_get(descriptor, "platform"), "size",
                                              json_object_get(descriptor, "size")));
    }
    index = json_pack("{s:o,s:s,s:i}", "manifests", list, "mediaType", OKSE_TYPE_INDEX, "schemaVersion", 2);
    bytes = okse_json_write(index);
    item.digest = okse_sha256_of_bytes(bytes);
    item.size = g_bytes_get_size(bytes);
    item.bytes = bytes;
    okse_catalog_add(catalog, &item);
    return item.digest;
}

static void add_components(OkseCatalog *catalog, const OkseBundle *bundle)
{
    const json_t *manifests = json_object_get(okse_bundle_index(bundle), "manifests");
    size_t count = json_array_size(manifests);

    for (size_t from = 0, to; from < count; from = to) {
        const json_t *first = json_array_get(manifests, from);
        const char *component = annotation(first, OKSE_NOTE_COMPONENT);
        g_autofree char *repository = g_strdup_printf("%s/%s", okse_bundle_name(bundle), component);
        OkseSha256 digest;

        to = from + 1;
        while (to < count && g_strcmp0(annotation(json_array_get(manifests, to), OKSE_NOTE_COMPONENT), component) == 0)
            to++;
        if (to - from > 1)
            digest = component_index(catalog, manifests, from, to);
        else if (!digest_of(first, &digest))
            continue;
        okse_catalog_tag(catalog, repository, okse_bundle_version(bundle), &digest);
    }
}

/* The descriptor that the referrers API gives: with the manifest's artifact type and annotations. */
static void add_statement(OkseCatalog *catalog, const OkseBundle *bundle, const OkseBundleStatement *statement)
{
    GBytes *bytes = okse_bundle_metadata(bundle, &statement->manifest_digest);
    g_autoptr(json_t) manifest =
        bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, "statement manifest", NULL);
    g_autoptr(json_t) descriptor = NULL;
    char text[OKSE_SHA256_TEXT];
    OkseSha256 subject;

    if (!digest_of(json_object_get(manifest, "subject"), &subject))
        return;
    descriptor = json_pack("{s:O,s:O,s:s,s:s,s:I}", "annotations", json_object_get(manifest, "annotations"),
                           "artifactType", json_object_get(manifest, "artifactType"), "digest",
                           okse_sha256_text(&statement->manifest_digest, text), "mediaType", OKSE_TYPE_MANIFEST, "size",
                           (json_int_t)g_bytes_get_size(bytes));
    okse_catalog_refer(catalog, &subject, descriptor);
}

OkseCatalog *okse_catalog_of_bundle(const OkseBundle *bundle)
{
    OkseCatalog *catalog = okse_catalog_new();

    add_stored(catalog, bundle);
    add_listed(catalog, bundle);
    add_components(catalog, bundle);
    for (unsigned i = 0; i < okse_bundle_statements(bundle); i++)
        add_statement(catalog, bundle, okse_bundle_statement(bundle, i));
    return catalog;
}
