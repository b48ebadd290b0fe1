#pragma once

#include "packager/base.h"
#include "packager/thin_list.h"

/* Recipes for weights files of which most tensors are in a base: what did not change is taken from there. Which tensors
 * are equal say the digests in the signed metadata of both bundles (packager/bundle_tensors.h), without a look at the
 * payload; a tensor that changed is compared with the one it was, so that what stayed of it stays (tensor_pairs.h). */
typedef struct OkseRecipes OkseRecipes;

/* bundle: the new one; bases: OkseBase over bundles; both borrowed. Errors: those of okse_bundle_tensors(). */
OkseRecipes *okse_recipes_new(const OkseBundle *bundle, const GPtrArray *bases,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_recipes_free(OkseRecipes *recipes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseRecipes, okse_recipes_free)

/* A recipe for this blob, added to the list; NULL when the bases have nothing of it. *fresh becomes the bytes that none
 * of them has, to be stored as one blob whose digest okse_recipe_name() then says; NULL when there are none. */
OkseRecipe *okse_recipe_make(OkseRecipes *recipes, const OkseBlob *blob, OkseThinList *list, OkseBytes **fresh);
void okse_recipe_name(OkseRecipe *recipe, const OkseSha256 *fresh);
