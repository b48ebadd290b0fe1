#include "packager/registry_referrers.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/challenge.h"
#include "packager/media_types.h"
#include "packager/registry_internal.h"
#include "packager/remote.h"

#include <string.h>

#define PAGES 64u
#define TRIES 5u

static char *tag_of(const OkseSha256 *subject)
{
    char hex[OKSE_SHA256_HEX];

    return g_strconcat("sha256-", okse_sha256_hex(subject, hex), NULL);
}

/* The address of the next page, or NULL: of this registry only. */
static bool next_page(const OkseRegistry *registry, const OkseHttpAnswer *answer, char **url, GError **error)
{
    g_autofree char *written = answer->link == NULL ? NULL : okse_link_next(answer->link);
    g_autofree char *next = written == NULL ? NULL : okse_url_resolve(*url, written, NULL);
    g_auto(OkseOrigin) home = {0}, there = {0};

    g_clear_pointer(url, g_free);
    if (written == NULL)
        return true;
    if (next == NULL || !okse_origin_read(next, &there, NULL) || !okse_origin_read(registry->base, &home, NULL) ||
        !okse_origin_equal(&home, &there))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the list of referrers goes on at another place",
                         registry->name);
    *url = g_steal_pointer(&next);
    return true;
}

/* One page; *api false when there is no such API. */
static bool read_page(OkseRegistry *registry, char **url, GPtrArray *referrers, bool *api, GError **error)
{
    g_autofree char *origin = g_strconcat(registry->name, ", referrers", NULL);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autoptr(GBytes) bytes = NULL;
    g_auto(OkseHttpAnswer) answer = {0};
    const OkseHttpRequest request = {.url = *url,
                                     .accept = OKSE_TYPE_INDEX,
                                     .limit = OKSE_LIMIT_METADATA,
                                     .elsewhere = true,
                                     .sink = registry_append,
                                     .context = body};

    if (!registry_ask_again(registry, &request, &answer, origin, error))
        return false;
    if (answer.again || answer.status == 401 || answer.status == 403)
        return okse_http_fail_status(&answer, origin, error);
    *api = answer.status == 200 && g_strcmp0(answer.type, OKSE_TYPE_INDEX) == 0;
    if (!*api) {
        g_clear_pointer(url, g_free);
        return true;
    }
    bytes = g_byte_array_free_to_bytes(g_steal_pointer(&body));
    return okse_referrers_read(referrers, bytes, origin, error) && next_page(registry, &answer, url, error);
}

static bool read_api(OkseRegistry *registry, const OkseSha256 *subject, GPtrArray *referrers, bool *api, GError **error)
{
    char text[OKSE_SHA256_TEXT];
    g_autofree char *url = g_strdup_printf("%s/referrers/%s", registry->base, okse_sha256_text(subject, text));

    *api = true;
    for (unsigned i = 0; url != NULL && *api; i++) {
        if (i >= PAGES)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: more than %u pages of referrers", registry->name, PAGES);
        if (!read_page(registry, &url, referrers, api, error))
            return false;
    }
    return true;
}

/* *list: NULL when there is none. */
static bool read_tag(OkseRegistry *registry, const char *tag, GBytes **list, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *list = okse_registry_manifest(registry, tag, &cause);
    if (*list != NULL || g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool okse_registry_referrers(OkseRegistry *registry, const OkseSha256 *subject, GPtrArray *referrers, bool *api,
                             GError **error)
{
    g_autofree char *tag = tag_of(subject), *origin = g_strdup_printf("%s, %s", registry->name, tag);
    g_autoptr(GBytes) list = NULL;

    if (!read_api(registry, subject, referrers, api, error) || !read_tag(registry, tag, &list, error))
        return false;
    return list == NULL || okse_referrers_read(referrers, list, origin, error);
}

bool okse_registry_refer(OkseRegistry *registry, const OkseSha256 *subject, const json_t *descriptor, GError **error)
{
    g_autofree char *tag = tag_of(subject), *origin = g_strdup_printf("%s, %s", registry->name, tag);
    OkseSha256 digest;
    bool linked = false;

    if (!okse_sha256_parse(okse_json_peek_text(descriptor, "digest"), &digest, error))
        return false;
    for (unsigned i = 0; i < TRIES; i++) {
        g_autoptr(GPtrArray) listed = okse_referrers_new();
        g_autoptr(GBytes) list = NULL, longer = NULL;
        OkseRegistryManifest put = {.reference = tag, .type = OKSE_TYPE_INDEX};

        if (!read_tag(registry, tag, &list, error) ||
            (list != NULL && !okse_referrers_read(listed, list, origin, error)))
            return false;
        if (okse_referrers_have(listed, &digest))
            return true;
        longer = okse_referrers_add(list, descriptor, origin, error);
        put.bytes = longer;
        if (longer == NULL || !okse_registry_put_manifest(registry, &put, &linked, error))
            return false;
    }
    return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry does not keep what is put into this index", origin);
}
