#include "packager/tensor_plan.h"

#include "packager/media_types.h"
#include "packager/tensor_hash.h"
#include "packager/tensor_list.h"

#include <string.h>

void okse_tensor_plan_component(OksePlan *plan, const OkseManifestPlan *manifest, guint first)
{
    if (manifest->form != OKSE_PLAN_RAW)
        g_ptr_array_set_size(plan->tensors, (int)first);
    for (guint i = 0; i < manifest->layers->len; i++) {
        OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i);

        for (guint k = first; k < plan->tensors->len; k++) {
            OkseTensorFile *file = g_ptr_array_index(plan->tensors, k);

            if (strcmp(file->path, okse_source_entry(blob->source, blob->entry)->path) == 0)
                blob->tensors = file;
        }
    }
    for (guint k = first; k < plan->tensors->len; k++) {
        OkseTensorFile *file = g_ptr_array_index(plan->tensors, k);

        file->component = g_strdup(manifest->component->name);
    }
}

/* One document: tensors of this component from the cursor on. */
typedef struct {
    const OkseManifestPlan *manifest;
    OkseTensorCursor from;
} Part;

/* The component's files that are listed, with the digests that are known by now. Borrowed. */
static GPtrArray *listed_files(const OkseManifestPlan *manifest)
{
    GPtrArray *files = g_ptr_array_new();

    for (guint i = 0; i < manifest->layers->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(manifest->layers, i);

        if (blob->tensors == NULL)
            continue;
        blob->tensors->digest = blob->digest;
        g_ptr_array_add(files, blob->tensors);
    }
    return files;
}

static GBytes *render(const OksePlan *plan, gconstpointer context, GError **error)
{
    const Part *part = context;
    g_autoptr(GPtrArray) files = listed_files(part->manifest);
    OkseTensorCursor cursor = part->from;

    (void)plan;
    (void)error;
    return okse_tensor_list_write(part->manifest->component->name, files, &cursor);
}

static void add_documents(OksePlan *plan, const OkseManifestPlan *manifest, const GPtrArray *files)
{
    const char *name = manifest->component->name;
    OkseTensorCursor cursor = {0};

    for (unsigned number = 1; cursor.file < files->len; number++) {
        g_autofree char *title = number == 1 ? g_strdup_printf("tensors/%s.json", name)
                                             : g_strdup_printf("tensors/%s.%u.json", name, number);
        OkseDocument *document = okse_document_new(title, OKSE_TYPE_TENSORS, NULL);
        const Part part = {manifest, cursor};

        document->render = render;
        document->context = g_memdup2(&part, sizeof part);
        g_ptr_array_add(plan->documents, document);
        g_bytes_unref(okse_tensor_list_write(name, files, &cursor)); /* only to see how much it takes */
    }
}

void okse_tensor_plan_documents(OksePlan *plan)
{
    for (guint i = 1; i < plan->manifests->len; i++) {
        const OkseManifestPlan *manifest = g_ptr_array_index(plan->manifests, i);
        g_autoptr(GPtrArray) files = listed_files(manifest);

        add_documents(plan, manifest, files);
    }
}

static void hash_bytes(OkseTensorFile *file, GBytes *bytes)
{
    g_autoptr(OkseTensorHash) hash = okse_tensor_hash_new(file);

    okse_tensor_hash_update(hash, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    okse_tensor_hash_end(hash);
}

/* Equal bytes have equal lists, whatever the files are called. */
static void copy_digests(OkseTensorFile *to, const OkseTensorFile *from)
{
    g_assert(to->tensors->len == from->tensors->len);
    for (guint i = 0; i < to->tensors->len; i++)
        g_array_index(to->tensors, OkseTensor, i).digest = okse_tensor(from, i)->digest;
}

void okse_tensor_plan_copy(const OksePlan *plan)
{
    for (guint i = 0; i < plan->blobs->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(plan->blobs, i);

        if (blob->tensors != NULL && blob->same_as == NULL && blob->bytes != NULL)
            hash_bytes(blob->tensors, blob->bytes);
    }
    for (guint i = 0; i < plan->blobs->len; i++) {
        const OkseBlobPlan *blob = g_ptr_array_index(plan->blobs, i);

        if (blob->tensors != NULL && blob->same_as != NULL && blob->same_as->tensors != blob->tensors)
            copy_digests(blob->tensors, blob->same_as->tensors);
    }
}
