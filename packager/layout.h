#pragma once

#include "packager/plan.h"

/* Where everything goes. Two steps, because metadata sizes follow from what is stored once. */

/* Find blobs that are equal, so that each is stored once: only blobs of equal size are looked at, large ones by samples
 * first and wholly only when those agree. Sets has_digest and same_as. Errors: those of reading. */
bool okse_layout_join_equal(OksePlan *plan, GError **error);

/* The stored blobs in archive order, with prefix_at and data_at set: metadata must have its final size. */
typedef struct {
    GPtrArray *order;    /* OkseBlobPlan, borrowed; [0] is the bundle index */
    guint metadata;      /* how many of them are metadata (the bundle index included) */
    uint64_t index_at;   /* of the data of index.json */
    uint64_t index_slot; /* its size */
    uint64_t area_at;    /* the statement area */
    uint64_t end_at;     /* of the two zero blocks */
    uint64_t size;       /* of the file */
    uint64_t payload;    /* bytes of payload blobs */
} OkseLayout;

/* index_length: of the unsigned index.json. Errors: INVALID over OKSE_LIMIT_BLOBS or OKSE_LIMIT_BUNDLE_SIZE. */
bool okse_layout_place(const OksePlan *plan, uint64_t index_length, OkseLayout *layout, GError **error);
void okse_layout_clear(OkseLayout *layout);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseLayout, okse_layout_clear)

/* The tar prefix of a stored blob (docs/formats/bundle.md, "Headers"). */
GBytes *okse_layout_prefix(const OkseLayout *layout, guint index) G_GNUC_WARN_UNUSED_RESULT;
