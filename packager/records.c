#include "packager/records.h"

#include "core/fd.h"
#include "core/limits.h"
#include "packager/generation.h"
#include "packager/stage.h"

#include <string.h>
#include <sys/stat.h>

#define GENERATION_SCHEMA "okse.generation.v1"

static char *blob_path(const OkseSha256 *digest)
{
    char hex[OKSE_SHA256_HEX];

    return g_strconcat("blobs/sha256/", okse_sha256_hex(digest, hex), NULL);
}

static int digest_compare(gconstpointer a, gconstpointer b)
{
    return okse_sha256_compare(a, b);
}

/* Sorted, each once. */
static void digests_unique(GArray *digests)
{
    guint kept = 0;

    g_array_sort(digests, digest_compare);
    for (guint i = 0; i < digests->len; i++) {
        OkseSha256 digest = g_array_index(digests, OkseSha256, i);

        if (kept == 0 || !okse_sha256_equal(&digest, &g_array_index(digests, OkseSha256, kept - 1)))
            g_array_index(digests, OkseSha256, kept++) = digest;
    }
    g_array_set_size(digests, kept);
}

static bool digests_hold(const GArray *digests, const OkseSha256 *digest)
{
    for (guint i = 0; i < digests->len; i++)
        if (okse_sha256_equal(&g_array_index(digests, OkseSha256, i), digest))
            return true;
    return false;
}

static bool write_json(int fd, const char *path, const json_t *value, GError **error)
{
    g_autoptr(GBytes) bytes = okse_json_write(value);

    return okse_stage_write(fd, path, bytes, error);
}

static bool write_blobs(int fd, const GArray *digests, const OkseBlobs *blobs, GError **error)
{
    for (guint i = 0; i < digests->len; i++) {
        const OkseSha256 *digest = &g_array_index(digests, OkseSha256, i);
        g_autofree char *path = blob_path(digest);
        g_autoptr(GBytes) bytes = blobs->read(digest, OKSE_LIMIT_LISTING, blobs->context, error);

        if (bytes == NULL || !okse_stage_write(fd, path, bytes, error))
            return false;
    }
    return true;
}

static int make_records(int generation_fd, GError **error)
{
    static const char *const directories[] = {OKSE_RECORDS, OKSE_RECORDS "/blobs", OKSE_RECORDS "/blobs/sha256"};

    for (unsigned i = 0; i < G_N_ELEMENTS(directories); i++) {
        if (mkdirat(generation_fd, directories[i], 0755) < 0 || fchmodat(generation_fd, directories[i], 0755, 0) < 0) {
            okse_fail_errno(error, "make directory %s", directories[i]);
            return -1;
        }
    }
    return okse_open_beneath(generation_fd, OKSE_RECORDS, O_RDONLY | O_DIRECTORY, 0, error);
}

bool okse_records_write(int generation_fd, const OkseRecordsSource *source, GError **error)
{
    g_autoptr(GArray) digests = g_array_new(FALSE, FALSE, sizeof(OkseSha256));
    g_autoptr(GBytes) marker = g_bytes_new_static(OKSE_OCI_LAYOUT, strlen(OKSE_OCI_LAYOUT));
    okse_autofd fd = make_records(generation_fd, error);

    if (fd < 0)
        return false;
    g_array_append_val(digests, *source->identity);
    if (!okse_parts_metadata(source->bundle_index, source->blobs, digests, error) ||
        !okse_parts_statements(source->layout_index, source->blobs, digests, error))
        return false;
    digests_unique(digests);
    return write_blobs(fd, digests, source->blobs, error) && okse_stage_write(fd, "oci-layout", marker, error) &&
           write_json(fd, "index.json", source->layout_index, error) &&
           write_json(fd, "generation.json", source->generation, error);
}

void okse_records_free(OkseRecords *records)
{
    if (records == NULL)
        return;
    json_decref(records->index);
    json_decref(records->stack);
    json_decref(records->generation);
    g_clear_pointer(&records->parts, g_ptr_array_unref);
    okse_tree_free(records->own);
    g_free(records->fault);
    g_free(records);
}

/* OkseBlobSource over `.okse`; context: its descriptor. */
static GBytes *read_blob(const OkseSha256 *digest, uint64_t limit, void *context, GError **error)
{
    const int *dir_fd = context;
    g_autofree char *path = blob_path(digest);
    g_autoptr(GBytes) bytes = NULL;
    okse_autofd fd = okse_open_beneath(*dir_fd, path, O_RDONLY | O_NONBLOCK, 0, error);
    OkseSha256 found;

    if (fd < 0)
        return NULL;
    bytes = okse_read_fd(fd, limit, path, error);
    if (bytes == NULL)
        return NULL;
    found = okse_sha256_of_bytes(bytes);
    if (!okse_sha256_equal(&found, digest)) {
        okse_fail(error, OKSE_ERROR_REFUSED, "%s: the bytes are not those of its name", path);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

static GBytes *read_file(int fd, const char *name, GError **error)
{
    okse_autofd file = okse_open_beneath(fd, name, O_RDONLY | O_NONBLOCK, 0, error);

    return file < 0 ? NULL : okse_read_fd(file, OKSE_LIMIT_DOCUMENT, name, error);
}

static json_t *read_layout(int fd, GError **error)
{
    g_autoptr(GBytes) bytes = read_file(fd, "index.json", error);

    return bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, "index.json", error);
}

json_t *okse_generation_read(GBytes *bytes, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(bytes, OKSE_LIMIT_DOCUMENT, "generation.json", error);
    const char *schema = value == NULL ? NULL : okse_json_text(value, "schema", "generation.json", error);

    if (schema == NULL)
        return NULL;
    if (strcmp(schema, GENERATION_SCHEMA) != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "generation.json: not an " GENERATION_SCHEMA " document");
        return NULL;
    }
    return g_steal_pointer(&value);
}

static void own_add(OkseRecords *records, const char *path, const OkseSha256 *digest)
{
    OkseTreeEntry entry = {.type = OKSE_TREE_FILE, .path = path, .any_content = digest == NULL};
    bool added;

    if (digest != NULL)
        entry.digest = *digest;
    added = okse_tree_add(records->own, &entry, NULL);
    g_assert(added);
}

/* Without a bundle index `.okse` cannot say what else it should hold. */
static void own_fill(OkseRecords *records, GArray *digests)
{
    OkseSha256 marker = okse_sha256_of(OKSE_OCI_LAYOUT, strlen(OKSE_OCI_LAYOUT));
    bool finished;

    digests_unique(digests);
    own_add(records, "oci-layout", &marker);
    own_add(records, "index.json", NULL);
    own_add(records, "generation.json", NULL);
    for (guint i = 0; i < digests->len; i++) {
        const OkseSha256 *digest = &g_array_index(digests, OkseSha256, i);
        g_autofree char *path = blob_path(digest);

        own_add(records, path, digest);
    }
    finished = okse_tree_finish(records->own, NULL);
    g_assert(finished);
}

static void fault_add(OkseRecords *records, GError **cause)
{
    bool unread = g_error_matches(*cause, OKSE_ERROR, OKSE_ERROR_SYSTEM);

    if (*cause != NULL && records->fault == NULL)
        records->fault = g_strdup((*cause)->message);
    records->unread = records->unread || unread;
    records->damaged = records->damaged || (*cause != NULL && !unread);
    g_clear_error(cause);
}

/* For what the identity does not vouch for: other bytes there are found by the comparison, or mean nothing. */
static void unread_add(OkseRecords *records, GError **cause)
{
    if (g_error_matches(*cause, OKSE_ERROR, OKSE_ERROR_SYSTEM))
        fault_add(records, cause);
    g_clear_error(cause);
}

/* For a root whose state.json does not know the generation: it was killed between two steps. */
static bool identity_find(int fd, const char *name, OkseSha256 *identity, GError **error)
{
    g_autoptr(json_t) layout = read_layout(fd, error);
    const json_t *manifests = layout == NULL ? NULL : okse_json_array(layout, "manifests", "index.json", error);
    const char *text =
        manifests == NULL ? NULL : okse_json_text(json_array_get(manifests, 0), "digest", "index.json", error);

    if (text == NULL || !okse_sha256_parse(text, identity, error))
        return false;
    return okse_generation_matches(name, identity) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "index.json names another bundle than generation %s", name);
}

/* The model signatures that generation.json says stand beside weights. Only a statement of these records can be one, so
 * that a model.sig which nobody signed is drift whatever that file says. */
static void models_add(OkseRecords *records, int fd, const GArray *statements)
{
    const json_t *models = json_object_get(records->generation, "models");

    for (guint i = 0; records->parts != NULL && i < records->parts->len; i++) {
        OksePart *part = g_ptr_array_index(records->parts, i);
        const char *text = okse_json_peek_text(models, part->name);
        g_autoptr(GBytes) bytes = NULL;
        g_autoptr(GError) cause = NULL;
        OkseSha256 digest;

        if (text == NULL || part->tree == NULL || !okse_sha256_parse(text, &digest, NULL) ||
            !digests_hold(statements, &digest))
            continue;
        bytes = read_blob(&digest, OKSE_LIMIT_METADATA, &fd, &cause);
        if (bytes != NULL)
            okse_part_sign(part, &digest, g_bytes_get_size(bytes), NULL);
        unread_add(records, &cause);
    }
}

static void records_fill(OkseRecords *records, int fd, const OkseSha256 *identity, GArray *digests)
{
    const OkseBlobs blobs = {read_blob, &fd};
    g_autoptr(GArray) statements = g_array_new(FALSE, FALSE, sizeof(OkseSha256));
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(json_t) layout = NULL;

    g_array_append_val(digests, *identity);
    bytes = read_blob(identity, OKSE_LIMIT_METADATA, &fd, &cause);
    records->index = bytes == NULL ? NULL : okse_json_read(bytes, OKSE_LIMIT_METADATA, "bundle index", &cause);
    fault_add(records, &cause);
    if (records->index == NULL)
        return;
    records->parts = okse_parts_read(records->index, &blobs, &cause);
    fault_add(records, &cause);
    records->stack = okse_parts_stack(records->index, &blobs, &cause);
    fault_add(records, &cause);
    okse_parts_metadata(records->index, &blobs, digests, &cause);
    fault_add(records, &cause);
    layout = read_layout(fd, &cause);
    if (layout != NULL)
        okse_parts_statements(layout, &blobs, statements, &cause);
    fault_add(records, &cause);
    g_array_append_vals(digests, statements->data, statements->len);
    models_add(records, fd, statements);
}

OkseRecords *okse_records_read(int generation_fd, const char *name, const OkseSha256 *identity)
{
    g_autoptr(GArray) digests = g_array_new(FALSE, FALSE, sizeof(OkseSha256));
    g_autoptr(OkseRecords) records = g_new0(OkseRecords, 1);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) generation = NULL;
    okse_autofd fd = okse_open_beneath(generation_fd, OKSE_RECORDS, O_RDONLY | O_DIRECTORY, 0, &cause);

    records->own = okse_tree_new();
    records->has_identity = identity != NULL;
    if (identity != NULL)
        records->identity = *identity;
    else if (fd >= 0)
        records->has_identity = identity_find(fd, name, &records->identity, &cause);
    if (fd >= 0 && records->has_identity) {
        generation = read_file(fd, "generation.json", &cause);
        records->generation = generation == NULL ? NULL : okse_generation_read(generation, NULL);
        unread_add(records, &cause);
        records_fill(records, fd, &records->identity, digests);
    }
    fault_add(records, &cause);
    own_fill(records, digests);
    return g_steal_pointer(&records);
}
