#include "packager/recipe.h"

#include "packager/bundle_tensors.h"
#include "packager/tensor_pairs.h"

#include <string.h>

#define WORTH (64u << 10) /* bytes that must be saved: a recipe and a blob of pieces cost some themselves */
#define RUNS 65536u /* of changed tensors in a bundle; those of one that has more of them than are left go whole */

struct OkseRecipes {
    const OkseBundle *bundle;
    GPtrArray *files;       /* OkseTensorFile of the bundle */
    GPtrArray *of_bases;    /* arrays of them, one a base */
    GPtrArray *known;       /* OkseTensorFile of all bases, borrowed */
    OkseTensorIndex *index; /* of these */
    OkseTensorPairs *pairs; /* what the bundle's tensors were in the bases */
    const GPtrArray *bases; /* OkseBase; borrowed */
    unsigned runs;          /* that may still be taken */
};

/* A run of the new file that lies in a base. */
typedef struct {
    OkseSha256 from; /* the base's file */
    uint64_t from_at, at, length;
} Known;

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

/* The number of a file's list, or -1. */
static int file_find(const OkseRecipes *recipes, const OkseSha256 *digest)
{
    for (guint i = 0; i < recipes->files->len; i++)
        if (okse_sha256_equal(&((const OkseTensorFile *)g_ptr_array_index(recipes->files, i))->digest, digest))
            return (int)i;
    return -1;
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

/* A blob of a bundle as a readable file. */
typedef struct {
    const OkseBytes *bytes;
    uint64_t offset;
    const char *name;
} Lying;

static bool lying_read(const void *context, uint64_t offset, void *buffer, size_t length, GError **error)
{
    const Lying *lying = context;

    return okse_bytes_read(lying->bytes, lying->offset + offset, buffer, length, lying->name, error);
}

/* Where a base has the file of a list. */
static bool base_find(const OkseRecipes *recipes, const OkseTensorFile *file, Lying *lying)
{
    for (guint i = 0; i < recipes->bases->len; i++) {
        OkseBase *base = g_ptr_array_index(recipes->bases, i);
        OkseBaseBlob blob;

        if (!okse_base_find(base, &file->digest, file->size, &blob))
            continue;
        *lying = (Lying){blob.bytes, blob.offset, okse_base_name(base)};
        return true;
    }
    return false;
}

static void known_add(GArray *known, const OkseTensorPlace *place, uint64_t skip, const OkseTensor *tensor,
                      uint64_t length)
{
    const Known run = {place->file->digest, okse_tensor(place->file, place->index)->offset + skip,
                       tensor->offset + skip, length};

    g_array_append_val(known, run);
}

/* What of a changed tensor stayed. A base that cannot be read is no help, and no fault of the new bundle. */
static void known_runs(OkseRecipes *recipes, const OkseBlob *blob, const OkseTensorPlace *origin,
                       const OkseTensor *tensor, GArray *known)
{
    const Lying is = {okse_bundle_bytes(recipes->bundle), blob->offset, "the bundle"};
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(OkseTensorRun));
    Lying was;
    const OkseReadable old = {
        .path = origin->file->path, .size = origin->file->size, .read = lying_read, .context = &was};
    const OkseReadable new = {.path = "", .size = blob->size, .read = lying_read, .context = &is};
    const OkseTensorBytes before = {&old, okse_tensor(origin->file, origin->index)}, after = {&new, tensor};

    if (tensor->length < OKSE_TENSOR_RUN || !base_find(recipes, origin->file, &was) ||
        !okse_tensor_runs(&before, &after, runs, NULL) || runs->len > recipes->runs)
        return;
    recipes->runs -= runs->len;
    for (guint i = 0; i < runs->len; i++) {
        const OkseTensorRun *run = &g_array_index(runs, OkseTensorRun, i);

        if (run->same)
            known_add(known, origin, run->at, tensor, run->length);
    }
}

/* Everything of the file that a base has, in order. */
static GArray *known_of(OkseRecipes *recipes, const OkseBlob *blob, unsigned number)
{
    const OkseTensorFile *file = g_ptr_array_index(recipes->files, number);
    GArray *known = g_array_new(FALSE, FALSE, sizeof(Known));

    for (guint i = 0; i < file->tensors->len; i++) {
        const OkseTensor *tensor = okse_tensor(file, i);
        const OkseTensorPlace *place = known_find(recipes, tensor);
        const OkseTensorPlace *origin = place == NULL ? okse_tensor_pairs_origin(recipes->pairs, number, i) : NULL;

        if (place != NULL)
            known_add(known, place, 0, tensor, tensor->length);
        else if (origin != NULL)
            known_runs(recipes, blob, origin, tensor, known);
    }
    return known;
}

static uint64_t known_bytes(const GArray *known)
{
    uint64_t total = 0;

    for (guint i = 0; i < known->len; i++)
        total += g_array_index(known, Known, i).length;
    return total;
}

OkseRecipe *okse_recipe_make(OkseRecipes *recipes, const OkseBlob *blob, OkseThinList *list, OkseBytes **fresh)
{
    int number = file_find(recipes, &blob->digest);
    const OkseBytes *bytes = okse_bundle_bytes(recipes->bundle);
    g_autoptr(GArray) known = number < 0 ? NULL : known_of(recipes, blob, (unsigned)number);
    OkseRecipe *recipe;
    uint64_t at = 0;

    *fresh = NULL;
    if (known == NULL || known_bytes(known) < WORTH)
        return NULL;
    recipe = okse_thin_list_add(list, &blob->digest);
    *fresh = okse_bytes_new();
    for (guint i = 0; i < known->len; i++) {
        const Known *run = &g_array_index(known, Known, i);

        fresh_add(recipe, *fresh, bytes, blob->offset + at, run->at - at);
        okse_recipe_add(recipe, &run->from, run->from_at, run->length);
        at = run->at + run->length;
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
