#pragma once

#include "packager/bundle_reader.h"

/* What a read-only registry has: items by digest, repositories with tags, referrers. Filled once, then immutable and
 * shared by threads. Every repository gives every item: all of them are one bundle's. */
typedef struct OkseCatalog OkseCatalog;

typedef struct {
    OkseSha256 digest;
    uint64_t size;
    GBytes *bytes;          /* owned; NULL: they are in the file */
    const OkseBytes *file;  /* borrowed */
    uint64_t offset;        /* in it */
    const char *media_type; /* of a manifest, borrowed from the maker of the catalog; NULL: it is no manifest */
} OkseCatalogItem;

OkseCatalog *okse_catalog_new(void) G_GNUC_WARN_UNUSED_RESULT;
void okse_catalog_free(OkseCatalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseCatalog, okse_catalog_free)

/* item: copied, its bytes referenced. One that is there already stays, and learns that it is a manifest. */
void okse_catalog_add(OkseCatalog *catalog, const OkseCatalogItem *item);
/* Makes the repository when it is not there. A tag that no registry could have ('+' becomes '_'; more than 128 bytes)
 * is left out; the first of two equal ones stays. Source: distribution-spec 1.1, "Pulling manifests". */
void okse_catalog_tag(OkseCatalog *catalog, const char *repository, const char *tag, const OkseSha256 *digest);
/* descriptor: of a manifest whose `subject` has this digest; referenced. */
void okse_catalog_refer(OkseCatalog *catalog, const OkseSha256 *subject, json_t *descriptor);

/* The repositories of a bundle: NAME has every manifest under the tag that index.json gives it; NAME/COMPONENT has the
 * component under VERSION, an image for several platforms as an index of them, made here. bundle: must stay as long as
 * the catalog is used. */
OkseCatalog *okse_catalog_of_bundle(const OkseBundle *bundle) G_GNUC_WARN_UNUSED_RESULT;

/* Reading; everything is borrowed. */
const OkseCatalogItem *okse_catalog_find(const OkseCatalog *catalog, const OkseSha256 *digest);
bool okse_catalog_has(const OkseCatalog *catalog, const char *repository);
/* NULL: no such repository or tag. */
const OkseCatalogItem *okse_catalog_tagged(const OkseCatalog *catalog, const char *repository, const char *tag);
/* Names sorted by bytes, NULL-terminated (len counts the end); of tags NULL when there is no such repository. */
const GPtrArray *okse_catalog_repositories(const OkseCatalog *catalog);
const GPtrArray *okse_catalog_tags(const OkseCatalog *catalog, const char *repository);
/* json_t * of the descriptors in the order that they were added; NULL for none. */
const GPtrArray *okse_catalog_referrers(const OkseCatalog *catalog, const OkseSha256 *subject);
