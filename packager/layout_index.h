#pragma once

#include "core/digest.h"
#include "core/json.h"

/* index.json of a bundle (docs/formats/bundle.md, "Index slot"): everything but the statements follows from the bundle
 * index, so that writer, signer and reader derive the same one. bundle_index: as parsed and well-formed (its manifests
 * have digest, size, mediaType and the component annotation); identity and size: of its bytes; statements: array of
 * descriptors of statement manifests, or NULL. Returns a new object. */
json_t *okse_layout_index(const json_t *bundle_index, const OkseSha256 *identity, uint64_t size,
                          const json_t *statements) G_GNUC_WARN_UNUSED_RESULT;

/* Make names (char *, owned by the array, one a descriptor) different: equal ones get the variant of their platform,
 * and where that does not tell them apart, the beginning of their digest. */
void okse_layout_distinguish(GPtrArray *names, const GPtrArray *descriptors);

/* The size of the slot for an unsigned index.json of `length` bytes. */
uint64_t okse_layout_index_slot(uint64_t length);
