/* What the bundle index says: whose bundle it is, for where, and which manifests make it up. */
#include "core/text.h"
#include "packager/bundle_internal.h"
#include "packager/image.h"
#include "packager/media_types.h"
#include "packager/stack.h"

#include <string.h>

static bool refuse(const OkseBundle *bundle, GError **error, const char *why)
{
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: bundle index: %s", bundle->origin, why);
}

static const char *annotation(const json_t *object, const char *key)
{
    return okse_json_peek_text(json_object_get(object, "annotations"), key);
}

static bool read_sequence(OkseBundle *bundle, const char *text)
{
    g_autofree char *again = NULL;

    if (text == NULL || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &bundle->sequence, NULL))
        return false;
    again = g_strdup_printf("%" G_GUINT64_FORMAT, bundle->sequence);
    return strcmp(again, text) == 0;
}

static bool is_country(const char *text)
{
    return text != NULL && strlen(text) == 2 && g_ascii_isupper(text[0]) && g_ascii_isupper(text[1]);
}

/* One time has one spelling. */
static bool is_time(const char *text)
{
    g_autofree char *again = NULL;
    gint64 seconds;

    if (text == NULL || !okse_text_time_parse(text, &seconds))
        return false;
    again = okse_text_time(seconds);
    return strcmp(again, text) == 0;
}

bool bundle_understand_names(OkseBundle *bundle, GError **error)
{
    static const char *const notes[] = {OKSE_NOTE_COUNTRY, OKSE_NOTE_NAME,    OKSE_NOTE_SEQUENCE,
                                        OKSE_NOTE_TYPE,    OKSE_NOTE_VENDOR,  OKSE_NOTE_VENDOR_COUNTRY,
                                        OKSE_NOTE_VERSION, OKSE_NOTE_CREATED, NULL};
    const char *name = annotation(bundle->index, OKSE_NOTE_NAME);
    const char *version = annotation(bundle->index, OKSE_NOTE_VERSION);
    const char *country = annotation(bundle->index, OKSE_NOTE_COUNTRY);
    const char *vendor = annotation(bundle->index, OKSE_NOTE_VENDOR);

    if (g_strcmp0(annotation(bundle->index, OKSE_NOTE_TYPE), OKSE_BUNDLE_TYPE) != 0)
        return refuse(bundle, error, "is not of type " OKSE_BUNDLE_TYPE);
    if (!bundle_members(bundle, json_object_get(bundle->index, "annotations"), "bundle index", notes, error))
        return false;
    if (name == NULL || !okse_stack_name_is_good(name) || version == NULL || !okse_stack_version_is_good(version) ||
        !read_sequence(bundle, annotation(bundle->index, OKSE_NOTE_SEQUENCE)))
        return refuse(bundle, error, "name, version or sequence is missing or malformed");
    if (!is_country(country))
        return refuse(bundle, error, "the destination country is missing or malformed");
    if (vendor == NULL || *vendor == '\0' || !is_country(annotation(bundle->index, OKSE_NOTE_VENDOR_COUNTRY)))
        return refuse(bundle, error, "the vendor or its country is missing or malformed");
    if (!is_time(annotation(bundle->index, OKSE_NOTE_CREATED)))
        return refuse(bundle, error, "the time of creation is missing or malformed");
    bundle->name = g_strdup(name);
    bundle->version = g_strdup(version);
    bundle->country = g_strdup(country);
    return true;
}

/* What a listed image says of its platform becomes part of its name in index.json. */
static bool check_platform(const OkseBundle *bundle, const json_t *descriptor, GError **error)
{
    const json_t *platform = json_object_get(descriptor, "platform");

    if (okse_json_peek_text(platform, "os") == NULL || okse_json_peek_text(platform, "architecture") == NULL)
        return refuse(bundle, error, "an image's platform names no os and architecture");
    return true;
}

static bool announce_manifest(OkseBundle *bundle, const json_t *descriptor, bool is_stack, GError **error)
{
    static const char *const plain[] = {"annotations", "digest", "mediaType", "size", NULL};
    static const char *const image[] = {"annotations", "digest", "mediaType", "platform", "size", NULL};
    static const char *const notes[] = {OKSE_NOTE_COMPONENT, OKSE_NOTE_KIND, NULL};
    const char *name = annotation(descriptor, OKSE_NOTE_COMPONENT), *kind = annotation(descriptor, OKSE_NOTE_KIND);
    const char *type = okse_json_peek_text(descriptor, "mediaType");
    bool is_image = json_object_get(descriptor, "platform") != NULL;
    OkseSha256 digest;
    uint64_t size;

    if (!bundle_members(bundle, descriptor, "bundle index entry", is_image ? image : plain, error) ||
        !bundle_members(bundle, json_object_get(descriptor, "annotations"), "bundle index entry", notes, error) ||
        (is_image && !check_platform(bundle, descriptor, error)))
        return false;
    if (is_image ? !okse_image_is_manifest_type(type) : g_strcmp0(type, OKSE_TYPE_MANIFEST) != 0)
        return refuse(bundle, error, "lists something that is no manifest");
    if (name == NULL || kind == NULL || !okse_stack_name_is_good(name) ||
        is_stack != (strcmp(name, OKSE_STACK_COMPONENT) == 0) || (is_stack && is_image) ||
        (is_stack ? strcmp(kind, OKSE_STACK_COMPONENT) != 0 : !g_strv_contains(okse_stack_kinds, kind)))
        return refuse(bundle, error, "an entry's component or kind is not one that a bundle has there");
    if (!is_stack && strcmp(kind, OKSE_KIND_POLICY) != 0 && strcmp(bundle->country, OKSE_COUNTRY_EVERYWHERE) == 0)
        return refuse(bundle, error, "only law has no destination, and it lists something else");
    return bundle_descriptor(bundle, descriptor, &digest, &size, error) &&
           bundle_expect(bundle, &digest, size, EXPECT_METADATA, error);
}

/* A name stands for one thing: one manifest, or platforms of one image, which stand together. */
static bool check_repeated(const OkseBundle *bundle, const json_t *before, const json_t *descriptor, GError **error)
{
    if (g_strcmp0(annotation(before, OKSE_NOTE_COMPONENT), annotation(descriptor, OKSE_NOTE_COMPONENT)) == 0 &&
        json_object_get(before, "platform") != NULL && json_object_get(descriptor, "platform") != NULL &&
        g_strcmp0(annotation(before, OKSE_NOTE_KIND), annotation(descriptor, OKSE_NOTE_KIND)) == 0)
        return true;
    return refuse(bundle, error, "two components have one name");
}

bool bundle_announce_manifests(OkseBundle *bundle, const json_t *manifests, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal); /* borrowed from the index */

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *descriptor = json_array_get(manifests, i);
        const char *name = annotation(descriptor, OKSE_NOTE_COMPONENT);

        if (!announce_manifest(bundle, descriptor, i == 0, error))
            return false;
        if (!g_hash_table_add(names, (gpointer)(uintptr_t)name) &&
            !check_repeated(bundle, json_array_get(manifests, i - 1), descriptor, error))
            return false;
    }
    return true;
}
