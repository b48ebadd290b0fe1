#pragma once

#include "core/resource.h"
#include "packager/image.h"
#include "packager/inventory.h"
#include "packager/stack.h"
#include "packager/tar_layer.h"
#include "packager/weights.h"

/* What a bundle will hold, before anything is written: components with their blobs, sizes known, digests not yet.
 * Shared by plan.c (from sources), manifest.c (as JSON), layout.c (where it goes) and build.c (writing it). */
typedef struct OkseBlobPlan {
    uint64_t size;
    OkseSha256 digest; /* valid with has_digest, from the start or when written */
    bool has_digest;
    bool wants_verity; /* a raw file: fs-verity digest too */
    OkseSha256 verity;
    OkseTensorFile
        *tensors; /* of a weights file whose tensors are listed; borrowed from the plan; digests as `digest` */
    bool metadata;
    const OkseSource *source; /* bytes come from this entry … */
    unsigned entry;
    OkseTarLayer *tar;            /* … or are this tar … */
    OkseTarLayer *listing;        /* … or the listing of this one … */
    GBytes *bytes;                /* … or are these; generated ones once digests are known; owned */
    struct OkseBlobPlan *same_as; /* stored there already; only digests are copied */
    uint64_t prefix_at, data_at;  /* offsets in the bundle, from layout.c */
    bool shares;                  /* its blocks can be those of the source's file, from build_space.c */
} OkseBlobPlan;

typedef enum { OKSE_PLAN_RAW, OKSE_PLAN_TAR, OKSE_PLAN_IMAGE, OKSE_PLAN_STACK } OksePlanForm;

/* One manifest of the bundle index with its config and layers. */
typedef struct {
    const OkseStackComponent *component; /* NULL for the stack manifest */
    OksePlanForm form;
    OkseSource *source; /* borrowed from the plan */
    OkseBlobPlan *manifest, *config;
    const OkseInventory *inventory; /* borrowed; NULL for images and the stack */
    json_t *weights;                /* of a weights component: okse_weights_examine(); owned */
    GPtrArray *layers;              /* OkseBlobPlan, borrowed, in the manifest's order */
    const OkseImageManifest *image; /* IMAGE */
    const OkseImage *of_image;      /* IMAGE: with the upstream index */
} OkseManifestPlan;

/* A generated document that goes into the stack manifest. */
typedef struct OksePlan OksePlan;
typedef GBytes *(*OkseDocumentRender)(const OksePlan *plan, gconstpointer context, GError **error);
typedef struct {
    char *title, *media_type;
    GBytes *bytes;             /* or NULL … */
    OkseDocumentRender render; /* … when they follow from the plan's digests: called when those change */
    gpointer context;          /* of render; owned, g_free() */
} OkseDocument;

/* title, media_type: copied; bytes: stolen, or NULL with a render of the caller's. */
OkseDocument *okse_document_new(const char *title, const char *media_type, GBytes *bytes);
void okse_document_free(OkseDocument *document);

struct OksePlan {
    const OkseStack *stack;
    const char *country;
    const json_t *site;                 /* okse_site_to_json(), or NULL; for templates */
    gint64 epoch;                       /* seconds: the only time in the bundle */
    GPtrArray *sources, *images, *tars; /* owned */
    GPtrArray *blobs;                   /* OkseBlobPlan, owned */
    GPtrArray *manifests;               /* OkseManifestPlan, owned; the stack manifest first */
    GPtrArray *documents;               /* OkseDocument, owned */
    GPtrArray *tensors;                 /* OkseTensorFile, owned */
    GPtrArray *inventories;             /* OkseInventory, owned, for each source; NULL for images */
    json_t *evaluations;                /* okse_evaluations_of(); NULL until somebody asked */
    json_t *license_names;              /* manifests/license-files.yaml */
    OkseWeightsRules *weights_rules;
    json_t *filetypes;   /* manifests/modelpack-filetypes.yaml */
    OkseBlobPlan *index; /* the bundle index */
};

typedef struct {
    const OkseStack *stack;
    int dir_fd; /* the stack's directory: sources are opened beneath it */
    const char *country;
    const json_t *site; /* or NULL */
    const OkseResources *resources;
    const char *cache; /* of what was fetched, or NULL: beside the stack (fetch_cache.h) */
} OksePlanInputs;

/* Open every source and plan every component. What the inputs point to must outlive the plan.
 * Errors: INVALID with the stack's line for a source that cannot be used; NOT_FOUND; SYSTEM. */
OksePlan *okse_plan_new(const OksePlanInputs *inputs, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_plan_free(OksePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OksePlan, okse_plan_free)

/* A plan of what is known already, for whoever has every manifest at hand: the bundle index alone, to which manifests
 * and blobs are added in the bundle's order. */
OksePlan *okse_plan_empty(void) G_GNUC_WARN_UNUSED_RESULT;
OkseBlobPlan *okse_plan_blob(OksePlan *plan, uint64_t size);
/* A manifest with its config, both of size 0 and without layers. component: NULL for the stack manifest. */
OkseManifestPlan *okse_plan_manifest(OksePlan *plan, const OkseStackComponent *component, OksePlanForm form);

/* Add the stack manifest's layers: the lock and plan->documents. */
void okse_plan_documents(OksePlan *plan);
