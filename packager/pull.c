/* Metadata first, which says where everything goes; then payload in the order of the archive, so that how long the
 * unfinished file is says how far it came, and nothing else has to be remembered. */
#include "packager/pull.h"

#include "core/limits.h"
#include "core/worker.h"
#include "packager/build_resume.h"
#include "packager/build_space.h"
#include "packager/bundle_reader.h"
#include "packager/bundle_writer.h"
#include "packager/layout_index.h"
#include "packager/pull_internal.h"
#include "packager/tar_header.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

typedef struct {
    const OksePullRequest *request;
    OkseRegistry *registry;
    OksePlan *plan;
    OkseLayout layout;
    OkseOutput output;
    uint64_t fetched, reused;
    PullReferrers found;
    bool refused; /* by the strict reader */
} Pull;

static void pull_clear(Pull *pull)
{
    okse_layout_clear(&pull->layout);
    g_clear_pointer(&pull->plan, okse_plan_free);
    g_clear_pointer(&pull->registry, okse_registry_free);
    okse_output_clear(&pull->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pull, pull_clear)

/* The bundle index by its tag or digest, and everything that hangs on it but payload. */
static bool read_plan(Pull *pull, GError **error)
{
    const OkseImageName *name = pull->request->name;
    char text[OKSE_SHA256_TEXT];
    const char *reference = name->pinned ? okse_sha256_text(&name->digest, text) : name->tag;
    g_autoptr(GBytes) index = okse_registry_manifest(pull->registry, reference, error), written = NULL;
    g_autoptr(json_t) json = NULL, layout_index = NULL;

    if (index == NULL)
        return false;
    pull->plan = pull_plan(pull->registry, index, error);
    if (pull->plan == NULL)
        return false;
    json = okse_json_read(index, OKSE_LIMIT_METADATA, okse_registry_name(pull->registry), error);
    if (json == NULL)
        return false;
    layout_index = okse_layout_index(json, &pull->plan->index->digest, pull->plan->index->size, NULL);
    written = layout_index == NULL ? NULL : okse_json_write(layout_index);
    if (written == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the bundle index is malformed",
                         okse_registry_name(pull->registry));
    return okse_layout_place(pull->plan, g_bytes_get_size(written), &pull->layout, error);
}

/* Is what lies in the unfinished file of this very bundle? Then every place in it is the same. */
static bool is_same(const Pull *pull, uint64_t size)
{
    const OkseBlobPlan *index = pull->plan->index;
    g_autofree void *there = g_malloc(index->size + 1);

    return size >= index->data_at + index->size &&
           okse_pread_exact(pull->output.fd, there, index->size, index->data_at, pull->output.path, NULL) &&
           memcmp(there, g_bytes_get_data(index->bytes, NULL), index->size) == 0;
}

static bool open_output(Pull *pull, GError **error)
{
    struct statvfs room;
    struct stat info;
    OkseBuildSpace space;

    if (!okse_resume_take(&pull->output) && !okse_output_create(&pull->output, error))
        return false;
    if (fstat(pull->output.fd, &info) < 0 || fstatvfs(pull->output.fd, &room) < 0)
        return okse_fail_errno(error, "%s", pull->output.path);
    if (!is_same(pull, (uint64_t)info.st_size)) {
        if (ftruncate(pull->output.fd, 0) < 0)
            return okse_fail_errno(error, "%s", pull->output.path);
        info.st_blocks = 0;
    }
    space.needed = pull->layout.size;
    space.available = (uint64_t)room.f_bavail * room.f_frsize + (uint64_t)info.st_blocks * 512;
    return okse_build_space_check(&space, pull->output.path, error);
}

/* What the front of the file is follows from metadata, and is written anew each time. */
static bool write_metadata(const Pull *pull, GError **error)
{
    if (!okse_bundle_write_front(pull->plan, &pull->layout, pull->output.fd, error))
        return false;
    for (guint i = 0; i < pull->layout.metadata; i++)
        if (!okse_bundle_write_blob_front(&pull->layout, i, pull->output.fd, error))
            return false;
    return true;
}

static bool fetch_payload(Pull *pull, guint index, OkseProgress *progress, GError **error)
{
    static const uint8_t zeros[OKSE_TAR_BLOCK];
    const OkseBlobPlan *planned = g_ptr_array_index(pull->layout.order, index);
    const OkseRegistryBlob blob = {planned->digest, planned->size};
    const OkseRegistryPlace place = {.fd = pull->output.fd, .at = planned->data_at, .followed = true};
    uint64_t fetched = 0;

    if (okse_interrupted())
        return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
    if (!okse_bundle_write_blob_front(&pull->layout, index, pull->output.fd, error) ||
        !okse_registry_blob(pull->registry, &blob, &place, progress, &fetched, error))
        return false;
    pull->fetched += fetched;
    pull->reused += blob.size - MIN(fetched, blob.size);
    return okse_pwrite_all(pull->output.fd, zeros, (size_t)(okse_tar_padded(blob.size) - blob.size),
                           planned->data_at + blob.size, pull->output.path, error);
}

static bool write_payload(Pull *pull, GError **error)
{
    g_autoptr(OkseProgress) progress =
        pull->request->show_progress ? okse_progress_new("pulling", pull->layout.payload) : NULL;
    int fd = pull->output.fd;

    for (guint i = pull->layout.metadata; i < pull->layout.order->len; i++)
        if (!fetch_payload(pull, i, progress, error))
            return false;
    return (ftruncate(fd, (off_t)pull->layout.end_at) == 0 && ftruncate(fd, (off_t)pull->layout.size) == 0) ||
           okse_fail_errno(error, "%s", pull->output.path);
}

/* What can be gone on with stays under its name: all that came was hashed. What is whole and refused does not. */
static void keep_unfinished(Pull *pull)
{
    g_autofree char *usual = g_strdup_printf(".%s.part", pull->output.name);
    struct stat info;

    if (!pull->refused && pull->output.fd >= 0 && fstat(pull->output.fd, &info) == 0 && info.st_size > 0 &&
        g_strcmp0(pull->output.part, usual) == 0)
        g_clear_pointer(&pull->output.part, g_free);
}

static json_t *describe(const Pull *pull, const OkseBundle *bundle)
{
    g_autofree char *shown = g_utf8_make_valid(pull->request->output, -1);
    char text[OKSE_SHA256_TEXT];

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:i,s:i}", "schema", "okse.pull.v1", "identity",
                     okse_sha256_text(okse_bundle_identity(bundle), text), "name", okse_bundle_name(bundle), "version",
                     okse_bundle_version(bundle), "country", okse_bundle_country(bundle), "bundle", shown, "bytes",
                     (json_int_t)okse_bundle_slots(bundle).file_size, "fetched", (json_int_t)pull->fetched, "reused",
                     (json_int_t)pull->reused, "statements", (int)pull->found.statements, "others",
                     (int)pull->found.others);
}

/* To the strict reader. */
static bool is_good(Pull *pull, OkseBundle **bundle, GError **error)
{
    g_clear_pointer(bundle, okse_bundle_free);
    *bundle = okse_bundle_open(pull->output.fd, pull->output.path, error);
    pull->refused = *bundle == NULL;
    return !pull->refused;
}

static bool pull_file(Pull *pull, json_t **result, GError **error)
{
    g_autoptr(OkseBundle) bundle = NULL;

    if (!open_output(pull, error) || !write_metadata(pull, error) || !write_payload(pull, error) ||
        !is_good(pull, &bundle, error) ||
        !pull_statements(pull->registry, pull->output.fd, pull->output.path, &pull->found, error) ||
        !is_good(pull, &bundle, error) || !okse_output_finish(&pull->output, error))
        return false;
    *result = describe(pull, bundle);
    return true;
}

bool okse_pull(const OksePullRequest *request, json_t **result, GError **error)
{
    g_autoptr(OkseHttp) http = okse_http_new(&request->http, error);
    const OkseRegistryAccess access = {.http = http, .credentials = request->credentials, .plain = request->plain};
    g_auto(Pull) pull = {.request = request, .output = OKSE_OUTPUT_INIT};

    if (http == NULL)
        return false;
    pull.registry = okse_registry_new(&access, request->name->host, request->name->repository, error);
    if (pull.registry == NULL || !okse_output_prepare(&pull.output, request->output, error) || !read_plan(&pull, error))
        return false;
    if (pull_file(&pull, result, error))
        return true;
    keep_unfinished(&pull);
    return false;
}
