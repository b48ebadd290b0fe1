#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* Reed–Solomon over GF(2^8) with a Cauchy matrix, by ISA-L, which is loaded when parity is made or used and at no other
 * time (docs/decisions/0048-parts-for-media.md). The mathematics: docs/formats/parts.md, "Parity". */

/* Lengths of what is encoded must be a multiple of this. */
#define OKSE_PARITY_ALIGN 64u

/* Some linear combinations of `sources` runs of bytes: parity of data, or what is lost of what is there. */
typedef struct OkseParity OkseParity;

/* The `parity` runs of a group of `data` parts. data + parity ≤ 255. Errors: SYSTEM (no ISA-L). */
OkseParity *okse_parity_new(unsigned data, unsigned parity, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Data parts `lost[0…count-1]` of such a group from the `data` runs `have[…]`: places from 0, parity behind data.
 * Errors: SYSTEM (no ISA-L). */
OkseParity *okse_parity_new_recovery(unsigned data, const unsigned *have, const unsigned *lost, unsigned count,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_parity_free(OkseParity *parity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseParity, okse_parity_free)

/* results[i] += its multiple of run `source`, the sources in any order, each once; results begin as zeros. */
void okse_parity_add(const OkseParity *parity, unsigned source, const uint8_t *run, size_t length, uint8_t **results);
