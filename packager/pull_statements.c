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
#include "packager/sigstore_bundle.h"

#include <string.h>
#include <sys/stat.h>

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

/* Lists name what the registry has no more: nobody keeps those under a tag. */
static bool is_gone(GError *cause, GError **error)
{
    if (!g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, cause);
        return false;
    }
    g_error_free(cause);
    return true;
}

static void write_free(gpointer memory)
{
    OkseWrite *write = memory;

    g_bytes_unref(write->bytes);
    g_free(write);
}

/* What stands where `writes` go, in a file of that size. */
static GPtrArray *read_there(const Taking *taking, const GPtrArray *writes, uint64_t size, GError **error)
{
    g_autoptr(GPtrArray) there = g_ptr_array_new_with_free_func(write_free);

    for (guint i = 0; i < writes->len; i++) {
        const OkseWrite *write = g_ptr_array_index(writes, i);
        uint64_t most = size > write->offset ? size - write->offset : 0;
        gsize length = (gsize)MIN(g_bytes_get_size(write->bytes), most);
        g_autofree void *data = g_malloc(length + 1);
        OkseWrite *old;

        if (!okse_pread_exact(taking->fd, data, length, write->offset, taking->name, error))
            return NULL;
        old = g_new(OkseWrite, 1);
        *old = (OkseWrite){write->offset, g_bytes_new_take(g_steal_pointer(&data), length)};
        g_ptr_array_add(there, old);
    }
    return g_steal_pointer(&there);
}

/* Into the file, and out of it again when it is no bundle with it: whoever may write to the repository must not be able
 * to fill it until nobody can have it. */
static bool add_statement(Taking *taking, const OkseNewStatement *added, bool *taken, GError **error)
{
    bool present = false;
    g_autoptr(GPtrArray) writes = okse_sign_plan(taking->bundle, added, &present, NULL), there = NULL;
    struct stat info;

    *taken = false;
    if (writes == NULL) /* there is no room for it */
        return true;
    if (fstat(taking->fd, &info) < 0)
        return okse_fail_errno(error, "%s", taking->name);
    there = read_there(taking, writes, (uint64_t)info.st_size, error);
    if (there == NULL || !write_all(taking, writes, error))
        return false;
    *taken = reopen(taking, NULL);
    if (*taken)
        return true;
    if (!write_all(taking, there, error))
        return false;
    if (ftruncate(taking->fd, info.st_size) < 0)
        return okse_fail_errno(error, "%s", taking->name);
    return reopen(taking, error);
}

/* One that cannot be read would make the whole bundle one that nobody accepts. */
static bool is_sigstore(GBytes *bytes)
{
    g_autoptr(OkseSigstoreBundle) read = okse_sigstore_read(bytes, "statement", NULL);

    return read != NULL;
}

/* *taken: it is one, and in the bundle now. */
static bool take_statement(Taking *taking, GBytes *manifest, const OkseBundleComponent *about, bool *taken,
                           GError **error)
{
    OkseRegistryBlob named;
    g_autofree char *predicate = NULL;
    g_autoptr(GBytes) sigstore = NULL, derived = NULL;
    OkseNewStatement added = {.component = about};
    GError *cause = NULL;

    if (!read_manifest(taking, manifest, &named, &predicate) || okse_bundle_find(taking->bundle, &named.digest) != NULL)
        return true;
    sigstore = okse_registry_blob_bytes(taking->registry, &named, &cause);
    if (sigstore == NULL)
        return is_gone(cause, error);
    if (!is_sigstore(sigstore))
        return true;
    added.sigstore = sigstore;
    added.predicate_type = predicate;
    derived = okse_sign_manifest(taking->bundle, &added);
    return !g_bytes_equal(derived, manifest) || add_statement(taking, &added, taken, error);
}

static bool take_referrer(Taking *taking, const OkseReferrer *referrer, const char *about, GError **error)
{
    const OkseBundleComponent *component = NULL;
    char text[OKSE_SHA256_TEXT];
    g_autoptr(GBytes) manifest = NULL;
    GError *cause = NULL;
    bool taken = false;

    if (g_strcmp0(referrer->artifact_type, OKSE_TYPE_SIGSTORE) != 0 || ++taking->looks > LOOKS) {
        taking->found->others++;
        return true;
    }
    manifest = okse_registry_manifest(taking->registry, okse_sha256_text(&referrer->digest, text), &cause);
    if (manifest == NULL && !is_gone(cause, error))
        return false;
    if (manifest == NULL) {
        taking->found->others++;
        return true;
    }
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
