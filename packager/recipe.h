#pragma once

#include "packager/base.h"
#include "packager/thin_list.h"

/* Recipes for weights files of which most tensors are in a base: what did not change is taken from there. Which tensors
 * are equal say the digests in the signed metadata of both bundles (packager/bundle_tensors.h); only of a tensor that
 * changed the bytes are compared with those of the one that it was, for the rows that stayed. */
typedef struct OkseRecipes OkseRecipes;

/* bundle: the new one; bases: OkseBase over bundles; both borrowed. Errors: those of okse_bundle_tensors(). */
OkseRecipes *okse_recipes_new(const OkseBundle *bundle, const GPtrArray *bases,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_recipes_free(OkseRecipes *recipes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseRecipes, okse_recipes_free)

/* A recipe for this blob, added to the list, and the bytes that no base has, to be stored as one blob whose digest
 * okse_recipe_name() then says. Errors: those of reading. */
typedef struct {
    OkseRecipe *recipe; /* NULL: the bases have nothing of it that would be worth one; borrowed from the list */
    OkseBytes *fresh;   /* NULL: there are none; owned by the caller */
} OkseNewRecipe;
bool okse_recipe_make(OkseRecipes *recipes, const OkseBlob *blob, OkseThinList *list, OkseNewRecipe *made,
                      GError **error);
void okse_recipe_name(OkseRecipe *recipe, const OkseSha256 *fresh);
