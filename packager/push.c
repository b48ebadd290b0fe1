/* Order is safety here: blobs, manifests of components, the bundle index by its digest, statements, and the tag of the
 * bundle when all of it was read back. A registry's word is taken for nothing but that it has a blob. */
#include "core/worker.h"
#include "packager/push_internal.h"
#include "packager/registry_upload.h"

#include <string.h>

typedef struct {
    const OksePushRequest *request;
    OkseRegistry *registry;
    PushPlan plan;
    PushStatements statements;
    unsigned blobs_sent, blobs_mounted, blobs_there, manifests_put, manifests_there;
    uint64_t bytes_sent, bytes_resumed, bytes_there;
} Push;

static void push_clear(Push *push)
{
    push_plan_clear(&push->plan);
    g_clear_pointer(&push->registry, okse_registry_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Push, push_clear)

bool push_find(OkseRegistry *registry, const PushManifest *manifest, const char *reference, bool *there, bool *other,
               GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = okse_registry_manifest(registry, reference, &cause);

    if (bytes == NULL && !g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *there = bytes != NULL && g_bytes_equal(bytes, manifest->bytes);
    *other = bytes != NULL && !*there;
    return true;
}

bool push_put(OkseRegistry *registry, const PushManifest *manifest, const char *reference, bool *linked, GError **error)
{
    const OkseRegistryManifest put = {.reference = reference, .type = manifest->type, .bytes = manifest->bytes};
    bool there = false, other = false;

    if (!okse_registry_put_manifest(registry, &put, linked, error) ||
        !push_find(registry, manifest, reference, &there, &other, error))
        return false;
    return there || okse_fail(error, OKSE_ERROR_REFUSED, "%s, %s: the registry took the manifest and gives back %s",
                              okse_registry_name(registry), reference, other ? "another" : "none");
}

/* Before anything is sent: nobody's release is overwritten by an oversight. */
static bool check_tag(Push *push, const PushManifest *manifest, GError **error)
{
    bool there = false, other = false;

    if (!push_find(push->registry, manifest, manifest->tag, &there, &other, error))
        return false;
    return !other || push->request->replace ||
           okse_fail(
               error, OKSE_ERROR_REFUSED,
               "%s:%s names something else already; nothing was sent (another tag, or --replace to move this one)",
               okse_registry_name(push->registry), manifest->tag);
}

static bool check_tags(Push *push, GError **error)
{
    for (guint i = 0; i < push->plan.manifests->len; i++)
        if (!check_tag(push, g_ptr_array_index(push->plan.manifests, i), error))
            return false;
    return check_tag(push, &push->plan.bundle, error);
}

/* Where a blob's bytes are. */
typedef struct {
    const OkseBytes *bytes;
    uint64_t at;
    const char *name;
} Place;

static bool read_blob(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Place *place = context;

    return okse_bytes_read(place->bytes, place->at + offset, buffer, length, place->name, error);
}

static bool send_blob(Push *push, const OkseBlob *blob, OkseProgress *progress, GError **error)
{
    const OksePushRequest *request = push->request;
    const OkseUploadMemory memory = {request->state_fd, okse_registry_name(push->registry)};
    const Place place = {okse_bundle_bytes(request->bundle), blob->offset, request->origin};
    char text[OKSE_SHA256_TEXT];
    g_autofree char *name = g_strdup_printf("%s: blob %s", request->origin, okse_sha256_text(&blob->digest, text));
    const OkseReadable content = {name, blob->size, read_blob, &place};
    const OkseUpload upload = {.blob = {blob->digest, blob->size},
                               .content = &content,
                               .memory = request->state_fd >= 0 ? &memory : NULL,
                               .progress = progress};
    OkseUploaded uploaded;
    bool there = false;

    if (!okse_registry_has_blob(push->registry, &upload.blob, &there, error))
        return false;
    if (there) {
        push->blobs_there++;
        push->bytes_there += blob->size;
        okse_progress_skip(progress, blob->size);
        return true;
    }
    if (!okse_registry_upload(push->registry, &upload, &uploaded, error))
        return false;
    push->blobs_sent += !uploaded.mounted;
    push->blobs_mounted += uploaded.mounted;
    push->bytes_sent += uploaded.sent;
    push->bytes_resumed += uploaded.resumed;
    if (uploaded.mounted)
        okse_progress_skip(progress, blob->size);
    if (!okse_registry_has_blob(push->registry, &upload.blob, &there, error))
        return false;
    return there || okse_fail(error, OKSE_ERROR_REFUSED, "%s: the registry took the blob %s and has it not",
                              okse_registry_name(push->registry), text);
}

static bool send_blobs(Push *push, GError **error)
{
    g_autoptr(OkseProgress) progress =
        push->request->show_progress ? okse_progress_new("pushing", push->plan.bytes) : NULL;

    for (guint i = 0; i < push->plan.blobs->len; i++)
        if (!send_blob(push, g_ptr_array_index(push->plan.blobs, i), progress, error))
            return false;
    return true;
}

static bool put_manifest(Push *push, const PushManifest *manifest, const char *reference, GError **error)
{
    bool there = false, other = false, linked = false;

    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (!push_find(push->registry, manifest, reference, &there, &other, error))
        return false;
    push->manifests_there += there;
    push->manifests_put += !there;
    return there || push_put(push->registry, manifest, reference, &linked, error);
}

static bool put_manifests(Push *push, GError **error)
{
    char text[OKSE_SHA256_TEXT];

    for (guint i = 0; i < push->plan.manifests->len; i++) {
        const PushManifest *manifest = g_ptr_array_index(push->plan.manifests, i);

        if (!put_manifest(push, manifest, manifest->tag, error))
            return false;
    }
    return put_manifest(push, &push->plan.bundle, okse_sha256_text(&push->plan.bundle.digest, text), error) &&
           push_statements(push->registry, push->request->bundle, &push->statements, error);
}

/* The last step: from here on the bundle can be found by its name. */
static bool name_bundle(Push *push, GError **error)
{
    bool there = false, other = false, linked = false;

    if (!push_find(push->registry, &push->plan.bundle, push->plan.bundle.tag, &there, &other, error))
        return false;
    return there || push_put(push->registry, &push->plan.bundle, push->plan.bundle.tag, &linked, error);
}

static json_t *describe(const Push *push)
{
    const OkseImageName *name = push->request->name;
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:i,s:i,s:i},s:{s:I,s:I,s:I},s:{s:i,s:i},s:i,s:s}", "schema",
                     "okse.push.v1", "identity", okse_sha256_text(&push->plan.bundle.digest, text), "registry",
                     name->host, "repository", name->repository, "tag", push->plan.bundle.tag, "blobs", "sent",
                     (int)push->blobs_sent, "mounted", (int)push->blobs_mounted, "there", (int)push->blobs_there,
                     "bytes", "sent", (json_int_t)push->bytes_sent, "resumed", (json_int_t)push->bytes_resumed, "there",
                     (json_int_t)push->bytes_there, "manifests", "put",
                     (int)(push->manifests_put + push->statements.put), "there",
                     (int)(push->manifests_there + push->statements.there), "statements",
                     (int)okse_bundle_statements(push->request->bundle), "referrers",
                     push->statements.by_tag   ? "tag"
                     : push->statements.by_api ? "api"
                                               : "none");
}

bool okse_push(const OksePushRequest *request, json_t **result, GError **error)
{
    g_autoptr(OkseHttp) http = okse_http_new(&request->http, error);
    const OkseRegistryAccess access = {.http = http,
                                       .credentials = request->credentials,
                                       .plain = request->plain,
                                       .push = true,
                                       .from = request->from};
    g_auto(Push) push = {.request = request};

    if (http == NULL || !push_plan(request->bundle, request->name, &push.plan, error))
        return false;
    push.registry = okse_registry_new(&access, request->name->host, request->name->repository, error);
    if (push.registry == NULL || !check_tags(&push, error) || !send_blobs(&push, error) ||
        !put_manifests(&push, error) || !name_bundle(&push, error))
        return false;
    *result = describe(&push);
    return true;
}
