/* Mirrors lose signatures where nobody looks whether they arrived. So the list is asked for afterwards, every statement
 * must be on it, and each is read back. */
#include "packager/media_types.h"
#include "packager/push_internal.h"
#include "packager/registry_referrers.h"

#include <string.h>

#define ROUNDS 5u /* until all statements are listed at one time */

typedef struct {
    OkseRegistry *registry;
    const OkseBundle *bundle;
    PushStatements *done;
    OkseSha256 subject; /* of the statement at hand */
    PushManifest manifest;
    char reference[OKSE_SHA256_TEXT];
} Attaching;

/* What an index of referrers says of a manifest. Source: distribution-spec 1.1, "Referrers Tag Schema". */
static json_t *descriptor_of(const Attaching *attaching, const json_t *manifest)
{
    return json_pack("{s:s,s:s,s:I,s:O,s:O}", "mediaType", OKSE_TYPE_MANIFEST, "digest", attaching->reference, "size",
                     (json_int_t)g_bytes_get_size(attaching->manifest.bytes), "artifactType",
                     json_object_get(manifest, "artifactType"), "annotations",
                     json_object_get(manifest, "annotations"));
}

static bool is_listed(Attaching *attaching, bool *listed, GError **error)
{
    g_autoptr(GPtrArray) referrers = okse_referrers_new();
    bool api = false;

    if (!okse_registry_referrers(attaching->registry, &attaching->subject, referrers, &api, error))
        return false;
    *listed = okse_referrers_have(referrers, &attaching->manifest.digest);
    attaching->done->by_api = attaching->done->by_api || api;
    attaching->done->by_tag = attaching->done->by_tag || !api;
    return true;
}

static bool attach(Attaching *attaching, const json_t *manifest, GError **error)
{
    g_autoptr(json_t) descriptor = descriptor_of(attaching, manifest);
    bool there = false, other = false, listed = false, linked = false;

    if (!push_find(attaching->registry, &attaching->manifest, attaching->reference, &there, &other, error) ||
        (there && !is_listed(attaching, &listed, error)))
        return false;
    if (listed) {
        attaching->done->there++;
        return true;
    }
    attaching->done->put++;
    if (!push_put(attaching->registry, &attaching->manifest, attaching->reference, &linked, error) ||
        (!linked && !okse_registry_refer(attaching->registry, &attaching->subject, descriptor, error)) ||
        !is_listed(attaching, &listed, error))
        return false;
    return listed || okse_fail(error, OKSE_ERROR_REFUSED,
                               "%s: the registry took the statement %s and does not list it as a referrer",
                               okse_registry_name(attaching->registry), attaching->reference);
}

/* Another push may have written a list that it had read before this statement was on it. *again: so it was. */
static bool attach_again(Attaching *attaching, const json_t *manifest, bool *again, GError **error)
{
    g_autoptr(json_t) descriptor = descriptor_of(attaching, manifest);
    bool listed = false;

    if (!is_listed(attaching, &listed, error))
        return false;
    *again = *again || !listed;
    return listed || okse_registry_refer(attaching->registry, &attaching->subject, descriptor, error);
}

/* again: NULL the first time. */
static bool attach_statement(Attaching *attaching, const OkseBundleStatement *statement, bool *again, GError **error)
{
    const char *origin = okse_registry_name(attaching->registry);
    GBytes *bytes = okse_bundle_metadata(attaching->bundle, &statement->manifest_digest);
    g_autoptr(json_t) manifest = okse_json_read(bytes, g_bytes_get_size(bytes), origin, error);

    if (manifest == NULL || !okse_sha256_parse(okse_json_peek_text(json_object_get(manifest, "subject"), "digest"),
                                               &attaching->subject, error))
        return false;
    attaching->manifest =
        (PushManifest){.digest = statement->manifest_digest, .type = OKSE_TYPE_MANIFEST, .bytes = bytes};
    okse_sha256_text(&statement->manifest_digest, attaching->reference);
    return again == NULL ? attach(attaching, manifest, error) : attach_again(attaching, manifest, again, error);
}

static bool attach_all(Attaching *attaching, bool *again, GError **error)
{
    for (unsigned i = 0; i < okse_bundle_statements(attaching->bundle); i++)
        if (!attach_statement(attaching, okse_bundle_statement(attaching->bundle, i), again, error))
            return false;
    return true;
}

bool push_statements(OkseRegistry *registry, const OkseBundle *bundle, PushStatements *done, GError **error)
{
    Attaching attaching = {.registry = registry, .bundle = bundle, .done = done};
    bool again = true;

    if (!attach_all(&attaching, NULL, error))
        return false;
    /* lists under a tag are everybody's to write, so they are looked at once more when all is there */
    for (unsigned i = 0; again && done->by_tag && done->put > 0; i++) {
        if (i >= ROUNDS)
            return okse_fail(error, OKSE_ERROR_REFUSED,
                             "%s: its lists of referrers lose statements again and again; do others push at this time?",
                             okse_registry_name(registry));
        again = false;
        if (!attach_all(&attaching, &again, error))
            return false;
    }
    return true;
}
