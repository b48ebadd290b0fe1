/* Statements travel as referrers. What a registry lists is anybody's: taken is only what has, byte for byte, the form
 * that a statement of this bundle has; the rest is counted and left. Whether a statement is worth anything is for the
 * trust policy to say. */
#include "packager/pull_internal.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/bundle_reader.h"
#include "packager/media_types.h"
#include "packager/registry_referrers.h"
#include "packager/sign_layout.h"

#include <string.h>

#define LOOKS 1024u /* referrers that are fetched to see what they are */

typedef struct {
    OkseRegistry *registry;
    int fd;
    const char *name;
    OkseBundle *bundle; /* as it is now; owned */
    PullReferrers *found;
    unsigned looks;
} Taking;

static bool reopen(Taking *taking, GError **error)
{
    g_clear_pointer(&taking->bundle, okse_bundle_free);
    taking->bundle = okse_bundle_open(taking->fd, taking->name, error);
    return taking->bundle != NULL;
}

static bool write_all(const Taking *taking, const GPtrArray *writes, GError **error)
{
    for (guint i = 0; i < writes->len; i++) {
        const OkseWrite *write = g_ptr_array_index(writes, i);
        gsize length;
        const void *data = g_bytes_get_data(write->bytes, &length);

        if (!okse_pwrite_all(taking->fd, data, length, write->offset, taking->name, error))
            return false;
    }
    return true;
}

/* The sigstore bundle that a statement's manifest names, or NULL when it is none. */
static bool read_manifest(const Taking *taking, GBytes *manifest, OkseRegistryBlob *sigstore, char **predicate)
{
    g_autoptr(json_t) json = okse_json_read(manifest, OKSE_LIMIT_METADATA, taking->name, NULL);
    const json_t *layer = json_array_get(json_object_get(json, "layers"), 0);
    const char *digest = okse_json_peek_text(layer, "digest");
    json_int_t size = json_integer_value(json_object_get(layer, "size"));
    const char *type = okse_json_peek_text(json_object_get(json, "annotations"), "dev.sigstore.bundle.predicateType");

    if (g_strcmp0(okse_json_peek_text(json, "artifactType"), OKSE_TYPE_SIGSTORE) != 0 || digest == NULL ||
        type == NULL || size <= 0 || size > OKSE_LIMIT_METADATA || !g_str_has_prefix(digest, "sha256:") ||
        !okse_sha256_parse(digest, &sigstore->digest, NULL))
        return false;
    sigstore->size = (uint64_t)size;
    *predicate = g_strdup(type);
    return true;
}

/* *taken: it is one, and in the bundle now. */
static bool take_statement(Taking *taking, GBytes *manifest, const OkseBundleComponent *about, bool *taken,
                           GError **error)
{
    OkseRegistryBlob named;
    g_autofree char *predicate = NULL;
    g_autoptr(GBytes) sigstore = NULL, derived = NULL;
    g_autoptr(GPtrArray) writes = NULL;
    OkseNewStatement added = {.component = about};
    bool present = false;

    if (!read_manifest(taking, manifest, &named, &predicate) || okse_bundle_find(taking->bundle, &named.digest) != NULL)
        return true;
    sigstore = okse_registry_blob_bytes(taking->registry, &named, error);
    if (sigstore == NULL)
        return false;
    added.sigstore = sigstore;
    added.predicate_type = predicate;
    derived = okse_sign_manifest(taking->bundle, &added);
    if (!g_bytes_equal(derived, manifest))
        return true;
    writes = okse_sign_plan(taking->bundle, &added, &present, error);
    if (writes == NULL)
        return false;
    *taken = true;
    return write_all(taking, writes, error) && reopen(taking, error);
}

static bool take_referrer(Taking *taking, const OkseReferrer *referrer, const char *about, GError **error)
{
    const OkseBundleComponent *component = NULL;
    char text[OKSE_SHA256_TEXT];
    g_autoptr(GBytes) manifest = NULL;
    bool taken = false;

    if (g_strcmp0(referrer->artifact_type, OKSE_TYPE_SIGSTORE) != 0 || ++taking->looks > LOOKS) {
        taking->found->others++;
        return true;
    }
    manifest = okse_registry_manifest(taking->registry, okse_sha256_text(&referrer->digest, text), error);
    if (manifest == NULL)
        return false;
    for (unsigned i = 0; about != NULL && i < okse_bundle_components(taking->bundle); i++)
        if (strcmp(okse_bundle_component(taking->bundle, i)->name, about) == 0)
            component = okse_bundle_component(taking->bundle, i);
    if (!take_statement(taking, manifest, component, &taken, error))
        return false;
    taking->found->statements += taken;
    taking->found->others += !taken;
    return true;
}

/* about: a weights component, or NULL for the bundle. */
static bool take_referrers(Taking *taking, const OkseSha256 *subject, const char *about, GError **error)
{
    g_autoptr(GPtrArray) referrers = okse_referrers_new();
    bool api = false;

    if (!okse_registry_referrers(taking->registry, subject, referrers, &api, error))
        return false;
    for (guint i = 0; i < referrers->len; i++)
        if (!take_referrer(taking, g_ptr_array_index(referrers, i), about, error))
            return false;
    return true;
}

/* Those of weights first, as signing puts them. */
static bool take_all(Taking *taking, GError **error)
{
    OkseSha256 identity;

    if (!reopen(taking, error))
        return false;
    identity = *okse_bundle_identity(taking->bundle);
    for (unsigned i = 0; i < okse_bundle_components(taking->bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(taking->bundle, i);
        OkseSha256 subject = component->manifest_digest;
        g_autofree char *about = g_strdup(component->name); /* the bundle is read anew with each statement */

        if (strcmp(component->kind, "weights") == 0 && !take_referrers(taking, &subject, about, error))
            return false;
    }
    return take_referrers(taking, &identity, NULL, error);
}

bool pull_statements(OkseRegistry *registry, int fd, const char *name, PullReferrers *found, GError **error)
{
    Taking taking = {.registry = registry, .fd = fd, .name = name, .found = found};
    bool good = take_all(&taking, error);

    okse_bundle_free(taking.bundle);
    return good;
}
