#include "packager/recipe.h"

#include "packager/bundle_tensors.h"

#include <string.h>

#define WORTH (64u << 10) /* bytes that must be saved: a recipe and a blob of pieces cost some themselves */

struct OkseRecipes {
    const OkseBundle *bundle;
    GPtrArray *files;       /* OkseTensorFile of the bundle */
    GPtrArray *of_bases;    /* arrays of them, one a base */
    GPtrArray *known;       /* OkseTensorFile of all bases, borrowed */
    OkseTensorIndex *index; /* of these */
};

static void files_let_go(gpointer files)
{
    g_ptr_array_unref(files);
}

OkseRecipes *okse_recipes_new(const OkseBundle *bundle, const GPtrArray *bases, GError **error)
{
    g_autoptr(OkseRecipes) recipes = g_new0(OkseRecipes, 1);

    recipes->bundle = bundle;
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
    return g_steal_pointer(&recipes);
}

void okse_recipes_free(OkseRecipes *recipes)
{
    if (recipes == NULL)
        return;
    g_clear_pointer(&recipes->index, okse_tensor_index_free);
    g_clear_pointer(&recipes->known, g_ptr_array_unref);
    g_clear_pointer(&recipes->of_bases, g_ptr_array_unref);
    g_clear_pointer(&recipes->files, g_ptr_array_unref);
    g_free(recipes);
}

static const OkseTensorFile *file_find(const OkseRecipes *recipes, const OkseSha256 *digest)
{
    for (guint i = 0; i < recipes->files->len; i++) {
        const OkseTensorFile *file = g_ptr_array_index(recipes->files, i);

        if (okse_sha256_equal(&file->digest, digest))
            return file;
    }
    return NULL;
}

static const OkseTensorPlace *known_find(const OkseRecipes *recipes, const OkseTensor *tensor)
{
    return tensor->length == 0 ? NULL : okse_tensor_index_find(recipes->index, &tensor->digest, tensor->length);
}

/* What no base has goes into one blob, whose name is not known yet. */
static void fresh_add(OkseRecipe *recipe, OkseBytes *fresh, const OkseBytes *bytes, uint64_t at, uint64_t length)
{
    static const OkseSha256 unnamed;

    okse_recipe_add(recipe, &unnamed, okse_bytes_length(fresh), length);
    okse_bytes_append_bytes(fresh, bytes, at, length);
}

static uint64_t known_bytes(const OkseRecipes *recipes, const OkseTensorFile *file)
{
    uint64_t total = 0;

    for (guint i = 0; i < file->tensors->len; i++)
        total += known_find(recipes, okse_tensor(file, i)) != NULL ? okse_tensor(file, i)->length : 0;
    return total;
}

OkseRecipe *okse_recipe_make(const OkseRecipes *recipes, const OkseBlob *blob, OkseThinList *list, OkseBytes **fresh)
{
    const OkseTensorFile *file = file_find(recipes, &blob->digest);
    const OkseBytes *bytes = okse_bundle_bytes(recipes->bundle);
    OkseRecipe *recipe;
    uint64_t at = 0;

    *fresh = NULL;
    if (file == NULL || known_bytes(recipes, file) < WORTH)
        return NULL;
    recipe = okse_thin_list_add(list, &blob->digest);
    *fresh = okse_bytes_new();
    for (guint i = 0; i < file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(file, i);
        const OkseTensorPlace *known = known_find(recipes, tensor);

        if (known == NULL)
            continue;
        fresh_add(recipe, *fresh, bytes, blob->offset + at, tensor->offset - at);
        okse_recipe_add(recipe, &known->file->digest, okse_tensor(known->file, known->index)->offset, tensor->length);
        at = tensor->offset + tensor->length;
    }
    fresh_add(recipe, *fresh, bytes, blob->offset + at, blob->size - at);
    return recipe;
}

void okse_recipe_name(OkseRecipe *recipe, const OkseSha256 *fresh)
{
    static const OkseSha256 unnamed;

    for (guint i = 0; i < recipe->from->len; i++)
        if (okse_sha256_equal(&g_array_index(recipe->from, OkseSha256, i), &unnamed))
            g_array_index(recipe->from, OkseSha256, i) = *fresh;
}
