/* There is one right order (docs/formats/bundle.md, "Members"). It is derived from the metadata and compared with what
 * was found; so a missing, added or moved blob is always seen, and so is padding that stands in the wrong place. */
#include "packager/bundle_internal.h"
#include "packager/tar_header.h"

#include <string.h>

typedef struct {
    const OkseBundle *bundle;
    guint at;     /* next stored blob */
    bool *placed; /* by stored index: already part of the order */
} Order;

static bool refuse(const OkseBundle *bundle, GError **error, const OkseSha256 *digest, const char *what)
{
    char hex[OKSE_SHA256_HEX];

    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: blob %s %s", bundle->origin, okse_sha256_hex(digest, hex), what);
}

/* The next blob in the archive must be this one, unless an earlier reference placed it. */
static bool place(Order *order, const OkseSha256 *digest, unsigned prefix, GError **error)
{
    const Expected *expected = bundle_expected(order->bundle, digest);
    const Stored *stored;

    if (expected == NULL || expected->stored < 0)
        return refuse(order->bundle, error, digest, "is missing");
    if (order->placed[expected->stored])
        return true;
    if ((guint)expected->stored != order->at)
        return refuse(order->bundle, error, digest, "stands in the wrong place");
    stored = g_ptr_array_index(order->bundle->stored, order->at);
    if ((stored->prefix & prefix) == 0)
        return refuse(order->bundle, error, digest, "has the wrong padding in front");
    order->placed[order->at++] = true;
    return true;
}

static bool place_descriptor(Order *order, const json_t *descriptor, unsigned prefix, GError **error)
{
    OkseSha256 digest;
    uint64_t size;

    return bundle_descriptor(order->bundle, descriptor, &digest, &size, error) && place(order, &digest, prefix, error);
}

/* Names the descriptor this digest? */
static bool names(const json_t *descriptor, const char *digest)
{
    return g_strcmp0(okse_json_peek_text(descriptor, "digest"), digest) == 0;
}

typedef struct {
    bool metadata; /* a config, or a layer of the stack manifest */
    bool payload;  /* a layer of another component */
} References;

static References references_of(const OkseBundle *bundle, const OkseSha256 *digest)
{
    References found = {false, false};
    char text[OKSE_SHA256_TEXT];

    okse_sha256_text(digest, text);
    for (guint i = 0; i < bundle->components->len; i++) {
        const json_t *manifest = ((OkseBundleComponent *)g_ptr_array_index(bundle->components, i))->manifest;
        const json_t *layers = json_object_get(manifest, "layers");
        bool *kind = i == 0 ? &found.metadata : &found.payload;

        found.metadata = found.metadata || names(json_object_get(manifest, "config"), text);
        for (size_t k = 0; k < json_array_size(layers) && !*kind; k++)
            *kind = names(json_array_get(layers, k), text);
    }
    return found;
}

bool bundle_stands_among_payload(const OkseBundle *bundle, const OkseBlob *blob)
{
    References references;

    if (blob->payload || blob->size != 2)
        return blob->payload;
    references = references_of(bundle, &blob->digest);
    return references.payload && !references.metadata;
}

/* One statement: the empty blob if nothing else brings it, the manifest, the sigstore bundle. */
static bool place_statement(Order *order, guint index, GError **error)
{
    const OkseBundleStatement *statement = g_ptr_array_index(order->bundle->statements, index);
    OkseSha256 empty = okse_sha256_of("{}", 2);

    References components = references_of(order->bundle, &empty);

    if (index == 0 && !components.metadata && !components.payload && !place(order, &empty, PREFIX_PLAIN, error))
        return false;
    if (!place(order, &statement->manifest_digest, PREFIX_PLAIN, error) ||
        !place(order, &statement->digest, PREFIX_PLAIN, error))
        return false;
    return statement->bytes != NULL || refuse(order->bundle, error, &statement->digest, "is no statement");
}

/* Statements of the area are those whose blobs stand before its end. */
static guint statements_in_area(const OkseBundle *bundle)
{
    guint count = 0;

    for (; count < bundle->statements->len; count++) {
        const OkseBundleStatement *statement = g_ptr_array_index(bundle->statements, count);
        const Expected *expected = bundle_expected(bundle, &statement->digest);

        if (expected == NULL || expected->stored < 0)
            break;
        if (((Stored *)g_ptr_array_index(bundle->stored, (guint)expected->stored))->prefix_at >=
            bundle->slots.area_offset + OKSE_TAR_STATEMENT_AREA)
            break;
    }
    return count;
}

static bool place_metadata(Order *order, GError **error)
{
    const json_t *manifests = json_object_get(order->bundle->index, "manifests");
    guint first = order->at;

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const OkseBundleComponent *component;
        const json_t *layers;

        if (!place_descriptor(order, json_array_get(manifests, i), order->at == first ? PREFIX_AREA : PREFIX_PLAIN,
                              error))
            return false;
        if (i >= order->bundle->components->len)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: a component's manifest is listed twice",
                             order->bundle->origin);
        component = g_ptr_array_index(order->bundle->components, i);
        layers = json_object_get(component->manifest, "layers");
        if (!place_descriptor(order, json_object_get(component->manifest, "config"), PREFIX_PLAIN, error))
            return false;
        for (size_t k = 0; i == 0 && k < json_array_size(layers); k++)
            if (!place_descriptor(order, json_array_get(layers, k), PREFIX_PLAIN, error))
                return false;
    }
    return true;
}

static bool place_payload(Order *order, GError **error)
{
    for (guint i = 1; i < order->bundle->components->len; i++) {
        const OkseBundleComponent *component = g_ptr_array_index(order->bundle->components, i);
        const json_t *layers = json_object_get(component->manifest, "layers");

        for (size_t k = 0; k < json_array_size(layers); k++)
            if (!place_descriptor(order, json_array_get(layers, k), PREFIX_ALIGNED, error))
                return false;
    }
    return true;
}

/* index.json lists the statements in the order in which they stand. */
static bool check_statement_list(const OkseBundle *bundle, GError **error)
{
    const json_t *manifests = json_object_get(bundle->layout_index, "manifests");
    guint listed = 0;

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        OkseSha256 digest;
        uint64_t size;

        if (json_object_get(descriptor, "artifactType") == NULL)
            continue;
        if (!bundle_descriptor(bundle, descriptor, &digest, &size, error))
            return false;
        if (listed >= bundle->statements->len)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: a listed statement is missing", bundle->origin);
        if (!okse_sha256_equal(
                &digest, &((OkseBundleStatement *)g_ptr_array_index(bundle->statements, listed++))->manifest_digest))
            return refuse(bundle, error, &digest, "is listed in another order than it stands");
    }
    return true;
}

bool bundle_check_order(const OkseBundle *bundle, GError **error)
{
    g_autofree bool *placed = g_new0(bool, bundle->stored->len + 1);
    Order order = {bundle, 0, placed};
    guint in_area = statements_in_area(bundle);

    if (!check_statement_list(bundle, error))
        return false;
    if (!place(&order, &bundle->identity, PREFIX_PLAIN, error))
        return false;
    for (guint i = 0; i < in_area; i++)
        if (!place_statement(&order, i, error))
            return false;
    if (!place_metadata(&order, error) || !place_payload(&order, error))
        return false;
    for (guint i = in_area; i < bundle->statements->len; i++)
        if (!place_statement(&order, i, error))
            return false;
    if (order.at != bundle->stored->len)
        return refuse(bundle, error, &((Stored *)g_ptr_array_index(bundle->stored, order.at))->blob.digest,
                      "does not belong there");
    return true;
}
