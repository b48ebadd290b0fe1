#include "packager/referrers.h"

#include "core/limits.h"
#include "packager/media_types.h"

#include <string.h>

static void referrer_free(gpointer memory)
{
    OkseReferrer *referrer = memory;

    g_free(referrer->artifact_type);
    g_free(referrer);
}

GPtrArray *okse_referrers_new(void)
{
    return g_ptr_array_new_with_free_func(referrer_free);
}

bool okse_referrers_have(const GPtrArray *referrers, const OkseSha256 *digest)
{
    for (guint i = 0; i < referrers->len; i++)
        if (okse_sha256_equal(&((const OkseReferrer *)g_ptr_array_index(referrers, i))->digest, digest))
            return true;
    return false;
}

static json_t *read_index(GBytes *list, const char *origin, GError **error)
{
    g_autoptr(json_t) index = okse_json_read(list, OKSE_LIMIT_METADATA, origin, error);

    if (index == NULL)
        return NULL;
    if (json_is_array(json_object_get(index, "manifests")))
        return g_steal_pointer(&index);
    okse_fail(error, OKSE_ERROR_INVALID, "%s: is no list of referrers (an OCI index)", origin);
    return NULL;
}

static void take(GPtrArray *referrers, const json_t *descriptor)
{
    const char *digest = okse_json_peek_text(descriptor, "digest");
    json_int_t size = json_integer_value(json_object_get(descriptor, "size"));
    OkseReferrer read = {.size = (uint64_t)size};
    OkseReferrer *kept;

    if (digest == NULL || !g_str_has_prefix(digest, "sha256:") || !okse_sha256_parse(digest, &read.digest, NULL) ||
        size <= 0 || size > OKSE_LIMIT_METADATA || okse_referrers_have(referrers, &read.digest))
        return;
    read.artifact_type = g_strdup(okse_json_peek_text(descriptor, "artifactType"));
    kept = g_new(OkseReferrer, 1);
    *kept = read;
    g_ptr_array_add(referrers, kept);
}

bool okse_referrers_read(GPtrArray *referrers, GBytes *list, const char *origin, GError **error)
{
    g_autoptr(json_t) index = read_index(list, origin, error);
    const json_t *manifests = json_object_get(index, "manifests");

    if (index == NULL)
        return false;
    if (json_array_size(manifests) > OKSE_LIMIT_REFERRERS - MIN(referrers->len, OKSE_LIMIT_REFERRERS))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: lists more than the limit of %u referrers", origin,
                         OKSE_LIMIT_REFERRERS);
    for (size_t i = 0; i < json_array_size(manifests); i++)
        take(referrers, json_array_get(manifests, i));
    return true;
}

GBytes *okse_referrers_add(GBytes *list, const json_t *descriptor, const char *origin, GError **error)
{
    g_autoptr(json_t) index =
        list != NULL ? read_index(list, origin, error)
                     : json_pack("{s:i,s:s,s:[]}", "schemaVersion", 2, "mediaType", OKSE_TYPE_INDEX, "manifests");
    g_autoptr(GBytes) bytes = NULL;

    if (index == NULL)
        return NULL;
    json_array_append_new(json_object_get(index, "manifests"), json_deep_copy(descriptor));
    bytes = okse_json_write(index);
    if (g_bytes_get_size(bytes) <= OKSE_LIMIT_METADATA)
        return g_steal_pointer(&bytes);
    okse_fail(error, OKSE_ERROR_INVALID, "%s: has no room for another referrer (the limit is 4 MiB)", origin);
    return NULL;
}
