#pragma once

#include "core/digest.h"

/* thin.json (docs/formats/bundle.md, "Thin bundles"): what a bundle without some of its payload says of itself. It
 * hangs on no signature and no identity; whatever it claims, the blobs that are made from it must have their own
 * digests. */
#define OKSE_THIN_NAME "thin.json"
#define OKSE_TYPE_PIECES "application/vnd.okse.pieces.v1"

/* One run of a blob. */
typedef struct {
    unsigned from; /* index into the recipe's `from` */
    uint64_t offset, length;
} OkseThinPiece;

/* How a blob that was left out is put together from others: never from one that has a recipe itself. */
typedef struct {
    OkseSha256 blob;
    GArray *from;   /* OkseSha256: blobs of a base, of the bundle, or among `stored` */
    GArray *pieces; /* OkseThinPiece, in order */
    uint64_t size;  /* of all pieces together */
} OkseRecipe;

typedef struct {
    OkseSha256 digest;
    uint64_t size;
} OkseThinBlob;

typedef struct {
    GArray *against;    /* OkseSha256: the identities that it was made thin against */
    GArray *stored;     /* OkseThinBlob: blobs that hold pieces and nothing else, in the order of the archive */
    GPtrArray *recipes; /* OkseRecipe, sorted by blob */
} OkseThinList;

OkseThinList *okse_thin_list_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_thin_list_free(OkseThinList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseThinList, okse_thin_list_free)

/* An empty recipe that the list owns; sorted by okse_thin_list_write(). */
OkseRecipe *okse_thin_list_add(OkseThinList *list, const OkseSha256 *blob);
/* Add a run; one that goes on where the one before ends becomes part of it. */
void okse_recipe_add(OkseRecipe *recipe, const OkseSha256 *from, uint64_t offset, uint64_t length);

/* Strictly: canonical JSON of at most OKSE_LIMIT_DOCUMENT bytes, at most OKSE_LIMIT_BLOBS recipes and OKSE_LIMIT_PIECES
 * pieces, no sum beyond OKSE_LIMIT_FILE_SIZE. Errors: INVALID. */
OkseThinList *okse_thin_list_read(GBytes *bytes, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes *okse_thin_list_write(OkseThinList *list) G_GNUC_WARN_UNUSED_RESULT;

/* Borrowed, or NULL. */
const OkseRecipe *okse_thin_list_recipe(const OkseThinList *list, const OkseSha256 *blob);
