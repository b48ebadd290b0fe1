/* set.json, read strictly and written in one form. Reading checks everything that others then rely on: that the parts
 * cover the bundle without a gap, that no group is too large for the code, that no name leads out of a directory. */
#include "packager/volume_set.h"

#include "core/limits.h"
#include "packager/frames.h"
#include "packager/stack.h"
#include "packager/volume_header.h"

#include <string.h>

#define SCHEMA "okse.set.v1"

OkseVolumeSet *okse_volume_set_new(unsigned data, unsigned parity, unsigned groups)
{
    OkseVolumeSet *set = g_new0(OkseVolumeSet, 1);

    set->data = data;
    set->parity = parity;
    set->groups = groups;
    set->volumes = g_new0(OkseVolume, data + parity);
    for (unsigned i = 0; i < data + parity; i++) {
        set->volumes[i].kind = i < data ? OKSE_VOLUME_DATA : OKSE_VOLUME_PARITY;
        set->volumes[i].number = i < data ? i + 1 : i - data + 1;
    }
    return set;
}

void okse_volume_set_free(OkseVolumeSet *set)
{
    if (set == NULL)
        return;
    g_free(set->bundle.name);
    g_free(set->bundle.version);
    g_free(set->bundle.country);
    g_free(set->encoding);
    g_free(set->volumes);
    g_clear_pointer(&set->json, g_bytes_unref);
    g_free(set);
}

char *okse_volume_set_name(const OkseVolumeSet *set)
{
    return g_strdup_printf("%s-%s-%s", set->bundle.name, set->bundle.version, set->bundle.country);
}

char *okse_volume_name(const OkseVolumeSet *set, const OkseVolume *volume)
{
    return g_strdup_printf("%s-%s-%s%s.%04u.part", set->bundle.name, set->bundle.version, set->bundle.country,
                           volume->kind == OKSE_VOLUME_PARITY ? ".parity" : "", volume->number);
}

char *okse_volume_words(const OkseVolumeSet *set, const OkseVolume *volume)
{
    bool parity = volume->kind == OKSE_VOLUME_PARITY;

    return g_strdup_printf("%s %u of %u", parity ? "parity part" : "part", volume->number,
                           parity ? set->parity : set->data);
}

uint64_t okse_volume_blocks(const OkseVolume *volume)
{
    return (volume->size + OKSE_VOLUME_BLOCK - 1) / OKSE_VOLUME_BLOCK;
}

size_t okse_volume_block_size(const OkseVolume *volume, uint64_t block)
{
    return (size_t)MIN(volume->size - block * OKSE_VOLUME_BLOCK, OKSE_VOLUME_BLOCK);
}

unsigned okse_volume_group_count(const OkseVolumeSet *set, OkseVolumeKind kind, unsigned group)
{
    unsigned all = kind == OKSE_VOLUME_DATA ? set->data : set->parity;

    return all / set->groups + (group < all % set->groups ? 1 : 0);
}

const OkseVolume *okse_volume_group_member(const OkseVolumeSet *set, OkseVolumeKind kind, unsigned group,
                                           unsigned place)
{
    return &set->volumes[(kind == OKSE_VOLUME_DATA ? 0 : set->data) + place * set->groups + group];
}

unsigned okse_volume_groups_for(unsigned data, unsigned parity)
{
    unsigned groups = 1;

    while (parity > 0 && (data + groups - 1) / groups + (parity + groups - 1) / groups > OKSE_VOLUME_GROUP)
        groups++;
    return groups;
}

static json_t *digest_json(const OkseSha256 *digest)
{
    char text[OKSE_SHA256_TEXT];

    return json_string(okse_sha256_text(digest, text));
}

static json_t *volume_json(const OkseVolumeSet *set, const OkseVolume *volume)
{
    json_t *row =
        json_pack("{s:I,s:o,s:i,s:i,s:o,s:I}", "at", (json_int_t)volume->at, "blocks", digest_json(&volume->blocks),
                  "group", (int)okse_volume_group(set, volume) + 1, "number", (int)volume->number, "sha256",
                  digest_json(&volume->digest), "size", (json_int_t)volume->size);

    g_assert(row != NULL);
    if (volume->kind == OKSE_VOLUME_DATA) {
        json_object_set_new(row, "offset", json_integer((json_int_t)volume->offset));
        json_object_set_new(row, "length", json_integer((json_int_t)volume->length));
    }
    return row;
}

static json_t *set_json(const OkseVolumeSet *set)
{
    const OkseVolumeBundle *bundle = &set->bundle;
    json_t *parts = json_array(), *parity = json_array(), *object;

    for (unsigned i = 0; i < set->data + set->parity; i++)
        json_array_append_new(i < set->data ? parts : parity, volume_json(set, &set->volumes[i]));
    object = json_pack("{s:i,s:{s:s,s:o,s:s,s:I,s:o,s:I,s:s},s:i,s:o,s:o,s:s}", "block", (int)OKSE_VOLUME_BLOCK,
                       "bundle", "country", bundle->country, "identity", digest_json(&bundle->identity), "name",
                       bundle->name, "sequence", (json_int_t)bundle->sequence, "sha256", digest_json(&bundle->digest),
                       "size", (json_int_t)bundle->size, "version", bundle->version, "groups", (int)set->groups,
                       "parity", parity, "parts", parts, "schema", SCHEMA);
    g_assert(object != NULL);
    if (set->encoding != NULL)
        json_object_set_new(object, "encoding", json_string(set->encoding));
    return object;
}

void okse_volume_set_seal(OkseVolumeSet *set)
{
    g_autoptr(json_t) object = set_json(set);

    g_clear_pointer(&set->json, g_bytes_unref);
    set->json = okse_json_write(object);
    set->id = okse_sha256_of_bytes(set->json);
}

static bool read_digest(const json_t *object, const char *key, OkseSha256 *digest, const char *origin, GError **error)
{
    const char *text = okse_json_text(object, key, origin, error);

    return text != NULL && okse_sha256_parse(text, digest, error);
}

static bool is_country(const char *text)
{
    return strlen(text) == 2 && g_ascii_isupper(text[0]) && g_ascii_isupper(text[1]);
}

static bool read_bundle(OkseVolumeBundle *bundle, const json_t *object, const char *origin, GError **error)
{
    const char *name = okse_json_text(object, "name", origin, error);
    const char *version = name == NULL ? NULL : okse_json_text(object, "version", origin, error);
    const char *country = version == NULL ? NULL : okse_json_text(object, "country", origin, error);

    if (country == NULL || !read_digest(object, "identity", &bundle->identity, origin, error) ||
        !read_digest(object, "sha256", &bundle->digest, origin, error) ||
        !okse_json_unsigned(object, "size", &bundle->size, origin, error) ||
        !okse_json_unsigned(object, "sequence", &bundle->sequence, origin, error))
        return false;
    if (!okse_stack_name_is_good(name) || !okse_stack_version_is_good(version) || !is_country(country))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the bundle's name, version or country is malformed", origin);
    if (bundle->size == 0 || bundle->size > OKSE_LIMIT_BUNDLE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the bundle is empty or over the limit of 1 PiB", origin);
    bundle->name = g_strdup(name);
    bundle->version = g_strdup(version);
    bundle->country = g_strdup(country);
    return true;
}

/* Its numbers and groups are not looked at: writing it again compares them. */
static bool read_volume(OkseVolume *volume, const json_t *row, const char *origin, GError **error)
{
    if (!okse_json_unsigned(row, "at", &volume->at, origin, error) ||
        !okse_json_unsigned(row, "size", &volume->size, origin, error) ||
        !read_digest(row, "sha256", &volume->digest, origin, error) ||
        !read_digest(row, "blocks", &volume->blocks, origin, error))
        return false;
    if (volume->size == 0 || volume->size > OKSE_LIMIT_FILE_SIZE || volume->at > OKSE_LIMIT_FILE_SIZE)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: a part is empty or over the limit of 64 TiB", origin);
    return volume->kind == OKSE_VOLUME_PARITY || (okse_json_unsigned(row, "offset", &volume->offset, origin, error) &&
                                                  okse_json_unsigned(row, "length", &volume->length, origin, error));
}

static bool check_cover(const OkseVolumeSet *set, const char *origin, GError **error)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < set->data; i++) {
        const OkseVolume *volume = &set->volumes[i];
        bool last = i + 1 == set->data;

        if (volume->offset != at || volume->length == 0 || volume->length > set->bundle.size - at)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: part %u does not begin where the one before it ends",
                             origin, volume->number);
        if (g_strcmp0(set->encoding, OKSE_ENCODING_FRAMES) == 0 && !okse_frames_fit(volume->length, volume->size, last))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: part %u is not a whole number of frames", origin,
                             volume->number);
        if (set->encoding == NULL &&
            (volume->size != volume->length || (!last && volume->size % OKSE_VOLUME_BLOCK != 0)))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: part %u is not a whole number of blocks", origin,
                             volume->number);
        at += volume->length;
    }
    return at == set->bundle.size ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: the parts are not the whole bundle", origin);
}

/* A parity part is as large as the largest of its group, and every group has one. */
static bool check_parity(const OkseVolumeSet *set, const char *origin, GError **error)
{
    if (set->groups != okse_volume_groups_for(set->data, set->parity) ||
        (set->parity > 0 && (set->parity < set->groups || set->data < set->groups)))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: its groups do not fit its parts", origin);
    for (unsigned group = 0; group < set->groups && set->parity > 0; group++) {
        uint64_t largest = 0;

        for (unsigned i = 0; i < okse_volume_group_count(set, OKSE_VOLUME_DATA, group); i++)
            largest = MAX(largest, okse_volume_group_member(set, OKSE_VOLUME_DATA, group, i)->size);
        for (unsigned i = 0; i < okse_volume_group_count(set, OKSE_VOLUME_PARITY, group); i++)
            if (okse_volume_group_member(set, OKSE_VOLUME_PARITY, group, i)->size != largest)
                return okse_fail(error, OKSE_ERROR_INVALID, "%s: a parity part has not the size of its group", origin);
    }
    return true;
}

static bool check_places(const OkseVolumeSet *set, const char *origin, GError **error)
{
    for (unsigned i = 0; i < set->data + set->parity; i++) {
        const OkseVolume *volume = &set->volumes[i];
        uint64_t first = okse_volume_first_place(set, volume);

        if (volume->at % OKSE_TAR_ALIGN != 0 || volume->at < first || volume->at - first > OKSE_VOLUME_SLACK)
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: the data of a part does not begin where it must", origin);
    }
    return true;
}

static OkseVolumeSet *read_object(const json_t *object, const char *origin, GError **error)
{
    g_autoptr(OkseVolumeSet) set = NULL;
    const char *schema = okse_json_text(object, "schema", origin, error);
    const json_t *bundle = schema == NULL ? NULL : okse_json_object(object, "bundle", origin, error);
    const json_t *parts = bundle == NULL ? NULL : okse_json_array(object, "parts", origin, error);
    const json_t *parity = parts == NULL ? NULL : okse_json_array(object, "parity", origin, error);
    uint64_t groups;

    if (parity == NULL || !okse_json_unsigned(object, "groups", &groups, origin, error))
        return NULL;
    if (strcmp(schema, SCHEMA) != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: schema '%s' is not " SCHEMA, origin, schema);
        return NULL;
    }
    if (json_array_size(parts) == 0 || json_array_size(parts) > OKSE_LIMIT_SET_PARTS ||
        json_array_size(parity) > OKSE_LIMIT_SET_PARTS - json_array_size(parts) || groups == 0 ||
        groups > OKSE_LIMIT_SET_PARTS) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: has no parts, or more than the limit of %u", origin,
                  OKSE_LIMIT_SET_PARTS);
        return NULL;
    }
    set = okse_volume_set_new((unsigned)json_array_size(parts), (unsigned)json_array_size(parity), (unsigned)groups);
    set->encoding = g_strdup(okse_json_peek_text(object, "encoding"));
    if (!read_bundle(&set->bundle, bundle, origin, error))
        return NULL;
    for (unsigned i = 0; i < set->data + set->parity; i++)
        if (!read_volume(&set->volumes[i],
                         i < set->data ? json_array_get(parts, i) : json_array_get(parity, i - set->data), origin,
                         error))
            return NULL;
    return check_cover(set, origin, error) && check_parity(set, origin, error) ? g_steal_pointer(&set) : NULL;
}

OkseVolumeSet *okse_volume_set_read(GBytes *json, const char *origin, GError **error)
{
    g_autoptr(json_t) object = okse_json_read(json, OKSE_LIMIT_METADATA, origin, error);
    g_autoptr(OkseVolumeSet) set = object == NULL ? NULL : read_object(object, origin, error);

    if (set == NULL)
        return NULL;
    okse_volume_set_seal(set);
    if (!g_bytes_equal(set->json, json)) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: is not in canonical form, or says more than this version knows",
                  origin);
        return NULL;
    }
    return check_places(set, origin, error) ? g_steal_pointer(&set) : NULL;
}
