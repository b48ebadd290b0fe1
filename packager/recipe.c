#include "packager/recipe.h"

#include "packager/bundle_tensors.h"
#include "packager/tensor_pairs.h"

#include <string.h>

#define WORTH (64u << 10) /* bytes that must be saved: a recipe and a blob of pieces cost some themselves */
/* Runs of changed tensors in a bundle, so that recipes stay small; a tensor that has more goes whole. */
#define RUNS 65536u

struct OkseRecipes {
    const OkseBundle *bundle;
    GPtrArray *files;       /* OkseTensorFile of the bundle */
    GPtrArray *of_bases;    /* arrays of them, one a base */
    GPtrArray *known;       /* OkseTensorFile of all bases, borrowed */
    OkseTensorIndex *index; /* of these */
    OkseTensorPairs *pairs; /* what each tensor of `files` was among these */
    const GPtrArray *bases; /* OkseBase */
    unsigned runs;          /* that may still be taken */
};

static void files_let_go(gpointer files)
{
    g_ptr_array_unref(files);
}

OkseRecipes *okse_recipes_new(const OkseBundle *bundle, const GPtrArray *bases, GError **error)
{
    g_autoptr(OkseRecipes) recipes = g_new0(OkseRecipes, 1);

    recipes->bundle = bundle;
    recipes->bases = bases;
    recipes->runs = RUNS;
    recipes->of_bases = g_ptr_array_new_with_free_func(files_let_go);
    recipes->known = g_ptr_array_new();
    recipes->files = okse_bundle_tensors(bundle, error);
    if (recipes->files == NULL)
        return NULL;
    for (guint i = 0; i < bases->len; i++) {
        GPtrArray *files = okse_bundle_tensors(okse_base_bundle(g_ptr_array_index(bases, i)), error);

        if (files == NULL)
            return NULL;
        g_ptr_array_add(recipes->of_bases, files);
        g_ptr_array_extend(recipes->known, files, NULL, NULL);
    }
    recipes->index = okse_tensor_index_new(recipes->known);
    recipes->pairs = okse_tensor_pairs_new(recipes->known, recipes->files);
    return g_steal_pointer(&recipes);
}

void okse_recipes_free(OkseRecipes *recipes)
{
    if (recipes == NULL)
        return;
    g_clear_pointer(&recipes->pairs, okse_tensor_pairs_free);
    g_clear_pointer(&recipes->index, okse_tensor_index_free);
    g_clear_pointer(&recipes->known, g_ptr_array_unref);
    g_clear_pointer(&recipes->of_bases, g_ptr_array_unref);
    g_clear_pointer(&recipes->files, g_ptr_array_unref);
    g_free(recipes);
}

static bool file_find(const OkseRecipes *recipes, const OkseSha256 *digest, guint *index)
{
    for (*index = 0; *index < recipes->files->len; (*index)++)
        if (okse_sha256_equal(&((const OkseTensorFile *)g_ptr_array_index(recipes->files, *index))->digest, digest))
            return true;
    return false;
}

static const OkseTensorPlace *known_find(const OkseRecipes *recipes, const OkseTensor *tensor)
{
    return tensor->length == 0 ? NULL : okse_tensor_index_find(recipes->index, &tensor->digest, tensor->length);
}

/* One file that becomes a recipe. */
typedef struct {
    OkseRecipes *recipes;
    OkseBaseBlob blob; /* its bytes */
    const OkseTensorFile *file;
    guint index; /* of the file */
    OkseRecipe *recipe;
    OkseBytes *fresh;
} Making;

/* What no base has goes into one blob, whose name is not known yet. */
static void fresh_add(const Making *making, uint64_t at, uint64_t length)
{
    static const OkseSha256 unnamed;

    okse_recipe_add(making->recipe, &unnamed, okse_bytes_length(making->fresh), length);
    okse_bytes_append_bytes(making->fresh, making->blob.bytes, making->blob.offset + at, length);
}

static bool blob_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const OkseBaseBlob *blob = context;

    return okse_bytes_read(blob->bytes, blob->offset + offset, buffer, length, "weights", error);
}

static bool base_find(const OkseRecipes *recipes, const OkseSha256 *digest, OkseBaseBlob *blob)
{
    for (guint i = 0; i < recipes->bases->len; i++)
        if (okse_base_find(g_ptr_array_index(recipes->bases, i), digest, UINT64_MAX, blob))
            return true;
    return false;
}

/* A tensor that changed: the rows of it that did not. */
static bool changed_add(const Making *making, unsigned index, GError **error)
{
    const OkseTensor *tensor = okse_tensor(making->file, index), *was;
    const OkseTensorPlace *origin = okse_tensor_pairs_origin(making->recipes->pairs, making->index, index);
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(OkseTensorRun));
    OkseBaseBlob old;

    if (tensor->length == 0 || origin == NULL || !base_find(making->recipes, &origin->file->digest, &old)) {
        fresh_add(making, tensor->offset, tensor->length);
        return true;
    }
    was = okse_tensor(origin->file, origin->index);
    const OkseReadable before = {origin->file->path, old.size, blob_read, &old},
                       after = {making->file->path, making->blob.size, blob_read, &making->blob};

    if (!okse_tensor_runs(&(OkseTensorBytes){&before, was}, &(OkseTensorBytes){&after, tensor}, runs, error))
        return false;
    if (runs->len > making->recipes->runs) {
        fresh_add(making, tensor->offset, tensor->length);
        return true;
    }
    making->recipes->runs -= runs->len;
    for (guint i = 0; i < runs->len; i++) {
        const OkseTensorRun *run = &g_array_index(runs, OkseTensorRun, i);

        if (run->same)
            okse_recipe_add(making->recipe, &origin->file->digest, was->offset + run->at, run->length);
        else
            fresh_add(making, tensor->offset + run->at, run->length);
    }
    return true;
}

static bool recipe_fill(const Making *making, GError **error)
{
    uint64_t at = 0;

    for (guint i = 0; i < making->file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(making->file, i);
        const OkseTensorPlace *known = known_find(making->recipes, tensor);

        fresh_add(making, at, tensor->offset - at);
        if (known != NULL)
            okse_recipe_add(making->recipe, &known->file->digest, okse_tensor(known->file, known->index)->offset,
                            tensor->length);
        else if (!changed_add(making, i, error))
            return false;
        at = tensor->offset + tensor->length;
    }
    fresh_add(making, at, making->blob.size - at);
    return true;
}

bool okse_recipe_make(OkseRecipes *recipes, const OkseBlob *blob, OkseThinList *list, OkseNewRecipe *made,
                      GError **error)
{
    g_autoptr(OkseThinList) trial = okse_thin_list_new();
    g_autoptr(OkseBytes) fresh = okse_bytes_new();
    Making making = {
        .recipes = recipes, .blob = {okse_bundle_bytes(recipes->bundle), blob->offset, blob->size}, .fresh = fresh};

    *made = (OkseNewRecipe){NULL, NULL};
    if (!file_find(recipes, &blob->digest, &making.index))
        return true;
    making.file = g_ptr_array_index(recipes->files, making.index);
    making.recipe = okse_thin_list_add(trial, &blob->digest);
    if (!recipe_fill(&making, error))
        return false;
    if (blob->size - okse_bytes_length(fresh) < WORTH)
        return true;
    made->recipe = g_ptr_array_steal_index(trial->recipes, 0);
    g_ptr_array_add(list->recipes, made->recipe);
    if (okse_bytes_length(fresh) > 0)
        made->fresh = g_steal_pointer(&fresh);
    return true;
}

void okse_recipe_name(OkseRecipe *recipe, const OkseSha256 *fresh)
{
    static const OkseSha256 unnamed;

    for (guint i = 0; i < recipe->from->len; i++)
        if (okse_sha256_equal(&g_array_index(recipe->from, OkseSha256, i), &unnamed))
            g_array_index(recipe->from, OkseSha256, i) = *fresh;
}
