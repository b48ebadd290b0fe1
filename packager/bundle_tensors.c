#include "packager/bundle_tensors.h"

#include "core/limits.h"
#include "core/text.h"
#include "packager/bundle_internal.h"
#include "packager/media_types.h"
#include "packager/tensor_hash.h"
#include "packager/tensor_list.h"

#include <string.h>

static bool read_document(const OkseBundle *bundle, const json_t *layer, GPtrArray *files, GError **error)
{
    const char *title = okse_json_peek_text(json_object_get(layer, "annotations"), OKSE_NOTE_TITLE);
    g_autofree char *origin = g_strdup_printf("%s: %s", bundle->origin, title);
    g_autoptr(GError) why = NULL;
    OkseSha256 digest;
    GBytes *bytes = okse_sha256_parse(okse_json_peek_text(layer, "digest"), &digest, NULL)
                        ? okse_bundle_metadata(bundle, &digest)
                        : NULL;

    g_assert(bytes != NULL); /* the reader has every document */
    return okse_tensor_list_read(bytes, origin, files, &why) ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s", why->message);
}

static bool is_of(const OkseBundle *bundle, const OkseTensorFile *listed)
{
    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        if (strcmp(component->name, listed->component) != 0 || strcmp(component->kind, "weights") != 0)
            continue;
        for (guint k = 0; k < component->files->len; k++) {
            const OkseBundleFile *file = g_ptr_array_index(component->files, k);

            if (strcmp(file->path, listed->path) == 0)
                return file->size == listed->size && okse_sha256_equal(&file->digest, &listed->digest);
        }
    }
    return false;
}

static bool check_file(const OkseBundle *bundle, OkseTensorFile *file, GHashTable *seen, GError **error)
{
    if (!is_of(bundle, file))
        return okse_fail(error, OKSE_ERROR_REFUSED,
                         "%s: tensors of '%s/%s' are listed, which is no file of a weights component with this digest "
                         "and size",
                         bundle->origin, file->component, file->path);
    if (!g_hash_table_add(seen, g_strconcat(file->component, "/", file->path, NULL)) || !okse_tensor_file_finish(file))
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: '%s/%s' or a tensor of it is listed twice", bundle->origin,
                         file->component, file->path);
    return true;
}

GPtrArray *okse_bundle_tensors(const OkseBundle *bundle, GError **error)
{
    const OkseBundleComponent *stack = g_ptr_array_index(bundle->components, 0);
    const json_t *layers = json_object_get(stack->manifest, "layers");
    g_autoptr(GPtrArray) files = okse_tensor_files_new();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);

        if (g_strcmp0(okse_json_peek_text(layer, "mediaType"), OKSE_TYPE_TENSORS) == 0 &&
            !read_document(bundle, layer, files, error))
            return NULL;
    }
    for (guint i = 0; i < files->len; i++)
        if (!check_file(bundle, g_ptr_array_index(files, i), seen, error))
            return NULL;
    return g_steal_pointer(&files);
}

typedef struct {
    const OkseBundle *bundle;
    const OkseWeightsRules *rules;
    GPtrArray *files; /* OkseTensorFile */
    unsigned tensors; /* of them */
    uint64_t size;    /* bytes of them */
    OkseProgress *progress;
} Computing;

typedef struct {
    const OkseBundle *bundle;
    uint64_t offset;
} Peek;

static bool peek(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Peek *at = context;

    return okse_bytes_read(okse_bundle_bytes(at->bundle), at->offset + offset, buffer, length, at->bundle->origin,
                           error);
}

/* By its name or its first bytes; what is neither is not walked through. */
static bool may_have_tensors(const OkseReadable *file, bool *may, GError **error)
{
    char magic[4];

    *may = g_str_has_suffix(file->path, ".safetensors");
    if (*may)
        return true;
    if (!file->read(file->context, 0, magic, sizeof magic, error))
        return false;
    *may = memcmp(magic, "GGUF", sizeof magic) == 0;
    return true;
}

/* One file, by what lists say of it: its tensors without their digests; *read NULL: none that a list may have. */
typedef struct {
    const char *component, *path;
    OkseSha256 digest;
    uint64_t size;
} Named;

static bool read_header(const Computing *computing, const Named *named, OkseTensorFile **read, GError **error)
{
    const Peek at = {computing->bundle, okse_bundle_find(computing->bundle, &named->digest)->offset};
    const OkseReadable readable = {.path = named->path, .size = named->size, .read = peek, .context = &at};
    g_autoptr(GError) failed = NULL;
    bool may = false;

    *read = NULL;
    if (named->size < OKSE_TENSORS_FROM)
        return true;
    if (!may_have_tensors(&readable, &may, error))
        return false;
    *read = may ? okse_weights_tensors(computing->rules, &readable, &failed) : NULL;
    if (failed != NULL) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return false;
    }
    if (*read == NULL)
        return true;
    (*read)->component = g_strdup(named->component);
    (*read)->digest = named->digest;
    return true;
}

static void add_file(Computing *computing, OkseTensorFile *file)
{
    computing->tensors += file->tensors->len;
    computing->size += file->size;
    g_ptr_array_add(computing->files, file);
}

static bool list_file(Computing *computing, const OkseBundleComponent *component, const OkseBundleFile *file,
                      GError **error)
{
    const Named named = {component->name, file->path, file->digest, file->size};
    OkseTensorFile *listed;

    if (!read_header(computing, &named, &listed, error))
        return false;
    if (listed != NULL && listed->tensors->len <= OKSE_LIMIT_TENSORS - computing->tensors)
        add_file(computing, listed);
    else
        okse_tensor_file_free(listed);
    return true;
}

static bool hash_file(OkseJobs *jobs, unsigned index, void *context, GError **error)
{
    const Computing *computing = context;
    OkseTensorFile *file = g_ptr_array_index(computing->files, index);
    const OkseRange range = {okse_bundle_bytes(computing->bundle),
                             okse_bundle_find(computing->bundle, &file->digest)->offset, file->size,
                             computing->bundle->origin, false};

    return okse_tensor_hash_range(file, &range, jobs, computing->progress, error);
}

static bool same_place(const OkseTensor *one, const OkseTensor *other)
{
    return strcmp(one->name, other->name) == 0 && strcmp(one->dtype, other->dtype) == 0 &&
           one->offset == other->offset && one->length == other->length && one->dimensions == other->dimensions &&
           memcmp(one->shape, other->shape, one->dimensions * sizeof one->shape[0]) == 0;
}

/* Does the header say what the list says? A list that leaves one out would hide that it changed. */
static bool same_places(const OkseTensorFile *listed, const OkseTensorFile *found)
{
    if (found == NULL || found->tensors->len != listed->tensors->len || strcmp(found->format, listed->format) != 0)
        return false;
    for (guint i = 0; i < listed->tensors->len; i++)
        if (!same_place(okse_tensor(listed, i), okse_tensor(found, i)))
            return false;
    return true;
}

static char *lie_of(const OkseTensorFile *file, const OkseTensor *tensor)
{
    g_autofree char *words =
        tensor == NULL
            ? g_strdup_printf("%s/%s: its header has other tensors than its list says", file->component, file->path)
            : g_strdup_printf("%s/%s: tensor '%s' has another digest than its list says", file->component, file->path,
                              tensor->name);

    return okse_text_show(words, -1, false);
}

static char *first_lie(const GPtrArray *listed, const GPtrArray *found)
{
    for (guint i = 0; i < listed->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(listed, i);

        for (guint k = 0; k < file->tensors->len; k++)
            if (!okse_sha256_equal(&okse_tensor(file, k)->digest, &okse_tensor(g_ptr_array_index(found, i), k)->digest))
                return lie_of(file, okse_tensor(file, k));
    }
    return NULL;
}

/* The files of the lists, read from their headers; *lie: the first that has another one. */
static bool read_headers(Computing *computing, const GPtrArray *listed, char **lie, GError **error)
{
    for (guint i = 0; i < listed->len && *lie == NULL; i++) {
        const OkseTensorFile *file = g_ptr_array_index(listed, i);
        const Named named = {file->component, file->path, file->digest, file->size};
        OkseTensorFile *found;

        if (!read_header(computing, &named, &found, error))
            return false;
        if (same_places(file, found)) {
            add_file(computing, found);
            continue;
        }
        okse_tensor_file_free(found);
        *lie = lie_of(file, NULL);
    }
    return true;
}

bool okse_bundle_tensors_check(const OkseBundle *bundle, const GPtrArray *listed, const OkseWeightsRules *rules,
                               bool show_progress, char **lie, GError **error)
{
    g_autoptr(GPtrArray) files = okse_tensor_files_new();
    g_autoptr(OkseProgress) progress = NULL;
    Computing computing = {.bundle = bundle, .rules = rules, .files = files};

    *lie = NULL;
    if (!read_headers(&computing, listed, lie, error))
        return false;
    if (*lie != NULL)
        return true;
    progress = show_progress ? okse_progress_new("hashing tensors", computing.size) : NULL;
    computing.progress = progress;
    if (!okse_jobs_run(files->len, 0, hash_file, &computing, error))
        return false;
    *lie = first_lie(listed, files);
    return true;
}

GPtrArray *okse_bundle_tensors_read(const OkseBundle *bundle, const OkseWeightsRules *rules, bool show_progress,
                                    GError **error)
{
    g_autoptr(GPtrArray) files = okse_tensor_files_new();
    g_autoptr(OkseProgress) progress = NULL;
    Computing computing = {.bundle = bundle, .rules = rules, .files = files};

    for (unsigned i = 0; i < okse_bundle_components(bundle); i++) {
        const OkseBundleComponent *component = okse_bundle_component(bundle, i);

        for (guint k = 0; strcmp(component->kind, "weights") == 0 && k < component->files->len; k++)
            if (!list_file(&computing, component, g_ptr_array_index(component->files, k), error))
                return NULL;
    }
    progress = show_progress ? okse_progress_new("hashing tensors", computing.size) : NULL;
    computing.progress = progress;
    if (!okse_jobs_run(files->len, 0, hash_file, &computing, error))
        return NULL;
    return g_steal_pointer(&files);
}
